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

/// How many pages `FILE-wal` grows by before a checkpoint, which occupies the disk for a moment. While the
/// writer is idle, few pages. Under load many more, so that checkpoints are rare (32 MiB, read back in less
/// than a second after a crash).
const IDLE_PAGES: usize = 1000;
const BUSY_PAGES: usize = 8192;

/// Longer than writing a page takes.
const LOOK_AGAIN_AFTER: Duration = Duration::from_millis(20);

/// The write-ahead log: when it is checkpointed into the file, and how the file looks in between.
pub(super) struct Wal {
    /// Pages in the log after the last commit.
    logged: Arc<AtomicUsize>,
    /// The number of commits that wrote to the log.
    commits: Arc<AtomicUsize>,
    /// The pages in the log at the last checkpoint.
    copied: usize,
    /// Whether the file records its server.
    opened: bool,
    /// The file's stamp after the last complete checkpoint. The file is not written until the next one.
    at_rest: Option<Stamp>,
}

impl Wal {
    pub(super) fn new(db: &mut Connection) -> Result<Self> {
        let (logged, commits) = (Arc::new(AtomicUsize::new(0)), Arc::new(AtomicUsize::new(0)));
        let seen = (Arc::clone(&logged), Arc::clone(&commits));
        // Replaces SQLite's automatic checkpoint, because the answers to a group would have to wait for it.
        db.wal_hook(Some(move |_: &mut hooks::Wal, pages: i32| {
            seen.0.store(pages.unsigned_abs() as usize, Ordering::Relaxed);
            seen.1.fetch_add(1, Ordering::Relaxed);
            Ok(())
        }))?;
        Ok(Self { logged, commits, copied: 0, opened: false, at_rest: None })
    }

    /// Records this server in the file, unless done already. A full disk may delay this.
    pub(super) fn open(&mut self, db: &Connection, claim: &Claim) -> Result<()> {
        if self.opened {
            return Ok(());
        }
        generation::open(db, claim)?;
        self.copy_and_begin(db, &claim.file, "TRUNCATE")?;
        self.opened = true;
        Ok(())
    }

    /// The number of commits that changed something.
    pub(super) fn commits(&self) -> usize {
        self.commits.load(Ordering::Relaxed)
    }

    pub(super) fn copy_when_due(&mut self, db: &Connection, file: &File, idle: bool) {
        let logged = self.logged.load(Ordering::Relaxed);
        // Fewer than before: SQLite restarted the log.
        self.copied = self.copied.min(logged);
        if logged - self.copied < if idle { IDLE_PAGES } else { BUSY_PAGES } {
            return;
        }
        self.copied = logged;
        if let Err(error) = self.copy_and_begin(db, file, "PASSIVE") {
            quietly(|| tracing::warn!(%error, "sqlite: cannot copy the log of changes into the file"));
        }
    }

    /// Checkpoints the log and begins a generation if the checkpoint is complete. Pages that could not be
    /// copied stay in the log, where they are as safe.
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

    /// Whether another program overwrote the file with something other than this log.
    pub(super) fn overwritten(&mut self, db: &Connection, file: &File, now: Stamp) -> bool {
        if self.at_rest.is_none_or(|at_rest| at_rest == now) {
            return false;
        }
        // Another program may checkpoint the log, as `PRAGMA wal_checkpoint` in the sqlite3 shell does.
        let same = || generation::is_of_log(db, file).unwrap_or(false);
        self.at_rest = Some(now);
        let same = same() || {
            // The page may have been half written.
            thread::sleep(LOOK_AGAIN_AFTER);
            same()
        };
        !same
    }

    /// Checkpoints everything and records that no server uses the file. Returns whether the checkpoint is
    /// complete.
    pub(super) fn end(&mut self, db: &Connection) -> Result<bool> {
        self.at_rest = None;
        generation::end(db).and_then(|()| copy(db, "TRUNCATE"))
    }

    /// Checkpoints answered changes into the original file, wherever it is now.
    pub(super) fn salvage(&mut self, db: &Connection, loss: Loss, file_is_missing: bool) -> Result<bool> {
        if loss == Loss::Overwritten {
            return Ok(false);
        }
        let complete = self.end(db)?;
        if complete && file_is_missing {
            // A log that is not empty prevents the next start from creating a new file of that name.
            generation::begin(db)?;
        }
        Ok(complete)
    }
}

/// Runs a checkpoint. Returns whether it is complete.
fn copy(db: &Connection, mode: &str) -> Result<bool> {
    db.query_row(&format!("PRAGMA wal_checkpoint({mode})"), [], |row| {
        let (busy, logged, copied): (i64, i64, i64) = (row.get(0)?, row.get(1)?, row.get(2)?);
        Ok(busy == 0 && logged == copied)
    })
}
