//! Judges grants that end: replays what members were told of an asset, in the order of its revisions.

#[cfg(test)]
mod tests;

use std::{collections::BTreeMap, time::Duration};

use crate::{
    bots::{
        fact::Fact,
        limits::HOLD_SLACK,
        member::{Answer, Confirmation},
        violation::Violation,
    },
    model::{AssetName, EndReason, PlayerName, Units},
};

use super::{Asset, Evidence, Witness};

/// The grants that have not ended, as told up to a revision.
struct Replay<'a> {
    units: Units,
    holders: BTreeMap<&'a PlayerName, Held>,
    /// The grants of the round, and those of before.
    grants: usize,
}

/// A grant that has not ended.
#[derive(Clone, Copy)]
struct Held {
    /// The revision of the grant; `None`: it is from before the round.
    revision: Option<u64>,
    /// When the first member was told that the hold began, in microseconds since the start of the round.
    told_us: u32,
    confirmed: bool,
}

/// One change, as the first member was told.
struct Told<'a> {
    revision: u64,
    us: u32,
    fact: &'a Fact<PlayerName>,
}

impl<'a> Asset<'a> {
    /// Checks that each grant ends at most once and not too early, that there are never more holders than units, and that
    /// the store has the grants that did not end.
    pub(super) fn leases_are_kept(&mut self, hold: Duration, index: usize, witnesses: &[Witness]) {
        self.confirmations_are_true(index, witnesses);
        let Some(mut replay) = self.begin_replay() else { return };
        let Evidence { baseline, observations, .. } = self.evidence;
        for (revision, page) in observations.since(baseline.revision) {
            let (Some(fact), Some(first)) = (&page.fact, page.first) else { continue };
            let told = Told { revision, us: first.us, fact };
            if let Some((player, held, reason)) = self.follow(&mut replay, &told) {
                let witness = witnesses.iter().find(|witness| witness.player == *player);
                let sent_us = witness.map(|witness| witness.member.asked()[index].sent_us);
                self.end_is_due(player, held, reason, &told, (hold, sent_us));
            }
            self.adds_up(&replay, &told);
        }
        self.store_has_the_rest(&replay);
        let ours = witnesses.iter().filter(|witness| witness.member.asked()[index].answer.decided());
        let (askers, Replay { grants, units, .. }) = (ours.count(), replay);
        if grants < askers.min(units as usize) {
            let asset = baseline.asset.clone();
            self.found.push(Violation::TooFewGrants { asset, grants, units, askers });
        }
    }

    /// The holders when the round began. `None` if not all of them, or not all changes since, are known: then only the
    /// rules that need no history are checked. A change is unknown if states covered it for every member, and other
    /// clients' resets cannot be told from restocks.
    fn begin_replay(&self) -> Option<Replay<'a>> {
        let Evidence { baseline, observations, stored } = self.evidence;
        let told = observations.facts(baseline.revision).filter(|(revision, _)| *revision <= stored.revision);
        let all_told = told.count() as u64 == stored.revision.saturating_sub(baseline.revision);
        let of_before = |confirmed| Held { revision: None, told_us: 0, confirmed };
        let kept = stored.holders.iter().filter(|holder| holder.revision <= baseline.revision);
        let kept = kept.map(|holder| (&holder.player, of_before(true)));
        let shown = baseline.holders.iter().map(|holder| (&holder.player, of_before(holder.until.is_none())));
        let holders: BTreeMap<_, _> = kept.chain(shown).collect();
        let all_known = holders.len() == baseline.held as usize;
        let grants = holders.len();
        (all_told && all_known && !self.others_seen).then_some(Replay {
            units: baseline.units,
            holders,
            grants,
        })
    }

    /// Applies a change, and checks that it could follow on those before. Returns the grant that it ended.
    fn follow(
        &mut self,
        replay: &mut Replay<'a>,
        told: &Told<'a>,
    ) -> Option<(&'a PlayerName, Held, EndReason)> {
        let &Told { revision, us, fact } = told;
        match fact {
            Fact::Granted { player, .. } => {
                replay.grants += 1;
                let held = Held { revision: Some(revision), told_us: us, confirmed: false };
                if replay.holders.insert(player, held).is_some() {
                    let (asset, player) = self.names(player);
                    self.found.push(Violation::GrantedTwice { asset, player, revision });
                }
            }
            Fact::Confirmed { player, .. } | Fact::Extended { player, .. } => {
                let hold = replay.holders.get_mut(player).filter(|held| !held.confirmed);
                let Some(hold) = hold else {
                    let (asset, player) = self.names(player);
                    self.found.push(Violation::ConfirmedNotHeld { asset, player, revision });
                    return None;
                };
                hold.confirmed = matches!(fact, Fact::Confirmed { .. });
                hold.told_us = us;
            }
            &Fact::Released { ref player, reason, .. } => {
                if let Some(held) = replay.holders.remove(player) {
                    return Some((player, held, reason));
                }
                let (asset, player) = self.names(player);
                self.found.push(Violation::EndedTwice { asset, player, revision });
            }
            Fact::Changed { .. } | Fact::Removed => {}
        }
        None
    }

    /// Checks a grant that a deadline ended. `sent_us` is when our bot sent its select first: the grant is not older, even
    /// if a busy machine told of it late.
    fn end_is_due(
        &mut self,
        player: &PlayerName,
        held: Held,
        reason: EndReason,
        told: &Told<'_>,
        (hold, sent_us): (Duration, Option<u32>),
    ) {
        if !reason.is_deadline() {
            return;
        }
        if held.confirmed {
            let (asset, player) = self.names(player);
            return self.found.push(Violation::ConfirmedExpired { asset, player, revision: told.revision });
        }
        let since = |us: u32| Duration::from_micros(told.us.saturating_sub(us).into());
        let lasted = since(held.told_us);
        let young = sent_us.is_none_or(|sent_us| since(sent_us) < hold);
        if held.revision.is_some() && young && lasted + HOLD_SLACK < hold {
            self.found.push(Violation::ExpiredEarly {
                asset: self.evidence.baseline.asset.clone(),
                player: player.clone(),
                revision: told.revision,
                lasted_ms: lasted.as_millis() as u64,
                hold_ms: hold.as_millis() as u64,
            });
        }
    }

    /// Checks the numbers after a change.
    fn adds_up(&mut self, replay: &Replay<'_>, told: &Told<'_>) {
        let &Replay { units, ref holders, .. } = replay;
        let (revision, holders) = (told.revision, holders.len());
        let asset = || self.evidence.baseline.asset.clone();
        if holders > units as usize {
            self.found.push(Violation::TooManyAtOnce { asset: asset(), revision, holders, units });
        }
        let remaining = match *told.fact {
            Fact::Granted { units: after, .. } if after != units => {
                return self.found.push(Violation::WrongUnits { asset: asset(), before: units, after });
            }
            Fact::Granted { remaining, .. }
            | Fact::Confirmed { remaining, .. }
            | Fact::Extended { remaining, .. }
            | Fact::Released { remaining, .. } => remaining,
            Fact::Changed { .. } | Fact::Removed => return,
        };
        let expected = (units as usize).saturating_sub(holders).try_into().unwrap_or(Units::MAX);
        if remaining != expected {
            self.found.push(Violation::WrongFrame { asset: asset(), revision, remaining, expected });
        }
    }

    /// Checks that the store has exactly the grants that were confirmed and did not end.
    fn store_has_the_rest(&mut self, replay: &Replay<'_>) {
        let Evidence { baseline, stored, .. } = self.evidence;
        let same = |held: &Held, revision| held.revision.is_none_or(|granted| granted == revision);
        for (player, held) in &replay.holders {
            if !self.holders.get(player).is_some_and(|revision| same(held, *revision)) {
                let revision = held.revision.unwrap_or(baseline.revision);
                let (asset, player) = self.names(player);
                self.found.push(Violation::ToldNotStored { asset, player, revision });
            }
        }
        for holder in &stored.holders {
            let ((asset, player), revision) = (self.names(&holder.player), holder.revision);
            match replay.holders.get(&holder.player).filter(|held| same(held, revision)) {
                Some(held) if held.confirmed && holder.until.is_none() => {}
                Some(_) => self.found.push(Violation::NeverEnded { asset, player, revision }),
                None => self.found.push(Violation::StoredNotTold { asset, player, revision }),
            }
        }
    }

    /// Checks the bots' answers to their confirmations against the store.
    fn confirmations_are_true(&mut self, index: usize, witnesses: &[Witness]) {
        for Witness { player, member, .. } in witnesses {
            let Answer::Granted { revision, .. } = member.asked()[index].answer else { continue };
            let holds = self.holders.get(player) == Some(&revision);
            for (_, confirmation) in member.confirmations().iter().filter(|(asset, _)| *asset == index) {
                match confirmation {
                    Confirmation::Confirmed if !holds && !self.others_ended(player, revision) => {
                        let (asset, player) = self.names(player);
                        self.found.push(Violation::ConfirmedNotStored { asset, player, revision });
                    }
                    Confirmation::TooLate if holds => {
                        let (asset, player) = self.names(player);
                        self.found.push(Violation::ExpiredButHolds { asset, player, revision });
                    }
                    Confirmation::Confirmed | Confirmation::TooLate | Confirmation::Undecided => {}
                }
            }
        }
    }

    /// Returns true if another client may have ended a confirmed grant of this revision.
    fn others_ended(&self, player: &PlayerName, revision: u64) -> bool {
        let mut facts = self.evidence.observations.facts(revision);
        let ended = facts.any(|(_, fact)| {
            matches!(fact, Fact::Released { player: who, reason, .. } if who == player && !reason.is_deadline())
        });
        self.others_meddled() || ended
    }

    fn names(&self, player: &PlayerName) -> (AssetName, PlayerName) {
        (self.evidence.baseline.asset.clone(), player.clone())
    }
}
