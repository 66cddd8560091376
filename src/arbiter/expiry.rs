//! Makes the ends of grants prompt, and prolongs the grants of players who are here. No answer depends on it: every change
//! ends first what is over.

use std::sync::Arc;

use super::{
    batch::Batches,
    node::Node,
    queue::{Command, Job},
    registry::{Registry, RoomHandle},
};
use crate::model::{Millis, limits::PROLONGED_PLAYERS};

/// Milliseconds until a grant whose end the store did not confirm is tried again.
const AGAIN_MS: Millis = 1000;

pub(super) struct Expiry {
    pub(super) node: Arc<Node>,
    pub(super) rooms: Arc<Registry>,
    pub(super) batches: Arc<Batches>,
}

impl Expiry {
    /// Runs until it is dropped.
    pub(super) async fn run(self) {
        loop {
            for name in self.rooms.timers.due(&self.node.clock).await {
                if let Some(room) = self.rooms.get(&name) {
                    self.attend(&room);
                }
                tokio::task::consume_budget().await;
            }
        }
    }

    fn attend(&self, room: &RoomHandle) {
        let now = self.node.clock.now();
        let (ends, prolongs) =
            room.with(|state| (state.view.take_ends(now, now + AGAIN_MS), state.take_prolongs(now)));
        for (asset, players) in prolongs {
            for players in players.chunks(PROLONGED_PLAYERS) {
                self.batches.submit(room, asset.clone(), Job::Command(Command::Prolong(players.to_vec())));
            }
        }
        for asset in ends {
            self.batches.submit(room, asset, Job::Command(Command::Expire));
        }
    }
}
