use std::thread::{self, JoinHandle};

use rusqlite::Connection;
use tokio::sync::{
    mpsc::{self, error::TrySendError},
    oneshot,
};

use super::{
    desk::Desk,
    failure::{Decided, Failure, broken, outcome_unknown, unavailable},
    file::Claim,
};
use crate::store::{Result, StoreError};

/// Changes that wait for the writer; beyond it the caller is told `Unavailable`. At 10,000 changes a second the
/// last of them waits for about as long as a caller does.
const QUEUED_CHANGES: usize = 32_768;

/// The thread that owns the only connection that writes. Dropping it finishes what is queued.
pub(super) struct Writer {
    queue: Option<mpsc::Sender<Box<dyn Change>>>,
    thread: Option<JoinHandle<()>>,
}

/// One change as the thread sees it: runs, undone or not, and is answered once.
pub(super) trait Change: Send {
    /// Whether anyone still waits for the answer. What nobody waits for need not begin: its caller repeats it.
    fn wanted(&self) -> bool;

    /// Runs it, again if it was undone.
    ///
    /// # Errors
    /// It must be undone.
    fn run(&mut self, db: &Connection) -> rusqlite::Result<()>;

    /// Tells what the last run came to.
    fn answer(self: Box<Self>);

    /// Tells that it came to nothing.
    fn fail(self: Box<Self>, error: StoreError);
}

impl Writer {
    pub(super) fn start(connection: Connection, claim: Claim) -> Result<Self> {
        let (queue, waiting) = mpsc::channel(QUEUED_CHANGES);
        let desk = Desk::new(connection).map_err(|error| broken("cannot watch the log of changes", error))?;
        let thread = thread::Builder::new()
            .name("sqlite-writer".to_owned())
            .spawn(move || {
                desk.serve(waiting);
                // The file stays ours until its connection is closed.
                drop(claim);
            })
            .map_err(|error| broken("cannot start the thread that writes", error))?;
        Ok(Self { queue: Some(queue), thread: Some(thread) })
    }

    /// Runs a change and answers once it is on disk. It may run more than once; only the last time counts.
    ///
    /// # Errors
    /// What the change refused; `Unavailable`: it is undone; `OutcomeUnknown`: its commit failed.
    pub(super) async fn change<T, F>(&self, run: F) -> Result<T>
    where
        T: Send + 'static,
        F: Fn(&Connection) -> Decided<T> + Send + 'static,
    {
        let (reply, answer) = oneshot::channel();
        let change = Box::new(Asked { run, answer: None, reply });
        let Some(queue) = &self.queue else { return Err(stopped()) };
        queue.try_send(change).map_err(|error| match error {
            TrySendError::Full(_) => unavailable("too many changes wait for the disk"),
            TrySendError::Closed(_) => stopped(),
        })?;
        answer.await.unwrap_or_else(|_| Err(outcome_unknown("the thread that writes has stopped")))
    }
}

impl Drop for Writer {
    fn drop(&mut self) {
        self.queue = None;
        // A thread that panicked said so; there is nothing left to finish.
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
            Err(Failure::Refused(error)) => Err(error),
            Err(Failure::Broken(error)) => return Err(error),
        };
        self.answer = Some(answer);
        Ok(())
    }

    fn answer(self: Box<Self>) {
        let answer = self.answer.unwrap_or_else(|| Err(unavailable("the change did not run")));
        // Whoever stopped waiting repeats the call and learns the answer then.
        drop(self.reply.send(answer));
    }

    fn fail(self: Box<Self>, error: StoreError) {
        drop(self.reply.send(Err(error)));
    }
}

fn stopped() -> StoreError {
    unavailable("the thread that writes has stopped")
}
