use std::collections::HashSet;

use crate::{
    bots::{
        fact::Fact,
        violation::{Violation, Violations},
    },
    model::{PlayerName, Units},
};

use super::{Evidence, grants::Grants};

/// The judgement of one asset.
pub(super) struct Asset<'a> {
    pub(super) evidence: &'a Evidence<'a>,
    pub(super) grants: Grants<'a>,
    /// Members saw releases, restocks or a removal. Bots never make those, so another client did.
    pub(super) others_seen: bool,
    /// Some revisions have no frame and no holder: other clients' changes that only states covered.
    unexplained: bool,
}

impl<'a> Asset<'a> {
    pub(super) fn new(evidence: &'a Evidence<'a>) -> Self {
        let grants = Grants::new(evidence);
        let baseline = evidence.baseline.revision;
        let told = evidence.observations.since(baseline).filter_map(|(_, page)| page.fact.as_ref());
        let others = told.filter(|fact| fact.winner().is_none()).count() as u64;
        let explained = grants.count_since(baseline) + others;
        let unexplained = evidence.stored.revision.saturating_sub(baseline) > explained;
        Self { evidence, grants, others_seen: others > 0, unexplained }
    }

    /// Returns true if other clients changed the asset. Then a holder may have released its unit, or a unit may have
    /// returned after a denial, so only the unconditional rules are checked.
    fn others_meddled(&self) -> bool {
        self.others_seen || self.unexplained
    }

    /// Returns true if the store has lost the asset. Nothing else can be checked then.
    pub(super) fn is_lost(&self) -> bool {
        self.evidence.stored.gone && !self.others_seen
    }

    /// Checks that the store is consistent in itself.
    pub(super) fn store_adds_up(&self, found: &mut Violations) {
        let Evidence { name, baseline, stored, .. } = *self.evidence;
        let (units, remaining, holders) = (stored.units, stored.remaining, stored.holders.len());
        let asset = || name.clone();
        if holders > units as usize {
            found.push(Violation::TooManyHolders { asset: asset(), holders, units });
        }
        if holders != stored.held as usize {
            found.push(Violation::WrongCount { asset: asset(), held: stored.held, holders });
        }
        if remaining as usize != (units as usize).saturating_sub(holders) {
            found.push(Violation::WrongRemaining { asset: asset(), remaining, units, holders });
        }
        if units != baseline.units && !self.others_meddled() {
            found.push(Violation::WrongUnits { asset: asset(), before: baseline.units, after: units });
        }
        self.holders_are_distinct(found);
    }

    fn holders_are_distinct(&self, found: &mut Violations) {
        let Evidence { name, stored, .. } = *self.evidence;
        let (mut players, mut revisions) = (HashSet::new(), HashSet::new());
        for holder in &stored.holders {
            if !players.insert(&holder.player) {
                found.push(Violation::HeldTwice { asset: name.clone(), player: holder.player.clone() });
            }
            if !revisions.insert(holder.revision) || holder.revision > stored.revision {
                found.push(Violation::WrongRevision { asset: name.clone(), revision: holder.revision });
            }
        }
    }

    /// Checks holders == min(units, players that asked). Those players are the prior holders, our bots, and others, who
    /// are known by their grants.
    pub(super) fn enough_were_granted(&self, ours: &[&PlayerName], found: &mut Violations) {
        let Evidence { name, stored, .. } = *self.evidence;
        let askers =
            stored.holders.iter().map(|h| &h.player).chain(ours.iter().copied()).collect::<HashSet<_>>().len();
        let (holders, units) = (stored.holders.len(), stored.units);
        if !self.others_meddled() && holders < askers.min(units as usize) {
            found.push(Violation::TooFewHolders { asset: name.clone(), holders, units, askers });
        }
    }

    /// Checks that every granted frame is in the store and has the right numbers.
    pub(super) fn frames_are_stored(&self, found: &mut Violations) {
        let Evidence { name, baseline, observations, stored } = *self.evidence;
        let prior = stored.holders.iter().filter(|h| h.revision <= baseline.revision).count() as u64;
        for (revision, page) in observations.since(baseline.revision) {
            let Some(Fact::Granted { player, units, remaining }) = &page.fact else { continue };
            if self.grants.stored(player) != Some(revision) && !self.has_left(player, revision) {
                let (asset, player) = (name.clone(), player.clone());
                found.push(Violation::ToldNotStored { asset, player, revision });
            }
            if self.others_meddled() {
                continue;
            }
            let taken = prior + (revision - baseline.revision);
            let expected = u64::from(*units).saturating_sub(taken).try_into().unwrap_or(Units::MAX);
            if *remaining != expected {
                let (asset, remaining) = (name.clone(), *remaining);
                found.push(Violation::WrongFrame { asset, revision, remaining, expected });
            }
            if *units != stored.units {
                found.push(Violation::WrongUnits { asset: name.clone(), before: *units, after: stored.units });
            }
        }
    }

    /// Checks a `granted` answer with this revision.
    pub(super) fn grant_is_true(&self, player: &PlayerName, revision: u64, found: &mut Violations) {
        let Evidence { name, baseline, observations, .. } = *self.evidence;
        let violation = || (name.clone(), player.clone());
        if self.grants.stored(player) != Some(revision) && !self.has_left(player, revision) {
            let (asset, player) = violation();
            found.push(Violation::AnsweredNotStored { asset, player, revision });
        }
        let told = observations
            .page(revision)
            .filter(|_| revision > baseline.revision)
            .and_then(|page| page.fact.as_ref());
        if told.is_some_and(|fact| fact.winner() != Some(player)) {
            let (asset, player) = violation();
            found.push(Violation::AnsweredOtherwise { asset, player, revision });
        }
    }

    /// Checks a `sold_out` answer.
    pub(super) fn denial_is_true(&self, player: &PlayerName, remaining: Units, found: &mut Violations) {
        if self.others_meddled() {
            return;
        }
        let (asset, player) = (self.evidence.name.clone(), player.clone());
        if remaining > 0 {
            found.push(Violation::DeniedTooEarly { asset: asset.clone(), player: player.clone(), remaining });
        }
        if let Some(revision) = self.grants.stored(&player) {
            found.push(Violation::DeniedButHolds { asset, player, revision });
        }
    }

    /// Returns true if a grant of this revision may legitimately be missing from the store.
    fn has_left(&self, player: &PlayerName, granted: u64) -> bool {
        let only_states_know = self.unexplained && self.evidence.stored.revision > granted;
        let left = |fact: &Fact<PlayerName>| match fact {
            Fact::Released { player: who, .. } => who == player,
            Fact::Removed => true,
            Fact::Granted { .. } | Fact::Changed { .. } => false,
        };
        only_states_know
            || self.evidence.observations.since(granted).any(|(_, page)| page.fact.as_ref().is_some_and(left))
    }
}
