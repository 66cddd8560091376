//! Ties `FILE-wal` to FILE by a random generation ID. SQLite itself would copy a WAL into any file of that name.

use std::{fs::File, os::unix::fs::FileExt, path::Path};

use rusqlite::{Connection, OptionalExtension, Result as Sql};

use super::{
    claim::{Claim, FileId},
    error::{quietly, unavailable},
    file::{log_of, size},
};
use crate::store::Result;

type Generation = [u8; 16];

/// The value before the first complete checkpoint, when the file does not contain a generation yet.
const NONE: Generation = [0; 16];

/// The row of `server`, and its offset in the file.
struct Marks {
    at: u64,
    page_bytes: usize,
    generation: Generation,
    previous: Generation,
    opened_as: Option<String>,
}

/// `None`: the file has an earlier schema.
fn marks(db: &Connection) -> Sql<Option<Marks>> {
    let root = "SELECT rootpage FROM sqlite_schema WHERE type = 'table' AND name = 'server'";
    let Some(root) = db.query_row(root, [], |row| row.get::<_, u32>(0)).optional()? else { return Ok(None) };
    let page: u32 = db.pragma_query_one(None, "page_size")?;
    let at = u64::from(root.saturating_sub(1)) * u64::from(page);
    db.query_row("SELECT generation, previous, opened_as FROM server", [], |row| {
        let (generation, previous, opened_as) = (row.get(0)?, row.get(1)?, row.get(2)?);
        Ok(Some(Marks { at, page_bytes: page as usize, generation, previous, opened_as }))
    })
}

impl Marks {
    /// Whether the bytes on disk are those that the WAL continues.
    fn are_in(&self, file: &File) -> bool {
        self.previous == NONE || self.has(file, &self.generation) || self.has(file, &self.previous)
    }

    fn has(&self, file: &File, generation: &Generation) -> bool {
        let mut page = vec![0; self.page_bytes];
        file.read_exact_at(&mut page, self.at).is_ok()
            && page.windows(NONE.len()).any(|bytes| bytes == generation)
    }
}

/// Whether the file on disk is the one that the WAL belongs to. An older copy of it is not.
pub(super) fn is_of_log(db: &Connection, file: &File) -> Sql<bool> {
    Ok(marks(db)?.is_none_or(|marks| marks.are_in(file)))
}

/// Begins a new generation. The file must contain the current one, that is, the whole WAL must have been
/// checkpointed.
pub(super) fn begin(db: &Connection) -> Sql<()> {
    db.prepare_cached("UPDATE server SET previous = generation, generation = randomblob(16)")?
        .execute([])
        .map(drop)
}

/// Records that a server uses the file.
pub(super) fn open(db: &Connection, claim: &Claim) -> Sql<()> {
    // Otherwise the file would change and yet have the same generation as its copies.
    if marks(db)?.is_some_and(|marks| marks.generation == NONE || marks.has(&claim.file, &marks.generation)) {
        begin(db)?;
    }
    let path = claim.path.to_string_lossy();
    db.execute("UPDATE server SET opened_as = ?1", [path]).map(drop)
}

/// Records that no server uses the file any more.
pub(super) fn end(db: &Connection) -> Sql<()> {
    db.execute("UPDATE server SET opened_as = NULL", []).map(drop)
}

/// Checks that the file and the WAL beside it belong together, before anything is written.
///
/// # Errors
/// Which file the WAL belongs to, or which WAL the file, and how to fix it.
pub(super) fn check(db: &Connection, claim: &Claim) -> Result<()> {
    // A file that cannot be read is reported by the next read.
    let Ok(Some(marks)) = marks(db) else { return Ok(()) };
    let (path, log) = (&claim.path, log_of(&claim.path));
    if claim.log_found && !marks.are_in(&claim.file) {
        return Err(unavailable(format!(
            "{1} is not the log of {0}, which was replaced since a server used it; move {1} away to go on with this {0}, or \
             put back the {0} that it belongs to",
            path.display(),
            log.display()
        )));
    }
    match &marks.opened_as {
        Some(name) if !claim.log_found => check_missing_log(claim, Path::new(name)),
        _ => Ok(()),
    }
}

/// Refuses a file whose last server did not shut down cleanly if the WAL is missing: the last answered changes
/// were in that WAL, beside the name the server used.
fn check_missing_log(claim: &Claim, name: &Path) -> Result<()> {
    let (path, log) = (&claim.path, log_of(name));
    let elsewhere = name != path && FileId::at(name).map_or(true, |id| id == claim.id);
    if elsewhere && size(&log) > 0 {
        return Err(unavailable(format!(
            "{0} was last used as {1}, and changes of it lie in {2}; start the server once with {1} for its name",
            path.display(),
            name.display(),
            log.display()
        )));
    }
    quietly(|| {
        tracing::error!(
            file = %path.display(),
            missing = %log.display(),
            "sqlite: the last server on this file did not end cleanly, or the file was copied while it ran, and its log of \
             changes is missing: what was answered last may be lost"
        );
    });
    Ok(())
}
