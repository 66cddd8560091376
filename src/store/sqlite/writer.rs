use std::{
    panic::{AssertUnwindSafe, catch_unwind},
    sync::Arc,
    thread::{self, JoinHandle},
    time::Duration,
};

use parking_lot::Mutex;
use rusqlite::Connection;
use tokio::{
    sync::{
        mpsc::{self, error::TrySendError},
        oneshot,
    },
    time::timeout,
};

use super::{
    error::{Decided, SqliteError, broken, outcome_unknown, said, unavailable},
    group_commit::GroupCommit,
    readers::Pool,
    watch::Watch,
};
use crate::store::{Result, StoreError};

/// Maximum number of queued changes; beyond it changes fail as `Unavailable`. At 10,000 changes a second the
/// last one waits for about as long as a caller does.
const QUEUED_CHANGES: usize = 32_768;

/// Timeout of closing: queued changes are executed first, and reads and other programs are waited for.
const CLOSES_WITHIN: Duration = Duration::from_secs(10);

/// The thread that owns the only writing connection. Dropping it executes the queued changes.
pub(super) struct Writer {
    queue: Mutex<Option<mpsc::Sender<Box<dyn Change>>>>,
    watch: Arc<Watch>,
    /// Resolves when the thread has ended.
    ended: Mutex<Option<oneshot::Receiver<Result<()>>>>,
    thread: Option<JoinHandle<()>>,
}

/// A change as the writer thread sees it: run one or more times, and answered once.
pub(super) trait Change: Send {
    /// Whether a caller still waits for the answer. A change without one need not begin, because its caller
    /// retries it.
    fn wanted(&self) -> bool;

    /// Runs the change. It runs again if it was rolled back.
    ///
    /// # Errors
    /// The change must be rolled back.
    fn run(&mut self, db: &Connection) -> rusqlite::Result<()>;

    /// Answers with the result of the last run.
    fn answer(self: Box<Self>);

    /// Answers with an error.
    fn fail(self: Box<Self>, error: StoreError);
}

impl Writer {
    pub(super) fn start(group_commit: GroupCommit, watch: Arc<Watch>, readers: Arc<Pool>) -> Result<Self> {
        let (queue, waiting) = mpsc::channel(QUEUED_CHANGES);
        let (done, ended) = oneshot::channel();
        let writes = Arc::clone(&watch);
        let thread = thread::Builder::new()
            .name("sqlite-writer".to_owned())
            .spawn(move || drop(done.send(run(group_commit, waiting, &writes, &readers))))
            .map_err(|error| broken("cannot start the thread that writes", error))?;
        Ok(Self { queue: Mutex::new(Some(queue)), watch, ended: Mutex::new(Some(ended)), thread: Some(thread) })
    }

    /// Runs a change and returns once it is on disk. It may run more than once; only the last run counts.
    ///
    /// # Errors
    /// The refusal of the change; `Unavailable`: it is rolled back; `OutcomeUnknown`: its commit failed.
    pub(super) async fn change<T, F>(&self, run: F) -> Result<T>
    where
        T: Send + 'static,
        F: Fn(&Connection) -> Decided<T> + Send + 'static,
    {
        self.watch.usable()?;
        let (reply, answer) = oneshot::channel();
        self.send(Box::new(Asked { run, answer: None, reply }))?;
        answer.await.unwrap_or_else(|_| Err(outcome_unknown("the thread that writes has stopped")))
    }

    fn send(&self, change: Box<dyn Change>) -> Result<()> {
        let queue = self.queue.lock();
        let Some(queue) = &*queue else { return Err(unavailable("the file is closed")) };
        queue.try_send(change).map_err(|error| match error {
            TrySendError::Full(_) => unavailable("too many changes wait for the disk"),
            TrySendError::Closed(_) => unavailable("the thread that writes has stopped"),
        })
    }

    /// Accepts no more changes, executes the queued ones and closes the file.
    ///
    /// # Errors
    /// Why the file does not contain everything.
    pub(super) async fn close(&self) -> Result<()> {
        drop(self.queue.lock().take());
        let Some(ended) = self.ended.lock().take() else { return Err(unavailable("the file is closed")) };
        match timeout(CLOSES_WITHIN, ended).await {
            Ok(ended) => ended.unwrap_or_else(|_| Err(unavailable("the thread that writes has stopped"))),
            Err(_) => {
                Err(unavailable("the disk does not answer; what was answered is in the file and its log"))
            }
        }
    }
}

/// The thread's main function. It reports a panic.
fn run(
    group_commit: GroupCommit,
    waiting: mpsc::Receiver<Box<dyn Change>>,
    watch: &Watch,
    readers: &Pool,
) -> Result<()> {
    let ended = catch_unwind(AssertUnwindSafe(|| group_commit.run(waiting, readers))).unwrap_or_else(|panic| {
        let why = format!("the thread that writes has panicked: {}", said(&*panic));
        watch.fail(Some(why.clone()));
        readers.close(Duration::ZERO);
        Err(unavailable(why))
    });
    watch.close();
    ended
}

impl Drop for Writer {
    fn drop(&mut self) {
        drop(self.queue.lock().take());
        // A panicked thread has reported it, and nothing is left to finish.
        drop(self.thread.take().map(JoinHandle::join));
    }
}

struct Asked<T, F> {
    run: F,
    answer: Option<Result<T>>,
    reply: oneshot::Sender<Result<T>>,
}

impl<T, F> Change for Asked<T, F>
where
    T: Send,
    F: Fn(&Connection) -> Decided<T> + Send,
{
    fn wanted(&self) -> bool {
        !self.reply.is_closed()
    }

    fn run(&mut self, db: &Connection) -> rusqlite::Result<()> {
        let answer = match (self.run)(db) {
            Ok(answer) => Ok(answer),
            Err(SqliteError::Refused(error)) => Err(error),
            Err(SqliteError::Broken(error)) => return Err(error),
        };
        self.answer = Some(answer);
        Ok(())
    }

    fn answer(self: Box<Self>) {
        let answer = self.answer.unwrap_or_else(|| Err(unavailable("the change did not run")));
        // If the receiver is gone, the caller retries the call, and the retry gets the answer.
        drop(self.reply.send(answer));
    }

    fn fail(self: Box<Self>, error: StoreError) {
        drop(self.reply.send(Err(error)));
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::store::{Options, Store, StoreErrorKind, sqlite::SqliteStore};

    fn open(folder: &tempfile::TempDir, grace: Duration) -> SqliteStore {
        let url = format!("sqlite:{}", folder.path().join("game.db").display());
        SqliteStore::open(
            &url,
            Options { room_ttl: None, max_assets: None, events_backlog: None, history: None },
            grace,
        )
        .unwrap()
    }

    /// A change that panics where the thread expects no panic.
    struct Bomb;

    impl Change for Bomb {
        fn wanted(&self) -> bool {
            true
        }

        fn run(&mut self, _: &Connection) -> rusqlite::Result<()> {
            Ok(())
        }

        fn answer(self: Box<Self>) {
            panic!("planted")
        }

        fn fail(self: Box<Self>, _: StoreError) {}
    }

    #[tokio::test]
    async fn a_panic_in_a_change_undoes_only_that_change() {
        let folder = tempfile::tempdir().unwrap();
        let store = open(&folder, Duration::ZERO);
        let planted = |db: &Connection| {
            db.execute("UPDATE probe SET writes = 77", [])?;
            if db.is_autocommit() { Ok(()) } else { panic!("planted") }
        };
        let (error, ping) = tokio::join!(store.writer.change(planted), store.ping());
        let error = error.unwrap_err();
        assert_eq!(error.kind(), StoreErrorKind::Unavailable);
        assert!(error.message().contains("panicked: planted"), "{error}");
        ping.unwrap();
        let writes =
            |db: &Connection| Ok(db.query_row("SELECT writes FROM probe", [], |row| row.get::<_, u32>(0))?);
        assert_eq!(store.writer.change(writes).await.unwrap(), 1);
        store.status().unwrap();
        store.close().await.unwrap();
    }

    #[tokio::test]
    async fn a_panic_in_a_read_costs_no_connection() {
        let folder = tempfile::tempdir().unwrap();
        let store = open(&folder, Duration::ZERO);
        for _ in 0..10 {
            let read = store.readers.read(|db| if db.is_autocommit() { Ok(()) } else { panic!("planted") });
            assert_eq!(read.await.unwrap_err().kind(), StoreErrorKind::Unavailable);
        }
        store.readers.read(|_| Ok(())).await.unwrap();
        store.close().await.unwrap();
    }

    #[tokio::test]
    async fn a_thread_that_panics_is_told_and_nobody_waits_for_it() {
        let folder = tempfile::tempdir().unwrap();
        let store = open(&folder, Duration::ZERO);
        store.writer.send(Box::new(Bomb)).unwrap();
        let failed = timeout(Duration::from_secs(5), store.failed()).await.unwrap();
        assert!(failed.message().contains("panicked: planted"), "{failed}");
        let refused = timeout(Duration::from_secs(1), store.ping()).await.unwrap();
        assert_eq!(refused.unwrap_err().kind(), StoreErrorKind::Unavailable);
        assert!(store.status().unwrap_err().message().contains("planted"));
        assert!(store.close().await.unwrap_err().message().contains("planted"));
    }

    #[tokio::test]
    async fn a_file_that_stays_away_ends_the_process() {
        let folder = tempfile::tempdir().unwrap();
        let store = open(&folder, Duration::ZERO);
        assert!(timeout(Duration::from_millis(50), store.failed()).await.is_err(), "not yet");
        std::fs::remove_file(folder.path().join("game.db")).unwrap();
        let failed = timeout(Duration::from_secs(5), store.failed()).await.unwrap();
        assert!(failed.message().contains("game.db is gone"), "{failed}");
    }
}
