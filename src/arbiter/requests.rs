//! Requests of callers that are no members.

use std::sync::Arc;

use tokio::{sync::oneshot, time::Instant};

use super::{
    batch::Batches,
    mailbox::Once,
    queue::{Answer, Ask, Command, Job},
    refusal::Refusal,
    rooms::Rooms,
};
use crate::model::{AssetName, By, EndReason, PlayerName, RoomName, ServerMessage, TraceParent};

pub(super) struct Requests {
    rooms: Arc<Rooms>,
    batches: Arc<Batches>,
}

impl Requests {
    pub(super) fn new(rooms: Arc<Rooms>, batches: Arc<Batches>) -> Self {
        Self { rooms, batches }
    }

    /// Selects on behalf of a player. `parent` is the caller's span.
    pub(super) async fn select(
        &self,
        room: &RoomName,
        asset: &AssetName,
        player: &PlayerName,
        by: Option<By>,
        parent: Option<TraceParent>,
    ) -> ServerMessage {
        let spans = &self.rooms.node.config.spans;
        let select = |ask: Ask| Job::Select(Ask { trace: spans.begin(room, parent), ..ask });
        self.ask(room, asset, (player, by), select).await
    }

    /// Releases on behalf of a player.
    pub(super) async fn release(
        &self,
        room: &RoomName,
        asset: &AssetName,
        player: &PlayerName,
        (reason, by): (EndReason, Option<By>),
    ) -> ServerMessage {
        self.ask(room, asset, (player, by), |ask| Job::Command(Command::Release(ask, reason))).await
    }

    /// Confirms a hold on behalf of a player.
    pub(super) async fn confirm(
        &self,
        room: &RoomName,
        asset: &AssetName,
        player: &PlayerName,
        retake: bool,
        by: Option<By>,
    ) -> ServerMessage {
        self.ask(room, asset, (player, by), |ask| Job::Command(Command::Confirm(ask, retake))).await
    }

    /// Extends a hold on behalf of a player.
    pub(super) async fn extend(
        &self,
        room: &RoomName,
        asset: &AssetName,
        player: &PlayerName,
        by: Option<By>,
    ) -> ServerMessage {
        self.ask(room, asset, (player, by), |ask| Job::Command(Command::Extend(ask))).await
    }

    async fn ask(
        &self,
        room: &RoomName,
        asset: &AssetName,
        (player, by): (&PlayerName, Option<By>),
        job: impl FnOnce(Ask) -> Job,
    ) -> ServerMessage {
        let may_create = self.rooms.node.config.new_asset(asset).is_some();
        let room = match self.rooms.open_for_change(room, asset, may_create).await {
            Ok(room) => room,
            Err(refusal) => {
                let temporary = refusal.temporary();
                let Refusal { code, message, .. } = refusal;
                return ServerMessage::Error { code, message, request_id: None, temporary };
            }
        };
        let once = Once::new();
        let mailbox = Arc::clone(&once.0);
        let ask =
            Ask { player: player.clone(), request_id: None, mailbox, since: Instant::now(), by, trace: None };
        self.batches.submit(&room, asset.clone(), job(ask));
        once.reply().await
    }

    /// Makes an operator's change.
    pub(super) async fn command<T>(
        &self,
        room: &RoomName,
        asset: &AssetName,
        (may_create, by): (bool, Option<By>),
        command: impl FnOnce(Answer<T>) -> Command,
    ) -> Result<T, Refusal> {
        let (sender, receiver) = oneshot::channel();
        let command = command(Answer { sender, since: Instant::now(), by });
        let room = self.rooms.open_for_change(room, asset, may_create).await?;
        self.batches.submit(&room, asset.clone(), Job::Command(command));
        receiver.await.unwrap_or_else(|_| Err(Refusal::outcome_unknown()))
    }
}
