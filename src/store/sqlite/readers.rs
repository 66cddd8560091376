use std::{path::Path, sync::Arc};

use parking_lot::Mutex;
use rusqlite::Connection;
use tokio::{sync::Semaphore, task::spawn_blocking};

use super::{
    failure::{Decided, Failure, broken, unavailable},
    schema,
};
use crate::store::Result;

/// Reads at once: as many as a small machine has cores; more would only take turns on them.
const READERS: usize = 4;

/// Reads that wait for their turn or have it; beyond it the caller is told `Unavailable`. At 10,000 a second
/// the last of them waits for less than a second.
const WAITING_READS: usize = 8192;

/// Connections that only read, beside the one that writes.
///
/// Each read is a transaction of its own, begun after the call came in. So it sees every commit that was
/// answered before, and nothing that is not committed.
pub(super) struct Readers {
    idle: Arc<Mutex<Vec<Connection>>>,
    turns: Arc<Semaphore>,
    waiting: Arc<Semaphore>,
}

impl Readers {
    pub(super) fn open(path: &Path) -> Result<Self> {
        let idle = (0..READERS).map(|_| schema::open_to_read(path)).collect::<Result<_>>()?;
        Ok(Self {
            idle: Arc::new(Mutex::new(idle)),
            turns: Arc::new(Semaphore::new(READERS)),
            waiting: Arc::new(Semaphore::new(WAITING_READS)),
        })
    }

    /// Runs a read on a thread that may block.
    ///
    /// # Errors
    /// What the read refused; `Unavailable`.
    pub(super) async fn read<T, F>(&self, look: F) -> Result<T>
    where
        T: Send + 'static,
        F: FnOnce(&Connection) -> Decided<T> + Send + 'static,
    {
        let waits = Arc::clone(&self.waiting).try_acquire_owned();
        let waits = waits.map_err(|_| unavailable("too many reads wait for the disk"))?;
        let turn = Arc::clone(&self.turns).acquire_owned().await;
        let idle = Arc::clone(&self.idle);
        let reading = spawn_blocking(move || {
            // A caller that goes away leaves the read running, so the turn ends here.
            let _held = (waits, turn);
            let db = idle.lock().pop().ok_or_else(|| unavailable("no connection is left to read with"))?;
            let answer = in_one_snapshot(&db, look);
            idle.lock().push(db);
            answer
        });
        reading.await.unwrap_or_else(|error| Err(broken("the read did not end", error)))
    }
}

fn in_one_snapshot<T>(db: &Connection, look: impl FnOnce(&Connection) -> Decided<T>) -> Result<T> {
    let answer = match db.unchecked_transaction() {
        Ok(transaction) => look(&transaction),
        Err(error) => Err(Failure::Broken(error)),
    };
    answer.map_err(|failure| match failure {
        Failure::Refused(error) => error,
        Failure::Broken(error) => broken("the file could not be read", error),
    })
}
