//! The changes that the store keeps as events, for the game's own backend.

use std::{
    collections::HashSet,
    sync::{Arc, atomic::Ordering::Relaxed},
    time::Duration,
};

use parking_lot::Mutex;
use tokio::{
    sync::{Notify, broadcast},
    time::{Instant, timeout_at},
};

use super::{meters::StoreCall, node::Node, refusal::Refusal, registry::RoomHandle, retry::StoreCalls};
use crate::{
    bus::BusMessage,
    model::{
        AssetName, ErrorCode, EventId, Millis, RoomName, ShownEvent, WebhookNews,
        limits::{CHANGED_ROOMS, WEBHOOK_NEWS},
    },
    store::{AssetKey, HistoryKept, HistoryPage, MARK_MS, Taker},
};

/// How long events that were handed out are not handed out again.
const HANDED_OUT_MS: Millis = 30_000;

/// How often a reader who waits looks at the store, for changes of other nodes.
const LOOK_EVERY: Duration = Duration::from_millis(500);

/// The rooms read in one call, and the most that one request looks at.
const ROOMS_PAGE: usize = 64;
const ROOMS_LOOKED_AT: usize = 512;

/// A page of the history of an asset.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct History {
    /// By origin and revision.
    pub events: Vec<ShownEvent>,
    /// The origin and revision of the last event; `None` on the last page.
    pub next: Option<(u64, u64)>,
}

/// Rooms in which events may wait.
pub struct RoomsPage {
    /// Ordered by name.
    pub rooms: Vec<RoomName>,
    /// Whether no room comes after these.
    pub is_last: bool,
}

/// Hands out the events of changes.
pub struct Outbox {
    node: Arc<Node>,
    calls: Arc<StoreCalls>,
    /// The room whose events were handed out last, so that each has its turn.
    last: Mutex<Option<RoomName>>,
    changed: Notify,
    /// Rooms that changed on this node, for whoever follows the rooms; `None`: nobody does.
    changed_rooms: Mutex<Option<HashSet<RoomName>>>,
    rooms_changed: Notify,
    /// What other nodes tell of their deliveries.
    news: broadcast::Sender<WebhookNews>,
}

impl Outbox {
    pub(super) fn new(node: Arc<Node>, calls: Arc<StoreCalls>) -> Self {
        Self {
            node,
            calls,
            last: Mutex::default(),
            changed: Notify::new(),
            changed_rooms: Mutex::default(),
            rooms_changed: Notify::new(),
            news: broadcast::Sender::new(WEBHOOK_NEWS),
        }
    }

    /// Announces changes of a room to a store that needs it, unless that was done recently.
    ///
    /// # Errors
    /// `StoreUnavailable`: the room must not be changed, because its events might not be found.
    pub(super) async fn announce(&self, room: &RoomHandle) -> Result<(), Refusal> {
        let now = self.node.clock.now();
        if !self.node.store.needs_marks() || now < room.marked_until.load(Relaxed) {
            return Ok(());
        }
        self.calls.read(StoreCall::Mark, &room.name, || self.node.store.mark(&room.name, now)).await?;
        // A batch may last as long as a select waits.
        let longest_batch = self.node.config.select_deadline.as_millis() as Millis;
        room.marked_until.fetch_max(now + MARK_MS.saturating_sub(longest_batch), Relaxed);
        Ok(())
    }

    /// Something of a room may have changed, so readers who wait look again.
    pub(super) fn changed(&self, room: &RoomName) {
        if !self.node.store.keeps_events() {
            return;
        }
        self.changed.notify_waiters();
        let mut rooms = self.changed_rooms.lock();
        // A room beyond the bound is found by the next look at the store.
        if let Some(rooms) = rooms.as_mut().filter(|rooms| rooms.len() < CHANGED_ROOMS)
            && !rooms.contains(room)
        {
            rooms.insert(room.clone());
            self.rooms_changed.notify_one();
        }
    }

    /// The rooms that changed on this node since the last call, once there are any. For one follower.
    pub async fn changed_rooms(&self) -> HashSet<RoomName> {
        loop {
            let rooms = std::mem::take(self.changed_rooms.lock().get_or_insert_default());
            if !rooms.is_empty() {
                return rooms;
            }
            self.rooms_changed.notified().await;
        }
    }

    /// Tells other nodes of deliveries to the webhook.
    pub fn tell(&self, news: WebhookNews) {
        self.node.bus.publish(&RoomName::all_rooms(), &BusMessage::Webhook(news));
    }

    /// What other nodes tell of their deliveries from now on.
    pub async fn news(&self) -> broadcast::Receiver<WebhookNews> {
        let receiver = self.news.subscribe();
        if let Err(error) = self.node.bus.subscribe(&RoomName::all_rooms()).await {
            tracing::warn!(%error, "cannot hear of other nodes' deliveries until the bus is back");
        }
        receiver
    }

    pub(super) fn heard(&self, news: WebhookNews) {
        // It fails if nobody delivers on this node.
        let _ = self.news.send(news);
    }

    /// Hands out at most `limit` events, those of one asset in order, and none of them again for 30 s. Waits for one until
    /// `wait` is over. Events that other nodes or readers have in hand are left out, and those after them.
    ///
    /// # Errors
    /// `Conflict`: the store keeps no events; `StoreUnavailable`.
    pub async fn take(&self, limit: usize, wait: Duration) -> Result<Vec<ShownEvent>, Refusal> {
        self.check()?;
        let deadline = Instant::now() + wait;
        loop {
            let changed = self.changed.notified();
            let events = self.take_now(limit).await?;
            if !events.is_empty() || Instant::now() >= deadline {
                return Ok(events);
            }
            let next_look = Instant::now() + self.node.jitter(LOOK_EVERY);
            drop(timeout_at(deadline.min(next_look), changed).await);
        }
    }

    /// Acknowledges events: they are not handed out again. Those that were acknowledged before are no error.
    ///
    /// # Errors
    /// `Conflict`: the store keeps no events; `StoreUnavailable`: some may not be acknowledged.
    pub async fn acknowledge(&self, mut events: Vec<EventId>) -> Result<(), Refusal> {
        self.check()?;
        events.sort_unstable_by(|a, b| a.room.cmp(&b.room));
        for events in events.chunk_by(|a, b| a.room == b.room) {
            let Some(EventId { room, .. }) = events.first() else { continue };
            let now = self.node.clock.now();
            let acknowledge = || self.node.store.acknowledge(room, events, now);
            self.calls.read(StoreCall::Acknowledge, room, acknowledge).await?;
        }
        // Further events of these rooms may be handed out now.
        self.changed.notify_waiters();
        Ok(())
    }

    /// Reads at most `limit` events of the history of an asset after the one of this origin and revision: those that were
    /// acknowledged and are not too old, and those that wait. Reading changes nothing.
    ///
    /// # Errors
    /// `Conflict`: the store keeps no events, or no history; `StoreUnavailable`.
    pub async fn history(
        &self,
        room: &RoomName,
        asset: &AssetName,
        after: Option<(u64, u64)>,
        limit: usize,
    ) -> Result<History, Refusal> {
        self.check()?;
        let refused = |message| Err(Refusal::new(ErrorCode::Conflict, message));
        match self.node.store.keeps_history() {
            HistoryKept::Yes => {}
            HistoryKept::Off => {
                return refused(
                    "the history of assets is not kept: start the server with --history 24h".to_owned(),
                );
            }
            HistoryKept::NotBy { store } => {
                return refused(format!(
                    "the store {store} cannot keep the history of assets: use another one"
                ));
            }
        }
        // One more tells whether there is another page.
        let page = HistoryPage { after, now: self.node.clock.now(), limit: limit.saturating_add(1) };
        let key = AssetKey::new(room, asset);
        let read = || self.node.store.history(&key, page);
        let mut events = self.calls.read(StoreCall::History, room, read).await?;
        let is_last = events.len() <= limit;
        events.truncate(limit);
        let last = events.last().filter(|_| !is_last);
        let next = last.map(|event| (event.origin, event.revision));
        let events = events.iter().map(|event| event.shown(room, asset)).collect();
        Ok(History { events, next })
    }

    /// Reads a page of the rooms after `after` in which events may wait, ordered by name. A page that is not full is the last.
    ///
    /// # Errors
    /// `StoreUnavailable`.
    pub async fn rooms(&self, after: Option<RoomName>) -> Result<RoomsPage, Refusal> {
        let rooms = self.waiting_rooms(after).await?;
        let is_last = rooms.len() < ROOMS_PAGE;
        Ok(RoomsPage { rooms, is_last })
    }

    /// A number that no other taker of events has.
    #[must_use]
    pub fn new_taker(&self) -> u64 {
        self.node.random_number()
    }

    /// Hands out at most `limit` events of one room, and leases the room to the taker for that long. The same taker gets the
    /// same events again, and may end its lease so. None: no event waits, or another taker has the room.
    ///
    /// # Errors
    /// `StoreUnavailable`.
    pub async fn take_room(
        &self,
        room: &RoomName,
        taker: u64,
        limit: usize,
        lease: Duration,
    ) -> Result<Vec<ShownEvent>, Refusal> {
        let now = self.node.clock.now();
        self.take_of(room, Taker { id: taker, now, until: now + lease.as_millis() as Millis }, limit).await
    }

    fn check(&self) -> Result<(), Refusal> {
        let message = "changes are not kept as events: start the server with --events on";
        let off = || Refusal::new(ErrorCode::Conflict, message);
        self.node.store.keeps_events().then_some(()).ok_or_else(off)
    }

    /// Goes once round the rooms in which events wait, beginning after the last that had its turn.
    async fn take_now(&self, limit: usize) -> Result<Vec<ShownEvent>, Refusal> {
        let (mut events, start) = (Vec::new(), self.last.lock().clone());
        let (mut after, mut is_second_half) = (start.clone(), start.is_none());
        let (taker, mut looked_at) = (self.taker(), 0);
        loop {
            let rooms = match self.waiting_rooms(after.clone()).await {
                Ok(rooms) => rooms,
                Err(refusal) if events.is_empty() => return Err(refusal),
                Err(_) => return Ok(events),
            };
            let is_last_page = rooms.len() < ROOMS_PAGE;
            for room in rooms {
                let is_round = is_second_half && start.as_ref().is_some_and(|start| room > *start);
                if is_round || events.len() >= limit || looked_at >= ROOMS_LOOKED_AT {
                    return Ok(events);
                }
                looked_at += 1;
                // The next round begins after a room that fails, too.
                *self.last.lock() = Some(room.clone());
                match self.take_of(&room, taker, limit - events.len()).await {
                    Ok(taken) => events.extend(taken),
                    Err(refusal) if events.is_empty() => return Err(refusal),
                    // Nobody else gets for a while what was taken before, so it is handed out.
                    Err(_) => return Ok(events),
                }
                after = Some(room);
            }
            match (is_last_page, is_second_half) {
                (false, _) => {}
                (true, false) => (after, is_second_half) = (None, true),
                (true, true) => return Ok(events),
            }
        }
    }

    async fn waiting_rooms(&self, after: Option<RoomName>) -> Result<Vec<RoomName>, Refusal> {
        let read = || self.node.store.waiting_rooms(after.clone(), ROOMS_PAGE);
        self.calls.read(StoreCall::WaitingRooms, &RoomName::all_rooms(), read).await
    }

    async fn take_of(&self, room: &RoomName, taker: Taker, limit: usize) -> Result<Vec<ShownEvent>, Refusal> {
        let take = || self.node.store.take_events(room, taker, limit);
        let taken = self.calls.read(StoreCall::TakeEvents, room, take).await?;
        Ok(taken.into_iter().map(|(asset, event)| event.shown(room, &asset)).collect())
    }

    fn taker(&self) -> Taker {
        let now = self.node.clock.now();
        Taker { id: self.node.random_number(), now, until: now + HANDED_OUT_MS }
    }
}
