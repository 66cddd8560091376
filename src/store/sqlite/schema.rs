use std::{path::Path, time::Duration};

use rusqlite::{
    Connection, Error, ErrorCode, MAIN_DB, OpenFlags, Result as Sql, TransactionBehavior, config::DbConfig,
};

use super::{
    claim::{Claim, may_only_be_read},
    error::{broken, unavailable},
    file::cannot_open,
    generation,
};
use crate::store::Result;

/// The migrations, each from the schema before it. Their number is the file's `user_version`.
const SCHEMAS: &[&str] = &[
    include_str!("schema.sql"),
    include_str!("schema_2.sql"),
    include_str!("schema_3.sql"),
    include_str!("schema_4.sql"),
    include_str!("schema_5.sql"),
    include_str!("schema_6.sql"),
    include_str!("schema_7.sql"),
    include_str!("schema_8.sql"),
];

/// Marks a file as ours: "AARB".
const APPLICATION_ID: i32 = 0x4141_5242;

/// How long to wait for another program's lock on the file, such as the sqlite3 shell's.
const BUSY: Duration = Duration::from_secs(1);

/// The page cache: enough for some 100,000 holders.
const CACHE_KIB: i64 = 32 * 1024;

/// The size in bytes to which `FILE-wal` is truncated after it has grown, as it does during long reads.
const LOG_BYTES: i64 = 64 * 1024 * 1024;

/// The capacity of the statement cache: more than there are statements.
const STATEMENTS: usize = 64;

/// Opens the file for writing and migrates it to the newest schema.
///
/// # Errors
/// What is wrong with the file and how to fix it. The file is unchanged then.
pub(super) fn open_to_write(claim: &Claim) -> Result<Connection> {
    let path = &claim.path;
    let mut db = open(path, OpenFlags::SQLITE_OPEN_READ_WRITE)?;
    // If the file is refused, a WAL that does not belong to it must not be copied into it.
    copy_on_close(&db, !claim.log_found).map_err(|error| cannot_open(path, error))?;
    generation::check(&db, claim)?;
    let version = check(&db, path)?;
    copy_on_close(&db, true).map_err(|error| cannot_open(path, error))?;
    let mode = configure(&db).map_err(|error| cannot_open(path, error))?;
    if mode != "wal" {
        return Err(unavailable(format!(
            "{} cannot have a write-ahead log; put it on a local disk",
            path.display()
        )));
    }
    upgrade(&mut db, version)
        .and_then(|()| db.execute_batch(include_str!("denials.sql")))
        .map_err(|error| broken(format!("cannot make the tables of {}", path.display()), error))?;
    Ok(db)
}

/// Sets whether the last connection to close copies the WAL into the file and deletes it.
pub(super) fn copy_on_close(db: &Connection, copy: bool) -> Sql<()> {
    db.set_db_config(DbConfig::SQLITE_DBCONFIG_NO_CKPT_ON_CLOSE, !copy).map(drop)
}

/// Opens a file for reading that is open for writing.
///
/// # Errors
/// As [`open_to_write`].
pub(super) fn open_to_read(path: &Path) -> Result<Connection> {
    open(path, OpenFlags::SQLITE_OPEN_READ_ONLY)
}

/// Opens the file without URI parsing, so that a path is a path.
fn open(path: &Path, flags: OpenFlags) -> Result<Connection> {
    let open = || {
        let db = Connection::open_with_flags(path, flags | OpenFlags::SQLITE_OPEN_NO_MUTEX)?;
        db.busy_timeout(BUSY)?;
        db.set_prepared_statement_cache_capacity(STATEMENTS);
        // Otherwise a statement with a bound LIMIT would be prepared anew each time.
        db.set_db_config(DbConfig::SQLITE_DBCONFIG_ENABLE_QPSG, true)?;
        Ok(db)
    };
    open().map_err(|error: Error| cannot_open(path, error))
}

/// Returns the file's version, 0 if it is new. Writes nothing.
fn check(db: &Connection, path: &Path) -> Result<usize> {
    let shown = path.display();
    let (application, version, tables) = marks(db).map_err(|error| match error.sqlite_error_code() {
        Some(ErrorCode::NotADatabase) => {
            unavailable(format!("{shown} is not an SQLite database; name another file"))
        }
        _ => cannot_open(path, error),
    })?;
    if application != APPLICATION_ID && (application != 0 || tables > 0) {
        return Err(unavailable(format!(
            "{shown} is an SQLite database of another program; name another file"
        )));
    }
    if version > SCHEMAS.len() {
        return Err(unavailable(format!(
            "{shown} has schema {version} of a newer asset-arbiter, this one knows {}; run the newer one, or name \
             another file",
            SCHEMAS.len()
        )));
    }
    if db.is_readonly(MAIN_DB).map_err(|error| cannot_open(path, error))? {
        return Err(may_only_be_read(path));
    }
    Ok(version)
}

fn marks(db: &Connection) -> Sql<(i32, usize, u32)> {
    let version: u32 = db.pragma_query_one(None, "user_version")?;
    let tables = db.query_row("SELECT count(*) FROM sqlite_schema", [], |row| row.get(0))?;
    Ok((db.pragma_query_one(None, "application_id")?, version as usize, tables))
}

/// Sets the pragmas and returns the resulting journal mode.
fn configure(db: &Connection) -> Sql<String> {
    // One fsync per commit, before the answer. On macOS a full fsync, which reaches the disk.
    db.pragma_update(None, "synchronous", "FULL")?;
    db.pragma_update(None, "fullfsync", true)?;
    db.pragma_update(None, "foreign_keys", true)?;
    // Keeps rollback data in memory, not in a temporary file.
    db.pragma_update(None, "temp_store", "MEMORY")?;
    db.pragma_update(None, "cache_size", -CACHE_KIB)?;
    db.pragma_update(None, "journal_size_limit", LOG_BYTES)?;
    let mode = db.pragma_update_and_check(None, "journal_mode", "WAL", |row| row.get(0))?;
    // A file that had another mode, as `VACUUM INTO` leaves it, gets its WAL with the next read.
    db.query_row("SELECT count(*) FROM sqlite_schema", [], |_| Ok(()))?;
    Ok(mode)
}

fn upgrade(db: &mut Connection, from: usize) -> Sql<()> {
    if from == SCHEMAS.len() {
        return Ok(());
    }
    let transaction = db.transaction_with_behavior(TransactionBehavior::Immediate)?;
    for schema in &SCHEMAS[from..] {
        transaction.execute_batch(schema)?;
    }
    transaction.pragma_update(None, "application_id", APPLICATION_ID)?;
    transaction.pragma_update(None, "user_version", SCHEMAS.len() as i64)?;
    transaction.commit()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::store::{
        AssetKey, HistoryLimits, HistoryPage,
        sqlite::{file::log_of, history, outbox, revocations},
    };

    fn claim(path: &Path) -> Claim {
        Claim::of(&format!("sqlite:{}", path.display())).unwrap()
    }

    /// Checks the settings that durability rests on, because no test can cut the power.
    #[test]
    fn a_commit_is_synced_before_it_is_answered() {
        let folder = tempfile::tempdir().unwrap();
        let db = open_to_write(&claim(&folder.path().join("game.db"))).unwrap();
        let pragma = |name| db.pragma_query_one::<String>(None, name);
        assert_eq!(pragma("journal_mode").unwrap(), "wal");
        let number = |name| db.pragma_query_one::<u32>(None, name).unwrap();
        assert_eq!((number("synchronous"), number("fullfsync"), number("foreign_keys")), (2, 1, 1));
    }

    #[test]
    fn a_copy_by_vacuum_has_no_wal_and_gets_one() {
        let folder = tempfile::tempdir().unwrap();
        let (path, copy) = (folder.path().join("game.db"), folder.path().join("copy.db"));
        let db = open_to_write(&claim(&path)).unwrap();
        db.execute("VACUUM INTO ?1", [copy.to_str().unwrap()]).unwrap();
        let opened = open_to_write(&claim(&copy)).unwrap();
        assert!(log_of(&copy).is_file());
        assert_eq!(opened.pragma_query_one::<String>(None, "journal_mode").unwrap(), "wal");
    }

    #[test]
    fn a_file_of_an_earlier_schema_is_brought_to_the_newest() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("game.db");
        let old = Connection::open(&path).unwrap();
        old.execute_batch(SCHEMAS[0]).unwrap();
        old.pragma_update(None, "application_id", APPLICATION_ID).unwrap();
        old.pragma_update(None, "user_version", 1).unwrap();
        old.execute_batch(
            "INSERT INTO rooms (room, last_used) VALUES ('arena', 1);
             INSERT INTO assets (room, asset, units, remaining, held, revision, creation, created_units, removed)
             VALUES ('arena', 'sword', 1, 1, 0, 0, 0, 1, 0);
             INSERT INTO calls (room, asset, node, seq, changed, place)
             VALUES ('arena', 'sword', 'aa', 7, 1, 1), ('arena', 'sword', 'bb', 8, 0, 2);",
        )
        .unwrap();
        drop(old);
        let db = open_to_write(&claim(&path)).unwrap();
        let calls = "SELECT group_concat(node || seq) FROM calls";
        assert_eq!(db.query_row(calls, [], |row| row.get::<_, String>(0)).unwrap(), "aa7");
        assert_eq!(db.pragma_query_one::<u32>(None, "user_version").unwrap() as usize, SCHEMAS.len());
    }

    #[test]
    fn a_file_of_schema_7_keeps_its_events_and_takes_a_history() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("game.db");
        let (before, old) = (7, Connection::open(&path).unwrap());
        for schema in &SCHEMAS[..before] {
            old.execute_batch(schema).unwrap();
        }
        old.pragma_update(None, "application_id", APPLICATION_ID).unwrap();
        old.pragma_update(None, "user_version", before as i64).unwrap();
        let event = "00000000000000ab/0000000000000012/12/granted/5/3/2////ann";
        old.execute("INSERT INTO events (room, asset, event) VALUES ('arena', 'sword', ?1)", [event]).unwrap();
        drop(old);
        let db = open_to_write(&claim(&path)).unwrap();
        let key = AssetKey { room: "arena".parse().unwrap(), asset: "sword".parse().unwrap() };
        let limits = HistoryLimits { age: Duration::from_millis(10), events: 9 };
        let shown = |now| {
            let page = HistoryPage { after: None, now, limit: 9 };
            history::page(&db, &key, page, limits).unwrap().iter().map(ToString::to_string).collect::<Vec<_>>()
        };
        assert_eq!(shown(99), [event], "it waits");
        let id = "arena/sword/00000000000000ab/12".parse().unwrap();
        outbox::acknowledge(&db, &key.room, &[id], Some(limits), 6).unwrap();
        assert_eq!(shown(6), [event], "it is acknowledged");
        outbox::acknowledge(&db, &key.room, &[], Some(limits), 15).unwrap();
        let left = db.query_row("SELECT count(*) FROM history", [], |row| row.get::<_, u32>(0)).unwrap();
        assert_eq!((shown(15), left), (Vec::new(), 0), "it is too old");
    }

    #[test]
    fn a_file_of_schema_4_keeps_its_assets_and_takes_revocations() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("game.db");
        let (before, old) = (4, Connection::open(&path).unwrap());
        for schema in &SCHEMAS[..before] {
            old.execute_batch(schema).unwrap();
        }
        old.pragma_update(None, "application_id", APPLICATION_ID).unwrap();
        old.pragma_update(None, "user_version", before as i64).unwrap();
        old.execute_batch(
            "INSERT INTO rooms (room, last_used) VALUES ('arena', 1);
             INSERT INTO assets (room, asset, units, remaining, held, revision, creation, created_units)
             VALUES ('arena', 'sword', 3, 3, 0, 0, 0, 3);",
        )
        .unwrap();
        drop(old);
        for reopened in [false, true] {
            let claim = claim(&path);
            let db = open_to_write(&claim).unwrap();
            let units = db.query_row("SELECT units FROM assets", [], |row| row.get::<_, u32>(0)).unwrap();
            let found = revocations::all(&db, 5).unwrap();
            assert_eq!((units, found.len()), (3, usize::from(reopened)));
            revocations::add(&db, "{}", 9, 5).unwrap();
        }
    }
}
