use std::{sync::Arc, time::Duration};

use mysql_async::{Conn, Row};
use parking_lot::Mutex;
use tokio::{
    sync::Semaphore,
    time::{Instant, timeout},
};

use super::{
    connector::Connector,
    error::{Asked, MysqlError},
    idle::Idle,
    packet::{Answer, BEGIN, SNAPSHOT},
    pooled_conn::PooledConn,
    url::UrlOptions,
};
use crate::store::{Result, StoreErrorCause};

/// The connections there are, made when they are needed.
pub(super) struct Pool {
    connector: Connector,
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
    pub(super) fn new(connector: Connector, options: &UrlOptions) -> Self {
        let (size, patience) = (options.pool, options.statement_timeout);
        let permits = Arc::new(Semaphore::new(size));
        Self { connector, size, permits, idle: Arc::default(), shut: Mutex::default(), patience }
    }

    /// Takes a connection, or makes one.
    pub(super) async fn checkout(&self) -> Asked<PooledConn> {
        let busy = || format!("all {} connections were busy for {:?}: raise ?pool=N", self.size, self.patience);
        let permit = timeout(self.patience, Arc::clone(&self.permits).acquire_owned())
            .await
            .map_err(|_| MysqlError::away(busy()))?;
        let permit = permit.map_err(|_| MysqlError::away("the store is closed"))?;
        let (conn, is_used) = match self.idle.take() {
            Some(conn) => (conn, true),
            None => (self.connect().await?, false),
        };
        Ok(PooledConn::new(conn, is_used, Arc::clone(&self.idle), self.patience, permit))
    }

    /// The rows of one statement that only looks something up.
    pub(super) async fn read(&self, statement: &str) -> Result<Vec<Row>> {
        let (answers, _) = self.ask_again(statement).await?;
        Ok(answers.into_iter().flat_map(|answer| answer.rows).collect())
    }

    /// The rows of each of several statements in a transaction, of which the first locks what it reads, and the connection
    /// on which it goes on.
    pub(super) async fn locked(&self, statements: &[String]) -> Asked<(Vec<Vec<Row>>, PooledConn)> {
        let [first, others @ ..] = statements else { return Err(MysqlError::away("nothing was asked")) };
        let packet = [&[BEGIN.to_owned(), format!("{first} FOR UPDATE")], others].concat().join("; ");
        let mut conn = self.checkout().await?;
        let answers = conn.begin(&packet).await?.into_iter().skip(1);
        Ok((answers.map(|answer| answer.rows).collect(), conn))
    }

    /// The rows of each of several statements, all as of one moment; and the connection, for who goes on with it.
    pub(super) async fn snapshot(&self, statements: &[String]) -> Result<(Vec<Vec<Row>>, PooledConn)> {
        let packet = format!("{SNAPSHOT}; {}; COMMIT", statements.join("; "));
        let (answers, conn) = self.ask_again(&packet).await?;
        let answers = answers.into_iter().skip(SNAPSHOT.split("; ").count()).take(statements.len());
        Ok((answers.map(|answer| answer.rows).collect(), conn))
    }

    /// Asks once more if the connection broke, as one does that nobody used for long.
    async fn ask_again(&self, packet: &str) -> Asked<(Vec<Answer>, PooledConn)> {
        let mut conn = self.checkout().await?;
        let mut answers = conn.ask(packet).await;
        if conn.is_used && matches!(answers, Err(MysqlError::Lost(_))) {
            drop(conn);
            conn = self.checkout().await?;
            answers = conn.ask(packet).await;
        }
        Ok((answers?, conn))
    }

    async fn connect(&self) -> Asked<Conn> {
        if let Some(shut) = self.shut.lock().as_ref().filter(|shut| shut.until > Instant::now()) {
            return Err(MysqlError::Away { why: shut.why.clone(), hopeless: shut.hopeless, cause: shut.cause });
        }
        let outcome = self.connector.connect().await;
        self.note(&outcome);
        outcome
    }

    fn note(&self, outcome: &Asked<Conn>) {
        let mut shut = self.shut.lock();
        let failed_before = shut.as_ref().map(|shut| shut.pause);
        match outcome {
            Ok(_) => {
                if shut.take().is_some() {
                    tracing::info!(server = %self.connector.address, "connected again");
                }
            }
            Err(MysqlError::Away { why, hopeless, cause }) => {
                if failed_before.is_none() {
                    tracing::warn!(server = %self.connector.address, "{why}; trying again with the next call");
                }
                let pause = failed_before.map_or(FIRST_PAUSE, |pause| (pause * 2).min(LONGEST_PAUSE));
                let until = Instant::now() + pause.mul_f64(0.5 + fastrand::f64());
                *shut = Some(Shut { until, pause, why: why.clone(), hopeless: *hopeless, cause: *cause });
            }
            Err(_) => {}
        }
    }
}
