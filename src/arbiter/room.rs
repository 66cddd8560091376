mod state;

use std::{
    collections::BTreeMap,
    sync::{
        Arc,
        atomic::{
            AtomicBool, AtomicU8, AtomicU64, AtomicUsize, Ordering::AcqRel, Ordering::Acquire,
            Ordering::Release,
        },
    },
};

use bytes::Bytes;
use parking_lot::{Mutex, RwLock};
use tokio::sync::OnceCell;

pub(super) use self::state::State;
use super::{
    config::Config,
    mailbox::Mailbox,
    presence::{Notice, Presence},
    queue::Queues,
    snapshot::Snapshot,
    view::Applied,
};
use crate::model::{AssetName, Event, Millis, PlayerName, RoomName};

/// The node's view of one room, its log, and who is here. Locks are held for short synchronous steps only.
pub(super) struct Room {
    pub(super) name: RoomName,
    /// Names this life of the log.
    pub(super) epoch: String,
    /// Subscribed and read from the store.
    pub(super) loaded: OnceCell<()>,
    pub(super) queues: Mutex<Queues>,
    /// Assets under repair, each with the revision to be reached; `None`: just without a gap.
    pub(super) repairs: Mutex<BTreeMap<AssetName, Option<u64>>>,
    /// When to compare with a shared store next.
    pub(super) resync_at: AtomicU64,
    /// It waits for its turn to be compared.
    pub(super) awaits_resync: AtomicBool,
    /// When to tell the other nodes next who is here.
    pub(super) heartbeat_at: AtomicU64,
    /// How often it is still to be compared with any store: the outcome of a change is unknown.
    pub(super) doubts: AtomicU8,
    state: Mutex<State>,
    /// Apart from the state, so that waking a thousand members keeps nobody from reading.
    members: RwLock<BTreeMap<u64, Arc<Mailbox>>>,
    /// Members, and changes under way: while there are any, the room stays.
    users: AtomicUsize,
    idle_since: AtomicU64,
    /// Where it is found among all active rooms.
    pub(super) slot: usize,
    /// Its number among the idle rooms, if it is there.
    pub(super) idle_entry: AtomicU64,
    /// It is not active any more, and never will be again.
    gone: AtomicBool,
}

/// The room has as many members as it may.
pub(super) struct RoomFull;

/// What a reader got.
#[derive(Debug)]
pub(super) enum Read {
    /// Frames up to this cursor.
    Frames(u64),
    /// The cursor had fallen off the log: this is to be read first, and then what comes after its place.
    Snapshot(Snapshot),
}

impl Room {
    pub(super) fn new(name: RoomName, epoch: String, config: &Config, now: Millis, slot: usize) -> Self {
        Self {
            name,
            epoch,
            loaded: OnceCell::new(),
            queues: Mutex::default(),
            repairs: Mutex::default(),
            resync_at: AtomicU64::new(0),
            awaits_resync: AtomicBool::new(false),
            heartbeat_at: AtomicU64::new(0),
            doubts: AtomicU8::new(0),
            state: Mutex::new(State::new(config)),
            members: RwLock::default(),
            users: AtomicUsize::new(0),
            idle_since: AtomicU64::new(now),
            slot,
            idle_entry: AtomicU64::new(0),
            gone: AtomicBool::new(false),
        }
    }

    /// Looks at or changes the state; keep it short. Call [`wake`](Self::wake) after appending to the log.
    pub(super) fn with<T>(&self, step: impl FnOnce(&mut State) -> T) -> T {
        step(&mut self.state.lock())
    }

    pub(super) fn wake(&self) {
        for mailbox in self.members.read().values() {
            mailbox.wake();
        }
    }

    /// Applies events in revision order and tells the members; answers the assets that have a gap now.
    pub(super) fn apply(&self, events: Vec<Event>) -> Vec<AssetName> {
        let mut gaps = Vec::new();
        let told = self.with(|state| {
            let mut any = false;
            for event in events {
                let asset = event.asset.clone();
                if let Applied::Now(applied) = state.view.apply(event) {
                    state.append_events(&applied);
                    any = true;
                }
                if state.view.has_gap(&asset) {
                    gaps.push(asset);
                }
            }
            any
        });
        if told {
            self.wake();
        }
        gaps
    }

    /// Whether a select may create the asset: nothing was ever heard of it here, nor of a loss.
    pub(super) fn may_create(&self, asset: &AssetName) -> bool {
        let is_wanted = self.repairs.lock().get(asset).is_some_and(Option::is_some);
        !is_wanted && self.with(|state| !state.view.is_regressed() && !state.view.has_seen(asset))
    }

    /// The store has no more than `stored`: it lost what a target that is not newer than the read says.
    pub(super) fn lower_target(&self, asset: &AssetName, target: Option<u64>, stored: u64) {
        if let Some(under_way) = self.repairs.lock().get_mut(asset).filter(|under_way| **under_way == target) {
            *under_way = target.min(Some(stored));
        }
    }

    pub(super) fn enter(
        &self,
        id: u64,
        mailbox: &Arc<Mailbox>,
        player: Option<&PlayerName>,
        max_members: usize,
    ) -> Result<(), RoomFull> {
        {
            let mut members = self.members.write();
            if members.len() >= max_members {
                return Err(RoomFull);
            }
            members.insert(id, Arc::clone(mailbox));
        }
        if let Some(player) = player {
            self.announce(|presence| presence.enter(player));
        }
        Ok(())
    }

    pub(super) fn leave(&self, id: u64, player: Option<&PlayerName>) {
        self.members.write().remove(&id);
        if let Some(player) = player {
            self.announce(|presence| presence.leave(player));
        }
    }

    /// Changes who is here and tells the members.
    pub(super) fn announce(&self, step: impl FnOnce(&mut Presence) -> Vec<Notice>) {
        let told = self.with(|state| {
            let notices = step(&mut state.presence);
            let any = !notices.is_empty();
            notices.into_iter().for_each(|notice| state.announce_notice(notice));
            any
        });
        if told {
            self.wake();
        }
    }

    /// Gives the frames after `cursor`, or a snapshot to read when it fell off the log.
    pub(super) fn read(
        &self,
        cursor: u64,
        limit: usize,
        player: Option<&PlayerName>,
        into: &mut Vec<Bytes>,
    ) -> Read {
        self.with(|state| match state.log.read(cursor, limit, into) {
            Ok(cursor) => Read::Frames(cursor),
            Err(_) => Read::Snapshot(state.snapshot(player)),
        })
    }

    /// The room at the head of its log.
    pub(super) fn snapshot(&self, player: Option<&PlayerName>) -> Snapshot {
        self.with(|state| state.snapshot(player))
    }

    /// The room is gone: nothing is known, and every member is sent away. `step` runs under the same lock.
    pub(super) fn clear(&self, step: impl FnOnce()) {
        self.with(|state| {
            state.forget_assets();
            state.presence.forget_held();
            state.view.clear_regression();
            state.was_removed = true;
            step();
        });
        for mailbox in self.members.read().values() {
            mailbox.room_removed();
        }
    }

    pub(super) fn has_members(&self) -> bool {
        !self.members.read().is_empty()
    }

    /// Whether nobody uses the room since `linger` milliseconds.
    pub(super) fn is_idle(&self, now: Millis, linger: Millis) -> bool {
        !self.is_used() && self.idle_since.load(Acquire) + linger <= now
    }

    pub(super) fn is_used(&self) -> bool {
        self.users.load(Acquire) > 0
    }

    /// Whether nothing is known to be stored in it.
    pub(super) fn is_empty(&self) -> bool {
        self.with(|state| state.view.is_empty())
    }

    /// One more uses the room.
    pub(super) fn enter_use(&self) {
        self.users.fetch_add(1, AcqRel);
    }

    /// One fewer uses the room since `now`; true if that was the last.
    pub(super) fn leave_use(&self, now: Millis) -> bool {
        self.idle_since.store(now, Release);
        self.users.fetch_sub(1, AcqRel) == 1
    }

    pub(super) fn is_gone(&self) -> bool {
        self.gone.load(Acquire)
    }

    pub(super) fn set_gone(&self) {
        self.gone.store(true, Release);
    }
}
