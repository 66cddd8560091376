use std::{
    sync::atomic::{AtomicBool, Ordering::Relaxed},
    time::Duration,
};

use mysql_async::Conn;
use tokio::sync::Mutex;

use super::{
    error::{Asked, MysqlError, code},
    packet::{Answer, ask},
    row::Cells,
};
use crate::model::limits::PLAYER_NAME_LEN;

/// The migrations, each from the schema before it, and each idempotent. Their number is the database's version.
const SCHEMAS: &[&str] = &[include_str!("schema.sql")];

const VERSION: &str = "SELECT MAX(version) FROM asset_arbiter_schema";

/// How many characters of a player's name fit.
const WIDTH: &str = "SELECT CHARACTER_MAXIMUM_LENGTH FROM information_schema.COLUMNS WHERE TABLE_SCHEMA = DATABASE() \
                     AND TABLE_NAME = 'asset_arbiter_holders' AND COLUMN_NAME = 'player'";

/// Makes a longer name fit. The database's version stays, because nodes that know only short names may go on beside
/// this one.
const WIDEN: &str = "ALTER TABLE asset_arbiter_holders MODIFY player VARCHAR(128) CHARACTER SET ascii COLLATE ascii_bin \
                     NOT NULL";

/// Whether there is the table that earlier programs of version 1 did not make.
const COMPLETE: &str = "SELECT COUNT(*) FROM information_schema.TABLES WHERE TABLE_SCHEMA = DATABASE() \
                        AND TABLE_NAME = 'asset_arbiter_revocations'";

/// The timeout of reading the version.
const VERSION_WITHIN: Duration = Duration::from_secs(2);
/// The timeout of creating or altering tables: TiDB informs all its servers first.
const TABLES_WITHIN: Duration = Duration::from_secs(15);

/// Brings the database's tables up to date.
#[derive(Default)]
pub(super) struct Tables {
    /// Allows one migration at a time in this process. Concurrent migrations by other nodes do no harm.
    turn: Mutex<()>,
    /// All tables were found, and the longest name to fit.
    complete: AtomicBool,
}

impl Tables {
    /// Migrates the database to the newest schema.
    pub(super) async fn bring_up(&self, conn: &mut Conn) -> Asked<()> {
        if version(conn).await? == SCHEMAS.len() && self.complete.load(Relaxed) {
            return Ok(());
        }
        let _turn = self.turn.lock().await;
        let from = version(conn).await?;
        let Some(missing) = SCHEMAS.get(from..) else {
            return Err(MysqlError::hopeless(format!(
                "the database has schema {from} of a newer asset-arbiter, this one knows {}; run the newer one, or \
                 name another database",
                SCHEMAS.len()
            )));
        };
        for schema in missing {
            ask(conn, schema, TABLES_WITHIN).await?;
        }
        complete(conn).await?;
        widen(conn).await?;
        self.complete.store(true, Relaxed);
        Ok(())
    }
}

/// Makes the tables that version 1 did not have at first. The database's version stays, as for [`WIDEN`].
async fn complete(conn: &mut Conn) -> Asked<()> {
    if number(ask(conn, COMPLETE, VERSION_WITHIN).await?)? > 0 {
        return Ok(());
    }
    for schema in SCHEMAS {
        ask(conn, schema, TABLES_WITHIN).await?;
    }
    Ok(())
}

async fn widen(conn: &mut Conn) -> Asked<()> {
    if number(ask(conn, WIDTH, VERSION_WITHIN).await?)? >= PLAYER_NAME_LEN {
        return Ok(());
    }
    match ask(conn, WIDEN, TABLES_WITHIN).await {
        Err(MysqlError::Refused { refused, .. }) if code::FORBIDDEN.contains(&refused.code) => {
            Err(MysqlError::hopeless(format!(
                "a player's name has up to {PLAYER_NAME_LEN} characters, and the user may not widen their column: grant \
                 ALTER, or run `{WIDEN}` once ({})",
                refused.message
            )))
        }
        answer => answer.map(drop),
    }
}

/// Returns 0 if there are no tables yet.
async fn version(conn: &mut Conn) -> Asked<usize> {
    match ask(conn, VERSION, VERSION_WITHIN).await {
        Ok(answers) => number(answers),
        Err(MysqlError::Refused { refused, .. }) if refused.code == code::NO_TABLE => Ok(0),
        Err(error) => Err(error),
    }
}

/// The only number of the answers; 0 if there is none.
fn number(answers: Vec<Answer>) -> Asked<usize> {
    let row = answers.into_iter().flat_map(|answer| answer.rows).next();
    let number = row.map(|row| Cells::of(row).perhaps_number::<u32>("a number")).transpose();
    let number = number.map_err(|odd| MysqlError::away(odd.message().to_owned()))?;
    Ok(number.flatten().unwrap_or_default() as usize)
}
