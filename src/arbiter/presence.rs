use std::collections::{BTreeMap, HashMap};

use foldhash::fast::RandomState;

use super::roster::{Roster, RosterChange};
use crate::{
    bus::{GivenName, GivenNames, Heartbeat, Players},
    model::{
        AssetName, Change, DisplayName, DisplayNames, Event, Millis, PlayerName,
        limits::{COUNT_FRAMES_PER_SEC, HEARTBEAT_NAMES},
    },
};

/// The players in a room and their holdings. A player joins with the first connection and leaves with the last one,
/// counted over all nodes. A node knows holdings only of players connected to it.
#[derive(Debug)]
pub(super) struct Presence {
    /// Players connected to this node.
    here: BTreeMap<PlayerName, Here>,
    /// Players on all nodes.
    roster: Roster,
    limit: usize,
    /// Number of the latest query for holdings.
    questions: u64,
    /// Whether members are sent names. False once the room exceeds the limit, until a tick finds it small again.
    named: bool,
    /// The count changed since it was last broadcast.
    stale: bool,
    /// When the count may be broadcast again.
    count_at: Millis,
    /// The local players changed since the last heartbeat.
    unpublished: bool,
}

/// A presence change to broadcast to the members.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Notice {
    /// A player joined, left or has another display name.
    RosterChange(RosterChange),
    /// The number of players, sent without names.
    Count(usize),
    /// The room is small again: every member needs all names.
    ResendAll,
}

#[derive(Debug)]
struct Here {
    connections: usize,
    held: Held,
}

/// A player's holdings, each with the grant's revision.
#[derive(Debug)]
struct Held {
    granted: HashMap<AssetName, u64, RandomState>,
    /// The pending query; `None` once the store has answered.
    question: Option<Question>,
}

/// A pending query for a player's holdings. A late answer to an older query is ignored, because it may predate
/// events that were applied.
#[derive(Debug)]
struct Question {
    number: u64,
    /// Assets released or removed since the query, each with the event's revision.
    struck: BTreeMap<AssetName, u64>,
    /// Holdings assumed until the store answers.
    guessed: Vec<(AssetName, u64)>,
}

impl Presence {
    pub(super) fn new(limit: usize) -> Self {
        let (here, roster) = (BTreeMap::new(), Roster::default());
        Self { here, roster, limit, questions: 0, named: true, stale: false, count_at: 0, unpublished: false }
    }

    pub(super) fn count(&self) -> usize {
        self.roster.count()
    }

    /// All names; empty in a large room.
    pub(super) fn names(&self) -> Vec<PlayerName> {
        if self.roster.is_small(self.limit) { self.roster.names().cloned().collect() } else { Vec::new() }
    }

    /// The names after `after`, in order, of the players that are known by name, in a large room, too.
    pub(super) fn names_after(&self, after: Option<&PlayerName>) -> impl Iterator<Item = &PlayerName> {
        self.roster.names_after(after)
    }

    /// The display name of a player, if any was given.
    pub(super) fn display_name(&self, player: &PlayerName) -> Option<&DisplayName> {
        self.roster.display_name(player)
    }

    /// All display names; empty in a large room.
    pub(super) fn display_names(&self) -> DisplayNames {
        if self.roster.is_small(self.limit) { self.roster.display_names() } else { DisplayNames::new() }
    }

    pub(super) fn enter(&mut self, player: &PlayerName, given: Option<GivenName>) -> Vec<Notice> {
        if let Some(here) = self.here.get_mut(player) {
            here.connections += 1;
            let Some(given) = given else { return Vec::new() };
            self.unpublished = true;
            return self.change(|roster| roster.rename(player, given));
        }
        self.questions += 1;
        let here = Here { connections: 1, held: Held::unknown(self.questions) };
        self.here.insert(player.clone(), here);
        self.unpublished = true;
        self.change(|roster| roster.enter(player, given))
    }

    pub(super) fn leave(&mut self, player: &PlayerName) -> Vec<Notice> {
        let Some(here) = self.here.get_mut(player) else { return Vec::new() };
        here.connections -= 1;
        if here.connections > 0 {
            return Vec::new();
        }
        self.here.remove(player);
        self.unpublished = true;
        self.change(|roster| roster.leave(player))
    }

    /// Applies another node's heartbeat.
    pub(super) fn apply_heartbeat(&mut self, heartbeat: Heartbeat, now: Millis) -> Vec<Notice> {
        self.change(|roster| roster.apply_heartbeat(heartbeat, now))
    }

    /// Removes players of silent nodes and returns the pending notices. Called at most once a second.
    pub(super) fn tick(&mut self, now: Millis) -> Vec<Notice> {
        let mut notices = self.change(|roster| roster.forget_silent(now));
        let is_small = self.roster.is_small(self.limit);
        if self.stale && (is_small || self.count_at <= now) {
            (self.stale, self.named) = (false, is_small);
            self.count_at = now + 1000 * self.here.len() as Millis / COUNT_FRAMES_PER_SEC;
            notices.push(if is_small { Notice::ResendAll } else { Notice::Count(self.count()) });
        }
        notices
    }

    pub(super) fn is_anybody_here(&self) -> bool {
        !self.here.is_empty()
    }

    /// Whether the player has a connection to this node.
    pub(super) fn is_here(&self, player: &PlayerName) -> bool {
        self.here.contains_key(player)
    }

    /// The number of the player's connections to this node.
    pub(super) fn connections(&self, player: &PlayerName) -> usize {
        self.here.get(player).map_or(0, |here| here.connections)
    }

    /// Whether the local players changed since the last heartbeat.
    pub(super) fn has_unpublished(&self) -> bool {
        self.unpublished
    }

    /// Whether the heartbeat is due at once, because members are sent names.
    pub(super) fn must_publish_at_once(&self) -> bool {
        self.unpublished && self.named
    }

    /// The local players for the heartbeat sent now, with their display names. Only their count if they alone make the
    /// room large, because names are not shown in large rooms.
    pub(super) fn local_players(&mut self) -> (Players, GivenNames) {
        self.unpublished = false;
        if self.here.len() <= self.limit.min(HEARTBEAT_NAMES) {
            (Players::Names(self.here.keys().cloned().collect()), self.roster.given().clone())
        } else {
            (Players::Count(self.here.len() as u32), GivenNames::new())
        }
    }

    /// The number of the pending query; `None` if the player's holdings are known.
    pub(super) fn question(&self, player: &PlayerName) -> Option<u64> {
        self.here.get(player)?.held.question.as_ref().map(|question| question.number)
    }

    /// Applies the store's answer to a query. Newer events that arrived during the query take precedence.
    pub(super) fn learn(&mut self, player: &PlayerName, question: u64, rows: Vec<(AssetName, u64)>) {
        let Some(Here { held, .. }) = self.here.get_mut(player) else { return };
        let Some(Question { struck, guessed, .. }) = held.question.take_if(|asked| asked.number == question)
        else {
            return;
        };
        held.give_up(guessed);
        for (asset, revision) in rows {
            if struck.get(&asset).is_none_or(|&gone| gone < revision) {
                let known = held.granted.entry(asset).or_insert(revision);
                *known = revision.max(*known);
            }
        }
    }

    /// Assumes likely holdings while the store is unreachable. The query stays pending.
    pub(super) fn guess(&mut self, player: &PlayerName, rows: Vec<(AssetName, u64)>) {
        let Some(Here { held, .. }) = self.here.get_mut(player) else { return };
        let Some(question) = &mut held.question else { return };
        let before = std::mem::replace(&mut question.guessed, rows.clone());
        held.give_up(before);
        held.granted.extend(rows);
    }

    pub(super) fn holds(&self, player: &PlayerName, asset: &AssetName) -> bool {
        self.here.get(player).is_some_and(|here| here.held.granted.contains_key(asset))
    }

    /// The players with connections to this node who hold an asset.
    pub(super) fn holders_here(&self, asset: &AssetName) -> Vec<PlayerName> {
        let holds = |(_, here): &(&PlayerName, &Here)| here.held.granted.contains_key(asset);
        self.here.iter().filter(holds).map(|(player, _)| player.clone()).collect()
    }

    /// What a player holds, ordered by name.
    pub(super) fn held(&self, player: &PlayerName) -> Vec<AssetName> {
        let held = self.here.get(player).into_iter().flat_map(|here| here.held.granted.keys());
        let mut held: Vec<_> = held.cloned().collect();
        held.sort_unstable();
        held
    }

    /// Updates holdings by an event that was applied to the view.
    pub(super) fn follow(&mut self, event: &Event) {
        match &event.change {
            Change::Granted { player, .. } => {
                if let Some(here) = self.here.get_mut(player) {
                    here.held.granted.insert(event.asset.clone(), event.revision);
                }
            }
            Change::Confirmed { .. } | Change::Extended { .. } | Change::Prolonged => {}
            Change::Released { player, .. } => {
                if let Some(here) = self.here.get_mut(player) {
                    here.held.strike(event);
                }
            }
            Change::Changed { created: false, .. } => {}
            Change::Changed { created: true, .. } | Change::Removed => {
                self.here.values_mut().for_each(|here| here.held.strike(event));
            }
        }
    }

    /// Forgets all holdings; they must be queried again.
    pub(super) fn forget_held(&mut self) {
        self.questions += 1;
        self.here.values_mut().for_each(|here| here.held = Held::unknown(self.questions));
    }

    /// The players with a pending query for holdings.
    pub(super) fn unknown(&self) -> Vec<PlayerName> {
        let unknown = self.here.iter().filter(|(_, here)| here.held.question.is_some());
        unknown.map(|(player, _)| player.clone()).collect()
    }

    fn change(&mut self, step: impl FnOnce(&mut Roster) -> Vec<RosterChange>) -> Vec<Notice> {
        let before = self.roster.count();
        let moved = step(&mut self.roster);
        self.named &= self.roster.is_small(self.limit);
        if self.named {
            return moved.into_iter().map(Notice::RosterChange).collect();
        }
        let moves = |change: &RosterChange| !matches!(change, RosterChange::Renamed(..));
        self.stale |= moved.iter().any(moves) || self.roster.count() != before;
        Vec::new()
    }
}

impl Held {
    fn unknown(number: u64) -> Self {
        let question = Question { number, struck: BTreeMap::new(), guessed: Vec::new() };
        Self { granted: HashMap::default(), question: Some(question) }
    }

    /// Removes guessed holdings, except those an event has confirmed since.
    fn give_up(&mut self, guessed: Vec<(AssetName, u64)>) {
        for (asset, revision) in guessed {
            if self.granted.get(&asset) == Some(&revision) {
                self.granted.remove(&asset);
            }
        }
    }

    fn strike(&mut self, event: &Event) {
        self.granted.remove(&event.asset);
        if let Some(question) = &mut self.question {
            question.struck.insert(event.asset.clone(), event.revision);
        }
    }
}

#[cfg(test)]
mod tests;
