use std::{sync::Arc, time::Duration};

use mysql_async::{Conn, Row};
use parking_lot::Mutex;
use tokio::{
    sync::Semaphore,
    time::{Instant, timeout},
};

use super::{
    connector::Connector,
    error::{Asked, Away, MysqlError},
    packet::{Answer, BEGIN, SNAPSHOT},
    pooled_conn::{Idle, PooledConn},
    url::UrlOptions,
};
use crate::{
    model::{Backoff, jittered},
    store::Result,
};

/// The connection pool. Connections are opened on demand.
pub(super) struct Pool {
    connector: Connector,
    size: usize,
    permits: Arc<Semaphore>,
    idle: Arc<Idle>,
    /// Set if the last attempt to connect failed.
    shut: Mutex<Option<Shut>>,
    /// The timeout of an answer, and of waiting for a free connection.
    patience: Duration,
}

/// A backoff during which calls fail with the last error instead of connecting.
struct Shut {
    until: Instant,
    backoff: Backoff,
    away: Away,
}

/// The backoff between attempts to connect doubles from the first value to the longest, with jitter.
const FIRST_PAUSE: Duration = Duration::from_millis(20);
const LONGEST_PAUSE: Duration = Duration::from_millis(500);

impl Pool {
    pub(super) fn new(connector: Connector, options: &UrlOptions) -> Self {
        let (size, patience) = (options.pool, options.statement_timeout);
        let permits = Arc::new(Semaphore::new(size));
        Self { connector, size, permits, idle: Arc::default(), shut: Mutex::default(), patience }
    }

    /// Takes an idle connection, or opens one.
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

    /// The rows of one read-only statement.
    pub(super) async fn read(&self, statement: &str) -> Result<Vec<Row>> {
        let (answers, _) = self.ask_again(statement).await?;
        Ok(answers.into_iter().flat_map(|answer| answer.rows).collect())
    }

    /// The rows of each statement in a transaction whose first statement locks what it reads, and the
    /// connection with the open transaction.
    pub(super) async fn locked(&self, statements: &[String]) -> Asked<(Vec<Vec<Row>>, PooledConn)> {
        let [first, others @ ..] = statements else { return Err(MysqlError::away("nothing was asked")) };
        let packet = [&[BEGIN.to_owned(), format!("{first} FOR UPDATE")], others].concat().join("; ");
        let mut conn = self.checkout().await?;
        let answers = conn.begin(&packet).await?.into_iter().skip(1);
        Ok((answers.map(|answer| answer.rows).collect(), conn))
    }

    /// The rows of each statement, read in one snapshot, and the connection for a later write.
    pub(super) async fn snapshot(&self, statements: &[String]) -> Result<(Vec<Vec<Row>>, PooledConn)> {
        let packet = format!("{SNAPSHOT}; {}; COMMIT", statements.join("; "));
        let (answers, conn) = self.ask_again(&packet).await?;
        let answers = answers.into_iter().skip(SNAPSHOT.split("; ").count()).take(statements.len());
        Ok((answers.map(|answer| answer.rows).collect(), conn))
    }

    /// Sends a packet, and retries once if a reused connection broke, as idle connections may.
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
            return Err(MysqlError::Away(shut.away.clone()));
        }
        let outcome = self.connector.connect().await;
        self.note(&outcome);
        outcome
    }

    fn note(&self, outcome: &Asked<Conn>) {
        let mut shut = self.shut.lock();
        let failed_before = shut.as_ref().map(|shut| shut.backoff.clone());
        match outcome {
            Ok(_) => {
                if shut.take().is_some() {
                    tracing::info!(server = %self.connector.address, "connected again");
                }
            }
            Err(MysqlError::Away(away)) => {
                if failed_before.is_none() {
                    tracing::warn!(server = %self.connector.address, "{}; trying again with the next call", away.why);
                }
                let mut backoff = failed_before.unwrap_or(Backoff::new(FIRST_PAUSE, LONGEST_PAUSE));
                let until = Instant::now() + jittered(backoff.next_pause(), fastrand::f64());
                *shut = Some(Shut { until, backoff, away: away.clone() });
            }
            Err(_) => {}
        }
    }
}
