use std::time::Duration;

use mysql_async::Conn;
use tokio::sync::Mutex;

use super::{
    error::{Asked, MysqlError, code},
    packet::{Answer, ask},
    row::Cells,
};

/// The migrations, each from the schema before it, and each idempotent. Their number is the database's version.
const SCHEMAS: &[&str] = &[include_str!("schema.sql")];

const VERSION: &str = "SELECT MAX(version) FROM asset_arbiter_schema";

/// The timeout of reading the version.
const VERSION_WITHIN: Duration = Duration::from_secs(2);
/// The timeout of creating tables: TiDB informs all its servers first.
const TABLES_WITHIN: Duration = Duration::from_secs(15);

/// Migrates the database to the newest schema. `turn` prevents concurrent migrations in this process.
/// Concurrent migrations by other nodes do no harm.
pub(super) async fn bring_up(conn: &mut Conn, turn: &Mutex<()>) -> Asked<()> {
    if version(conn).await? == SCHEMAS.len() {
        return Ok(());
    }
    let _turn = turn.lock().await;
    let from = version(conn).await?;
    let Some(missing) = SCHEMAS.get(from..) else {
        return Err(MysqlError::hopeless(format!(
            "the database has schema {from} of a newer asset-arbiter, this one knows {}; run the newer one, or name \
             another database",
            SCHEMAS.len()
        )));
    };
    for schema in missing {
        ask(conn, schema, TABLES_WITHIN).await?;
    }
    Ok(())
}

/// Returns 0 if there are no tables yet.
async fn version(conn: &mut Conn) -> Asked<usize> {
    match ask(conn, VERSION, VERSION_WITHIN).await {
        Ok(answers) => read(answers),
        Err(MysqlError::Refused { refused, .. }) if refused.code == code::NO_TABLE => Ok(0),
        Err(error) => Err(error),
    }
}

fn read(answers: Vec<Answer>) -> Asked<usize> {
    let row = answers.into_iter().flat_map(|answer| answer.rows).next();
    let version = row.map(|row| Cells::of(row).perhaps_number::<u32>("version")).transpose();
    let version = version.map_err(|odd| MysqlError::away(odd.message().to_owned()))?;
    Ok(version.flatten().unwrap_or_default() as usize)
}
