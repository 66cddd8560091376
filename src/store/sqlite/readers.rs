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

/// Maximum number of concurrent reads: as many as a small machine has cores, because more would only compete
/// for them.
const READERS: usize = 4;

/// Maximum number of reads that run or wait; beyond it reads fail as `Unavailable`. At 10,000 reads a second
/// the last one waits for less than a second.
const WAITING_READS: usize = 8192;

/// A pool of read-only connections, beside the one that writes.
///
/// Each read is a transaction of its own that begins after the call arrived. So it sees every commit that was
/// answered before, and no uncommitted change.
pub(super) struct Readers {
    pool: Arc<Pool>,
    watch: Arc<Watch>,
    turns: Arc<Semaphore>,
    waiting: Arc<Semaphore>,
}

/// The connections. A lent connection is returned even if the read panics.
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

/// `None` only during drop.
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

    /// The pool, for closing the file.
    pub(super) fn pool(&self) -> Arc<Pool> {
        Arc::clone(&self.pool)
    }

    /// Runs a read on a blocking thread.
    ///
    /// # Errors
    /// The refusal of the read; `Unavailable`.
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
            // The permits move into the read, because the read continues when its caller is cancelled.
            let _held = (waits, operation);
            let answer = pool.lend(|db| in_one_snapshot(db, look))??;
            // Do not answer from a file that has been replaced.
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

    /// Closes the connections: running reads may finish, new ones are refused. Returns whether all are closed.
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
        // A connection that is not returned to the pool is closed before `close` is notified.
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
