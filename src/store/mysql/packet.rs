use std::time::Duration;

use futures::FutureExt;
use mysql_async::{Conn, Error, Row, prelude::Queryable};
use tokio::time::{Instant, timeout};

use super::error::{Asked, MysqlError};

/// TiDB would try without locks first, which is no use where everyone wants the same row; the others see a comment.
pub(super) const BEGIN: &str = "BEGIN /*T! PESSIMISTIC */";

/// What follows, up to a COMMIT, sees what is committed now and nothing later.
pub(super) const SNAPSHOT: &str =
    "SET TRANSACTION ISOLATION LEVEL REPEATABLE READ; START TRANSACTION WITH CONSISTENT SNAPSHOT";

/// What one statement came to.
pub(super) struct Answer {
    /// Rows that it changed.
    pub(super) affected: u64,
    pub(super) rows: Vec<Row>,
}

/// Sends statements as one packet, and waits for all answers for so long at most.
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
    // A statement that was refused has no columns; asked for its rows it says why.
    results.collect::<Row>().await.map_err(|error| failed(error, answers.len()))?;
    Ok(answers)
}

/// Closes a connection at once, whatever state it is in; says goodbye if it can do so without waiting. Merely dropped, it
/// would first wait for what is under way.
pub(super) fn close(conn: Conn) {
    drop(conn.disconnect().now_or_never());
}
