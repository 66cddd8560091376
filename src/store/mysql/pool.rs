use std::{mem, sync::Arc, time::Duration};

use mysql_async::{Conn, Row};
use parking_lot::Mutex;
use tokio::{
    sync::Semaphore,
    time::{Instant, timeout},
};

use super::{
    entry::Entry,
    lease::{Answer, Lease, close},
    target::UrlOptions,
    trouble::{Asked, Trouble},
    writes::BEGIN,
};
use crate::store::Result;

/// The connections there are, made when they are needed.
pub(super) struct Pool {
    entry: Entry,
    size: usize,
    permits: Arc<Semaphore>,
    state: Mutex<State>,
    /// How long an answer or a free connection is waited for.
    pub(super) patience: Duration,
}

#[derive(Default)]
struct State {
    /// The one used last at the end, and used first, so that those that are too many grow old.
    idle: Vec<Idle>,
    /// The last attempt to connect failed.
    shut: Option<Shut>,
}

struct Idle {
    conn: Conn,
    since: Instant,
}

/// Until then nobody tries to connect, and everybody is told why.
struct Shut {
    until: Instant,
    pause: Duration,
    why: String,
    hopeless: bool,
}

/// A connection that nobody used for so long is closed: well before the server would.
const IDLE: Duration = Duration::from_secs(5);

/// How long the server keeps a connection on which nothing comes, and what is locked by it: a client that is gone
/// without a word.
pub(super) const SERVER_WAITS: Duration = Duration::from_secs(10);

/// What follows, up to a COMMIT, sees what is committed now and nothing later.
pub(super) const SNAPSHOT: &str =
    "SET TRANSACTION ISOLATION LEVEL REPEATABLE READ; START TRANSACTION WITH CONSISTENT SNAPSHOT";

/// Pauses between attempts to connect double from the first to the longest, with jitter.
const FIRST_PAUSE: Duration = Duration::from_millis(20);
const LONGEST_PAUSE: Duration = Duration::from_millis(500);

impl Pool {
    pub(super) fn new(entry: Entry, options: &UrlOptions) -> Self {
        let (size, patience) = (options.pool, options.statement_timeout);
        Self { entry, size, permits: Arc::new(Semaphore::new(size)), state: Mutex::default(), patience }
    }

    /// Takes a connection, or makes one.
    pub(super) async fn lease(self: &Arc<Self>) -> Asked<Lease> {
        let busy = || format!("all {} connections were busy for {:?}: raise ?pool=N", self.size, self.patience);
        let permit = timeout(self.patience, Arc::clone(&self.permits).acquire_owned())
            .await
            .map_err(|_| Trouble::away(busy()))?;
        let permit = permit.map_err(|_| Trouble::away("the store is closed"))?;
        if let Some(conn) = self.take() {
            return Ok(Lease::new(conn, Arc::clone(self), true, permit));
        }
        Ok(Lease::new(self.connect().await?, Arc::clone(self), false, permit))
    }

    /// The rows of one statement that only looks something up.
    pub(super) async fn read(self: &Arc<Self>, statement: &str) -> Result<Vec<Row>> {
        let (answers, _) = self.ask_again(statement).await?;
        Ok(answers.into_iter().flat_map(|answer| answer.rows).collect())
    }

    /// The rows of each of several statements in a transaction, of which the first locks what it reads, and the connection
    /// on which it goes on.
    pub(super) async fn locked(self: &Arc<Self>, statements: &[String]) -> Asked<(Vec<Vec<Row>>, Lease)> {
        let [first, others @ ..] = statements else { return Err(Trouble::away("nothing was asked")) };
        let packet = [&[BEGIN.to_owned(), format!("{first} FOR UPDATE")], others].concat().join("; ");
        let mut lease = self.lease().await?;
        let answers = lease.begin(&packet).await?.into_iter().skip(1);
        Ok((answers.map(|answer| answer.rows).collect(), lease))
    }

    /// The rows of each of several statements, all as of one moment; and the connection, for who goes on with it.
    pub(super) async fn snapshot(self: &Arc<Self>, statements: &[String]) -> Result<(Vec<Vec<Row>>, Lease)> {
        let packet = format!("{SNAPSHOT}; {}; COMMIT", statements.join("; "));
        let (answers, lease) = self.ask_again(&packet).await?;
        let answers = answers.into_iter().skip(SNAPSHOT.split("; ").count()).take(statements.len());
        Ok((answers.map(|answer| answer.rows).collect(), lease))
    }

    /// Asks once more if the connection broke, as one does that nobody used for long.
    async fn ask_again(self: &Arc<Self>, packet: &str) -> Asked<(Vec<Answer>, Lease)> {
        let mut lease = self.lease().await?;
        let mut answers = lease.ask(packet).await;
        if lease.is_used && matches!(answers, Err(Trouble::Lost(_))) {
            drop(lease);
            lease = self.lease().await?;
            answers = lease.ask(packet).await;
        }
        Ok((answers?, lease))
    }

    pub(super) fn give_back(&self, conn: Conn) {
        self.state.lock().idle.push(Idle { conn, since: Instant::now() });
    }

    /// Closes what nobody uses right now.
    pub(super) fn forget_idle(&self) {
        let idle = mem::take(&mut self.state.lock().idle);
        idle.into_iter().for_each(|idle| close(idle.conn));
    }

    fn take(&self) -> Option<Conn> {
        let mut state = self.state.lock();
        let young = state.idle.partition_point(|idle| idle.since.elapsed() > IDLE);
        let old: Vec<_> = state.idle.drain(..young).collect();
        let newest = state.idle.pop();
        drop(state);
        old.into_iter().for_each(|idle| close(idle.conn));
        newest.map(|idle| idle.conn)
    }

    async fn connect(&self) -> Asked<Conn> {
        if let Some(shut) = self.state.lock().shut.as_ref().filter(|shut| shut.until > Instant::now()) {
            return Err(Trouble::Away { why: shut.why.clone(), hopeless: shut.hopeless });
        }
        let outcome = self.entry.connect().await;
        self.note(&outcome);
        outcome
    }

    fn note(&self, outcome: &Asked<Conn>) {
        let mut state = self.state.lock();
        let failed_before = state.shut.as_ref().map(|shut| shut.pause);
        match outcome {
            Ok(_) => {
                if state.shut.take().is_some() {
                    tracing::info!(server = %self.entry.address, "connected again");
                }
            }
            Err(Trouble::Away { why, hopeless }) => {
                if failed_before.is_none() {
                    tracing::warn!(server = %self.entry.address, "{why}; trying again with the next call");
                }
                let pause = failed_before.map_or(FIRST_PAUSE, |pause| (pause * 2).min(LONGEST_PAUSE));
                let until = Instant::now() + pause.mul_f64(0.5 + fastrand::f64());
                state.shut = Some(Shut { until, pause, why: why.clone(), hopeless: *hopeless });
            }
            Err(_) => {}
        }
    }
}

impl Drop for Pool {
    fn drop(&mut self) {
        self.forget_idle();
    }
}
