//! Makes a connection a member of a room: subscribe, then snapshot, then stream.

use std::{sync::Arc, time::Duration};

use super::{
    batch::Batches,
    heartbeat::Heartbeats,
    mailbox::Mailbox,
    member::{Join, Member},
    node::Node,
    refusal::JoinError,
    repair::Repair,
    rooms::Rooms,
    same_player::{SamePlayers, duplicate},
};
use crate::{bus::GivenName, model::CloseCode};

/// How long a player who joins an active room waits for an unreachable store.
const JOIN_PATIENCE: Duration = Duration::from_secs(1);

pub(super) struct Joins {
    node: Arc<Node>,
    rooms: Arc<Rooms>,
    repair: Arc<Repair>,
    batches: Arc<Batches>,
    heartbeats: Arc<Heartbeats>,
    same_players: Arc<SamePlayers>,
}

impl Joins {
    pub(super) fn new(
        node: Arc<Node>,
        rooms: Arc<Rooms>,
        repair: Arc<Repair>,
        batches: Arc<Batches>,
        heartbeats: Arc<Heartbeats>,
        same_players: Arc<SamePlayers>,
    ) -> Self {
        Self { node, rooms, repair, batches, heartbeats, same_players }
    }

    /// Makes a member. Its first frame is the welcome.
    ///
    /// # Errors
    /// [`JoinError`]: the room or node is full, the player is connected already and must not be, or the store is
    /// unreachable and there is no view of the room.
    pub(super) async fn join(&self, join: Join) -> Result<Member, JoinError> {
        let room = self.rooms.open(&join.room).await?;
        if join.player.as_ref().is_some_and(|player| self.same_players.refuses(&room, player)) {
            return Err(duplicate());
        }
        let mailbox = Mailbox::new();
        let config = &self.node.config;
        let given = join.display_name.clone().map(|name| GivenName { at: self.node.clock.now(), name });
        let Ok(id) = room.enter(&mailbox, join.player.as_ref(), given, config.max_members) else {
            let message =
                format!("the room has {} members, as many as --max-members allows", config.max_members);
            return Err(JoinError { close: CloseCode::Full, message });
        };
        let (batches, heartbeats) = (Arc::clone(&self.batches), Arc::clone(&self.heartbeats));
        // From now on, dropping the member announces that the player left.
        let mut member = Member::new(batches, heartbeats, room, id, join.player.clone(), mailbox);
        self.heartbeats.announce_change(member.room());
        if let Some(player) = &join.player {
            self.same_players.joined(member.room(), id, player)?;
            let patience = JOIN_PATIENCE.min(config.select_deadline);
            self.repair.load_holdings_of(member.room(), player, patience).await;
        }
        member.welcome(join);
        Ok(member)
    }
}
