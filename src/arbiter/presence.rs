use std::collections::BTreeMap;

use super::crowd::{Crowd, Moved};
use crate::{
    bus::{Heartbeat, Players},
    model::{AssetName, Change, Event, Millis, PlayerName, limits::HEARTBEAT_NAMES},
};

/// Who is in a room and what each holds. Joined and left are per player: first connection in, last one out, over all
/// nodes. What a player holds is only known where the player is.
#[derive(Debug)]
pub(super) struct Presence {
    /// Those who are connected to this node.
    here: BTreeMap<PlayerName, Here>,
    /// Those and the ones on other nodes.
    crowd: Crowd,
    limit: usize,
    /// Whether members are told names; false from the limit up until a tick tells them anew.
    named: bool,
    /// The count changed since it was last told.
    stale: bool,
    /// Who is on this node changed since the others were told.
    untold: bool,
}

/// What members are to be told of a change in who is here.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Notice {
    /// A player came or went.
    Moved(Moved),
    /// So many are here; names are not told.
    Count(usize),
    /// The room is small again: everyone needs all names.
    Everything,
}

#[derive(Debug, Default)]
struct Here {
    connections: usize,
    held: Held,
}

/// What a player holds, each with the grant's revision.
#[derive(Debug)]
struct Held {
    granted: BTreeMap<AssetName, u64>,
    /// While the store has not been asked yet: what was given up meanwhile, and when.
    struck: Option<BTreeMap<AssetName, u64>>,
}

impl Default for Held {
    fn default() -> Self {
        Self { granted: BTreeMap::new(), struck: Some(BTreeMap::new()) }
    }
}

impl Presence {
    pub(super) fn new(limit: usize) -> Self {
        let (here, crowd) = (BTreeMap::new(), Crowd::default());
        Self { here, crowd, limit, named: true, stale: false, untold: false }
    }

    pub(super) fn count(&self) -> usize {
        self.crowd.count()
    }

    /// Every name, or none in a large room.
    pub(super) fn names(&self) -> Vec<PlayerName> {
        if self.crowd.is_small(self.limit) { self.crowd.names().cloned().collect() } else { Vec::new() }
    }

    pub(super) fn enter(&mut self, player: &PlayerName) -> Vec<Notice> {
        let here = self.here.entry(player.clone()).or_default();
        here.connections += 1;
        if here.connections > 1 {
            return Vec::new();
        }
        self.untold = true;
        self.change(|crowd| crowd.add(player).into_iter().collect())
    }

    pub(super) fn leave(&mut self, player: &PlayerName) -> Vec<Notice> {
        let Some(here) = self.here.get_mut(player) else { return Vec::new() };
        here.connections -= 1;
        if here.connections > 0 {
            return Vec::new();
        }
        self.here.remove(player);
        self.untold = true;
        self.change(|crowd| crowd.remove(player).into_iter().collect())
    }

    /// Another node says who is there.
    pub(super) fn hear(&mut self, heartbeat: Heartbeat, now: Millis) -> Vec<Notice> {
        self.change(|crowd| crowd.hear(heartbeat, now))
    }

    /// At most once a second: who left with a node that is gone, and what is still to be told.
    pub(super) fn tick(&mut self, now: Millis) -> Vec<Notice> {
        let mut notices = self.change(|crowd| crowd.forget_silent(now));
        if std::mem::take(&mut self.stale) {
            self.named = self.crowd.is_small(self.limit);
            notices.push(if self.named { Notice::Everything } else { Notice::Count(self.count()) });
        }
        notices
    }

    pub(super) fn is_anybody_here(&self) -> bool {
        !self.here.is_empty()
    }

    /// Whether the other nodes are to be told who is here.
    pub(super) fn must_tell(&self) -> bool {
        self.untold
    }

    /// Whether that cannot wait.
    pub(super) fn must_tell_at_once(&self) -> bool {
        self.untold && self.named
    }

    /// Who is here, as the other nodes are told now. Where the names of this node alone are too many for a small room,
    /// nobody needs them.
    pub(super) fn told(&mut self) -> Players {
        self.untold = false;
        if self.here.len() <= self.limit.min(HEARTBEAT_NAMES) {
            Players::Names(self.here.keys().cloned().collect())
        } else {
            Players::Count(self.here.len() as u32)
        }
    }

    /// Whether the store must be asked what the player holds.
    pub(super) fn must_ask(&self, player: &PlayerName) -> bool {
        self.here.get(player).is_some_and(|here| here.held.struck.is_some())
    }

    /// Takes the store's answer; what happened while it was asked counts if it is newer.
    pub(super) fn learn(&mut self, player: &PlayerName, rows: Vec<(AssetName, u64)>) {
        let Some(here) = self.here.get_mut(player) else { return };
        let struck = here.held.struck.take().unwrap_or_default();
        for (asset, revision) in rows {
            if struck.get(&asset).is_none_or(|&gone| gone < revision) {
                let known = here.held.granted.entry(asset).or_insert(revision);
                *known = revision.max(*known);
            }
        }
    }

    /// Takes what is likely while the store cannot be asked; it will be asked again.
    pub(super) fn guess(&mut self, player: &PlayerName, rows: Vec<(AssetName, u64)>) {
        if let Some(here) = self.here.get_mut(player).filter(|here| here.held.struck.is_some()) {
            here.held.granted.extend(rows);
        }
    }

    pub(super) fn holds(&self, player: &PlayerName, asset: &AssetName) -> bool {
        self.here.get(player).is_some_and(|here| here.held.granted.contains_key(asset))
    }

    pub(super) fn held(&self, player: &PlayerName) -> Vec<AssetName> {
        self.here.get(player).map_or_else(Vec::new, |here| here.held.granted.keys().cloned().collect())
    }

    /// Follows an event that was applied to the view.
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

    /// Nobody's holdings are known any more: ask again.
    pub(super) fn forget_held(&mut self) {
        self.here.values_mut().for_each(|here| here.held = Held::default());
    }

    /// The players whose holdings must be asked for.
    pub(super) fn unknown(&self) -> Vec<PlayerName> {
        let unknown = self.here.iter().filter(|(_, here)| here.held.struck.is_some());
        unknown.map(|(player, _)| player.clone()).collect()
    }

    fn change(&mut self, step: impl FnOnce(&mut Crowd) -> Vec<Moved>) -> Vec<Notice> {
        let before = self.crowd.count();
        let moved = step(&mut self.crowd);
        self.named &= self.crowd.is_small(self.limit);
        if self.named {
            return moved.into_iter().map(Notice::Moved).collect();
        }
        self.stale |= !moved.is_empty() || self.crowd.count() != before;
        Vec::new()
    }
}

impl Held {
    fn strike(&mut self, event: &Event) {
        self.granted.remove(&event.asset);
        if let Some(struck) = &mut self.struck {
            struck.insert(event.asset.clone(), event.revision);
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
        Notice::Moved(Moved::Came(player(name), players))
    }

    fn went(name: &str, players: usize) -> Notice {
        Notice::Moved(Moved::Went(player(name), players))
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
        assert_eq!(presence.tick(0), [Notice::Everything]);
        assert_eq!(presence.leave(&player("b")), [went("b", 1)]);
    }

    #[test]
    fn other_nodes_are_told_names_at_once_or_numbers_in_time() {
        let mut presence = Presence::new(1);
        presence.enter(&player("a"));
        assert!(presence.must_tell_at_once());
        assert_eq!(presence.told(), Players::Names([player("a")].into()));
        assert!(!presence.must_tell());
        presence.enter(&player("b"));
        assert!(presence.must_tell() && !presence.must_tell_at_once());
        assert_eq!(presence.told(), Players::Count(2));
    }

    #[test]
    fn a_room_is_large_over_all_nodes() {
        let mut presence = Presence::new(2);
        presence.enter(&player("a"));
        let elsewhere = |number, players| Heartbeat { node: 7, number, players };
        assert_eq!(presence.hear(elsewhere(1, Players::Names([player("b")].into())), 0), [came("b", 2)]);
        assert_eq!(presence.hear(elsewhere(2, Players::Count(3)), 0), []);
        assert_eq!(presence.tick(0), [Notice::Count(4)]);
        assert_eq!(presence.hear(elsewhere(3, Players::Count(3)), 0), []);
        assert_eq!(presence.tick(0), [], "nothing new");
        assert_eq!(presence.hear(elsewhere(4, Players::NOBODY), 0), []);
        assert_eq!(presence.tick(0), [Notice::Everything]);
    }

    #[test]
    fn what_was_released_while_the_store_was_asked_is_not_held() {
        let (mut presence, ann) = (Presence::new(2), player("ann"));
        presence.enter(&ann);
        let asset: AssetName = "sword".parse().unwrap();
        let change = Change::Released { player: ann.clone() };
        presence.follow(&Event { asset: asset.clone(), revision: 7, remaining: 1, change });
        presence.learn(&ann, vec![(asset.clone(), 6), ("bow".parse().unwrap(), 1)]);
        assert!(!presence.holds(&ann, &asset));
        assert_eq!(presence.held(&ann).len(), 1);
    }
}
