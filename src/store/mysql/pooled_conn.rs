use std::{sync::Arc, time::Duration};

use mysql_async::Conn;
use tokio::{runtime::Handle, sync::OwnedSemaphorePermit};

use super::{
    error::{Asked, MysqlError},
    idle::Idle,
    packet::{Answer, ask, close},
};

/// A connection while one call has it. Dropped in the middle of something, also because the caller has lost its patience,
/// the connection is closed, which makes the server undo what was not committed.
pub(super) struct PooledConn {
    /// There until it is dropped.
    conn: Option<Conn>,
    /// Where it goes back to.
    idle: Arc<Idle>,
    /// How long an answer is waited for.
    patience: Duration,
    /// It served others before, and may have broken since.
    pub(super) is_used: bool,
    state: State,
    /// Counted until the connection is given back.
    permit: Option<OwnedSemaphorePermit>,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum State {
    /// Nothing was begun on it that is not over.
    Settled,
    /// A transaction is open, and nothing is under way.
    Open,
    /// Something is under way, or went wrong.
    Busy,
}

/// How long a transaction that nobody goes on with may take to be undone, before its connection is closed.
const UNDO_WITHIN: Duration = Duration::from_secs(1);

impl PooledConn {
    pub(super) fn new(
        conn: Conn,
        is_used: bool,
        idle: Arc<Idle>,
        patience: Duration,
        permit: OwnedSemaphorePermit,
    ) -> Self {
        Self { conn: Some(conn), idle, patience, is_used, state: State::Settled, permit: Some(permit) }
    }

    /// Sends statements as one packet, waits for all answers, and nothing is open after it.
    pub(super) async fn ask(&mut self, packet: &str) -> Asked<Vec<Answer>> {
        let answers = self.begin(packet).await?;
        self.state = State::Settled;
        Ok(answers)
    }

    /// The same for statements that leave something open, which a later [`Self::ask`] ends.
    pub(super) async fn begin(&mut self, packet: &str) -> Asked<Vec<Answer>> {
        self.state = State::Busy;
        let Some(conn) = &mut self.conn else { return Err(MysqlError::away("the connection is given back")) };
        let answers = ask(conn, packet, self.patience).await;
        if matches!(answers, Err(MysqlError::Lost(_))) {
            // What broke one has most likely broken all that were there at the time.
            self.idle.forget();
        }
        if answers.is_ok() {
            self.state = State::Open;
        }
        answers
    }

    /// Whether a transaction was begun and is not over.
    pub(super) fn is_open(&self) -> bool {
        self.state == State::Open
    }
}

impl Drop for PooledConn {
    fn drop(&mut self) {
        match (self.conn.take(), self.state) {
            (Some(conn), State::Settled) => self.idle.give_back(conn),
            (Some(conn), State::Open) => undo(conn, Arc::clone(&self.idle), self.permit.take()),
            (Some(conn), State::Busy) => close(conn),
            (None, _) => {}
        }
    }
}

/// Gives a connection back whose transaction nobody goes on with.
fn undo(mut conn: Conn, idle: Arc<Idle>, permit: Option<OwnedSemaphorePermit>) {
    let Ok(runtime) = Handle::try_current() else { return close(conn) };
    runtime.spawn(async move {
        match ask(&mut conn, "ROLLBACK", UNDO_WITHIN).await {
            Ok(_) => idle.give_back(conn),
            Err(_) => close(conn),
        }
        drop(permit);
    });
}
