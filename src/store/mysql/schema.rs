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

/// How many there are of the tables that earlier programs of version 1 did not make.
const LATER_TABLES: &str = "SELECT COUNT(*) FROM information_schema.TABLES WHERE TABLE_SCHEMA = DATABASE() \
                            AND TABLE_NAME IN ('asset_arbiter_revocations', 'asset_arbiter_leases', \
                            'asset_arbiter_events', 'asset_arbiter_event_leases', 'asset_arbiter_history')";

/// Their number.
const LATER: usize = 5;

/// What tables of earlier programs of version 1 lack. The database's version stays, because those programs may go on
/// beside this one.
const ALTERATIONS: [Alteration; 2] = [
    Alteration {
        why: "a player's name has up to 128 characters, and the user may not widen their column",
        found: "SELECT CHARACTER_MAXIMUM_LENGTH FROM information_schema.COLUMNS WHERE TABLE_SCHEMA = DATABASE() \
                AND TABLE_NAME = 'asset_arbiter_holders' AND COLUMN_NAME = 'player'",
        least: PLAYER_NAME_LEN,
        statement: "ALTER TABLE asset_arbiter_holders MODIFY player VARCHAR(128) CHARACTER SET ascii \
                    COLLATE ascii_bin NOT NULL",
    },
    Alteration {
        why: "grants may have deadlines, and the user may not add a column for them",
        found: "SELECT COUNT(*) FROM information_schema.COLUMNS WHERE TABLE_SCHEMA = DATABASE() \
                AND TABLE_NAME = 'asset_arbiter_assets' AND COLUMN_NAME = 'terms'",
        least: 1,
        statement: "ALTER TABLE asset_arbiter_assets ADD COLUMN terms MEDIUMTEXT NULL",
    },
];

struct Alteration {
    /// Why a user must have the right to it.
    why: &'static str,
    /// A number. If it is less than `least`, the statement is needed.
    found: &'static str,
    least: usize,
    statement: &'static str,
}

/// The timeout of reading the version.
const VERSION_WITHIN: Duration = Duration::from_secs(2);
/// The timeout of creating or altering tables: TiDB informs all its servers first.
const TABLES_WITHIN: Duration = Duration::from_secs(15);

/// Brings the database's tables up to date.
#[derive(Default)]
pub(super) struct Tables {
    /// Allows one migration at a time in this process. Concurrent migrations by other nodes do no harm.
    turn: Mutex<()>,
    /// All tables were found, and nothing is missing in them.
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
        for alteration in &ALTERATIONS {
            alteration.make(conn).await?;
        }
        self.complete.store(true, Relaxed);
        Ok(())
    }
}

/// Makes the tables that version 1 did not have at first. The database's version stays, as for [`ALTERATIONS`].
async fn complete(conn: &mut Conn) -> Asked<()> {
    if number(ask(conn, LATER_TABLES, VERSION_WITHIN).await?)? == LATER {
        return Ok(());
    }
    for schema in SCHEMAS {
        ask(conn, schema, TABLES_WITHIN).await?;
    }
    Ok(())
}

impl Alteration {
    async fn make(&self, conn: &mut Conn) -> Asked<()> {
        let Self { why, found, least, statement } = self;
        if number(ask(conn, found, VERSION_WITHIN).await?)? >= *least {
            return Ok(());
        }
        match ask(conn, statement, TABLES_WITHIN).await {
            Err(MysqlError::Refused { refused, .. }) if code::FORBIDDEN.contains(&refused.code) => {
                Err(MysqlError::hopeless(format!(
                    "{why}: grant ALTER, or run `{statement}` once ({})",
                    refused.message
                )))
            }
            // Another node was faster.
            Err(MysqlError::Refused { refused, .. }) if refused.code == code::COLUMN_EXISTS => Ok(()),
            answer => answer.map(drop),
        }
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
