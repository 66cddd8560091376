use std::collections::BTreeMap;

use super::roster::{Roster, RosterChange};
use crate::{
    bus::{Heartbeat, Players},
    model::{
        AssetName, Change, Event, Millis, PlayerName,
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
    /// A player joined or left.
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
    granted: BTreeMap<AssetName, u64>,
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

    pub(super) fn enter(&mut self, player: &PlayerName) -> Vec<Notice> {
        if let Some(here) = self.here.get_mut(player) {
            here.connections += 1;
            return Vec::new();
        }
        self.questions += 1;
        let here = Here { connections: 1, held: Held::unknown(self.questions) };
        self.here.insert(player.clone(), here);
        self.unpublished = true;
        self.change(|roster| roster.add(player).into_iter().collect())
    }

    pub(super) fn leave(&mut self, player: &PlayerName) -> Vec<Notice> {
        let Some(here) = self.here.get_mut(player) else { return Vec::new() };
        here.connections -= 1;
        if here.connections > 0 {
            return Vec::new();
        }
        self.here.remove(player);
        self.unpublished = true;
        self.change(|roster| roster.remove(player).into_iter().collect())
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

    /// Whether the local players changed since the last heartbeat.
    pub(super) fn has_unpublished(&self) -> bool {
        self.unpublished
    }

    /// Whether the heartbeat is due at once, because members are sent names.
    pub(super) fn must_publish_at_once(&self) -> bool {
        self.unpublished && self.named
    }

    /// The local players for the heartbeat sent now. Only their count if they alone make the room large, because names
    /// are not shown in large rooms.
    pub(super) fn local_players(&mut self) -> Players {
        self.unpublished = false;
        if self.here.len() <= self.limit.min(HEARTBEAT_NAMES) {
            Players::Names(self.here.keys().cloned().collect())
        } else {
            Players::Count(self.here.len() as u32)
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

    pub(super) fn held(&self, player: &PlayerName) -> Vec<AssetName> {
        self.here.get(player).map_or_else(Vec::new, |here| here.held.granted.keys().cloned().collect())
    }

    /// Updates holdings by an event that was applied to the view.
    pub(super) fn follow(&mut self, event: &Event) {
        match &event.change {
            Change::Granted { player, .. } => {
                if let Some(here) = self.here.get_mut(player) {
                    here.held.granted.insert(event.asset.clone(), event.revision);
                }
            }
            Change::Released { player } => {
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
        self.stale |= !moved.is_empty() || self.roster.count() != before;
        Vec::new()
    }
}

impl Held {
    fn unknown(number: u64) -> Self {
        let question = Question { number, struck: BTreeMap::new(), guessed: Vec::new() };
        Self { granted: BTreeMap::new(), question: Some(question) }
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
mod tests {
    use super::*;

    fn player(text: &str) -> PlayerName {
        text.parse().unwrap()
    }

    fn came(name: &str, players: usize) -> Notice {
        Notice::RosterChange(RosterChange::Joined(player(name), players))
    }

    fn went(name: &str, players: usize) -> Notice {
        Notice::RosterChange(RosterChange::Left(player(name), players))
    }

    #[test]
    fn a_player_comes_with_the_first_connection_and_goes_with_the_last() {
        let mut presence = Presence::new(2);
        assert_eq!(presence.enter(&player("ann")), [came("ann", 1)]);
        assert_eq!(presence.enter(&player("ann")), []);
        assert_eq!(presence.leave(&player("ann")), []);
        assert_eq!(presence.leave(&player("ann")), [went("ann", 0)]);
    }

    #[test]
    fn a_large_room_is_told_counts_and_all_names_once_it_is_small_again() {
        let mut presence = Presence::new(2);
        for name in ["a", "b"] {
            presence.enter(&player(name));
        }
        assert_eq!(presence.enter(&player("c")), []);
        assert!(presence.names().is_empty());
        assert_eq!(presence.tick(0), [Notice::Count(3)]);
        assert_eq!(presence.tick(0), [], "nothing new");
        assert_eq!(presence.leave(&player("c")), []);
        assert_eq!(presence.tick(0), [Notice::ResendAll]);
        assert_eq!(presence.leave(&player("b")), [went("b", 1)]);
    }

    #[test]
    fn the_number_of_players_is_told_less_often_to_many_members() {
        let mut presence = Presence::new(2);
        let members = 2 * COUNT_FRAMES_PER_SEC as usize;
        (0..members).for_each(|n| drop(presence.enter(&player(&format!("p{n}")))));
        assert_eq!(presence.tick(5000), [Notice::Count(members)]);
        presence.enter(&player("late"));
        assert_eq!(presence.tick(6000), []);
        assert_eq!(presence.tick(7000), [Notice::Count(members + 1)]);
        (0..members).for_each(|n| drop(presence.leave(&player(&format!("p{n}")))));
        assert_eq!(presence.tick(7500), [Notice::ResendAll], "names are told at once");
    }

    #[test]
    fn other_nodes_are_told_names_at_once_or_numbers_in_time() {
        let mut presence = Presence::new(1);
        presence.enter(&player("a"));
        assert!(presence.must_publish_at_once());
        assert_eq!(presence.local_players(), Players::Names([player("a")].into()));
        assert!(!presence.has_unpublished());
        presence.enter(&player("b"));
        assert!(presence.has_unpublished() && !presence.must_publish_at_once());
        assert_eq!(presence.local_players(), Players::Count(2));
    }

    #[test]
    fn a_room_is_large_over_all_nodes() {
        let mut presence = Presence::new(2);
        presence.enter(&player("a"));
        let elsewhere = |number, players| Heartbeat { node: 7, number, players };
        assert_eq!(
            presence.apply_heartbeat(elsewhere(1, Players::Names([player("b")].into())), 0),
            [came("b", 2)]
        );
        assert_eq!(presence.apply_heartbeat(elsewhere(2, Players::Count(3)), 0), []);
        assert_eq!(presence.tick(0), [Notice::Count(4)]);
        assert_eq!(presence.apply_heartbeat(elsewhere(3, Players::Count(3)), 0), []);
        assert_eq!(presence.tick(0), [], "nothing new");
        assert_eq!(presence.apply_heartbeat(elsewhere(4, Players::NOBODY), 0), []);
        assert_eq!(presence.tick(0), [Notice::ResendAll]);
    }

    fn released(player: &PlayerName, revision: u64) -> Event {
        let change = Change::Released { player: player.clone() };
        Event { asset: asset("sword"), origin: 0, revision, remaining: 1, change }
    }

    fn asset(text: &str) -> AssetName {
        text.parse().unwrap()
    }

    #[test]
    fn what_was_released_while_the_store_was_asked_is_not_held() {
        let (mut presence, ann) = (Presence::new(2), player("ann"));
        presence.enter(&ann);
        let question = presence.question(&ann).unwrap();
        presence.follow(&released(&ann, 7));
        presence.learn(&ann, question, vec![(asset("sword"), 6), (asset("bow"), 1)]);
        assert_eq!(presence.question(&ann), None);
        assert_eq!(presence.held(&ann), [asset("bow")]);
    }

    #[test]
    fn what_was_only_guessed_ends_with_the_answer() {
        let (mut presence, ann) = (Presence::new(2), player("ann"));
        presence.enter(&ann);
        let question = presence.question(&ann).unwrap();
        presence.guess(&ann, vec![(asset("sword"), 3), (asset("bow"), 1)]);
        assert!(presence.holds(&ann, &asset("sword")));
        presence.guess(&ann, vec![(asset("bow"), 1), (asset("crown"), 2)]);
        assert_eq!(presence.held(&ann), [asset("bow"), asset("crown")]);
        // Confirmed by an event, so no longer a guess.
        let change = Change::Granted { player: ann.clone(), units: 2, at: 1 };
        presence.follow(&Event { asset: asset("bow"), origin: 0, revision: 4, remaining: 1, change });
        presence.learn(&ann, question, Vec::new());
        assert_eq!(presence.held(&ann), [asset("bow")]);
    }

    #[test]
    fn an_answer_to_an_earlier_question_brings_back_nothing() {
        let (mut presence, ann) = (Presence::new(2), player("ann"));
        presence.enter(&ann);
        let first = presence.question(&ann).unwrap();
        let late = || vec![(asset("sword"), 6)];
        // The same query was sent twice; the other answer arrived first.
        presence.learn(&ann, first, late());
        presence.follow(&released(&ann, 7));
        presence.learn(&ann, first, late());
        assert!(presence.held(&ann).is_empty());
        presence.forget_held();
        presence.learn(&ann, first, late());
        assert!(presence.held(&ann).is_empty() && presence.question(&ann).is_some());
        // The player left and rejoined.
        presence.leave(&ann);
        presence.enter(&ann);
        presence.learn(&ann, first, late());
        assert!(presence.held(&ann).is_empty() && presence.question(&ann).is_some());
    }
}
