//! Judges whether the promise was kept in one round. A pure function of the members' frames, the bots' answers and the
//! store's state. Asset and revision identify a grant.

mod leases;
#[cfg(test)]
pub(super) mod tests;

use std::{
    collections::{BTreeMap, HashMap, HashSet},
    time::Duration,
};

use crate::model::{AssetState, PlayerName, Units};

use super::{
    fact::Fact,
    member::{Answer, Member},
    observations::Observations,
    report::Found,
    violation::Violation,
};

/// The evidence of one round.
pub(super) struct Case<'a> {
    pub(super) assets: Vec<Evidence<'a>>,
    pub(super) witnesses: &'a [Witness],
    /// How long the holds of the assets last; `None`: grants do not end.
    pub(super) hold: Option<Duration>,
}

/// The evidence about one asset.
#[derive(Clone, Copy)]
pub(super) struct Evidence<'a> {
    /// The asset when the round began.
    pub(super) baseline: &'a AssetState,
    pub(super) observations: &'a Observations,
    /// The asset in the store after the round, with all holders. `removed` if the room does not show it.
    pub(super) stored: &'a AssetState,
}

/// The evidence of one bot.
pub(super) struct Witness {
    pub(super) player: PlayerName,
    pub(super) member: Member,
    /// The bot stayed to the end. If not, it may miss frames, but its answers still count.
    pub(super) stayed: bool,
}

/// The judgement of one asset.
struct Asset<'a> {
    evidence: Evidence<'a>,
    /// Every known grant, from frames and from the store.
    grants: BTreeMap<u64, &'a PlayerName>,
    /// The holders' grants, according to the store.
    holders: HashMap<&'a PlayerName, u64>,
    /// How long a hold lasts; `None`: grants do not end.
    hold: Option<Duration>,
    /// Members saw changes that bots never make, such as a restock, so another client made them.
    others_seen: bool,
    /// Some revisions have no frame and no holder: other clients' changes that only states covered.
    unexplained: bool,
    found: Found,
}

/// Judges a round.
pub(super) fn judge(case: &Case<'_>) -> Found {
    let mut found = Found::default();
    for (index, evidence) in case.assets.iter().enumerate() {
        found.append(Asset::new(*evidence, case.hold).judge(index, case.witnesses));
    }
    found
}

impl<'a> Asset<'a> {
    fn new(evidence: Evidence<'a>, hold: Option<Duration>) -> Self {
        let Evidence { baseline, observations, stored } = evidence;
        let told = observations.facts(baseline.revision);
        let told = told.filter_map(|(revision, fact)| Some((revision, fact.winner()?)));
        let kept = stored.holders.iter().map(|holder| (holder.revision, &holder.player));
        let grants: BTreeMap<_, _> = told.chain(kept.clone()).collect();
        let rest = || observations.facts(baseline.revision).filter(|(_, fact)| fact.winner().is_none());
        let others_seen = rest().any(|(_, fact)| hold.is_none() || !fact.is_of_a_grant());
        let explained = grants.range(baseline.revision.saturating_add(1)..).count() + rest().count();
        let unexplained = stored.revision.saturating_sub(baseline.revision) > explained as u64;
        let holders = kept.map(|(revision, player)| (player, revision)).collect();
        Self { evidence, grants, holders, hold, others_seen, unexplained, found: Found::default() }
    }

    fn judge(mut self, index: usize, witnesses: &[Witness]) -> Found {
        // Nothing else can be checked of an asset that the store has lost.
        if self.evidence.stored.removed && !self.others_seen {
            let asset = self.evidence.baseline.asset.clone();
            self.found.push(Violation::AssetLost { asset });
            return self.found;
        }
        self.store_adds_up();
        self.holders_are_distinct();
        match self.hold {
            None => {
                self.frames_are_stored();
                self.enough_were_granted(index, witnesses);
            }
            Some(hold) => self.leases_are_kept(hold, index, witnesses),
        }
        for witness in witnesses {
            match witness.member.asked()[index].answer {
                Answer::Granted { revision, .. } => self.grant_is_true(&witness.player, revision),
                Answer::SoldOut { remaining } => self.denial_is_true(&witness.player, remaining),
                Answer::None | Answer::Refused | Answer::Unknown | Answer::Abandoned => {}
            }
            if witness.stayed {
                self.everything_was_told(index, witness);
            }
        }
        self.found
    }

    /// Returns true if other clients changed the asset. Then a holder may have released its unit, or a unit may have
    /// returned after a denial, so only the unconditional rules are checked.
    fn others_meddled(&self) -> bool {
        self.others_seen || self.unexplained
    }

    /// Checks that the store is consistent in itself.
    fn store_adds_up(&mut self) {
        let Evidence { baseline, stored, .. } = self.evidence;
        let &AssetState { ref asset, units, remaining, held, .. } = stored;
        let holders = stored.holders.len();
        if holders > units as usize {
            self.found.push(Violation::TooManyHolders { asset: asset.clone(), holders, units });
        }
        if holders != held as usize {
            self.found.push(Violation::WrongCount { asset: asset.clone(), held, holders });
        }
        if remaining as usize != (units as usize).saturating_sub(holders) {
            self.found.push(Violation::WrongRemaining { asset: asset.clone(), remaining, units, holders });
        }
        if units != baseline.units && !self.others_meddled() {
            let (asset, before) = (asset.clone(), baseline.units);
            self.found.push(Violation::WrongUnits { asset, before, after: units });
        }
    }

    fn holders_are_distinct(&mut self) {
        let AssetState { asset, holders, revision: last, .. } = self.evidence.stored;
        let (mut players, mut revisions) = (HashSet::new(), HashSet::new());
        for holder in holders {
            let (revision, player) = (holder.revision, &holder.player);
            if !players.insert(player) {
                self.found.push(Violation::HeldTwice { asset: asset.clone(), player: player.clone() });
            }
            if !revisions.insert(revision) || revision > *last {
                self.found.push(Violation::WrongRevision { asset: asset.clone(), revision });
            }
        }
    }

    /// Checks that every granted frame is in the store and has the right numbers.
    fn frames_are_stored(&mut self) {
        let Evidence { baseline, observations, stored } = self.evidence;
        let prior = stored.holders.iter().filter(|h| h.revision <= baseline.revision).count() as u64;
        for (revision, fact) in observations.facts(baseline.revision) {
            let &Fact::Granted { ref player, units, remaining } = fact else { continue };
            let asset = || baseline.asset.clone();
            if !self.is_stored(player, revision) {
                let player = player.clone();
                self.found.push(Violation::ToldNotStored { asset: asset(), player, revision });
            }
            if self.others_meddled() {
                continue;
            }
            let taken = prior + (revision - baseline.revision);
            let expected = u64::from(units).saturating_sub(taken).try_into().unwrap_or(Units::MAX);
            if remaining != expected {
                self.found.push(Violation::WrongFrame { asset: asset(), revision, remaining, expected });
            }
            if units != stored.units {
                self.found.push(Violation::WrongUnits { asset: asset(), before: units, after: stored.units });
            }
        }
    }

    /// Checks holders == min(units, players that asked). Those players are the prior holders, our bots, and others, who
    /// are known by their grants. Without a decision a bot asked for nothing.
    fn enough_were_granted(&mut self, index: usize, witnesses: &[Witness]) {
        let stored = self.evidence.stored;
        let ours = witnesses.iter().filter(|w| w.member.asked()[index].answer.decided()).map(|w| &w.player);
        let askers = stored.holders.iter().map(|h| &h.player).chain(ours).collect::<HashSet<_>>().len();
        let (holders, units) = (stored.holders.len(), stored.units);
        if !self.others_meddled() && holders < askers.min(units as usize) {
            let asset = stored.asset.clone();
            self.found.push(Violation::TooFewHolders { asset, holders, units, askers });
        }
    }

    /// Checks a `granted` answer with this revision.
    fn grant_is_true(&mut self, player: &PlayerName, revision: u64) {
        let Evidence { baseline, observations, .. } = self.evidence;
        let names = || (baseline.asset.clone(), player.clone());
        if !self.is_stored(player, revision) {
            let (asset, player) = names();
            self.found.push(Violation::AnsweredNotStored { asset, player, revision });
        }
        let told = observations.page(revision).filter(|_| revision > baseline.revision);
        if told.and_then(|page| page.fact.as_ref()).is_some_and(|fact| fact.winner() != Some(player)) {
            let (asset, player) = names();
            self.found.push(Violation::AnsweredOtherwise { asset, player, revision });
        }
    }

    /// Checks a `sold_out` answer.
    fn denial_is_true(&mut self, player: &PlayerName, remaining: Units) {
        if self.others_meddled() {
            return;
        }
        let baseline = self.evidence.baseline;
        let names = || (baseline.asset.clone(), player.clone());
        if remaining > 0 {
            let (asset, player) = names();
            self.found.push(Violation::DeniedTooEarly { asset, player, remaining });
        }
        if let Some(&revision) = self.holders.get(player) {
            let (asset, player) = names();
            self.found.push(Violation::DeniedButHolds { asset, player, revision });
        }
    }

    /// Checks that the bot was told every revision.
    fn everything_was_told(&mut self, index: usize, witness: &Witness) {
        let Evidence { baseline, stored, .. } = self.evidence;
        let names = || (baseline.asset.clone(), witness.player.clone());
        for (from, to) in witness.member.missed(index, baseline.revision, stored.revision) {
            let mut grants = self.grants.range(from..=to).peekable();
            // If other clients release and restock, one state may cover several revisions.
            if grants.peek().is_none() && !self.others_seen {
                let (asset, member) = names();
                self.found.push(Violation::Gap { asset, member, from, to });
            }
            for (&revision, &player) in grants {
                let ((asset, member), player) = (names(), player.clone());
                self.found.push(Violation::NotTold { asset, member, player, revision });
            }
        }
    }

    /// Returns true if the store has this grant, or if it may legitimately be missing there.
    fn is_stored(&self, player: &PlayerName, granted: u64) -> bool {
        let Evidence { observations, stored, .. } = self.evidence;
        let only_states_know = self.unexplained && stored.revision > granted;
        let left = |fact: &Fact<PlayerName>| match fact {
            Fact::Released { player: who, .. } => who == player,
            Fact::Removed => true,
            _ => false,
        };
        self.holders.get(player) == Some(&granted)
            || only_states_know
            || observations.facts(granted).any(|(_, fact)| left(fact))
    }
}
