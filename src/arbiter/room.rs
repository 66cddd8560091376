mod members;
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

use parking_lot::Mutex;
use tokio::sync::OnceCell;

pub(super) use self::{
    members::{Connection, Members, RoomFull},
    state::State,
};
use super::{
    config::Config,
    deadlines::Timers,
    mailbox::Mailbox,
    presence::{Notice, Presence},
    queue::Queues,
    select_rate::SelectRate,
};
use crate::{
    bus::GivenName,
    model::{AssetName, CloseCode, Event, Millis, PlayerName, RoomName},
};

/// The node's view of one room, its log and its members. Locks are held for short synchronous steps only.
pub(super) struct Room {
    pub(super) name: RoomName,
    /// Identifies this instance of the log.
    pub(super) epoch: String,
    /// Subscribed and read from the store.
    pub(super) loaded: OnceCell<()>,
    pub(super) queues: Mutex<Queues>,
    /// Assets under repair, each with the revision to reach; `None` if closing the gap is enough.
    pub(super) repairs: Mutex<BTreeMap<AssetName, Option<u64>>>,
    /// Time of the next comparison with a shared store.
    pub(super) resync_at: AtomicU64,
    /// The room is queued for a comparison.
    pub(super) awaits_resync: AtomicBool,
    /// Time of the next heartbeat.
    pub(super) heartbeat_at: AtomicU64,
    /// Until when the room's changes are announced to a store that keeps them as events.
    pub(super) marked_until: AtomicU64,
    pub(super) selects: SelectRate,
    /// Comparisons still to make with any store, because the outcome of a change is unknown.
    pub(super) doubts: AtomicU8,
    state: Mutex<State>,
    /// The node's timers, which know the first deadline of the room.
    timers: Arc<Timers>,
    has_deadlines: AtomicBool,
    /// Locked apart from the state, so that waking a thousand members does not block readers.
    members: Arc<Members>,
    /// Number of members and pending changes. The room is not unloaded while there are any.
    users: AtomicUsize,
    idle_since: AtomicU64,
    /// Its slot among all active rooms.
    pub(super) slot: usize,
    /// Its number among the idle rooms, if listed there.
    pub(super) idle_entry: AtomicU64,
    /// The room was unloaded. Never reset.
    gone: AtomicBool,
}

/// What a room has of the node.
pub(super) struct Place {
    /// Its slot among all active rooms.
    pub(super) slot: usize,
    pub(super) timers: Arc<Timers>,
    /// Milliseconds by which this node ends the room's grants later than their deadlines, so that not all nodes do it.
    pub(super) lateness: Millis,
}

/// The assets that need more after events were applied.
#[derive(Debug, Default)]
pub(super) struct Aftermath {
    /// Events before the applied ones are missing.
    pub(super) gaps: Vec<AssetName>,
    /// Fewer holders are listed than should be shown.
    pub(super) lack_holders: Vec<AssetName>,
}

impl Room {
    pub(super) fn new(name: RoomName, epoch: String, config: &Config, now: Millis, place: Place) -> Self {
        let Place { slot, timers, lateness } = place;
        Self {
            name,
            epoch,
            loaded: OnceCell::new(),
            queues: Mutex::default(),
            repairs: Mutex::default(),
            resync_at: AtomicU64::new(0),
            awaits_resync: AtomicBool::new(false),
            heartbeat_at: AtomicU64::new(0),
            marked_until: AtomicU64::new(0),
            selects: SelectRate::default(),
            doubts: AtomicU8::new(0),
            state: Mutex::new(State::new(config, lateness)),
            timers,
            has_deadlines: AtomicBool::new(false),
            members: Arc::default(),
            users: AtomicUsize::new(0),
            idle_since: AtomicU64::new(now),
            slot,
            idle_entry: AtomicU64::new(0),
            gone: AtomicBool::new(false),
        }
    }

    /// Reads the state in a short step under its lock.
    pub(super) fn read<T>(&self, look: impl FnOnce(&State) -> T) -> T {
        look(&self.state.lock())
    }

    /// Runs a short step under the state's lock. Call [`wake`](Self::wake) after appending to the log.
    pub(super) fn with<T>(&self, step: impl FnOnce(&mut State) -> T) -> T {
        let state = &mut *self.state.lock();
        let done = step(state);
        let next = state.next_deadline();
        if next != state.scheduled {
            self.timers.set(&self.name, state.scheduled, next);
            state.scheduled = next;
            self.has_deadlines.store(next.is_some(), Release);
        }
        done
    }

    /// Makes the members read the log.
    pub(super) fn wake(&self) {
        self.members.wake(self.read(|state| state.log.head()));
    }

    /// Applies events in revision order and broadcasts them to the members.
    pub(super) fn apply(&self, events: Vec<Event>) -> Aftermath {
        let mut aftermath = Aftermath::default();
        let head = self.with(|state| {
            let mut applied = Vec::with_capacity(events.len());
            for event in events {
                let asset = event.asset.clone();
                state.view.apply(event, &mut applied);
                if state.view.has_gap(&asset) {
                    aftermath.gaps.push(asset);
                }
            }
            state.append_events(&applied);
            let lacks = |event: &&Event| state.view.lacks_holders(&event.asset);
            aftermath.lack_holders.extend(applied.iter().filter(lacks).map(|event| event.asset.clone()));
            (!applied.is_empty()).then_some(state.log.head())
        });
        if let Some(head) = head {
            self.members.wake(head);
        }
        aftermath.lack_holders.dedup();
        aftermath
    }

    /// Whether a select may create the asset. False if this node has seen the asset or a regression.
    pub(super) fn may_create(&self, asset: &AssetName) -> bool {
        let is_wanted = self.repairs.lock().get(asset).is_some_and(Option::is_some);
        !is_wanted && self.read(|state| !state.view.is_regressed() && !state.view.has_seen(asset))
    }

    /// Lowers a repair target to `stored`, because the store lost the revisions after it. A target raised since the
    /// read stays.
    pub(super) fn lower_target(&self, asset: &AssetName, target: Option<u64>, stored: u64) {
        if let Some(under_way) = self.repairs.lock().get_mut(asset).filter(|under_way| **under_way == target) {
            *under_way = target.min(Some(stored));
        }
    }

    /// Adds a member and returns its id in the room.
    pub(super) fn enter(
        &self,
        mailbox: &Arc<Mailbox>,
        player: Option<&PlayerName>,
        given: Option<GivenName>,
        max_members: usize,
    ) -> Result<usize, RoomFull> {
        let id = self.members.insert(mailbox, player, max_members)?;
        if let Some(player) = player {
            self.announce(|presence| presence.enter(player, given));
        }
        Ok(id)
    }

    /// The members, by their connections.
    pub(super) fn members(&self) -> &Members {
        &self.members
    }

    pub(super) fn leave(&self, id: usize, player: Option<&PlayerName>) {
        self.members.remove(id);
        if let Some(player) = player {
            self.announce(|presence| presence.leave(player));
        }
    }

    /// Changes the presence and broadcasts the notices to the members.
    pub(super) fn announce(&self, step: impl FnOnce(&mut Presence) -> Vec<Notice>) {
        let head = self.with(|state| {
            let notices = step(&mut state.presence);
            let any = !notices.is_empty();
            notices.into_iter().for_each(|notice| state.announce_notice(notice));
            any.then_some(state.log.head())
        });
        if let Some(head) = head {
            self.members.wake(head);
        }
    }

    /// Forgets everything and disconnects every member, because the room was removed. `step` runs under the same lock.
    pub(super) fn clear(&self, step: impl FnOnce()) {
        self.with(|state| {
            state.forget_assets();
            state.presence.forget_held();
            state.view.clear_regression();
            state.was_removed = true;
            step();
        });
        self.members.for_each(|mailbox| mailbox.end(CloseCode::RoomRemoved));
    }

    pub(super) fn has_members(&self) -> bool {
        !self.members.is_empty()
    }

    /// Whether the room has been unused for `linger` milliseconds, and no grant is about to end.
    pub(super) fn is_idle(&self, now: Millis, linger: Millis) -> bool {
        !self.is_used() && !self.has_deadlines.load(Acquire) && self.idle_since.load(Acquire) + linger <= now
    }

    pub(super) fn is_used(&self) -> bool {
        self.users.load(Acquire) > 0
    }

    /// Whether no asset is known to be stored, not even a tombstone.
    pub(super) fn is_empty(&self) -> bool {
        self.read(|state| state.view.is_empty())
    }

    /// Adds a user.
    pub(super) fn enter_use(&self) {
        self.users.fetch_add(1, AcqRel);
    }

    /// Removes a user at `now`. Returns true if that was the last one.
    pub(super) fn leave_use(&self, now: Millis) -> bool {
        self.idle_since.store(now, Release);
        self.users.fetch_sub(1, AcqRel) == 1
    }

    pub(super) fn is_gone(&self) -> bool {
        self.gone.load(Acquire)
    }

    pub(super) fn set_gone(&self) {
        self.gone.store(true, Release);
        self.with(State::forget_deadlines);
    }
}
