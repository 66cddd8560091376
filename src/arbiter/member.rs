use std::{sync::Arc, time::Duration};

use tokio::time::Instant;

use super::{
    batch::Batches,
    heartbeat::Heartbeats,
    mailbox::Mailbox,
    meters::SelectOutcome,
    node::Node,
    queue::{Ask, Command, Job},
    refusal::Refusal,
    registry::RoomHandle,
    snapshot::{self, Snapshot},
};
use crate::model::{
    AssetName, CloseCode, Denial, DisplayName, DisplayNames, EndReason, ErrorCode, Frame, Millis, PROTOCOL,
    PlayerName, RequestId, RoomName, Selection, ServerMessage, TraceParent, Welcome,
    limits::{FRAMES_PER_TURN, SYNC_PAUSE_MS},
};

/// A request to join a room.
#[derive(Debug, Clone)]
pub struct Join {
    /// The room.
    pub room: RoomName,
    /// `None`: an observer.
    pub player: Option<PlayerName>,
    /// How the player is shown to others. Holds until a later connection of the player gives another.
    pub display_name: Option<DisplayName>,
    /// The client's position before its connection dropped.
    pub resume: Option<Resume>,
    /// Names the connection in `welcome` and in logs.
    pub session: String,
    /// Sent in `welcome`, in milliseconds.
    pub ping_interval_ms: u64,
    /// Sent in `welcome`: the remaining life of the player token, in milliseconds.
    pub token_ttl_ms: Option<u64>,
}

/// The last room frame a client saw before a drop.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Resume {
    /// The epoch of the log that sent it.
    pub epoch: String,
    /// Its offset.
    pub offset: u64,
}

/// One connection in a room: a cursor into the room's log, and a mailbox for its own replies. Dropping the member
/// announces that the player left.
pub struct Member {
    batches: Arc<Batches>,
    heartbeats: Arc<Heartbeats>,
    room: RoomHandle,
    /// In its room.
    id: usize,
    player: Option<PlayerName>,
    mailbox: Arc<Mailbox>,
    /// The offset of the last frame taken.
    cursor: u64,
    /// The next frame must be a snapshot.
    wants_snapshot: bool,
    /// Time of the member's last `sync`.
    synced_at: Option<Instant>,
    /// The snapshot that is being sent, part by part. Reading the log continues after the last part.
    reading: Option<Snapshot>,
    /// The welcome, until it is sent.
    first: Option<Frame>,
    /// The span of the join, to which selects belong.
    trace: Option<Box<TraceParent>>,
}

/// What [`Member::take`] appended.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Taken {
    /// The number of replies to the member's own requests. They come first.
    pub replies: usize,
    /// The number of room frames, the welcome included.
    pub frames: usize,
    /// Whether more may be ready.
    pub more: bool,
}

impl Member {
    /// A member that entered the room as `id`.
    pub(super) fn new(
        batches: Arc<Batches>,
        heartbeats: Arc<Heartbeats>,
        room: RoomHandle,
        id: usize,
        player: Option<PlayerName>,
        mailbox: Arc<Mailbox>,
    ) -> Self {
        Self {
            batches,
            heartbeats,
            room,
            id,
            player,
            mailbox,
            cursor: 0,
            wants_snapshot: false,
            synced_at: None,
            reading: None,
            first: None,
            trace: None,
        }
    }

    pub(super) fn room(&self) -> &RoomHandle {
        &self.room
    }

    /// Writes the welcome and sets the cursor to its log offset in one step.
    pub(super) fn welcome(&mut self, join: Join) {
        let epoch = self.room.epoch.clone();
        let resume = join.resume.filter(|resume| resume.epoch == epoch);
        let server_time = self.node().clock.now();
        let player = self.player.as_ref();
        let (snapshot, offset) = self.room.with(|state| {
            let offset = resume.map(|resume| resume.offset).filter(|&offset| state.log.reaches(offset));
            (state.snapshot(player, server_time), offset)
        });
        let (cursor, recovered) = (snapshot.cursor(), offset.is_some());
        let whole = if recovered { None } else { snapshot.whole() };
        self.cursor = offset.unwrap_or(cursor.offset);
        self.first = Some(snapshot::welcome_frame(&Welcome {
            protocol: PROTOCOL.to_owned(),
            room: join.room,
            player: player.cloned(),
            session: join.session,
            epoch,
            offset: self.cursor,
            recovered,
            server_time,
            ping_interval_ms: join.ping_interval_ms,
            token_ttl_ms: join.token_ttl_ms,
            players: cursor.players,
            present: (!recovered).then(|| cursor.present.clone()),
            names: if recovered { DisplayNames::new() } else { cursor.names.clone() },
            assets: (!recovered).then(|| whole.unwrap_or(snapshot::none())),
            held: (!recovered).then(|| if whole.is_some() { cursor.held.clone() } else { Vec::new() }),
        }));
        self.reading = (!recovered && whole.is_none()).then_some(snapshot);
    }

    /// The mailbox that receives the member's wake-ups.
    #[must_use]
    pub fn mailbox(&self) -> &Arc<Mailbox> {
        &self.mailbox
    }

    /// The player; `None` for an observer.
    #[must_use]
    pub fn player(&self) -> Option<&PlayerName> {
        self.player.as_ref()
    }

    /// The member's room.
    #[must_use]
    pub fn room_name(&self) -> &RoomName {
        &self.room.name
    }

    /// The epoch of the room's log, as `welcome` tells it.
    #[must_use]
    pub fn epoch(&self) -> &str {
        &self.room.epoch
    }

    /// The offset of the last frame taken, if a client that knows everything taken so far can resume after it. `None` in
    /// the middle of a snapshot in parts.
    #[must_use]
    pub fn resumable_at(&self) -> Option<u64> {
        self.reading.is_none().then_some(self.cursor)
    }

    /// Unix time in milliseconds.
    #[must_use]
    pub fn now(&self) -> Millis {
        self.node().clock.now()
    }

    /// Whether the room was removed. No frames follow.
    #[must_use]
    pub fn is_room_removed(&self) -> bool {
        self.mailbox.is_room_removed()
    }

    /// Why the member has to go: the room was removed, the player was kicked, or it has another connection.
    #[must_use]
    pub fn ended(&self) -> Option<CloseCode> {
        self.mailbox.ended()
    }

    /// The member's selects belong to this trace.
    pub fn trace_by(&mut self, parent: Option<TraceParent>) {
        self.trace = parent.map(Box::new);
    }

    /// Requests a unit at `since`. Exactly one reply follows.
    pub fn select(&self, asset: AssetName, request_id: Option<RequestId>, since: Instant) {
        let Some(player) = &self.player else { return self.refuse_observer(request_id) };
        if self.deny_from_memory(&asset, player, request_id.as_ref(), since) {
            return;
        }
        let trace = self.node().config.spans.begin(&self.room.name, self.trace.as_deref().copied());
        let job = Job::Select(Ask { trace, ..self.ask(player.clone(), request_id, since) });
        self.batches.submit(&self.room, asset, job);
    }

    /// Releases a unit at `since`. Exactly one reply follows.
    pub fn release(&self, asset: AssetName, request_id: Option<RequestId>, since: Instant) {
        let Some(player) = &self.player else { return self.refuse_observer(request_id) };
        let ask = self.ask(player.clone(), request_id, since);
        let job = Job::Command(Command::Release(ask, EndReason::Released));
        self.batches.submit(&self.room, asset, job);
    }

    /// Confirms a hold at `since`. With `retake`, takes a unit that is left if the hold has expired. Exactly one reply
    /// follows.
    pub fn confirm(&self, asset: AssetName, retake: bool, request_id: Option<RequestId>, since: Instant) {
        let Some(player) = &self.player else { return self.refuse_observer(request_id) };
        let ask = self.ask(player.clone(), request_id, since);
        self.batches.submit(&self.room, asset, Job::Command(Command::Confirm(ask, retake)));
    }

    /// Extends a hold at `since`. Exactly one reply follows.
    pub fn extend(&self, asset: AssetName, request_id: Option<RequestId>, since: Instant) {
        let Some(player) = &self.player else { return self.refuse_observer(request_id) };
        let ask = self.ask(player.clone(), request_id, since);
        self.batches.submit(&self.room, asset, Job::Command(Command::Extend(ask)));
    }

    /// Replies with a pong. Exactly one reply follows.
    pub fn pong(&self, request_id: Option<RequestId>) {
        self.mailbox.push(ServerMessage::Pong { request_id, server_time: self.node().clock.now() });
    }

    /// Requests a snapshot.
    ///
    /// # Errors
    /// `RateLimited`: the member got one less than a second ago and has missed no frames since.
    pub fn sync(&mut self) -> Result<(), Refusal> {
        let now = Instant::now();
        let soon = self.synced_at.is_some_and(|at| now < at + Duration::from_millis(SYNC_PAUSE_MS));
        if soon && self.room.read(|state| state.log.reaches(self.cursor)) {
            let message = "a member gets one snapshot a second at most; the frames say what changed since";
            return Err(Refusal::new(ErrorCode::RateLimited, message));
        }
        self.synced_at = Some(now);
        self.wants_snapshot = true;
        Ok(())
    }

    /// Appends all replies, and then either a bounded number of frames or one snapshot part, encoded in this call.
    ///
    /// A reply enters the mailbox before its broadcast enters the log. Both are read under the log's lock, so a frame
    /// never overtakes its reply.
    pub fn take(&mut self, out: &mut Vec<u8>) -> Taken {
        self.mailbox.clear_wakeup();
        if let Some(welcome) = self.first.take() {
            out.extend_from_slice(welcome.as_bytes());
            return Taken { replies: 0, frames: 1, more: true };
        }
        if self.reading.is_none() {
            return self.read_log(out);
        }
        let replies = self.mailbox.take(out);
        self.read_part(out, replies)
    }

    fn read_log(&mut self, out: &mut Vec<u8>) -> Taken {
        let wants_snapshot = std::mem::take(&mut self.wants_snapshot);
        let (replies, read) = self.room.with(|state| {
            let replies = self.mailbox.take(out);
            let read =
                if wants_snapshot { None } else { state.log.read(self.cursor, FRAMES_PER_TURN, out).ok() };
            (replies, read.ok_or_else(|| state.snapshot(self.player.as_ref(), self.now())))
        });
        match read {
            Ok(cursor) => {
                self.mailbox.has_read_to(cursor);
                let frames = (cursor - std::mem::replace(&mut self.cursor, cursor)) as usize;
                Taken { replies, frames, more: frames >= FRAMES_PER_TURN }
            }
            Err(snapshot) => {
                if !wants_snapshot {
                    self.node().meters.healed_readers.increment(1);
                }
                self.begin(snapshot);
                self.read_part(out, replies)
            }
        }
    }

    /// Moves the cursor to the snapshot's offset, so that reading the log continues after the snapshot.
    fn begin(&mut self, snapshot: Snapshot) {
        self.cursor = snapshot.cursor().offset;
        self.reading = Some(snapshot);
    }

    fn read_part(&mut self, out: &mut Vec<u8>, replies: usize) -> Taken {
        let Some(reading) = &mut self.reading else { return Taken { replies, frames: 0, more: true } };
        if let Ok(part) = reading.next_frame() {
            out.extend_from_slice(part.as_bytes());
            if reading.is_over() {
                self.reading = None;
            }
            return Taken { replies, frames: 1, more: true };
        }
        // The remaining parts were discarded, because the room changed too much. A new snapshot starts.
        let (more, snapshot) =
            self.room.with(|state| (self.mailbox.take(out), state.snapshot(self.player.as_ref(), self.now())));
        self.begin(snapshot);
        Taken { replies: replies + more, frames: 0, more: true }
    }

    fn node(&self) -> &Node {
        &self.batches.node
    }

    fn refuse_observer(&self, request_id: Option<RequestId>) {
        let message = "an observer cannot select or release; join with ?player=NAME";
        self.mailbox.push(ServerMessage::error(ErrorCode::Forbidden, message, request_id));
    }

    fn ask(&self, player: PlayerName, request_id: Option<RequestId>, since: Instant) -> Ask {
        Ask { player, request_id, mailbox: Arc::clone(&self.mailbox), since, by: None, trace: None }
    }

    /// Known holders always go to the store: only a present player's holdings are known for sure.
    fn deny_from_memory(
        &self,
        asset: &AssetName,
        player: &PlayerName,
        request_id: Option<&RequestId>,
        since: Instant,
    ) -> bool {
        if self.node().config.sold_out_ttl.is_zero() {
            return false;
        }
        let revision = self.room.read(|state| {
            let revision = state.view.revision(asset)?;
            let known = state.presence.question(player).is_none() && !state.presence.holds(player, asset);
            (known && state.sold_out.knows(asset, revision)).then_some(revision)
        });
        let Some(revision) = revision else { return false };
        self.room.selects.count(self.now());
        self.node().meters.select(SelectOutcome::SoldOut, Duration::ZERO);
        if let Some(trace) = self.node().config.spans.begin(&self.room.name, self.trace.as_deref().copied()) {
            trace.end(asset, player, SelectOutcome::SoldOut, since);
        }
        let (denied, remaining, already_held) = (Some((Denial::SoldOut, None)), 0, false);
        let (until, ttl_ms) = (None, None);
        self.mailbox.push_selection(Selection {
            request_id,
            asset,
            denied,
            remaining,
            revision,
            already_held,
            until,
            ttl_ms,
        });
        true
    }
}

impl Drop for Member {
    fn drop(&mut self) {
        self.mailbox.close();
        self.room.leave(self.id, self.player.as_ref());
        self.heartbeats.announce_change(&self.room);
    }
}
