//! When a node must do something about the grants of its rooms: end them, or prolong those of players who are there.

use std::{collections::BTreeSet, time::Duration};

use foldhash::fast::RandomState;
use parking_lot::Mutex;
use tokio::{
    sync::Notify,
    time::{Instant, sleep_until},
};

use super::clock::Clock;
use crate::model::{AssetName, Millis, RoomName};

/// The deadlines of one room's assets, at most one for each.
#[derive(Debug, Default)]
pub(super) struct Deadlines {
    by_asset: std::collections::HashMap<AssetName, Millis, RandomState>,
    by_time: BTreeSet<(Millis, AssetName)>,
}

impl Deadlines {
    /// Replaces the deadline of an asset.
    pub(super) fn set(&mut self, asset: &AssetName, at: Option<Millis>) {
        if self.by_asset.get(asset).copied() == at {
            return;
        }
        if let Some(before) = self.by_asset.remove(asset) {
            self.by_time.remove(&(before, asset.clone()));
        }
        if let Some(at) = at {
            self.by_asset.insert(asset.clone(), at);
            self.by_time.insert((at, asset.clone()));
        }
    }

    /// Sets the deadline of an asset that has none.
    pub(super) fn set_if_none(&mut self, asset: &AssetName, at: Millis) {
        if !self.by_asset.contains_key(asset) {
            self.set(asset, Some(at));
        }
    }

    pub(super) fn assets(&self) -> impl Iterator<Item = &AssetName> {
        self.by_asset.keys()
    }

    pub(super) fn first(&self) -> Option<Millis> {
        self.by_time.first().map(|(at, _)| *at)
    }

    /// Removes the deadlines up to `now` and returns their assets.
    pub(super) fn take_due(&mut self, now: Millis) -> Vec<AssetName> {
        let mut due = Vec::new();
        while let Some((at, asset)) = self.by_time.pop_first() {
            if at > now {
                self.by_time.insert((at, asset));
                break;
            }
            self.by_asset.remove(&asset);
            due.push(asset);
        }
        due
    }

    pub(super) fn clear(&mut self) {
        self.by_asset.clear();
        self.by_time.clear();
    }
}

/// The first deadline of every room of the node that has any.
#[derive(Debug, Default)]
pub(super) struct Timers {
    rooms: Mutex<BTreeSet<(Millis, RoomName)>>,
    earlier: Notify,
}

impl Timers {
    /// Replaces the first deadline of a room.
    pub(super) fn set(&self, room: &RoomName, before: Option<Millis>, after: Option<Millis>) {
        let mut rooms = self.rooms.lock();
        if let Some(before) = before {
            rooms.remove(&(before, room.clone()));
        }
        let Some(after) = after else { return };
        let is_first = rooms.first().is_none_or(|(first, _)| after < *first);
        rooms.insert((after, room.clone()));
        if is_first {
            self.earlier.notify_one();
        }
    }

    /// Waits until a room has something due, and returns all that have.
    pub(super) async fn due(&self, clock: &Clock) -> Vec<RoomName> {
        loop {
            let first = self.rooms.lock().first().map(|(at, _)| *at);
            let now = clock.now();
            match first {
                Some(at) if at <= now => {
                    let rooms = self.rooms.lock();
                    return rooms
                        .iter()
                        .take_while(|(at, _)| *at <= now)
                        .map(|(_, room)| room.clone())
                        .collect();
                }
                Some(at) => {
                    let wake = Instant::now() + Duration::from_millis(at - now);
                    tokio::select! {
                        biased;
                        () = self.earlier.notified() => {}
                        () = sleep_until(wake) => {}
                    }
                }
                None => self.earlier.notified().await,
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_asset_has_one_deadline_and_they_are_due_in_order() {
        let (sword, bow): (AssetName, AssetName) = ("sword".parse().unwrap(), "bow".parse().unwrap());
        let mut deadlines = Deadlines::default();
        deadlines.set(&sword, Some(5));
        deadlines.set(&sword, Some(7));
        deadlines.set_if_none(&sword, 1);
        deadlines.set_if_none(&bow, 3);
        assert_eq!(deadlines.first(), Some(3));
        assert_eq!(deadlines.take_due(2), []);
        assert_eq!(deadlines.take_due(7), [bow, sword.clone()]);
        assert_eq!(deadlines.first(), None);
        deadlines.set(&sword, Some(1));
        deadlines.set(&sword, None);
        assert_eq!(deadlines.first(), None);
    }

    #[tokio::test(start_paused = true)]
    async fn a_room_is_due_at_its_first_deadline_also_if_that_is_set_later() {
        let (clock, timers) = (Clock::start(), std::sync::Arc::new(Timers::default()));
        let (arena, lobby): (RoomName, RoomName) = ("arena".parse().unwrap(), "lobby".parse().unwrap());
        let now = clock.now();
        timers.set(&arena, None, Some(now + 10_000));
        let waiting = tokio::spawn({
            let (clock, timers) = (Clock::start(), timers.clone());
            async move { timers.due(&clock).await }
        });
        tokio::task::yield_now().await;
        timers.set(&lobby, None, Some(now + 1000));
        assert_eq!(waiting.await.unwrap(), std::slice::from_ref(&lobby));
        assert!(clock.now() < now + 2000);
        timers.set(&lobby, Some(now + 1000), None);
        assert_eq!(timers.due(&clock).await, [arena]);
    }
}
