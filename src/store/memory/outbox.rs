use std::{
    collections::{BTreeMap, BTreeSet},
    ops::Bound::{Excluded, Included, Unbounded},
};

use dashmap::DashMap;
use foldhash::fast::RandomState;

use super::history::MemoryHistory;
use crate::{
    model::{AssetEvent, AssetName, EventId, Millis, RoomName},
    store::{
        AssetKey, HistoryKept, HistoryLimits, HistoryPage, Taker,
        outbox::{AssetOutbox, RoomLease},
    },
};

/// The events of all rooms. They outlive their rooms.
#[derive(Debug)]
pub(super) struct MemoryOutbox {
    /// Maximum number of events of one asset.
    backlog: usize,
    /// Only rooms in which events wait.
    rooms: DashMap<RoomName, Room, RandomState>,
    /// `None`: events that are acknowledged are gone.
    history: Option<MemoryHistory>,
}

/// The waiting events of a room, and who has them.
#[derive(Debug, Default)]
struct Room {
    /// Only assets of which events wait.
    assets: BTreeMap<AssetName, AssetOutbox>,
    lease: RoomLease,
}

impl MemoryOutbox {
    pub(super) fn new(backlog: usize) -> Self {
        Self { backlog, rooms: DashMap::default(), history: None }
    }

    pub(super) fn with_history(self, limits: Option<HistoryLimits>) -> Self {
        Self { history: limits.map(MemoryHistory::new), ..self }
    }

    pub(super) fn keeps_history(&self) -> HistoryKept {
        HistoryKept::of(self.history.is_some())
    }

    pub(super) fn append(&self, key: &AssetKey, event: AssetEvent) {
        let mut room = self.rooms.entry(key.room.clone()).or_default();
        room.assets.entry(key.asset.clone()).or_default().push(event, self.backlog);
    }

    pub(super) fn waiting_rooms(&self, after: Option<RoomName>, limit: usize) -> Vec<RoomName> {
        let mut first = BTreeSet::new();
        for entry in &self.rooms {
            let room = entry.key();
            let is_later = first.len() == limit && first.last().is_none_or(|last| room > last);
            if !is_later && after.as_ref().is_none_or(|after| room > after) {
                first.insert(room.clone());
                if first.len() > limit {
                    first.pop_last();
                }
            }
        }
        first.into_iter().collect()
    }

    pub(super) fn take(&self, room: &RoomName, taker: Taker, limit: usize) -> Vec<(AssetName, AssetEvent)> {
        let Some(mut room) = self.rooms.get_mut(room).filter(|room| room.lease.is_free_for(taker)) else {
            return Vec::new();
        };
        let turn = room.lease.turn_of(taker);
        let first = room.assets.range::<AssetName, _>((turn.map_or(Unbounded, Excluded), Unbounded));
        let last = turn.map(|turn| room.assets.range::<AssetName, _>((Unbounded, Included(turn))));
        let events = first.chain(last.into_iter().flatten());
        let events =
            events.flat_map(|(asset, events)| events.iter().map(|event| (asset.clone(), event.clone())));
        let events: Vec<_> = events.take(limit).collect();
        room.lease = room.lease.after_take(taker, &events);
        events
    }

    pub(super) fn acknowledge(&self, room: &RoomName, events: &[EventId], now: Millis) {
        let Some(mut found) = self.rooms.get_mut(room) else { return };
        let mut moved = Vec::new();
        for id in events {
            let event = found.assets.get_mut(&id.asset).and_then(|outbox| outbox.remove(id));
            moved.extend(event.map(|event| (AssetKey::new(room, &id.asset), event)));
        }
        found.assets.retain(|_, outbox| !outbox.is_empty());
        found.lease = std::mem::take(&mut found.lease).after_deletion(moved.len());
        if let Some(history) = &self.history {
            history.add(moved, now);
        }
        let is_empty = found.assets.is_empty();
        drop(found);
        if is_empty {
            self.rooms.remove_if(room, |_, room| room.assets.is_empty());
        }
    }

    pub(super) fn history(&self, key: &AssetKey, page: HistoryPage) -> Vec<AssetEvent> {
        let Some(history) = &self.history else { return Vec::new() };
        // Read first, because an event that leaves it is in the history then.
        let waiting = self.rooms.get(&key.room).map_or_else(Vec::new, |room| {
            room.assets.get(&key.asset).into_iter().flat_map(AssetOutbox::iter).cloned().collect()
        });
        history.page(key, page, waiting)
    }
}
