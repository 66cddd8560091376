use std::{
    fs::File,
    sync::{
        Arc,
        atomic::{AtomicUsize, Ordering},
    },
    thread,
    time::Duration,
};

use rusqlite::{Connection, Result, hooks};

use super::{
    claim::Claim,
    error::quietly,
    generation,
    watch::{Loss, Stamp},
};

/// Pages that `FILE-wal` grows by before they are copied into the file, which takes the disk for a moment: a
/// little when nobody waits, and much more, so that it is seldom, when someone does (32 MiB, read back in
/// less than a second after a crash).
const IDLE_PAGES: usize = 1000;
const BUSY_PAGES: usize = 8192;

/// Longer than it takes to write a page.
const LOOK_AGAIN_AFTER: Duration = Duration::from_millis(20);

/// The log of changes: when it is copied into the file, and what the file looks like in between.
pub(super) struct Wal {
    /// Pages in it after the last commit.
    logged: Arc<AtomicUsize>,
    /// Commits that wrote to it.
    commits: Arc<AtomicUsize>,
    /// As many pages as there were when they were last copied into the file.
    copied: usize,
    /// Whether the file says who has it.
    opened: bool,
    /// The file since all of the log was copied into it; nobody writes to it until the next time.
    at_rest: Option<Stamp>,
}

impl Wal {
    pub(super) fn new(db: &mut Connection) -> Result<Self> {
        let (logged, commits) = (Arc::new(AtomicUsize::new(0)), Arc::new(AtomicUsize::new(0)));
        let seen = (Arc::clone(&logged), Arc::clone(&commits));
        // Takes the place of SQLite's own checkpoint, for which the answers to a group would have to wait.
        db.wal_hook(Some(move |_: &mut hooks::Wal, pages: i32| {
            seen.0.store(pages.unsigned_abs() as usize, Ordering::Relaxed);
            seen.1.fetch_add(1, Ordering::Relaxed);
            Ok(())
        }))?;
        Ok(Self { logged, commits, copied: 0, opened: false, at_rest: None })
    }

    /// Notes in the file who has it, unless that is done. A full disk may keep it from that for some time.
    pub(super) fn open(&mut self, db: &Connection, claim: &Claim) -> Result<()> {
        if self.opened {
            return Ok(());
        }
        generation::open(db, claim)?;
        self.copy_and_begin(db, claim.file(), "TRUNCATE")?;
        self.opened = true;
        Ok(())
    }

    /// Rises with every commit that changed something.
    pub(super) fn commits(&self) -> usize {
        self.commits.load(Ordering::Relaxed)
    }

    pub(super) fn copy_when_due(&mut self, db: &Connection, file: &File, idle: bool) {
        let logged = self.logged.load(Ordering::Relaxed);
        // Fewer than before: SQLite began the log anew.
        self.copied = self.copied.min(logged);
        if logged - self.copied < if idle { IDLE_PAGES } else { BUSY_PAGES } {
            return;
        }
        self.copied = logged;
        if let Err(error) = self.copy_and_begin(db, file, "PASSIVE") {
            quietly(|| tracing::warn!(%error, "sqlite: cannot copy the log of changes into the file"));
        }
    }

    /// What could not be copied stays in the log, where it is as safe.
    fn copy_and_begin(&mut self, db: &Connection, file: &File, mode: &str) -> Result<()> {
        self.at_rest = None;
        if !copy(db, mode)? {
            return Ok(());
        }
        self.at_rest = file.metadata().ok().as_ref().map(Stamp::of);
        generation::begin(db)
    }

    /// Whether the file is exactly as this process left it.
    pub(super) fn untouched(&self, now: Stamp) -> bool {
        self.at_rest == Some(now)
    }

    /// Whether another program wrote something else into the file than this log.
    pub(super) fn overwritten(&mut self, db: &Connection, file: &File, now: Stamp) -> bool {
        if self.at_rest.is_none_or(|at_rest| at_rest == now) {
            return false;
        }
        // Some may copy the log into it, as `PRAGMA wal_checkpoint` in the sqlite3 shell does.
        let same = || generation::is_of_log(db, file).unwrap_or(false);
        self.at_rest = Some(now);
        let same = same() || {
            // It may have been half written.
            thread::sleep(LOOK_AGAIN_AFTER);
            same()
        };
        !same
    }

    /// Copies everything into the file and notes that nobody has it any more. Whether all is copied.
    pub(super) fn end(&mut self, db: &Connection) -> Result<bool> {
        self.at_rest = None;
        generation::end(db).and_then(|()| copy(db, "TRUNCATE"))
    }

    /// Brings what was answered into the file that was opened, wherever it is now.
    pub(super) fn salvage(&mut self, db: &Connection, loss: Loss, file_is_missing: bool) -> Result<bool> {
        if loss == Loss::Overwritten {
            return Ok(false);
        }
        let complete = self.end(db)?;
        if complete && file_is_missing {
            // A log that is not empty keeps the next start from making a new file of that name.
            generation::begin(db)?;
        }
        Ok(complete)
    }
}

/// Whether all of it was copied.
fn copy(db: &Connection, mode: &str) -> Result<bool> {
    db.query_row(&format!("PRAGMA wal_checkpoint({mode})"), [], |row| {
        let (busy, logged, copied): (i64, i64, i64) = (row.get(0)?, row.get(1)?, row.get(2)?);
        Ok(busy == 0 && logged == copied)
    })
}
