//! A room as HTTP clients see it.

use std::sync::Arc;

use bytes::Bytes;

use super::{
    meters::StoreCall,
    parts::SharedAssets,
    refusal::Refusal,
    room::{Room, State},
    rooms::Rooms,
    view::View,
};
use crate::model::{AssetState, DisplayNames, Millis, PlayerName, RoomName};

/// A room's public state.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct RoomState {
    /// The number of players in the room.
    pub players: usize,
    /// The players' names; empty in large rooms.
    pub present: Vec<PlayerName>,
    /// The display names of players that have one; empty in large rooms.
    pub names: DisplayNames,
    /// Every asset.
    pub assets: Vec<AssetState>,
}

/// A room whose assets are encoded once for all readers.
#[derive(Debug)]
pub struct RoomJson {
    /// The number of players in the room.
    pub players: usize,
    /// The players' names; empty in large rooms.
    pub present: Vec<PlayerName>,
    /// The display names of players that have one; empty in large rooms.
    pub names: DisplayNames,
    /// Every asset.
    pub assets: AssetsJson,
}

/// The elements of a JSON array of assets and the commas between them, one part at a time. A part is encoded on its
/// first read.
#[derive(Debug)]
pub struct AssetsJson {
    assets: Arc<SharedAssets>,
    next: usize,
    comma: bool,
}

/// The remaining parts were discarded, because the room changed too much during the read.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("the room changed too much while it was read; ask again")]
pub struct Outdated;

/// A copy of a room's state.
///
/// # Errors
/// As [`room_json`].
pub(super) async fn room_state(rooms: &Rooms, name: &RoomName) -> Result<RoomState, Refusal> {
    loop {
        let RoomJson { players, present, names, assets } = room_json(rooms, name).await?;
        if let Ok(assets) = assets.assets.states() {
            return Ok(RoomState { players, present, names, assets });
        }
    }
}

/// A room's state, from the node's view if it matches the store, else from the store. A read keeps a stored room active
/// for a while, so that many readers share one view.
///
/// # Errors
/// `UnknownRoom`: no assets stored and no members; `StoreUnavailable`.
pub(super) async fn room_json(rooms: &Rooms, name: &RoomName) -> Result<RoomJson, Refusal> {
    let (node, calls) = (&rooms.node, &rooms.calls);
    let active = rooms.registry.get(name).filter(|room| room.loaded.initialized());
    if let Some(room) = active.filter(|room| room.has_members() || !node.store.shared() && !room.is_empty()) {
        return Ok(shown(&room, node.clock.now()));
    }
    let rows = calls.read(StoreCall::Revisions, name, || node.store.revisions(name)).await?;
    if rows.is_empty() {
        return Err(Refusal::unknown_room(name));
    }
    // A room without members may have missed changes of other nodes.
    if let Ok(room) = rooms.open(name).await
        && room.read(|state| state.view.agrees_with(&rows))
    {
        return Ok(shown(&room, node.clock.now()));
    }
    let snapshot = calls.read(StoreCall::Snapshot, name, || node.store.snapshot(name)).await?;
    let mut view = View::new(node.config.templates.clone(), 0);
    if rooms.regression.is_regressed(name) {
        view.mark_regressed();
    }
    view.load(snapshot);
    let (present, names) = (Vec::new(), DisplayNames::new());
    Ok(RoomJson { players: 0, present, names, assets: AssetsJson::new(view.share(node.clock.now())) })
}

fn shown(room: &Room, now: Millis) -> RoomJson {
    room.with(|State { presence, view, .. }| RoomJson {
        players: presence.count(),
        present: presence.names(),
        names: presence.display_names(),
        assets: AssetsJson::new(view.share(now)),
    })
}

impl AssetsJson {
    fn new(assets: Arc<SharedAssets>) -> Self {
        Self { assets, next: 0, comma: false }
    }

    /// Whether all assets fit into one frame.
    #[must_use]
    pub fn is_small(&self) -> bool {
        self.assets.is_small()
    }
}

impl Iterator for AssetsJson {
    type Item = Result<Bytes, Outdated>;

    fn next(&mut self) -> Option<Self::Item> {
        if std::mem::take(&mut self.comma) {
            return Some(Ok(Bytes::from_static(b",")));
        }
        let part = match self.assets.part(self.next) {
            Ok(part) => part?,
            Err(_) => return Some(Err(Outdated)),
        };
        self.next += 1;
        self.comma = self.next < self.assets.count();
        Some(Ok(part.json().clone()))
    }
}
