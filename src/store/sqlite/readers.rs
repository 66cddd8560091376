use std::{
    path::Path,
    sync::Arc,
    time::{Duration, Instant},
};

use parking_lot::{Condvar, Mutex};
use rusqlite::Connection;
use tokio::{sync::Semaphore, task::spawn_blocking};

use super::{
    error::{Decided, SqliteError, broken, unavailable},
    schema,
    watch::Watch,
};
use crate::store::Result;

/// Reads at once: as many as a small machine has cores; more would only take turns on them.
const READERS: usize = 4;

/// Reads that wait for their operation or have it; beyond it the caller is told `Unavailable`. At 10,000 a second
/// the last of them waits for less than a second.
const WAITING_READS: usize = 8192;

/// Connections that only read, beside the one that writes.
///
/// Each read is a transaction of its own, begun after the call came in. So it sees every commit that was
/// answered before, and nothing that is not committed.
pub(super) struct Readers {
    pool: Arc<Pool>,
    watch: Arc<Watch>,
    turns: Arc<Semaphore>,
    waiting: Arc<Semaphore>,
}

/// The connections. A connection that is lent comes back also when the read panics.
#[derive(Default)]
pub(super) struct Pool {
    state: Mutex<State>,
    returned: Condvar,
}

#[derive(Default)]
struct State {
    idle: Vec<Connection>,
    lent: usize,
    closed: bool,
}

/// `None` only while it is dropped.
struct Lent<'a>(&'a Pool, Option<Connection>);

impl Readers {
    pub(super) fn open(path: &Path, watch: Arc<Watch>) -> Result<Self> {
        let idle = (0..READERS).map(|_| schema::open_to_read(path)).collect::<Result<_>>()?;
        let state = Mutex::new(State { idle, lent: 0, closed: false });
        Ok(Self {
            pool: Arc::new(Pool { state, returned: Condvar::new() }),
            watch,
            turns: Arc::new(Semaphore::new(READERS)),
            waiting: Arc::new(Semaphore::new(WAITING_READS)),
        })
    }

    /// For whoever closes the file.
    pub(super) fn pool(&self) -> Arc<Pool> {
        Arc::clone(&self.pool)
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
        self.watch.usable()?;
        let waits = Arc::clone(&self.waiting).try_acquire_owned();
        let waits = waits.map_err(|_| unavailable("too many reads wait for the disk"))?;
        let operation = Arc::clone(&self.turns).acquire_owned().await;
        let (pool, watch) = (Arc::clone(&self.pool), Arc::clone(&self.watch));
        let reading = spawn_blocking(move || {
            // A caller that goes away leaves the read running, so the operation ends here.
            let _held = (waits, operation);
            let answer = pool.lend(|db| in_one_snapshot(db, look))??;
            // Not from a file that is not the one of that name any more.
            watch.check()?;
            Ok(answer)
        });
        reading.await.unwrap_or_else(|error| Err(broken("the read did not end", error)))
    }
}

impl Pool {
    fn lend<T>(&self, read: impl FnOnce(&Connection) -> T) -> Result<T> {
        let lent = {
            let mut state = self.state.lock();
            if state.closed {
                return Err(unavailable("the file is closed"));
            }
            let db = state.idle.pop().ok_or_else(|| unavailable("no connection is left to read with"))?;
            state.lent += 1;
            Lent(self, Some(db))
        };
        lent.1.as_ref().map(read).ok_or_else(|| unavailable("no connection is left to read with"))
    }

    /// Lets reads end that have begun, no others begin, and closes the connections. Whether all are closed.
    pub(super) fn close(&self, within: Duration) -> bool {
        let until = Instant::now() + within;
        let mut state = self.state.lock();
        state.closed = true;
        state.idle.clear();
        while state.lent > 0 && !self.returned.wait_until(&mut state, until).timed_out() {}
        state.lent == 0
    }
}

impl Drop for Lent<'_> {
    fn drop(&mut self) {
        let mut state = self.0.state.lock();
        state.lent -= 1;
        if !state.closed {
            state.idle.extend(self.1.take());
        }
        // A connection that does not come back is closed before whoever waits for that goes on.
        drop(self.1.take());
        self.0.returned.notify_all();
    }
}

fn in_one_snapshot<T>(db: &Connection, look: impl FnOnce(&Connection) -> Decided<T>) -> Result<T> {
    let answer = match db.unchecked_transaction() {
        Ok(transaction) => look(&transaction),
        Err(error) => Err(SqliteError::Broken(error)),
    };
    answer.map_err(|error| match error {
        SqliteError::Refused(error) => error,
        SqliteError::Broken(error) => broken(format!("the file could not be read: {error}"), error),
    })
}
