use std::{sync::Arc, time::Duration};

use mysql_async::{Conn, Row};
use parking_lot::Mutex;
use tokio::{
    sync::Semaphore,
    time::{Instant, timeout},
};

use super::{
    entry::Entry,
    idle::Idle,
    lease::Lease,
    packet::{Answer, BEGIN, SNAPSHOT},
    target::UrlOptions,
    trouble::{Asked, Trouble},
};
use crate::store::{Result, StoreErrorCause};

/// The connections there are, made when they are needed.
pub(super) struct Pool {
    entry: Entry,
    size: usize,
    permits: Arc<Semaphore>,
    idle: Arc<Idle>,
    /// The last attempt to connect failed.
    shut: Mutex<Option<Shut>>,
    /// How long an answer or a free connection is waited for.
    patience: Duration,
}

/// Until then nobody tries to connect, and everybody is told why.
struct Shut {
    until: Instant,
    pause: Duration,
    why: String,
    hopeless: bool,
    cause: Option<StoreErrorCause>,
}

/// Pauses between attempts to connect double from the first to the longest, with jitter.
const FIRST_PAUSE: Duration = Duration::from_millis(20);
const LONGEST_PAUSE: Duration = Duration::from_millis(500);

impl Pool {
    pub(super) fn new(entry: Entry, options: &UrlOptions) -> Self {
        let (size, patience) = (options.pool, options.statement_timeout);
        let permits = Arc::new(Semaphore::new(size));
        Self { entry, size, permits, idle: Arc::default(), shut: Mutex::default(), patience }
    }

    /// Takes a connection, or makes one.
    pub(super) async fn lease(&self) -> Asked<Lease> {
        let busy = || format!("all {} connections were busy for {:?}: raise ?pool=N", self.size, self.patience);
        let permit = timeout(self.patience, Arc::clone(&self.permits).acquire_owned())
            .await
            .map_err(|_| Trouble::away(busy()))?;
        let permit = permit.map_err(|_| Trouble::away("the store is closed"))?;
        let (conn, is_used) = match self.idle.take() {
            Some(conn) => (conn, true),
            None => (self.connect().await?, false),
        };
        Ok(Lease::new(conn, is_used, Arc::clone(&self.idle), self.patience, permit))
    }

    /// The rows of one statement that only looks something up.
    pub(super) async fn read(&self, statement: &str) -> Result<Vec<Row>> {
        let (answers, _) = self.ask_again(statement).await?;
        Ok(answers.into_iter().flat_map(|answer| answer.rows).collect())
    }

    /// The rows of each of several statements in a transaction, of which the first locks what it reads, and the connection
    /// on which it goes on.
    pub(super) async fn locked(&self, statements: &[String]) -> Asked<(Vec<Vec<Row>>, Lease)> {
        let [first, others @ ..] = statements else { return Err(Trouble::away("nothing was asked")) };
        let packet = [&[BEGIN.to_owned(), format!("{first} FOR UPDATE")], others].concat().join("; ");
        let mut lease = self.lease().await?;
        let answers = lease.begin(&packet).await?.into_iter().skip(1);
        Ok((answers.map(|answer| answer.rows).collect(), lease))
    }

    /// The rows of each of several statements, all as of one moment; and the connection, for who goes on with it.
    pub(super) async fn snapshot(&self, statements: &[String]) -> Result<(Vec<Vec<Row>>, Lease)> {
        let packet = format!("{SNAPSHOT}; {}; COMMIT", statements.join("; "));
        let (answers, lease) = self.ask_again(&packet).await?;
        let answers = answers.into_iter().skip(SNAPSHOT.split("; ").count()).take(statements.len());
        Ok((answers.map(|answer| answer.rows).collect(), lease))
    }

    /// Asks once more if the connection broke, as one does that nobody used for long.
    async fn ask_again(&self, packet: &str) -> Asked<(Vec<Answer>, Lease)> {
        let mut lease = self.lease().await?;
        let mut answers = lease.ask(packet).await;
        if lease.is_used && matches!(answers, Err(Trouble::Lost(_))) {
            drop(lease);
            lease = self.lease().await?;
            answers = lease.ask(packet).await;
        }
        Ok((answers?, lease))
    }

    async fn connect(&self) -> Asked<Conn> {
        if let Some(shut) = self.shut.lock().as_ref().filter(|shut| shut.until > Instant::now()) {
            return Err(Trouble::Away { why: shut.why.clone(), hopeless: shut.hopeless, cause: shut.cause });
        }
        let outcome = self.entry.connect().await;
        self.note(&outcome);
        outcome
    }

    fn note(&self, outcome: &Asked<Conn>) {
        let mut shut = self.shut.lock();
        let failed_before = shut.as_ref().map(|shut| shut.pause);
        match outcome {
            Ok(_) => {
                if shut.take().is_some() {
                    tracing::info!(server = %self.entry.address, "connected again");
                }
            }
            Err(Trouble::Away { why, hopeless, cause }) => {
                if failed_before.is_none() {
                    tracing::warn!(server = %self.entry.address, "{why}; trying again with the next call");
                }
                let pause = failed_before.map_or(FIRST_PAUSE, |pause| (pause * 2).min(LONGEST_PAUSE));
                let until = Instant::now() + pause.mul_f64(0.5 + fastrand::f64());
                *shut = Some(Shut { until, pause, why: why.clone(), hopeless: *hopeless, cause: *cause });
            }
            Err(_) => {}
        }
    }
}
