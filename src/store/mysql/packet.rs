use std::time::Duration;

use futures::FutureExt;
use mysql_async::{Conn, Error, Row, prelude::Queryable};
use tokio::time::{Instant, timeout};

use super::error::{Asked, MysqlError};

/// Begins a pessimistic transaction. TiDB would otherwise start optimistically, which is useless when every
/// client wants the same row. Other servers see a comment.
pub(super) const BEGIN: &str = "BEGIN /*T! PESSIMISTIC */";

/// Begins a snapshot: until COMMIT, all statements see the data committed by now.
pub(super) const SNAPSHOT: &str =
    "SET TRANSACTION ISOLATION LEVEL REPEATABLE READ; START TRANSACTION WITH CONSISTENT SNAPSHOT";

/// The answer to one statement.
pub(super) struct Answer {
    /// The number of changed rows.
    pub(super) affected: u64,
    pub(super) rows: Vec<Row>,
}

/// Sends statements as one packet and waits for all answers, with a timeout.
pub(super) async fn ask(conn: &mut Conn, packet: &str, within: Duration) -> Asked<Vec<Answer>> {
    let since = Instant::now();
    let answers = timeout(within, answers(conn, packet)).await;
    answers.unwrap_or_else(|_| {
        Err(MysqlError::Late(format!("no answer within {:?}", since.elapsed().min(within))))
    })
}

async fn answers(conn: &mut Conn, packet: &str) -> Asked<Vec<Answer>> {
    let failed = |failed, at| match failed {
        Error::Server(refused) => MysqlError::Refused { at, refused },
        failed => MysqlError::Lost(failed),
    };
    let mut answers = Vec::new();
    let mut results = conn.query_iter(packet).await.map_err(|error| failed(error, 0))?;
    while results.columns().is_some() {
        let affected = results.affected_rows();
        let rows = results.collect().await.map_err(|error| failed(error, answers.len()))?;
        answers.push(Answer { affected, rows });
    }
    // A refused statement has no columns. Collecting its rows returns the error.
    results.collect::<Row>().await.map_err(|error| failed(error, answers.len()))?;
    Ok(answers)
}

/// Closes a connection at once, in any state. Sends a goodbye only if that does not block. Merely dropping it
/// would first wait for pending answers.
pub(super) fn close(conn: Conn) {
    drop(conn.disconnect().now_or_never());
}
