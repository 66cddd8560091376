//! Marks of rooms in which events may wait: one set, of whose elements each is `ROOM/TURN`. A turn is a span of [`MARK_MS`],
//! so that a mark takes the place of the ones before it, whichever node set them.

use super::{Cache, error, error::MomentoError, item, url::LONGEST_TTL};
use crate::{
    model::{Millis, RoomName},
    store::{MARK_MS, Result, StoreErrorKind},
};

/// How many earlier marks of a room are removed by the next one. Older ones are removed when nothing waits in the room.
const REPLACED: Millis = 3;

/// A mark covers changes until [`MARK_MS`] after the end of its turn at most. So many turns later none is on its way.
const TURNS_KEPT: Millis = 4;

impl Cache {
    /// Marks a room, and removes the marks before this one.
    pub(super) async fn add_mark(&self, room: &RoomName, now: Millis) -> Result<()> {
        let turn = now / MARK_MS;
        let added = self.client.add(item::marks_key(), vec![mark(room, turn)], LONGEST_TTL).await;
        added.map_err(MomentoError::of_write)?;
        let earlier = (turn.saturating_sub(REPLACED)..turn).map(|turn| mark(room, turn)).collect();
        self.client.take_out(item::marks_key(), earlier).await.map_err(MomentoError::of_write)
    }

    /// At most `limit` marked rooms after `after`, ordered by name.
    pub(super) async fn marked_rooms(&self, after: Option<RoomName>, limit: usize) -> Result<Vec<RoomName>> {
        let mut rooms: Vec<_> = self.marks().await?.into_iter().map(|(room, _)| room).collect();
        rooms.retain(|room| after.as_ref().is_none_or(|after| room > after));
        rooms.sort_unstable();
        rooms.dedup();
        rooms.truncate(limit);
        Ok(rooms)
    }

    /// Removes the old marks of a room in which nothing waits. A mark that is set meanwhile is another one.
    pub(super) async fn remove_old_marks(&self, room: &RoomName, now: Millis) -> Result<()> {
        let oldest_kept = (now / MARK_MS).saturating_sub(TURNS_KEPT);
        let marks = self.marks().await?.into_iter();
        let old = marks.filter(|(marked, turn)| marked == room && *turn < oldest_kept);
        let old: Vec<_> = old.map(|(room, turn)| mark(&room, turn)).collect();
        if old.is_empty() {
            return Ok(());
        }
        self.client.take_out(item::marks_key(), old).await.map_err(MomentoError::of_write)
    }

    async fn marks(&self) -> Result<Vec<(RoomName, Millis)>> {
        let texts = self.client.names(item::marks_key()).await.map_err(MomentoError::of_read)?;
        texts.iter().map(|text| parsed(&String::from_utf8_lossy(text))).collect()
    }
}

fn mark(room: &RoomName, turn: Millis) -> String {
    format!("{room}/{turn}")
}

fn parsed(text: &str) -> Result<(RoomName, Millis)> {
    let parts = text.split_once('/').and_then(|(room, turn)| Some((room.parse().ok()?, turn.parse().ok()?)));
    parts.ok_or_else(|| {
        let message = format!("the set {} has an element that is not ours: {text:?}", item::marks_key());
        error(StoreErrorKind::Unavailable, message)
    })
}
