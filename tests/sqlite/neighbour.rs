use std::{fs, path::Path};

use rusqlite::{Connection, OpenFlags};

use crate::temp_db::TempDb;

/// Another program that has the file open to write, as the sqlite3 shell does.
pub(crate) struct Neighbour(Connection);

impl Neighbour {
    pub(crate) fn of(db_file: &TempDb) -> Self {
        let db = Connection::open_with_flags(db_file.file(), OpenFlags::SQLITE_OPEN_READ_WRITE).unwrap();
        Self(db)
    }

    pub(crate) fn run(&self, sql: &str) {
        self.0.execute_batch(sql).unwrap();
    }

    pub(crate) fn ask<T: rusqlite::types::FromSql>(&self, sql: &str) -> T {
        self.0.query_row(sql, [], |row| row.get(0)).unwrap()
    }

    /// Keeps the store from committing, so that changes wait, until [`unlock`](Self::unlock).
    pub(crate) fn lock(&self) {
        self.run("BEGIN IMMEDIATE");
    }

    pub(crate) fn unlock(&self) {
        self.run("ROLLBACK");
    }
}

/// How many commits the write-ahead log holds, by its published format: a header of 32 bytes, then frames of
/// 24 bytes and a page, of which those that end a commit tell the size of the file after it.
pub(crate) fn commits(wal: &Path) -> usize {
    let bytes = fs::read(wal).unwrap();
    let word = |at: usize| u32::from_be_bytes(bytes[at..at + 4].try_into().unwrap());
    let (page, salt) = (word(8) as usize, &bytes[16..24]);
    let frames = (32..).step_by(24 + page).take_while(|at| at + 24 + page <= bytes.len());
    frames.take_while(|at| &bytes[at + 8..at + 16] == salt).filter(|at| word(at + 4) > 0).count()
}
