use std::{mem, sync::Arc, time::Duration};

use mysql_async::Conn;
use parking_lot::Mutex;
use tokio::{runtime::Handle, sync::OwnedSemaphorePermit, time::Instant};

use super::{
    error::{Asked, MysqlError},
    packet::{Answer, ask, close},
};

/// A connection lent to one call. If it is dropped in the middle of an operation, for example because the
/// caller was cancelled, it is closed, and the server rolls back what was not committed.
pub(super) struct PooledConn {
    /// `None` only after drop.
    conn: Option<Conn>,
    /// The pool to return to.
    idle: Arc<Idle>,
    /// The timeout of an answer.
    patience: Duration,
    /// Whether the connection was used before, so that it may have broken since.
    pub(super) is_used: bool,
    state: State,
    /// Held until the connection is returned.
    permit: Option<OwnedSemaphorePermit>,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum State {
    /// No transaction is open.
    Settled,
    /// A transaction is open, and no statement is running.
    Open,
    /// A statement is running, or has failed.
    Busy,
}

/// How long a connection may be idle before it is closed: well before the server would close it.
const LONG: Duration = Duration::from_secs(5);

/// How long the rollback of an abandoned transaction may take before its connection is closed.
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

    /// Sends statements as one packet and waits for all answers. They must leave no transaction open.
    pub(super) async fn ask(&mut self, packet: &str) -> Asked<Vec<Answer>> {
        let answers = self.begin(packet).await?;
        self.state = State::Settled;
        Ok(answers)
    }

    /// Like [`Self::ask`], for statements that leave a transaction open. A later [`Self::ask`] ends it.
    pub(super) async fn begin(&mut self, packet: &str) -> Asked<Vec<Answer>> {
        self.state = State::Busy;
        let Some(conn) = &mut self.conn else { return Err(MysqlError::away("the connection is given back")) };
        let answers = ask(conn, packet, self.patience).await;
        if matches!(answers, Err(MysqlError::Lost(_))) {
            // The idle connections have probably broken for the same reason.
            self.idle.forget();
        }
        if answers.is_ok() {
            self.state = State::Open;
        }
        answers
    }

    /// Like [`Self::ask`], for statements that leave a transaction open if it is.
    pub(super) async fn ask_within(&mut self, packet: &str) -> Asked<Vec<Answer>> {
        let state = self.state;
        let answers = self.begin(packet).await?;
        self.state = state;
        Ok(answers)
    }

    /// Whether a transaction is open.
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

/// Rolls back an abandoned transaction and returns its connection.
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

/// The idle connections. The most recently used one is last and is taken first, so that surplus connections
/// grow old.
#[derive(Default)]
pub(super) struct Idle(Mutex<Vec<Parked>>);

struct Parked {
    conn: Conn,
    since: Instant,
}

impl Idle {
    pub(super) fn give_back(&self, conn: Conn) {
        self.0.lock().push(Parked { conn, since: Instant::now() });
    }

    pub(super) fn take(&self) -> Option<Conn> {
        let mut parked = self.0.lock();
        let young = parked.partition_point(|parked| parked.since.elapsed() > LONG);
        let old: Vec<_> = parked.drain(..young).collect();
        let newest = parked.pop();
        drop(parked);
        old.into_iter().for_each(|parked| close(parked.conn));
        newest.map(|parked| parked.conn)
    }

    /// Closes all idle connections.
    pub(super) fn forget(&self) {
        let parked = mem::take(&mut *self.0.lock());
        parked.into_iter().for_each(|parked| close(parked.conn));
    }
}

impl Drop for Idle {
    fn drop(&mut self) {
        self.forget();
    }
}
