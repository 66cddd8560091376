//! Turns the store's verdicts into replies, events and metric labels.

use std::collections::HashMap;

use super::{meters::SelectOutcome, queue::Ask};
use crate::{
    model::{AssetName, AssetState, Change, Event, PlayerName, ServerMessage, SoldOut, Units},
    store::{Call, Selected, Verdict},
};

/// The players of a batch, each once, in the order of their asks.
pub(super) struct Players {
    pub(super) names: Vec<PlayerName>,
    /// For each ask, the index of its player.
    pub(super) of_asks: Vec<usize>,
}

impl Players {
    pub(super) fn of(asks: &[Ask]) -> Self {
        // Most batches have one ask.
        if let [ask] = asks {
            return Self { names: vec![ask.player.clone()], of_asks: vec![0] };
        }
        let mut names = Vec::with_capacity(asks.len());
        let mut indexes = HashMap::with_capacity(asks.len());
        let of_asks = asks.iter().map(|ask| {
            *indexes.entry(&ask.player).or_insert_with(|| {
                names.push(ask.player.clone());
                names.len() - 1
            })
        });
        let of_asks = of_asks.collect();
        Self { names, of_asks }
    }
}

/// The events of the grants of one call. All changes after a grant in the same call are grants, too.
pub(super) fn grants(players: &[PlayerName], call: Call, selected: &Selected) -> Vec<Event> {
    let state = &selected.state;
    let granted = |(player, verdict): (&PlayerName, &Verdict)| {
        let Verdict::Granted { revision } = *verdict else { return None };
        let change = Change::Granted { player: player.clone(), units: state.units, at: call.at };
        Some(Event::of(state, revision, remaining_at(revision, state), change))
    };
    players.iter().zip(&selected.verdicts).filter_map(granted).collect()
}

fn remaining_at(revision: u64, state: &AssetState) -> Units {
    state.remaining + (state.revision - revision) as Units
}

/// The reply to one player.
pub(super) fn selection(ask: &Ask, asset: &AssetName, verdict: Verdict, selected: &Selected) -> ServerMessage {
    let state = &selected.state;
    let (granted, already_held) = (verdict != Verdict::SoldOut, matches!(verdict, Verdict::AlreadyHeld { .. }));
    let (revision, remaining) = match verdict {
        Verdict::Granted { revision } => (revision, remaining_at(revision, state)),
        Verdict::AlreadyHeld { revision } => (revision, state.remaining),
        Verdict::SoldOut => (state.revision, state.remaining),
    };
    ServerMessage::Selection {
        request_id: ask.request_id.clone(),
        asset: asset.clone(),
        granted,
        reason: (!granted).then_some(SoldOut::SoldOut),
        remaining,
        revision,
        already_held,
    }
}

impl From<Verdict> for SelectOutcome {
    fn from(verdict: Verdict) -> Self {
        match verdict {
            Verdict::Granted { .. } => Self::Granted,
            Verdict::AlreadyHeld { .. } => Self::AlreadyHeld,
            Verdict::SoldOut => Self::SoldOut,
        }
    }
}
