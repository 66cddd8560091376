//! When each grant of one asset may end and must end, by the world's own clock, and whether it does.

use std::{
    collections::{BTreeMap, BTreeSet},
    time::Duration,
};

use asset_arbiter::model::{AssetOptions, EndReason, Ended, PlayerName};

use crate::linearizability::follower::Change;

/// Clocks show whole milliseconds.
const TICK: Duration = Duration::from_millis(2);

/// When something happened: between the time at which its node sent it and the time at which the store did it.
#[derive(Debug, Clone, Copy)]
pub struct When {
    pub sent: Duration,
    pub done: Duration,
}

#[derive(Debug)]
pub struct Deadlines {
    options: AssetOptions,
    /// By how much the clocks of nodes differ at most.
    skew: Duration,
    held: BTreeMap<PlayerName, Lease>,
    /// The revisions of the grants that ended.
    ended: BTreeSet<u64>,
}

/// The deadlines of a grant, by clocks that are right.
#[derive(Debug, Clone, Copy)]
struct Lease {
    until: Option<When>,
    present_until: Option<When>,
    is_hold: bool,
}

impl When {
    fn later(self, ms: Option<u64>) -> Option<Self> {
        let later = Duration::from_millis(ms?);
        Some(Self { sent: self.sent + later, done: self.done + later })
    }

    /// The later of both.
    fn max(self, other: Self) -> Self {
        Self { sent: self.sent.max(other.sent), done: self.done.max(other.done) }
    }
}

impl Deadlines {
    pub fn new(options: &AssetOptions, skew: Duration) -> Self {
        Self { options: options.clone(), skew, held: BTreeMap::new(), ended: BTreeSet::new() }
    }

    /// Follows a change that is no end by a deadline.
    pub fn follow(&mut self, change: &Change, when: When) {
        let AssetOptions { hold_ms, grant_ms, leave_ms, .. } = self.options;
        match change {
            Change::Granted { player, .. } => {
                let (until, present_until) = (when.later(hold_ms.or(grant_ms)), when.later(leave_ms));
                let lease = Lease { until, present_until, is_hold: hold_ms.is_some() };
                self.held.insert(player.clone(), lease);
            }
            Change::Confirmed { player, .. } => {
                if let Some(lease) = self.held.get_mut(player) {
                    (lease.until, lease.is_hold) = (when.later(grant_ms), false);
                }
            }
            Change::Extended { player, .. } => {
                if let Some(lease) = self.held.get_mut(player) {
                    lease.until = when.later(hold_ms);
                }
            }
            Change::Released { player, .. } => drop(self.held.remove(player)),
            Change::Removed => self.held.clear(),
            // A creation finds nobody, and a restock changes no grant.
            Change::Changed { .. } | Change::Prolonged => {}
        }
    }

    /// Follows a prolongation of what these players hold. A late confirmation with another unit counts as a grant.
    pub fn prolonged(&mut self, players: &[PlayerName], when: When) {
        for player in players {
            if let Some(Lease { present_until: Some(until), .. }) = self.held.get_mut(player) {
                *until = when.later(self.options.leave_ms).map_or(*until, |later| until.max(later));
            }
        }
    }

    /// Follows an end by a deadline: it comes once, and no earlier than clocks differ.
    pub fn end(&mut self, end: &Ended, now: Duration) -> Result<(), String> {
        let lease = self.held.remove(&end.player);
        if !self.ended.insert(end.grant) {
            return Err(format!("a grant ends twice: {end:?}"));
        }
        let deadline = lease.and_then(|lease| match end.reason {
            EndReason::Left => lease.present_until,
            EndReason::Expired => lease.until.filter(|_| lease.is_hold),
            EndReason::Respawned => lease.until.filter(|_| !lease.is_hold),
            EndReason::Released | EndReason::Kicked => None,
        });
        match deadline {
            Some(deadline) if now + self.skew + TICK >= deadline.sent => Ok(()),
            _ => Err(format!("a grant ends too early, at {now:?}: {end:?}, {lease:?}")),
        }
    }

    /// Whether a change that a node sent then has ended what was over, as far as clocks agree.
    pub fn none_is_over(&self, sent: Duration) -> Result<(), String> {
        let over = |deadline: &When| deadline.done + self.skew + TICK < sent;
        let is_over = |lease: &Lease| lease.until.iter().chain(&lease.present_until).any(over);
        match self.held.iter().find(|(_, lease)| is_over(lease)) {
            Some((player, lease)) => Err(format!("a change sent at {sent:?} leaves {player} {lease:?}")),
            None => Ok(()),
        }
    }
}
