use std::collections::BTreeMap;

use crate::{
    bus::{Heartbeat, Players},
    model::{
        Millis, PlayerName,
        limits::{NODES_HEARD, SILENT_NODE_MS},
    },
};

/// The players in a room over all nodes. A player joins on the first node and leaves with the last one.
#[derive(Debug, Default)]
pub(super) struct Roster {
    /// Players known by name, each with the number of nodes the player is on.
    named: BTreeMap<PlayerName, usize>,
    /// The last heartbeat of each other node.
    others: BTreeMap<u64, Said>,
}

#[derive(Debug)]
struct Said {
    number: u64,
    at: Millis,
    players: Players,
}

/// A player joined or left. Carries the number of players after the change.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum RosterChange {
    Joined(PlayerName, usize),
    Left(PlayerName, usize),
}

impl Roster {
    /// The number of players. A player on several nodes is counted once if known by name. Players of a node that sends
    /// only a count are counted for that node, too.
    pub(super) fn count(&self) -> usize {
        self.named.len() + self.unnamed()
    }

    pub(super) fn names(&self) -> impl Iterator<Item = &PlayerName> {
        self.named.keys()
    }

    /// Whether all players are known by name and there are at most `limit`.
    pub(super) fn is_small(&self, limit: usize) -> bool {
        self.named.len() <= limit && self.unnamed() == 0
    }

    /// Adds a node that the player is on.
    pub(super) fn add(&mut self, player: &PlayerName) -> Option<RosterChange> {
        let nodes = self.named.entry(player.clone()).or_default();
        *nodes += 1;
        (*nodes == 1).then(|| RosterChange::Joined(player.clone(), self.count()))
    }

    /// Removes a node that the player was on.
    pub(super) fn remove(&mut self, player: &PlayerName) -> Option<RosterChange> {
        let nodes = self.named.get_mut(player)?;
        *nodes -= 1;
        if *nodes > 0 {
            return None;
        }
        self.named.remove(player);
        Some(RosterChange::Left(player.clone(), self.count()))
    }

    /// Applies another node's heartbeat, unless a newer one was received or [`NODES_HEARD`] other nodes are known.
    pub(super) fn apply_heartbeat(&mut self, heartbeat: Heartbeat, now: Millis) -> Vec<RosterChange> {
        let Heartbeat { node, number, players } = heartbeat;
        let known = self.others.get(&node);
        let hears = known.map_or(self.others.len() < NODES_HEARD, |said| said.number < number);
        if !hears {
            return Vec::new();
        }
        let before = self.others.insert(node, Said { number, at: now, players: players.clone() });
        self.turn(&before.map_or(Players::NOBODY, |said| said.players), &players)
    }

    /// Removes nodes that sent no heartbeat for [`SILENT_NODE_MS`].
    pub(super) fn forget_silent(&mut self, now: Millis) -> Vec<RosterChange> {
        let silent = self.others.extract_if(.., |_, said| said.at + SILENT_NODE_MS <= now);
        let silent: Vec<_> = silent.map(|(_, said)| said.players).collect();
        silent.iter().flat_map(|players| self.turn(players, &Players::NOBODY)).collect()
    }

    /// Removes players before adding new ones, so that the count never exceeds both its old and its new value.
    fn turn(&mut self, before: &Players, after: &Players) -> Vec<RosterChange> {
        let (before, after) = (before.names(), after.names());
        let mut moved: Vec<_> = before.difference(after).filter_map(|player| self.remove(player)).collect();
        moved.extend(after.difference(before).filter_map(|player| self.add(player)));
        moved
    }

    fn unnamed(&self) -> usize {
        self.others.values().map(|said| said.players.unnamed()).sum()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn player(text: &str) -> PlayerName {
        text.parse().unwrap()
    }

    fn heartbeat(node: u64, number: u64, names: &[&str]) -> Heartbeat {
        Heartbeat { node, number, players: Players::Names(names.iter().map(|name| player(name)).collect()) }
    }

    fn came(name: &str, players: usize) -> RosterChange {
        RosterChange::Joined(player(name), players)
    }

    fn went(name: &str, players: usize) -> RosterChange {
        RosterChange::Left(player(name), players)
    }

    #[test]
    fn a_player_comes_with_the_first_node_and_goes_with_the_last() {
        let mut roster = Roster::default();
        assert_eq!(roster.add(&player("ann")), Some(came("ann", 1)));
        assert_eq!(roster.apply_heartbeat(heartbeat(7, 1, &["ann", "bob"]), 0), [came("bob", 2)]);
        assert_eq!(roster.remove(&player("ann")), None);
        assert_eq!(
            roster.apply_heartbeat(heartbeat(7, 2, &["cat"]), 0),
            [went("ann", 1), went("bob", 0), came("cat", 1)]
        );
    }

    #[test]
    fn what_is_late_or_repeated_changes_nothing() {
        let mut roster = Roster::default();
        roster.apply_heartbeat(heartbeat(7, 5, &["ann"]), 0);
        for number in 3..=5 {
            assert_eq!(roster.apply_heartbeat(heartbeat(7, number, &[]), 1), []);
        }
        assert_eq!(roster.apply_heartbeat(heartbeat(7, 6, &[]), 2), [went("ann", 0)]);
        assert_eq!(
            roster.apply_heartbeat(heartbeat(7, 5, &["ann"]), 3),
            [],
            "who said that nobody is left is still known"
        );
    }

    #[test]
    fn a_node_is_forgotten_when_it_is_silent_and_not_before() {
        let mut roster = Roster::default();
        roster.apply_heartbeat(heartbeat(7, 1, &["ann"]), 0);
        roster.apply_heartbeat(heartbeat(8, 1, &["ann", "bob"]), 1);
        assert_eq!(roster.forget_silent(SILENT_NODE_MS - 1), []);
        assert_eq!(roster.forget_silent(SILENT_NODE_MS), [], "she is on the other one, too");
        assert_eq!(roster.forget_silent(SILENT_NODE_MS + 1), [went("ann", 1), went("bob", 0)]);
    }

    #[test]
    fn where_a_node_has_too_many_to_name_them_they_count() {
        let mut roster = Roster::default();
        roster.add(&player("ann"));
        roster.apply_heartbeat(Heartbeat { node: 7, number: 1, players: Players::Count(20_000) }, 0);
        assert_eq!((roster.count(), roster.is_small(64)), (20_001, false));
        roster.apply_heartbeat(heartbeat(7, 2, &["ann", "bob"]), 0);
        assert_eq!((roster.count(), roster.is_small(64)), (2, true));
    }

    #[test]
    fn no_more_nodes_are_remembered_than_may_be() {
        let mut roster = Roster::default();
        for node in 0..2 * NODES_HEARD as u64 {
            roster.apply_heartbeat(heartbeat(node, 1, &[&format!("p{node}")]), node / 300);
        }
        assert_eq!(roster.count(), NODES_HEARD);
        assert_eq!(
            roster.apply_heartbeat(heartbeat(0, 2, &["p0", "new"]), 9).len(),
            1,
            "those that are known go on"
        );
        roster.forget_silent(SILENT_NODE_MS);
        assert_eq!(
            roster.apply_heartbeat(heartbeat(1000, 1, &["late"]), SILENT_NODE_MS).len(),
            1,
            "and then there is place"
        );
    }
}
