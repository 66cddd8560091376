//! A room as those see it who are not in it.

use std::sync::Arc;

use bytes::Bytes;

use super::{
    Arbiter, Refusal,
    meters::StoreCall,
    commands::unknown_room,
    parts::SharedAssets,
    room::{Room, State},
    view::View,
};
use crate::model::{AssetState, PlayerName, RoomName};

/// A room as anyone may see it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct RoomState {
    /// How many players are here.
    pub players: usize,
    /// Who they are; empty in large rooms.
    pub present: Vec<PlayerName>,
    /// Every asset.
    pub assets: Vec<AssetState>,
}

/// The same, with assets that are encoded once for all who read them.
#[derive(Debug)]
pub struct RoomJson {
    /// How many players are here.
    pub players: usize,
    /// Who they are; empty in large rooms.
    pub present: Vec<PlayerName>,
    /// Every asset.
    pub assets: AssetsJson,
}

/// The elements of a JSON array of assets and the commas between them, a part at a time; each part is made when it is asked
/// for, unless others read it, too.
#[derive(Debug)]
pub struct AssetsJson {
    assets: Arc<SharedAssets>,
    next: usize,
    comma: bool,
}

/// The room changed so much while it was read that the rest is not kept any more.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("the room changed too much while it was read; ask again")]
pub struct Outdated;

impl Arbiter {
    /// A copy of a room's state.
    ///
    /// # Errors
    /// `UnknownRoom`: nothing stored and nobody in it; `StoreUnavailable`.
    pub async fn room(self: &Arc<Self>, name: &RoomName) -> Result<RoomState, Refusal> {
        loop {
            let RoomJson { players, present, assets } = self.room_json(name).await?;
            if let Ok(assets) = assets.assets.states() {
                return Ok(RoomState { players, present, assets });
            }
        }
    }

    /// A room's state: the node's view if it follows the store, else the store's. What is stored and only looked at is
    /// active for a while, so that many who look share what they see.
    ///
    /// # Errors
    /// `UnknownRoom`: nothing stored and nobody in it; `StoreUnavailable`.
    pub async fn room_json(self: &Arc<Self>, name: &RoomName) -> Result<RoomJson, Refusal> {
        let active = self.rooms.get(name).filter(|room| room.loaded.initialized());
        if let Some(room) = active.filter(|room| room.has_members() || !self.store.shared() && !room.is_empty())
        {
            return Ok(shown(&room));
        }
        let rows = self.read(StoreCall::Revisions, name, || self.store.revisions(name)).await?;
        if rows.is_empty() {
            return Err(unknown_room(name));
        }
        // One that nobody is in may not have heard of what others did.
        if let Ok(room) = self.open(name).await
            && room.with(|state| state.view.agrees_with(&rows))
        {
            return Ok(shown(&room));
        }
        let snapshot = self.read(StoreCall::Snapshot, name, || self.store.snapshot(name)).await?;
        let mut view = View::new(self.config.templates.clone());
        if self.frozen.contains(name) {
            view.freeze();
        }
        view.load(snapshot, &mut Vec::new());
        Ok(RoomJson { players: 0, present: Vec::new(), assets: AssetsJson::new(view.share()) })
    }
}

fn shown(room: &Room) -> RoomJson {
    room.with(|State { presence, view, .. }| RoomJson {
        players: presence.count(),
        present: presence.names(),
        assets: AssetsJson::new(view.share()),
    })
}

impl AssetsJson {
    fn new(assets: Arc<SharedAssets>) -> Self {
        Self { assets, next: 0, comma: false }
    }

    /// Whether all of it is worth no more than one frame.
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
