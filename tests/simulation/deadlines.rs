//! When each grant of one asset must end, and whether it does. The time of a change is the later of the node's clock and the
//! time of the asset's last change.

use std::{
    collections::{BTreeMap, BTreeSet},
    time::Duration,
};

use asset_arbiter::model::{AssetOptions, EndReason, Ended, Millis, PlayerName};

use crate::linearizability::follower::Change;

/// Clocks show whole milliseconds.
const TICK: Duration = Duration::from_millis(2);

/// When a node sent a call.
#[derive(Debug, Clone, Copy)]
pub struct When {
    /// By a clock that is right, since the world began.
    pub sent: Duration,
    /// By the node's clock.
    pub at: Millis,
}

#[derive(Debug)]
pub struct Deadlines {
    options: AssetOptions,
    /// By how much the clocks of nodes differ at most.
    skew: Duration,
    /// The time of the last change, which never decreases; `None`: there is no asset.
    changed_at: Option<Millis>,
    held: BTreeMap<PlayerName, Lease>,
    /// The revisions of the grants that ended.
    ended: BTreeSet<u64>,
}

#[derive(Debug, Clone, Copy)]
struct Lease {
    until: Option<Deadline>,
    present_until: Option<Deadline>,
    is_hold: bool,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
struct Deadline {
    /// By the time of changes.
    at: Millis,
    /// By a clock that is right, if the node that set it had one.
    right: Duration,
}

impl When {
    fn later(self, ms: Option<u64>) -> Option<Deadline> {
        let ms = ms?;
        Some(Deadline { at: self.at + ms, right: self.sent + Duration::from_millis(ms) })
    }
}

impl Deadlines {
    pub fn new(options: &AssetOptions, skew: Duration) -> Self {
        let (options, held, ended) = (options.clone(), BTreeMap::new(), BTreeSet::new());
        Self { options, skew, changed_at: None, held, ended }
    }

    /// A call found or made the asset.
    pub fn is_there(&mut self, when: When) {
        self.changed_at.get_or_insert(when.at);
    }

    /// Follows a change.
    pub fn follow(&mut self, change: &Change, when: When) {
        let AssetOptions { hold_ms, grant_ms, leave_ms, .. } = self.options;
        let when = self.time_of(when);
        self.changed_at = (*change != Change::Removed).then_some(when.at);
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

    /// Follows a prolongation of what these players hold.
    pub fn prolonged(&mut self, players: &[PlayerName], when: When) {
        let later = self.time_of(when).later(self.options.leave_ms);
        for player in players {
            if let Some(lease) = self.held.get_mut(player) {
                lease.present_until = lease.present_until.max(later);
            }
        }
    }

    /// Follows an end by a deadline: it comes once, and no earlier than the deadline by the time of changes, nor than clocks
    /// differ.
    pub fn end(&mut self, end: &Ended, when: When, now: Duration) -> Result<(), String> {
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
        let time = self.time_of(when).at;
        let is_due = |it: Deadline| it.at == end.at && it.at <= time && it.right <= now + self.skew + TICK;
        if deadline.is_some_and(is_due) {
            return Ok(());
        }
        Err(format!("a grant ends at another time than its own, at {time} ({now:?}): {end:?}, {lease:?}"))
    }

    /// Whether a call ended first what was over.
    pub fn none_is_over(&self, when: When) -> Result<(), String> {
        let time = self.time_of(when).at;
        let is_over = |lease: &Lease| lease.until.iter().chain(&lease.present_until).any(|it| it.at <= time);
        match self.held.iter().find(|(_, lease)| is_over(lease)) {
            Some((player, lease)) => Err(format!("a call at {time} leaves {player} {lease:?}")),
            None => Ok(()),
        }
    }

    /// When a change happens that a node sends then.
    fn time_of(&self, when: When) -> When {
        When { at: when.at.max(self.changed_at.unwrap_or_default()), ..when }
    }
}
