use std::{
    sync::{Arc, atomic::Ordering::Relaxed},
    time::Duration,
};

use super::{
    Arbiter, Refusal, mailbox::Mailbox, member::Member, meters::StoreCall, refusal::JoinError,
    repair::GAP_WAIT, room::RoomHandle, snapshot,
};
use crate::model::{CloseCode, ErrorCode, PROTOCOL, PlayerName, RoomName, Welcome};

/// How long a player who joins a room that is known here waits for a store that is away.
const JOIN_PATIENCE: Duration = Duration::from_secs(1);

/// Who wants to join which room.
#[derive(Debug, Clone)]
pub struct Join {
    /// The room.
    pub room: RoomName,
    /// `None`: an observer.
    pub player: Option<PlayerName>,
    /// After a drop: how far the client got.
    pub resume: Option<Resume>,
    /// Names the connection in `welcome` and in logs.
    pub session: String,
    /// Told in `welcome`, in milliseconds.
    pub ping_interval_ms: u64,
}

/// The last room frame a client saw before a drop.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Resume {
    /// The life of the log it was from.
    pub epoch: String,
    /// Its offset.
    pub offset: u64,
}

impl Arbiter {
    /// Makes a member of a room: subscribe, then snapshot, then stream. The welcome is the first thing ready.
    ///
    /// # Errors
    /// [`JoinError`]: the room or node is full, or the store is away and there is no view of the room.
    pub async fn join(self: &Arc<Self>, join: Join) -> Result<Member, JoinError> {
        let room = self.open(&join.room).await?;
        let (id, mailbox) = (self.next_member.fetch_add(1, Relaxed), Mailbox::new());
        if room.enter(id, &mailbox, join.player.as_ref(), self.config.max_members).is_err() {
            let message =
                format!("the room has {} members, as many as --max-members allows", self.config.max_members);
            return Err(JoinError { close: CloseCode::Full, message });
        }
        // From here on it is a guard: whatever happens, the leave is announced.
        let mut member = Member {
            arbiter: Arc::clone(self),
            room,
            id,
            player: join.player.clone(),
            mailbox,
            cursor: 0,
            wants_snapshot: false,
            synced_at: None,
            reading: None,
            first: None,
        };
        self.tell_who_moved(&member.room);
        if let Some(player) = &join.player {
            self.ask_held_by(&member.room, player, JOIN_PATIENCE.min(self.config.select_deadline)).await;
        }
        member.welcome(join);
        Ok(member)
    }

    /// Subscribes to a room and reads it from the store, in this order, so that nothing falls between.
    pub(super) async fn load(self: &Arc<Self>, room: &RoomHandle) -> Result<(), Refusal> {
        if let Err(error) = self.bus.subscribe(&room.name).await {
            tracing::warn!(room = %room.name, %error, "cannot subscribe; the room learns by resync until the bus is back");
        }
        self.ask_who_is_elsewhere(room);
        let snapshot = self.read(StoreCall::Snapshot, &room.name, || self.store.snapshot(&room.name)).await?;
        let gaps = room.with(|state| {
            let mut waited = Vec::new();
            if self.frozen.contains(&room.name) {
                state.view.freeze();
            }
            state.view.load(snapshot, &mut waited);
            state.append_events(&waited);
            state.view.gaps()
        });
        for asset in gaps {
            self.repair(room, &asset, None, GAP_WAIT, false);
        }
        self.schedule_resync(room);
        Ok(())
    }
}

impl Member {
    /// Writes the welcome and sets the cursor to the log position it describes, in one step.
    fn welcome(&mut self, join: Join) {
        let epoch = self.room.epoch.clone();
        let resume = join.resume.filter(|resume| resume.epoch == epoch);
        let server_time = self.arbiter.clock.now();
        let player = self.player.as_ref();
        let (snapshot, offset) = self.room.with(|state| {
            let offset = resume.map(|resume| resume.offset).filter(|&offset| state.log.reaches(offset));
            (state.snapshot(player), offset)
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
            players: cursor.players,
            present: (!recovered).then(|| cursor.present.clone()),
            assets: (!recovered).then(|| whole.unwrap_or(snapshot::none())),
            held: (!recovered).then(|| if whole.is_some() { cursor.held.clone() } else { Vec::new() }),
        }));
        self.reading = (!recovered && whole.is_none()).then_some(snapshot);
    }
}

impl From<Refusal> for JoinError {
    fn from(refusal: Refusal) -> Self {
        let close = match refusal.code {
            ErrorCode::LimitReached => CloseCode::Full,
            _ => CloseCode::StoreAway,
        };
        Self { close, message: refusal.message }
    }
}
