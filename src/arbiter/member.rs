use std::{sync::Arc, time::Duration};

use bytes::Bytes;
use tokio::time::Instant;

use super::{
    Arbiter, Refusal,
    mailbox::Mailbox,
    meters::SelectOutcome,
    queue::{Ask, Job},
    room::{Read, RoomHandle},
    snapshot::Snapshot,
};
use crate::model::{
    AssetName, ErrorCode, PlayerName, RequestId, RoomName, ServerMessage, SoldOut,
    limits::{FRAMES_PER_TURN, IDLE_CAPACITY, SYNC_PAUSE_MS},
};

/// One connection in a room: a cursor into the room's log, and a mailbox for its own replies. Dropping it
/// announces the leave.
pub struct Member {
    pub(super) arbiter: Arc<Arbiter>,
    pub(super) room: RoomHandle,
    pub(super) id: u64,
    pub(super) player: Option<PlayerName>,
    pub(super) mailbox: Arc<Mailbox>,
    /// The offset of the last frame given.
    pub(super) cursor: u64,
    /// The next thing to give is a snapshot.
    pub(super) wants_snapshot: bool,
    /// When it asked for one last.
    pub(super) synced_at: Option<Instant>,
    /// The snapshot that is being given, part by part; what the log says after it comes when it is over.
    pub(super) reading: Option<Snapshot>,
    /// What to give before anything else: the welcome.
    pub(super) first: Option<Bytes>,
}

/// What is ready for a member, in the order it is to be sent: replies, then frames.
#[derive(Debug, Default)]
pub struct Ready {
    /// Replies to its own requests.
    pub replies: Vec<ServerMessage>,
    /// Encoded frames of the room, and before all others the welcome.
    pub frames: Vec<Bytes>,
}

impl Ready {
    /// Gives back what only a burst needed; a connection is idle most of its life.
    pub fn shrink(&mut self) {
        self.replies.shrink_to(IDLE_CAPACITY);
        self.frames.shrink_to(IDLE_CAPACITY);
    }
}

impl Member {
    /// Where wake-ups arrive.
    #[must_use]
    pub fn mailbox(&self) -> &Arc<Mailbox> {
        &self.mailbox
    }

    /// Who this is; `None` for an observer.
    #[must_use]
    pub fn player(&self) -> Option<&PlayerName> {
        self.player.as_ref()
    }

    /// The room it is in.
    #[must_use]
    pub fn room_name(&self) -> &RoomName {
        &self.room.name
    }

    /// The room was removed: nothing more will come.
    #[must_use]
    pub fn is_room_removed(&self) -> bool {
        self.mailbox.is_room_removed()
    }

    /// Wants a unit; exactly one reply will be ready.
    pub fn select(&self, asset: AssetName, request_id: Option<RequestId>) {
        let Some(player) = self.player_or_refuse(request_id.clone()) else { return };
        if self.deny_from_memory(&asset, &player, request_id.as_ref()) {
            return;
        }
        let job = Job::Select(self.ask(player, request_id));
        self.arbiter.submit(&self.room, asset, job);
    }

    /// Gives a unit back; exactly one reply will be ready.
    pub fn release(&self, asset: AssetName, request_id: Option<RequestId>) {
        let Some(player) = self.player_or_refuse(request_id.clone()) else { return };
        let job = Job::Release(self.ask(player, request_id));
        self.arbiter.submit(&self.room, asset, job);
    }

    /// Wants a pong.
    pub fn pong(&self, request_id: Option<RequestId>) {
        self.mailbox.push(ServerMessage::Pong { request_id, server_time: self.arbiter.clock.now() });
    }

    /// Wants a snapshot.
    ///
    /// # Errors
    /// `RateLimited`: it got one less than a second ago, and has missed nothing since.
    pub fn sync(&mut self) -> Result<(), Refusal> {
        let now = Instant::now();
        let soon = self.synced_at.is_some_and(|at| now < at + Duration::from_millis(SYNC_PAUSE_MS));
        if soon && self.room.with(|state| state.log.reaches(self.cursor)) {
            let message = "a member gets one snapshot a second at most; the frames say what changed since";
            return Err(Refusal::new(ErrorCode::RateLimited, message));
        }
        self.synced_at = Some(now);
        self.wants_snapshot = true;
        Ok(())
    }

    /// Takes what is ready: all replies, and a bounded number of frames, or one part of a snapshot, which is made here; true
    /// if more may be ready.
    ///
    /// The log is read before the mailbox: a reply is put there before its broadcast, so a frame never
    /// overtakes the reply it belongs to.
    pub fn take(&mut self, ready: &mut Ready) -> bool {
        self.mailbox.clear_wakeup();
        if let Some(welcome) = self.first.take() {
            ready.frames.push(welcome);
            return true;
        }
        let more = match &self.reading {
            Some(_) => self.read_part(&mut ready.frames),
            None => self.read_log(&mut ready.frames),
        };
        self.mailbox.take(&mut ready.replies);
        more
    }

    fn read_log(&mut self, into: &mut Vec<Bytes>) -> bool {
        if std::mem::take(&mut self.wants_snapshot) {
            return self.begin(self.room.snapshot(self.player.as_ref()), into);
        }
        match self.room.read(self.cursor, FRAMES_PER_TURN, self.player.as_ref(), into) {
            Read::Frames(cursor) => {
                let before = std::mem::replace(&mut self.cursor, cursor);
                cursor >= before + FRAMES_PER_TURN as u64
            }
            Read::Snapshot(snapshot) => {
                self.arbiter.meters.healed_readers.increment(1);
                self.begin(snapshot, into)
            }
        }
    }

    /// The cursor is at the snapshot's place from here on, so that the log is read on from there once it was given.
    fn begin(&mut self, snapshot: Snapshot, into: &mut Vec<Bytes>) -> bool {
        self.cursor = snapshot.cursor().offset;
        self.reading = Some(snapshot);
        self.read_part(into)
    }

    fn read_part(&mut self, into: &mut Vec<Bytes>) -> bool {
        let Some(reading) = &mut self.reading else { return true };
        if let Ok(part) = reading.next_frame() {
            into.push(part);
            if reading.is_over() {
                self.reading = None;
            }
        } else {
            // The room changed too much meanwhile for the rest to be kept: another one begins with its first part.
            let snapshot = self.room.snapshot(self.player.as_ref());
            self.cursor = snapshot.cursor().offset;
            self.reading = Some(snapshot);
        }
        true
    }

    fn player_or_refuse(&self, request_id: Option<RequestId>) -> Option<PlayerName> {
        if self.player.is_none() {
            let message = "an observer cannot select or release; join with ?player=NAME";
            self.mailbox.push(ServerMessage::error(ErrorCode::Forbidden, message, request_id));
        }
        self.player.clone()
    }

    fn ask(&self, player: PlayerName, request_id: Option<RequestId>) -> Ask {
        Ask { player, request_id, mailbox: Arc::clone(&self.mailbox), since: Instant::now() }
    }

    /// Known holders always go to the store: only a present player's holdings are known for sure.
    fn deny_from_memory(&self, asset: &AssetName, player: &PlayerName, request_id: Option<&RequestId>) -> bool {
        if self.arbiter.config.sold_out_ttl.is_zero() {
            return false;
        }
        let revision = self.room.with(|state| {
            let revision = state.view.revision(asset)?;
            let known = state.presence.question(player).is_none() && !state.presence.holds(player, asset);
            (known && state.sold_out.knows(asset, revision)).then_some(revision)
        });
        let Some(revision) = revision else { return false };
        self.arbiter.meters.select(SelectOutcome::SoldOut, Duration::ZERO);
        self.mailbox.push(ServerMessage::Selection {
            request_id: request_id.cloned(),
            asset: asset.clone(),
            granted: false,
            reason: Some(SoldOut::SoldOut),
            remaining: 0,
            revision,
            already_held: false,
        });
        true
    }
}

impl Drop for Member {
    fn drop(&mut self) {
        self.mailbox.close();
        self.room.leave(self.id, self.player.as_ref());
        self.arbiter.tell_who_moved(&self.room);
    }
}
