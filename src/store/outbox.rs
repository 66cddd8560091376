//! What stores share that keep changes as events.

use std::{collections::VecDeque, fmt, str::FromStr};

use crate::model::{AssetEvent, AssetName, EventId, Millis, NoEvent};

/// Milliseconds for which [`Store::mark`](super::Store::mark) covers the changes of a room. A store forgets a mark after three
/// times as long at the earliest, which leaves time for changes on their way and for clocks that differ.
pub const MARK_MS: Millis = 20_000;

/// Who takes events out of the outbox of a room.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Taker {
    /// Distinguishes takers; random.
    pub id: u64,
    /// The time, in Unix milliseconds.
    pub now: Millis,
    /// Until when others get no events of the room, in Unix milliseconds.
    pub until: Millis,
}

/// The lease of a room's events. Stored as `TAKER/UNTIL/OPEN/AFTER/LAST`, `TAKER` in 16 hexadecimal digits.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(super) struct RoomLease {
    taker: u64,
    /// 0: nobody has it.
    until: Millis,
    /// The number of events that were handed out and are not acknowledged.
    open: usize,
    /// The assets after this one were first in the hand-out, those up to it last.
    after: Option<AssetName>,
    /// The last asset of which events were handed out.
    last: Option<AssetName>,
}

impl RoomLease {
    /// Whether the taker may have the room.
    pub(super) fn is_free_for(&self, taker: Taker) -> bool {
        self.until <= taker.now || self.taker == taker.id
    }

    /// The events of which assets are next: of those after this one first, then of the others. So the turn passes on, and
    /// a taker that repeats its call gets the same.
    pub(super) fn turn_of(&self, taker: Taker) -> Option<&AssetName> {
        if self.taker == taker.id { self.after.as_ref() } else { self.last.as_ref() }
    }

    /// The lease after a hand-out.
    pub(super) fn after_take(&self, taker: Taker, events: &[(AssetName, AssetEvent)]) -> Self {
        let last = events.last().map(|(asset, _)| asset.clone());
        let after = self.turn_of(taker).cloned();
        Self { taker: taker.id, until: taker.until, open: events.len(), after, last }
    }

    /// The lease after events were deleted.
    pub(super) fn after_deletion(self, deleted: usize) -> Self {
        let open = self.open.saturating_sub(deleted);
        let until = if open == 0 { 0 } else { self.until };
        Self { open, until, ..self }
    }
}

impl fmt::Display for RoomLease {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let name = |name: &Option<AssetName>| name.as_ref().map_or("", AssetName::as_str).to_owned();
        let (after, last) = (name(&self.after), name(&self.last));
        write!(f, "{:016x}/{}/{}/{after}/{last}", self.taker, self.until, self.open)
    }
}

impl FromStr for RoomLease {
    type Err = NoEvent;

    fn from_str(text: &str) -> std::result::Result<Self, NoEvent> {
        let parts: Vec<_> = text.split('/').collect();
        let [taker, until, open, after, last] = parts[..] else { return Err(NoEvent) };
        let name = |text: &str| (!text.is_empty()).then(|| text.parse().map_err(|_| NoEvent)).transpose();
        Ok(Self {
            taker: u64::from_str_radix(taker, 16).map_err(|_| NoEvent)?,
            until: until.parse().map_err(|_| NoEvent)?,
            open: open.parse().map_err(|_| NoEvent)?,
            after: name(after)?,
            last: name(last)?,
        })
    }
}

/// The waiting events of one asset, the oldest first.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(super) struct AssetOutbox(VecDeque<AssetEvent>);

impl AssetOutbox {
    pub(super) fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    pub(super) fn iter(&self) -> impl Iterator<Item = &AssetEvent> {
        self.0.iter()
    }

    /// Adds an event, in the order of changes. If more than `backlog` wait, the oldest are merged.
    pub(super) fn push(&mut self, event: AssetEvent, backlog: usize) {
        let order = |event: &AssetEvent| (event.origin, event.revision);
        // At the end, unless clocks differ: a node whose clock is slow may have created a new record of the asset.
        let place = self.0.partition_point(|before| order(before) < order(&event));
        self.0.insert(place, event);
        while self.0.len() > backlog.max(1) {
            let Some(oldest) = self.0.pop_front() else { return };
            if let Some(next) = self.0.front_mut() {
                *next = next.merged_with(&oldest);
            }
        }
    }

    /// Removes an event, if it is there.
    pub(super) fn remove(&mut self, id: &EventId) -> Option<AssetEvent> {
        let place = self.0.iter().position(|event| id.is_of(event))?;
        self.0.remove(place)
    }
}

impl FromIterator<AssetEvent> for AssetOutbox {
    fn from_iter<I: IntoIterator<Item = AssetEvent>>(events: I) -> Self {
        Self(events.into_iter().collect())
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::model::EventKind;

    fn event(revision: u64) -> AssetEvent {
        let text = format!("{:016x}/{revision:016}/{revision}/granted/7/9/3////ann", 1);
        text.parse().unwrap()
    }

    fn outbox(revisions: impl Iterator<Item = u64>, backlog: usize) -> AssetOutbox {
        let mut outbox = AssetOutbox::default();
        revisions.for_each(|revision| outbox.push(event(revision), backlog));
        outbox
    }

    #[test]
    fn beyond_the_backlog_the_oldest_are_merged() {
        let full = outbox(1..=10, 10);
        assert!(full.iter().all(|event| event.kind == EventKind::Granted));
        let merged = outbox(1..=25, 10);
        let spans: Vec<_> = merged.iter().map(|event| (event.kind, event.first, event.revision)).collect();
        assert_eq!(spans[0], (EventKind::Compacted, 1, 16));
        assert_eq!(spans[1], (EventKind::Granted, 17, 17));
        assert_eq!(spans.len(), 10);
        assert_eq!(outbox(1..=3, 0).iter().count(), 1, "one is always kept");
    }

    #[test]
    fn what_was_merged_since_is_not_acknowledged_by_its_old_id() {
        let (room, asset) = ("arena".parse().unwrap(), "sword".parse().unwrap());
        let mut full = outbox(1..=4, 3);
        let id = full.iter().next().unwrap().id(&room, &asset);
        full.push(event(5), 3);
        assert_eq!(full.remove(&id), None);
        let id = full.iter().next().unwrap().id(&room, &asset);
        assert!(full.remove(&id).is_some() && full.remove(&id).is_none());
        assert_eq!(full.iter().map(|event| event.revision).collect::<Vec<_>>(), [4, 5]);
    }

    #[test]
    fn a_lease_ends_with_its_time_or_its_last_event() {
        let taker = |id, now| Taker { id, now, until: now + 30 };
        let asset = |name: &str| name.parse::<AssetName>().unwrap();
        let taken = RoomLease::default()
            .after_take(taker(1, 5), &[(asset("axe"), event(1)), (asset("sword"), event(1))]);
        assert_eq!(taken.to_string().parse(), Ok(taken.clone()));
        assert!(!taken.is_free_for(taker(2, 34)) && taken.is_free_for(taker(2, 35)));
        assert!(taken.is_free_for(taker(1, 6)));
        assert_eq!((taken.turn_of(taker(1, 6)), taken.turn_of(taker(2, 40))), (None, Some(&asset("sword"))));
        let half = taken.after_deletion(1);
        assert!(!half.is_free_for(taker(2, 6)));
        assert!(half.after_deletion(1).is_free_for(taker(2, 6)));
    }
}
