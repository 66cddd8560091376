//! Runs an asset's batches one after the other: the store decides, the callers get replies, the change is broadcast.

use std::sync::Arc;

use super::{
    commands::Commands,
    node::Node,
    queue::{Batch, Job, Offer},
    refusal::Refusal,
    registry::RoomHandle,
    select::Selects,
    task::spawn_eager,
};
use crate::model::AssetName;

/// Runs the batches of every asset.
pub(super) struct Batches {
    pub(super) node: Arc<Node>,
    pub(super) selects: Selects,
    pub(super) commands: Commands,
}

impl Batches {
    /// Queues a change of an asset. If the store answers at once, the change is done when this returns. Otherwise it
    /// continues in its own task, so that a client that disconnects does not cancel a store call.
    pub(super) fn submit(self: &Arc<Self>, room: &RoomHandle, asset: AssetName, job: Job) {
        let offer = room.queues.lock().offer(&asset, job);
        match offer {
            Offer::Queued => {}
            Offer::Full(job) => job.refuse(&self.node.meters, &asset, &Refusal::store_unavailable()),
            Offer::Run(batch) => {
                if let Some(batch) = self.run_now(room, &asset, batch) {
                    spawn_eager(Arc::clone(self).run(room.clone(), asset, batch));
                }
            }
        }
    }

    /// Runs a batch if the store decides it at once. Returns the batch that comes next.
    fn run_now(&self, room: &RoomHandle, asset: &AssetName, batch: Batch) -> Option<Batch> {
        let Batch::Selects(asks) = batch else { return Some(batch) };
        let open = self.selects.run_now(room, asset, asks);
        if open.is_empty() { room.queues.lock().next(asset) } else { Some(Batch::Selects(open)) }
    }

    /// Runs a batch, and then the batches that were queued meanwhile.
    async fn run(self: Arc<Self>, room: RoomHandle, asset: AssetName, mut batch: Batch) {
        loop {
            match batch {
                Batch::Selects(asks) => self.selects.run(&room, &asset, asks).await,
                Batch::Command(command) => self.commands.run(&room, &asset, command).await,
            }
            let next = room.queues.lock().next(&asset);
            match next {
                Some(next) => batch = next,
                None => return,
            }
            tokio::task::consume_budget().await;
        }
    }
}
