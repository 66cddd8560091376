use std::{sync::Arc, time::Duration};

use futures::FutureExt;
use mysql_async::{Conn, Error, Row, prelude::Queryable};
use tokio::{
    runtime::Handle,
    sync::OwnedSemaphorePermit,
    time::{Instant, timeout},
};

use super::{
    pool::Pool,
    trouble::{Asked, Trouble},
};

/// A connection while one call has it. Dropped in the middle of something, also because the caller has lost its patience,
/// the connection is closed, which makes the server undo what was not committed.
pub(super) struct Lease {
    /// There until it is dropped.
    conn: Option<Conn>,
    pool: Arc<Pool>,
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

/// What one statement came to.
pub(super) struct Answer {
    /// Rows that it changed.
    pub(super) affected: u64,
    pub(super) rows: Vec<Row>,
}

impl Lease {
    pub(super) fn new(conn: Conn, pool: Arc<Pool>, is_used: bool, permit: OwnedSemaphorePermit) -> Self {
        Self { conn: Some(conn), pool, is_used, state: State::Settled, permit: Some(permit) }
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
        let Some(conn) = &mut self.conn else { return Err(Trouble::away("the connection is given back")) };
        let answers = ask(conn, packet, self.pool.patience).await;
        if matches!(answers, Err(Trouble::Lost(_))) {
            // What broke one has most likely broken all that were there at the time.
            self.pool.forget_idle();
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

impl Drop for Lease {
    fn drop(&mut self) {
        match (self.conn.take(), self.state) {
            (Some(conn), State::Settled) => self.pool.give_back(conn),
            (Some(conn), State::Open) => undo(conn, Arc::clone(&self.pool), self.permit.take()),
            (Some(conn), State::Busy) => close(conn),
            (None, _) => {}
        }
    }
}

/// Gives a connection back whose transaction nobody goes on with.
fn undo(mut conn: Conn, pool: Arc<Pool>, permit: Option<OwnedSemaphorePermit>) {
    let Ok(runtime) = Handle::try_current() else { return close(conn) };
    runtime.spawn(async move {
        match ask(&mut conn, "ROLLBACK", UNDO_WITHIN).await {
            Ok(_) => pool.give_back(conn),
            Err(_) => close(conn),
        }
        drop(permit);
    });
}

/// Sends statements as one packet, and waits for all answers for so long at most.
pub(super) async fn ask(conn: &mut Conn, packet: &str, within: Duration) -> Asked<Vec<Answer>> {
    let since = Instant::now();
    let answers = timeout(within, answers(conn, packet)).await;
    answers
        .unwrap_or_else(|_| Err(Trouble::Late(format!("no answer within {:?}", since.elapsed().min(within)))))
}

async fn answers(conn: &mut Conn, packet: &str) -> Asked<Vec<Answer>> {
    let failed = |failed, at| match failed {
        Error::Server(refused) => Trouble::Refused { at, refused },
        failed => Trouble::Lost(failed),
    };
    let mut answers = Vec::new();
    let mut results = conn.query_iter(packet).await.map_err(|error| failed(error, 0))?;
    while results.columns().is_some() {
        let affected = results.affected_rows();
        let rows = results.collect().await.map_err(|error| failed(error, answers.len()))?;
        answers.push(Answer { affected, rows });
    }
    // A statement that was refused has no columns; asked for its rows it says why.
    results.collect::<Row>().await.map_err(|error| failed(error, answers.len()))?;
    Ok(answers)
}

/// Closes a connection at once, whatever state it is in; says goodbye if it can do so without waiting. Merely dropped, it
/// would first wait for what is under way.
pub(super) fn close(conn: Conn) {
    drop(conn.disconnect().now_or_never());
}
