use super::{error::MysqlError, packet::BEGIN, pooled_conn::PooledConn};
use crate::store::Result;

/// A whole transaction, sent as one packet: no lock ever waits for us, and a client that is gone in the middle of it leaves
/// all of it or nothing.
pub(super) struct Transaction {
    statements: Vec<String>,
    /// The number of the statement that decides.
    claim: usize,
}

impl Transaction {
    /// Begins with what may be done in any case, and one statement that says by how many rows it changed how it went.
    pub(super) fn new(before: impl IntoIterator<Item = String>, claim: String) -> Self {
        let mut statements: Vec<_> = before.into_iter().collect();
        statements.push(claim);
        Self { claim: statements.len() - 1, statements }
    }

    /// Right after the claim: it must have changed one row, else nothing is done.
    pub(super) fn unless_claimed_stop(&mut self) {
        self.stop_unless_changed(1);
    }

    /// A statement that changes so many rows; else nothing is done.
    pub(super) fn change(&mut self, rows: usize, statement: String) {
        self.any(statement);
        self.stop_unless_changed(rows);
    }

    /// A statement that changes any number of rows.
    pub(super) fn any(&mut self, statement: String) {
        self.statements.push(statement);
    }

    /// The row is there already, so that trying to make it again ends the packet, whatever mode the server is in.
    /// Nothing else would: a statement that an operator kills at the wrong moment may pass for one that found nothing.
    fn stop_unless_changed(&mut self, rows: usize) {
        self.any(format!(
            "INSERT INTO asset_arbiter_schema (version) SELECT 1 FROM DUAL WHERE NOT (ROW_COUNT() <=> {rows})"
        ));
    }

    /// How many rows the claim changed. `None`: another transaction came first, and this one did nothing.
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
                    // If it does not work out the connection is closed, which comes to the same.
                    drop(conn.ask("ROLLBACK").await);
                }
                error.of_transaction(commit).map(|()| None)
            }
        }
    }
}
