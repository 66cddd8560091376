//! Turns the store's verdicts into replies, events and metric labels.

use std::collections::HashMap;

use tokio::time::Instant;

use super::{baseline::Baseline, meters::SelectOutcome, queue::Ask};
use crate::{
    model::{AssetName, AssetState, Change, Denial, Event, Millis, PlayerName, Selection, Units},
    store::{Call, Verdict},
};

/// The asks of a batch and their players.
pub(super) struct Asked {
    pub(super) asks: Vec<Ask>,
    /// The players, each once, in the order of their asks.
    pub(super) players: Vec<PlayerName>,
    /// For each ask, the index of its player.
    player_of: Vec<usize>,
}

impl Asked {
    pub(super) fn new(asks: Vec<Ask>) -> Self {
        // Most batches have one ask.
        if let [ask] = &*asks {
            return Self { players: vec![ask.player.clone()], player_of: vec![0], asks };
        }
        let mut players = Vec::with_capacity(asks.len());
        let mut indexes = HashMap::with_capacity(asks.len());
        let player_of = asks.iter().map(|ask| {
            *indexes.entry(&ask.player).or_insert_with(|| {
                players.push(ask.player.clone());
                players.len() - 1
            })
        });
        let player_of = player_of.collect();
        Self { asks, players, player_of }
    }

    /// Each ask, with the verdict on its player.
    pub(super) fn with_verdicts(self, verdicts: &[Verdict]) -> impl Iterator<Item = (Ask, Verdict)> {
        let mut verdicts = verdicts.to_vec();
        self.asks.into_iter().zip(self.player_of).filter_map(move |(ask, player)| {
            let verdict = verdicts.get_mut(player)?;
            let of_ask = *verdict;
            // A player who asked twice in one batch holds the unit of the first ask.
            if let Verdict::Granted { revision, lease } = of_ask {
                *verdict = Verdict::AlreadyHeld { revision, until: lease.until };
            }
            Some((ask, of_ask))
        })
    }
}

/// The store's answer to a call that selects, without its verdicts.
pub(super) struct Decision<'a> {
    /// The asset after the call.
    pub(super) state: &'a AssetState,
    /// The call was executed before; players were only looked up.
    pub(super) is_repeat: bool,
    pub(super) call: Call,
    /// What the node knew of the asset before the call.
    pub(super) before: Baseline,
    pub(super) now: Instant,
}

/// The event of a grant. All changes after a grant in the same call are grants, too.
pub(super) fn grant(player: &PlayerName, verdict: Verdict, decision: &Decision<'_>) -> Option<Event> {
    let Decision { state, call, .. } = *decision;
    let Verdict::Granted { revision, lease } = verdict else { return None };
    let at = state.terms.as_ref().map_or(call.at, |terms| terms.changed_at);
    // The first change of an asset is its creation.
    let terms = state.terms.as_ref().filter(|_| revision == 1);
    let options = terms.map(|terms| Box::new(terms.options.clone()));
    let change = Change::Granted { player: player.clone(), units: state.units, at, lease, options };
    Some(Event::of(state, revision, remaining_at(revision, state), change))
}

fn remaining_at(revision: u64, state: &AssetState) -> Units {
    state.remaining + (state.revision - revision) as Units
}

/// The reply to one player, at `now`.
pub(super) fn selection<'a>(
    ask: &'a Ask,
    asset: &'a AssetName,
    verdict: Verdict,
    state: &AssetState,
    now: Millis,
) -> Selection<'a> {
    let (until, denied) = match verdict {
        Verdict::Granted { lease, .. } => (lease.until, None),
        Verdict::AlreadyHeld { until, .. } => (until, None),
        Verdict::SoldOut => (None, Some((Denial::SoldOut, None))),
        Verdict::Reserved { retry_after } => (None, Some((Denial::Reserved, Some(retry_after)))),
        Verdict::Cooldown { retry_after } => (None, Some((Denial::Cooldown, Some(retry_after)))),
    };
    let (revision, remaining) = match verdict {
        Verdict::Granted { revision, .. } => (revision, remaining_at(revision, state)),
        Verdict::AlreadyHeld { revision, .. } => (revision, state.remaining),
        _ => (state.revision, state.remaining),
    };
    let already_held = matches!(verdict, Verdict::AlreadyHeld { .. });
    let ttl_ms = until.map(|until| until.saturating_sub(now));
    Selection {
        request_id: ask.request_id.as_ref(),
        asset,
        denied,
        remaining,
        revision,
        already_held,
        until,
        ttl_ms,
    }
}

impl From<Verdict> for SelectOutcome {
    fn from(verdict: Verdict) -> Self {
        match verdict {
            Verdict::Granted { .. } => Self::Granted,
            Verdict::AlreadyHeld { .. } => Self::AlreadyHeld,
            Verdict::SoldOut => Self::SoldOut,
            Verdict::Reserved { .. } => Self::Reserved,
            Verdict::Cooldown { .. } => Self::Cooldown,
        }
    }
}
