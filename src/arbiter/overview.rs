//! What operators see of the rooms that this node has loaded, and of the players in them.

use std::{cmp::Reverse, collections::BTreeMap, sync::Arc};

use futures::{StreamExt, TryStreamExt, stream};

use super::{
    meters::StoreCall, node::Node, refusal::Refusal, registry::Registry, retry::StoreCalls, room::Room,
};
use crate::{
    model::{AssetName, DisplayName, ErrorCode, Grant, PlayerName, RoomName, limits::HOLDINGS_PAGE},
    store::AssetKey,
};

/// Store calls side by side for one search.
const READS_AT_ONCE: usize = 16;

/// The rooms that this node has loaded.
pub struct Overview<'a> {
    pub(super) node: &'a Node,
    pub(super) calls: &'a StoreCalls,
    pub(super) rooms: &'a Registry,
}

/// Which rooms to list.
#[derive(Debug, Clone, Default)]
pub struct RoomQuery {
    /// How their names begin.
    pub prefix: Option<RoomName>,
    /// Which come first.
    pub order: RoomOrder,
    /// Only rooms after this place.
    pub after: Option<RoomPlace>,
    /// The rooms of a page.
    pub limit: usize,
}

/// Which rooms come first. Among equals the name decides.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum RoomOrder {
    /// By name.
    #[default]
    Name,
    /// Those with the most players.
    Players,
    /// Those with the most selects per second.
    Selects,
}

/// The place of a room in an order.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub struct RoomPlace {
    /// 0 in the order of names, else players or tenths of selects per second.
    pub rank: Reverse<u64>,
    /// The room.
    pub room: RoomName,
}

/// A page of rooms.
#[derive(Debug)]
pub struct RoomPage {
    /// The rooms, in order.
    pub rooms: Vec<RoomSummary>,
    /// The number of rooms whose names begin so, on all pages.
    pub total: usize,
    /// Where the next page begins; `None` on the last one.
    pub next: Option<RoomPlace>,
}

/// A room in figures.
#[derive(Debug)]
pub struct RoomSummary {
    /// The room.
    pub room: RoomName,
    /// Connections to this node, observers included.
    pub members: usize,
    /// Players on all nodes.
    pub players: usize,
    /// Stored assets.
    pub assets: usize,
    /// Selects per second over the last 5 s on this node.
    pub selects_per_second: f64,
}

/// A player in a room.
#[derive(Debug)]
pub struct RoomPlayer {
    /// The player.
    pub player: PlayerName,
    /// How others see the player.
    pub name: Option<DisplayName>,
    /// Connections to this node.
    pub connections: usize,
}

/// A page of the rooms where a player is connected or holds something.
#[derive(Debug)]
pub struct PlayerPage {
    /// Those rooms, by name.
    pub rooms: Vec<PlayerRoom>,
    /// The number of rooms that were searched for them.
    pub searched: usize,
    /// The search goes on after this room; `None` if every room was searched.
    pub next: Option<RoomName>,
}

/// What a room has of a player.
#[derive(Debug)]
pub struct PlayerRoom {
    /// The room.
    pub room: RoomName,
    /// The player's connections to this node.
    pub connections: usize,
    /// What the player holds, by asset.
    pub held: Vec<(AssetName, Grant)>,
}

impl Overview<'_> {
    /// The random number that nodes know this one by.
    #[must_use]
    pub fn node(&self) -> u64 {
        self.node.id.0
    }

    /// A page of rooms. A room whose rank changes between two pages may be on both, or on none.
    pub async fn rooms(&self, query: &RoomQuery) -> RoomPage {
        let RoomQuery { prefix, order, after, limit } = query;
        let (now, mut total) = (self.node.clock.now(), 0);
        let place = |room: &Room| {
            if !room.name.as_str().starts_with(prefix.as_ref().map_or("", RoomName::as_str)) {
                return None;
            }
            total += 1;
            let rank = match order {
                RoomOrder::Name => 0,
                RoomOrder::Players => room.read(|state| state.presence.count()) as u64,
                RoomOrder::Selects => (room.selects.per_second(now) * 10.0) as u64,
            };
            let place = RoomPlace { rank: Reverse(rank), room: room.name.clone() };
            after.as_ref().is_none_or(|after| *after < place).then_some(place)
        };
        let (rooms, next) = self.first(*limit, place).await;
        RoomPage { rooms: rooms.iter().map(|room| self.summary(room)).collect(), total, next }
    }

    fn summary(&self, room: &Room) -> RoomSummary {
        let (players, assets) = room.with(|state| (state.presence.count(), state.view.count()));
        let selects_per_second = room.selects.per_second(self.node.clock.now());
        let members = room.members().len();
        RoomSummary { room: room.name.clone(), members, players, assets, selects_per_second }
    }

    /// The first `limit` of the rooms that have a place, in the order of their places; and the last of these places if there
    /// are more rooms.
    async fn first<P: Ord + Clone>(
        &self,
        limit: usize,
        mut place: impl FnMut(&Room) -> Option<P>,
    ) -> (Vec<Arc<Room>>, Option<P>) {
        let mut first = BTreeMap::new();
        let visit = |_, room: &Arc<Room>| {
            if let Some(place) = place(room) {
                first.insert(place, Arc::clone(room));
            }
            if first.len() > limit + 1 {
                first.pop_last();
            }
        };
        self.rooms.for_each(visit).await;
        let more = first.len() > limit;
        if more {
            first.pop_last();
        }
        let last = first.last_key_value().map(|(place, _)| place.clone()).filter(|_| more);
        (first.into_values().collect(), last)
    }

    /// A page of the players in a room, by name, from all nodes that tell their names. Empty if the room is not loaded.
    #[must_use]
    pub fn players(&self, room: &RoomName, after: Option<&PlayerName>, limit: usize) -> Vec<RoomPlayer> {
        let Some(room) = self.rooms.peek(room) else { return Vec::new() };
        room.with(|state| {
            let presence = &state.presence;
            let players = presence.names_after(after).take(limit);
            players
                .map(|player| RoomPlayer {
                    player: player.clone(),
                    name: presence.display_name(player).cloned(),
                    connections: presence.connections(player),
                })
                .collect()
        })
    }

    /// Searches the next `limit` rooms after `after` for a player. It ends early with [`HOLDINGS_PAGE`] holdings.
    ///
    /// # Errors
    /// `StoreUnavailable`.
    pub async fn player(
        &self,
        player: &PlayerName,
        after: Option<RoomName>,
        limit: usize,
    ) -> Result<PlayerPage, Refusal> {
        let place =
            |room: &Room| after.as_ref().is_none_or(|after| *after < room.name).then(|| room.name.clone());
        let (rooms, last) = self.first(limit, place).await;
        let found = rooms.iter().cloned().map(|room| self.in_room(room, player));
        let mut found = stream::iter(found).buffered(READS_AT_ONCE);
        let (mut page, mut holdings) = (PlayerPage { rooms: Vec::new(), searched: 0, next: last }, 0);
        while let Some(in_room) = found.try_next().await? {
            let room = &rooms[page.searched].name;
            page.searched += 1;
            holdings += in_room.held.len();
            if in_room.connections > 0 || !in_room.held.is_empty() {
                page.rooms.push(in_room);
            }
            if holdings >= HOLDINGS_PAGE && page.searched < rooms.len() {
                page.next = Some(room.clone());
                break;
            }
        }
        Ok(page)
    }

    async fn in_room(&self, room: Arc<Room>, player: &PlayerName) -> Result<PlayerRoom, Refusal> {
        let connections = room.read(|state| state.presence.connections(player));
        let held = match self.held_in_view(&room, player) {
            Some(held) => held,
            None => self.held_in_store(&room.name, player).await?,
        };
        let now = self.node.clock.now();
        let held = held.into_iter().map(|(asset, grant)| (asset, grant.shown_at(now))).collect();
        Ok(PlayerRoom { room: room.name.clone(), connections, held })
    }

    /// `None`: the view does not list every holder, or may be older than the store.
    fn held_in_view(&self, room: &Room, player: &PlayerName) -> Option<Vec<(AssetName, Grant)>> {
        if !room.loaded.initialized() || self.node.store.shared() && !room.has_members() {
            return None;
        }
        room.with(|state| {
            let mut held = Vec::new();
            for asset in state.view.stored() {
                match asset.holders.iter().find(|grant| grant.player == *player) {
                    Some(grant) => held.push((asset.asset.clone(), grant.clone())),
                    None if asset.holders.len() < asset.held as usize => return None,
                    None => {}
                }
            }
            Some(held)
        })
    }

    async fn held_in_store(
        &self,
        room: &RoomName,
        player: &PlayerName,
    ) -> Result<Vec<(AssetName, Grant)>, Refusal> {
        let held_by = || self.node.store.held_by(room, player);
        let held = self.calls.read(StoreCall::HeldBy, room, held_by).await?;
        let grants = held.into_iter().map(|(asset, revision)| self.grant(room, asset, player, revision));
        let grants: Vec<_> = stream::iter(grants).buffered(READS_AT_ONCE).try_collect().await?;
        Ok(grants.into_iter().flatten().collect())
    }

    /// The grant of a player at a revision; `None` if it has ended since.
    async fn grant(
        &self,
        room: &RoomName,
        asset: AssetName,
        player: &PlayerName,
        revision: u64,
    ) -> Result<Option<(AssetName, Grant)>, Refusal> {
        let key = AssetKey::new(room, &asset);
        let page = || self.node.store.holders(&key, revision.checked_sub(1), 1);
        let page = match self.calls.read(StoreCall::Holders, room, page).await {
            Err(refusal) if refusal.code == ErrorCode::UnknownAsset => Vec::new(),
            page => page?,
        };
        Ok(page.into_iter().find(|grant| grant.player == *player).map(|grant| (asset, grant)))
    }
}
