use std::{
    collections::BTreeMap,
    ops::Bound::{Excluded, Unbounded},
};

use crate::{
    bus::{GivenName, GivenNames, Heartbeat, Players},
    model::{
        DisplayName, DisplayNames, Millis, PlayerName,
        limits::{NODES_HEARD, SILENT_NODE_MS},
    },
};

/// The players in a room over all nodes. A player joins on the first node and leaves with the last one. Of several
/// display names the newest holds, of those given on nodes where the player still is.
#[derive(Debug, Default)]
pub(super) struct Roster {
    /// Players known by name, each with the number of nodes the player is on.
    named: BTreeMap<PlayerName, usize>,
    /// The last heartbeat of each other node.
    others: BTreeMap<u64, Said>,
    /// The display names given on this node. Players without one take no memory here.
    given: GivenNames,
}

#[derive(Debug)]
struct Said {
    number: u64,
    at: Millis,
    players: Players,
    names: GivenNames,
}

/// A player joined, left, or stays and has another display name. Carries the number of players after the change.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum RosterChange {
    Joined(PlayerName, usize),
    Left(PlayerName, usize),
    Renamed(PlayerName, usize),
}

const NO_NAMES: &GivenNames = &GivenNames::new();

impl Roster {
    /// The number of players. A player on several nodes is counted once if known by name. Players of a node that sends
    /// only a count are counted for that node, too.
    pub(super) fn count(&self) -> usize {
        self.named.len() + self.unnamed()
    }

    pub(super) fn names(&self) -> impl Iterator<Item = &PlayerName> {
        self.named.keys()
    }

    /// The names after `after`, in order.
    pub(super) fn names_after(&self, after: Option<&PlayerName>) -> impl Iterator<Item = &PlayerName> {
        let start = after.map_or(Unbounded, Excluded);
        self.named.range::<PlayerName, _>((start, Unbounded)).map(|(player, _)| player)
    }

    /// Whether all players are known by name and there are at most `limit`.
    pub(super) fn is_small(&self, limit: usize) -> bool {
        self.named.len() <= limit && self.unnamed() == 0
    }

    /// The display name of a player, if any was given.
    pub(super) fn display_name(&self, player: &PlayerName) -> Option<&DisplayName> {
        let elsewhere = self.others.values().filter_map(|said| said.names.get(player));
        self.given.get(player).into_iter().chain(elsewhere).max().map(|given| &given.name)
    }

    /// The display names of all players that have one.
    pub(super) fn display_names(&self) -> DisplayNames {
        let mut newest = BTreeMap::<&PlayerName, &GivenName>::new();
        let elsewhere = self.others.values().flat_map(|said| &said.names);
        for (player, given) in self.given.iter().chain(elsewhere) {
            let known = newest.entry(player).or_insert(given);
            *known = given.max(known);
        }
        newest.into_iter().map(|(player, given)| (player.clone(), given.name.clone())).collect()
    }

    /// The display names given on this node.
    pub(super) fn given(&self) -> &GivenNames {
        &self.given
    }

    /// A player's first connection to this node joined.
    pub(super) fn enter(&mut self, player: &PlayerName, given: Option<GivenName>) -> Vec<RosterChange> {
        let Some(given) = given else { return self.add(player).into_iter().collect() };
        self.watch_names(vec![player.clone()], |roster| {
            roster.given.insert(player.clone(), given);
            roster.add(player).into_iter().collect()
        })
    }

    /// A further connection of a player to this node gave a display name.
    pub(super) fn rename(&mut self, player: &PlayerName, given: GivenName) -> Vec<RosterChange> {
        self.watch_names(vec![player.clone()], |roster| {
            roster.given.insert(player.clone(), given);
            Vec::new()
        })
    }

    /// A player's last connection to this node left.
    pub(super) fn leave(&mut self, player: &PlayerName) -> Vec<RosterChange> {
        let named = self.given.contains_key(player).then(|| player.clone());
        self.watch_names(named.into_iter().collect(), |roster| {
            roster.given.remove(player);
            roster.remove(player).into_iter().collect()
        })
    }

    /// Applies another node's heartbeat, unless a newer one was received or [`NODES_HEARD`] other nodes are known.
    pub(super) fn apply_heartbeat(&mut self, heartbeat: Heartbeat, now: Millis) -> Vec<RosterChange> {
        let Heartbeat { node, number, players, mut names } = heartbeat;
        let known = self.others.get(&node);
        let hears = known.map_or(self.others.len() < NODES_HEARD, |said| said.number < number);
        if !hears {
            return Vec::new();
        }
        names.retain(|player, _| players.names().contains(player));
        self.replace(node, Some(Said { number, at: now, players, names }))
    }

    /// Removes nodes that sent no heartbeat for [`SILENT_NODE_MS`].
    pub(super) fn forget_silent(&mut self, now: Millis) -> Vec<RosterChange> {
        let silent = self.others.iter().filter(|(_, said)| said.at + SILENT_NODE_MS <= now);
        let silent: Vec<_> = silent.map(|(node, _)| *node).collect();
        silent.into_iter().flat_map(|node| self.replace(node, None)).collect()
    }

    /// Replaces what another node said.
    fn replace(&mut self, node: u64, said: Option<Said>) -> Vec<RosterChange> {
        let before = self.others.get(&node).map_or(NO_NAMES, |said| &said.names);
        let concerned = differing(before, said.as_ref().map_or(NO_NAMES, |said| &said.names));
        self.watch_names(concerned, |roster| {
            let after = said.as_ref().map_or(Players::NOBODY, |said| said.players.clone());
            let before = match said {
                Some(said) => roster.others.insert(node, said),
                None => roster.others.remove(&node),
            };
            roster.turn(&before.map_or(Players::NOBODY, |said| said.players), &after)
        })
    }

    /// Makes changes, and adds those of the `concerned` players that stay and whose display name is another one then.
    fn watch_names(
        &mut self,
        concerned: Vec<PlayerName>,
        step: impl FnOnce(&mut Self) -> Vec<RosterChange>,
    ) -> Vec<RosterChange> {
        let before: Vec<_> = concerned.iter().map(|player| self.display_name(player).cloned()).collect();
        let mut changes = step(self);
        for (player, before) in concerned.into_iter().zip(before) {
            let joined = || {
                changes.iter().any(|change| matches!(change, RosterChange::Joined(who, _) if *who == player))
            };
            let stayed = self.named.contains_key(&player) && !joined();
            if stayed && self.display_name(&player) != before.as_ref() {
                changes.push(RosterChange::Renamed(player, self.count()));
            }
        }
        changes
    }

    /// Adds a node that the player is on.
    fn add(&mut self, player: &PlayerName) -> Option<RosterChange> {
        let nodes = self.named.entry(player.clone()).or_default();
        *nodes += 1;
        (*nodes == 1).then(|| RosterChange::Joined(player.clone(), self.count()))
    }

    /// Removes a node that the player was on.
    fn remove(&mut self, player: &PlayerName) -> Option<RosterChange> {
        let nodes = self.named.get_mut(player)?;
        *nodes -= 1;
        if *nodes > 0 {
            return None;
        }
        self.named.remove(player);
        Some(RosterChange::Left(player.clone(), self.count()))
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

/// The players whose name is not the same in both.
fn differing(before: &GivenNames, after: &GivenNames) -> Vec<PlayerName> {
    let new = after.keys().filter(|player| !before.contains_key(*player));
    before.keys().chain(new).filter(|player| before.get(*player) != after.get(*player)).cloned().collect()
}

#[cfg(test)]
mod tests;
