use std::sync::Arc;

use parking_lot::Mutex;
use tokio::sync::Notify;
use tokio_util::task::AbortOnDropHandle;

use super::{history, pool::Pool, reads::Holders, rooms, row::Cells};
use crate::{model::Millis, store::Result};

/// Deletes, in the background, expired rooms, the holders of ended incarnations and old events. If it stops early,
/// because the process ends or the database is unreachable, a later sweep does the rest.
pub(super) struct Sweeper {
    work: Arc<Work>,
    _task: AbortOnDropHandle<()>,
}

#[derive(Default)]
struct Work {
    news: Notify,
    /// Rooms last noted at or before this time expire.
    expire: Mutex<Option<Millis>>,
    /// Events of histories that happened at or before this time are deleted.
    too_old: Mutex<Option<Millis>>,
}

/// Maximum number of incarnations read at once.
const LIVES_AT_ONCE: usize = 64;

/// Maximum number of holders deleted in one transaction: few enough that no call waits for it.
const HOLDERS_AT_ONCE: u64 = 1000;

impl Sweeper {
    /// Starts with the leftovers of other processes.
    pub(super) fn start(pool: Arc<Pool>) -> Self {
        let work = Arc::<Work>::default();
        work.news.notify_one();
        let task = AbortOnDropHandle::new(tokio::spawn(sweep(pool, Arc::clone(&work))));
        Self { work, _task: task }
    }

    /// Wakes the task after an incarnation ended.
    pub(super) fn leftovers(&self) {
        self.work.news.notify_one();
    }

    /// Lets rooms expire that were last noted at or before `before`.
    pub(super) fn expire(&self, before: Millis) {
        *self.work.expire.lock() = Some(before);
        self.work.news.notify_one();
    }

    /// Deletes the events of histories that happened at or before `too_old`.
    pub(super) fn delete_history(&self, too_old: Millis) {
        *self.work.too_old.lock() = Some(too_old);
        self.work.news.notify_one();
    }
}

async fn sweep(pool: Arc<Pool>, work: Arc<Work>) {
    loop {
        work.news.notified().await;
        let (before, too_old) = (work.expire.lock().take(), work.too_old.lock().take());
        if let Err(error) = sweep_once(&pool, before, too_old).await {
            tracing::debug!(%error, "what is left over stays until something else goes");
        }
    }
}

async fn sweep_once(pool: &Pool, before: Option<Millis>, too_old: Option<Millis>) -> Result<()> {
    if let Some(too_old) = too_old {
        history::delete_old(pool, too_old).await?;
    }
    if let Some(before) = before {
        rooms::expire(pool, before).await?;
    }
    loop {
        let lives = format!("SELECT origin, creation FROM asset_arbiter_leftovers LIMIT {LIVES_AT_ONCE}");
        let lives = pool.read(&lives).await?;
        if lives.is_empty() {
            return Ok(());
        }
        for row in lives {
            let mut cells = Cells::of(row);
            clear(pool, cells.number("origin")?, cells.number("creation")?).await?;
        }
    }
}

/// Deletes the holders of an incarnation in batches, and then its record.
async fn clear(pool: &Pool, origin: u64, creation: u64) -> Result<()> {
    let life = format!("origin = {origin} AND creation = {creation}");
    for holders in Holders::ALL {
        let some = format!("DELETE FROM {} WHERE {life} LIMIT {HOLDERS_AT_ONCE}", holders.table());
        while delete(pool, &some).await? == HOLDERS_AT_ONCE {}
    }
    delete(pool, &format!("DELETE FROM asset_arbiter_leftovers WHERE {life}")).await.map(|_| ())
}

async fn delete(pool: &Pool, statement: &str) -> Result<u64> {
    let mut conn = pool.checkout().await?;
    let answers = conn.ask(statement).await?;
    Ok(answers.first().map_or(0, |answer| answer.affected))
}
