use std::{future::Future, time::Duration};

use tokio::time::sleep;

use super::{error, error::MysqlError, packet::BEGIN, pooled_conn::PooledConn};
use crate::store::{Result, StoreErrorKind};

/// A whole transaction, sent as one packet. So no lock is held while waiting for the client, and if the client
/// vanishes, the whole transaction takes effect or none of it.
pub(super) struct Transaction {
    statements: Vec<String>,
    /// The index of the deciding statement.
    claim: usize,
}

/// How often a transaction is retried after a conflict, and the longest backoff.
const TRIES: u32 = 16;
const LONGEST_PAUSE: Duration = Duration::from_millis(20);

/// Runs a transaction until no concurrent one wins, which it reports as `None`. `what` says in the error what others do.
pub(super) async fn with_retries<T, F>(what: &str, run: impl Fn() -> F) -> Result<T>
where
    F: Future<Output = Result<Option<T>>>,
{
    for _ in 0..TRIES {
        if let Some(done) = run().await? {
            return Ok(done);
        }
        sleep(LONGEST_PAUSE.mul_f64(fastrand::f64())).await;
    }
    Err(error(StoreErrorKind::Unavailable, format!("{what} by others all the time")))
}

impl Transaction {
    /// Starts with statements that may be executed in any case, and one whose number of changed rows decides.
    pub(super) fn new(before: impl IntoIterator<Item = String>, claim: String) -> Self {
        let mut statements: Vec<_> = before.into_iter().collect();
        statements.push(claim);
        Self { claim: statements.len() - 1, statements }
    }

    /// A statement that must change this many rows. Otherwise the transaction is rolled back.
    pub(super) fn change(&mut self, rows: usize, statement: String) {
        self.any(statement);
        self.stop_unless_changed(rows);
    }

    /// A statement that may change any number of rows.
    pub(super) fn any(&mut self, statement: String) {
        self.statements.push(statement);
    }

    /// Rolls back unless the statement right before, such as the claim, changed this many rows.
    pub(super) fn stop_unless_changed(&mut self, rows: usize) {
        self.stop_if(&format!("NOT (ROW_COUNT() <=> {rows})"));
    }

    /// Rolls back if a condition holds.
    ///
    /// Ends the packet by inserting a row that exists already, which fails in every SQL mode. No other check is
    /// safe: a statement that an operator kills at the wrong moment may look like one that found nothing.
    pub(super) fn stop_if(&mut self, condition: &str) {
        self.any(format!("INSERT INTO asset_arbiter_schema (version) SELECT 1 FROM DUAL WHERE {condition}"));
    }

    /// Returns how many rows the claim changed; `None` if a concurrent transaction won and this one did
    /// nothing.
    pub(super) async fn run(mut self, conn: &mut PooledConn) -> Result<Option<u64>> {
        if !conn.is_open() {
            self.statements.insert(0, BEGIN.to_owned());
            self.claim += 1;
        }
        let commit = self.statements.len();
        self.statements.push("COMMIT".to_owned());
        match conn.ask(&self.statements.join(";\n")).await {
            Ok(answers) => Ok(answers.get(self.claim).map(|answer| answer.affected)),
            Err(error) => {
                if matches!(error, MysqlError::Refused { .. }) {
                    // If the rollback fails, the connection is closed, which has the same effect.
                    drop(conn.ask("ROLLBACK").await);
                }
                error.of_transaction(commit).map(|()| None)
            }
        }
    }
}
