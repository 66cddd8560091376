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

use super::{
    config::Config,
    crowd::Moved,
    log::RoomLog,
    mailbox::Mailbox,
    presence::{Notice, Presence},
    queue::Queues,
    snapshot::{EncodedAssets, Place},
    sold_out::SoldOutMemory,
    view::View,
};
use crate::model::{AssetName, AssetState, Event, Millis, PlayerName, RoomName, ServerMessage};

/// The node's view of one room, its log, and who is here. Locks are held for short synchronous steps only.
pub(super) struct Room {
    pub(super) name: RoomName,
    /// Names this life of the log.
    pub(super) epoch: String,
    /// Subscribed and read from the store.
    pub(super) loaded: OnceCell<()>,
    pub(super) queues: Mutex<Queues>,
    /// Assets under repair, each with the revision to be reached; `None`: just without a gap.
    pub(super) mending: Mutex<BTreeMap<AssetName, Option<u64>>>,
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
}

/// What is behind a room's lock.
pub(super) struct State {
    pub(super) view: View,
    pub(super) log: RoomLog,
    pub(super) presence: Presence,
    /// A regression was seen: no asset is created by a select until the room is removed.
    pub(super) frozen: bool,
    /// A regression was seen, and the room does not follow the store yet.
    pub(super) went_back: bool,
    pub(super) sold_out: SoldOutMemory,
    /// The assets as encoded at a head of the log.
    encoded: Option<(u64, Arc<EncodedAssets>)>,
}

/// The room has as many members as it may.
pub(super) struct RoomFull;

/// What a reader got.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Read {
    pub(super) cursor: u64,
    /// The cursor had fallen off the log, and a snapshot was given.
    pub(super) healed: bool,
}

impl Room {
    pub(super) fn new(name: RoomName, epoch: String, config: &Config, now: Millis) -> Self {
        Self {
            name,
            epoch,
            loaded: OnceCell::new(),
            queues: Mutex::default(),
            mending: Mutex::default(),
            resync_at: AtomicU64::new(0),
            awaits_resync: AtomicBool::new(false),
            heartbeat_at: AtomicU64::new(0),
            doubts: AtomicU8::new(0),
            state: Mutex::new(State {
                view: View::new(config.templates.clone()),
                log: RoomLog::new(config.room_log),
                presence: Presence::new(config.presence_limit),
                frozen: false,
                went_back: false,
                sold_out: SoldOutMemory::new(config.sold_out_ttl),
                encoded: None,
            }),
            members: RwLock::default(),
            users: AtomicUsize::new(0),
            idle_since: AtomicU64::new(now),
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
            let mut applied = Vec::new();
            for event in events {
                let asset = event.asset.clone();
                state.view.apply(event, &mut applied);
                if state.view.has_gap(&asset) {
                    gaps.push(asset);
                }
            }
            state.tell(&applied);
            !applied.is_empty()
        });
        if told {
            self.wake();
        }
        gaps
    }

    /// The store has no more than `stored`: it lost what a target that is not newer than the read says.
    pub(super) fn lower_target(&self, asset: &AssetName, target: Option<u64>, stored: u64) {
        if let Some(under_way) = self.mending.lock().get_mut(asset).filter(|under_way| **under_way == target) {
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
            notices.into_iter().for_each(|notice| state.tell_notice(notice));
            any
        });
        if told {
            self.wake();
        }
    }

    /// Gives the frames after `cursor`, or a snapshot when it fell off the log.
    pub(super) fn read(
        &self,
        cursor: u64,
        limit: usize,
        player: Option<&PlayerName>,
        into: &mut Vec<Bytes>,
    ) -> Read {
        self.with(|state| match state.log.read(cursor, limit, into) {
            Ok(cursor) => Read { cursor, healed: false },
            Err(_) => Read { cursor: state.snapshot(player, into), healed: true },
        })
    }

    /// Gives a snapshot and the cursor that belongs to it.
    pub(super) fn snapshot(&self, player: Option<&PlayerName>, into: &mut Vec<Bytes>) -> u64 {
        self.with(|state| state.snapshot(player, into))
    }

    /// The room is gone: nothing is known, and every member is sent away.
    pub(super) fn clear(&self) {
        self.with(|state| {
            state.forget_assets();
            state.presence.forget_held();
            state.frozen = false;
        });
        for mailbox in self.members.read().values() {
            mailbox.dismiss();
        }
    }

    pub(super) fn has_members(&self) -> bool {
        !self.members.read().is_empty()
    }

    /// Whether nobody uses the room since `linger` milliseconds.
    pub(super) fn is_idle(&self, now: Millis, linger: Millis) -> bool {
        self.users.load(Acquire) == 0 && self.idle_since.load(Acquire) + linger <= now
    }
}

impl State {
    /// Puts applied events into the log.
    pub(super) fn tell(&mut self, applied: &[Event]) {
        for event in applied {
            self.presence.follow(event);
            if event.revision == 0 && self.view.is_template(&event.asset) {
                // Members already saw the template at revision 0 and would drop the frame.
                self.log.reset();
            } else {
                self.append(|offset| ServerMessage::of_event(offset, event));
            }
        }
    }

    pub(super) fn append(&mut self, message: impl FnOnce(u64) -> ServerMessage) {
        self.log.append(|offset| message(offset).encode().into());
    }

    fn tell_notice(&mut self, notice: Notice) {
        match notice {
            Notice::Moved(Moved::Came(player, players)) => {
                self.append(|offset| ServerMessage::PlayerJoined { offset, player, players });
            }
            Notice::Moved(Moved::Went(player, players)) => {
                self.append(|offset| ServerMessage::PlayerLeft { offset, player, players });
            }
            Notice::Count(players) => self.append(|offset| ServerMessage::Players { offset, players }),
            Notice::Everything => self.log.reset(),
        }
    }

    /// Takes a whole snapshot from the store in place of the view, and sends one to everybody.
    pub(super) fn replace(&mut self, snapshot: Vec<AssetState>) {
        self.forget_assets();
        self.view.load(snapshot, &mut Vec::new());
    }

    /// Revisions do not mean any more what they meant.
    fn forget_assets(&mut self) {
        self.view.clear();
        self.went_back = false;
        self.sold_out.forget();
        self.encoded = None;
        self.log.reset();
    }

    /// What is shown changed without a frame of its own.
    pub(super) fn forget_encoded(&mut self) {
        self.encoded = None;
    }

    pub(super) fn place(&self, player: Option<&PlayerName>) -> Place {
        Place {
            offset: self.log.head(),
            players: self.presence.count(),
            present: self.presence.names(),
            held: player.map_or_else(Vec::new, |player| self.presence.held(player)),
        }
    }

    pub(super) fn encoded(&mut self) -> Arc<EncodedAssets> {
        let head = self.log.head();
        match &self.encoded {
            Some((at, encoded)) if *at == head => Arc::clone(encoded),
            _ => {
                let encoded = Arc::new(EncodedAssets::new(&self.view.shown()));
                self.encoded = Some((head, Arc::clone(&encoded)));
                encoded
            }
        }
    }

    fn snapshot(&mut self, player: Option<&PlayerName>, into: &mut Vec<Bytes>) -> u64 {
        let place = self.place(player);
        self.encoded().frames(&place, into);
        place.offset
    }
}

/// Somebody who uses a room. While there is one, the node keeps the room.
pub(super) struct RoomHandle {
    room: Arc<Room>,
    clock: Arc<super::clock::Clock>,
}

impl RoomHandle {
    /// Only the registry makes the first handle, under the lock that also removes rooms.
    pub(super) fn new(room: Arc<Room>, clock: Arc<super::clock::Clock>) -> Self {
        room.users.fetch_add(1, AcqRel);
        Self { room, clock }
    }
}

impl Clone for RoomHandle {
    fn clone(&self) -> Self {
        Self::new(Arc::clone(&self.room), Arc::clone(&self.clock))
    }
}

impl std::ops::Deref for RoomHandle {
    type Target = Room;

    fn deref(&self) -> &Room {
        &self.room
    }
}

impl Drop for RoomHandle {
    fn drop(&mut self) {
        self.room.idle_since.store(self.clock.now(), Release);
        self.room.users.fetch_sub(1, AcqRel);
    }
}
