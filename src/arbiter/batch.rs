//! Runs an asset's batches one after the other: the store decides, the callers get replies, the change is broadcast.

use std::sync::Arc;

use super::{
    commands::Commands,
    node::Node,
    outbox::Outbox,
    queue::{Batch, Command, Job, Offer},
    refusal::Refusal,
    registry::RoomHandle,
    select::Selects,
    skew::Skew,
    task::spawn_eager,
};
use crate::model::{AssetName, AssetState};

/// Runs the batches of every asset.
pub(super) struct Batches {
    pub(super) node: Arc<Node>,
    selects: Selects,
    commands: Commands,
    skew: Arc<Skew>,
    outbox: Arc<Outbox>,
}

impl Batches {
    pub(super) fn new(
        node: Arc<Node>,
        selects: Selects,
        commands: Commands,
        skew: Arc<Skew>,
        outbox: Arc<Outbox>,
    ) -> Arc<Self> {
        Arc::new(Self { node, selects, commands, skew, outbox })
    }

    /// Queues a change of an asset. If the store answers at once, the change is done when this returns. Otherwise it
    /// continues in its own task, so that a client that disconnects does not cancel a store call.
    pub(super) fn submit(self: &Arc<Self>, room: &RoomHandle, asset: AssetName, job: Job) {
        if self.skew.is_too_large() && self.has_deadlines(room, &asset, &job) {
            return job.refuse(&self.node.meters, &asset, &self.skew.refusal());
        }
        if let Job::Select(ask) = &job {
            room.selects.count(self.node.clock.at(ask.since));
        }
        let offer = room.queues.lock().offer(&asset, job);
        match offer {
            Offer::Queued => {}
            Offer::Full(job) => {
                self.node.meters.queue_full.increment(1);
                job.refuse(&self.node.meters, &asset, &Refusal::store_unavailable());
            }
            Offer::Run(job) => {
                if let Some(batch) = self.run_now(room, &asset, job) {
                    spawn_eager(Arc::clone(self).run(room.clone(), asset, batch));
                }
            }
        }
    }

    /// Whether grants of the asset end, or would if the job created it.
    fn has_deadlines(&self, room: &RoomHandle, asset: &AssetName, job: &Job) -> bool {
        let is_timed = |known: &AssetState| known.terms.is_some();
        let template = || self.node.config.new_asset(asset).is_some_and(|new| !new.options.is_none());
        match job {
            Job::Command(Command::Create(new, _)) => !new.options.is_none(),
            _ => room.read(|state| state.view.get(asset).map(is_timed)).unwrap_or_else(template),
        }
    }

    /// Runs a job if the store decides it at once. Returns the batch that comes next.
    fn run_now(&self, room: &RoomHandle, asset: &AssetName, job: Job) -> Option<Batch> {
        let ask = match job {
            Job::Select(ask) => ask,
            Job::Command(command) => return Some(Batch::Command(command)),
        };
        let open = self.selects.run_now(room, asset, ask);
        self.outbox.changed(&room.name);
        open.map(|ask| Batch::Selects(vec![ask])).or_else(|| room.queues.lock().next(asset))
    }

    /// Runs a batch, and then the batches that were queued meanwhile.
    async fn run(self: Arc<Self>, room: RoomHandle, asset: AssetName, mut batch: Batch) {
        loop {
            match (self.outbox.announce(&room).await, batch) {
                (Err(refusal), batch) => batch.refuse(&self.node.meters, &asset, &refusal),
                (Ok(()), Batch::Selects(asks)) => self.selects.run(&room, &asset, asks).await,
                (Ok(()), Batch::Command(command)) => self.commands.run(&room, &asset, command).await,
            }
            self.outbox.changed(&room.name);
            let next = room.queues.lock().next(&asset);
            match next {
                Some(next) => batch = next,
                None => return,
            }
            tokio::task::consume_budget().await;
        }
    }
}
