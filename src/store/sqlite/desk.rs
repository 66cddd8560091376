use std::{
    error::Error as StdError,
    sync::{
        Arc,
        atomic::{AtomicUsize, Ordering},
    },
    time::{Duration, Instant},
};

use rusqlite::{Connection, Error, Result, hooks::Wal};
use tokio::sync::mpsc::Receiver;

use super::{
    failure::{broken, outcome_unknown},
    writer::Change,
};

/// Changes that share one transaction and one fsync at most: enough that each one's share of the fsync is
/// nothing, and few enough that the first is answered within tens of milliseconds.
const GROUP_CHANGES: usize = 512;

/// Pages that `FILE-wal` grows by before they are copied into the file, which takes the disk for a moment: a
/// little when nobody waits, and much more, so that it is seldom, when someone does (32 MiB, read back in
/// less than a second after a crash).
const IDLE_PAGES: usize = 1000;
const BUSY_PAGES: usize = 8192;

/// How often it is logged that changes fail: a full disk fails all of them.
const COMPLAIN_EVERY: Duration = Duration::from_secs(5);

/// Where changes are done, group by group.
pub(super) struct Desk {
    db: Connection,
    /// Pages in `FILE-wal` after the last commit.
    logged: Arc<AtomicUsize>,
    /// As many as there were when they were last copied into the file.
    copied: usize,
    /// When it was last logged that changes fail.
    complained: Option<Instant>,
}

type Waiting = Receiver<Box<dyn Change>>;
type Group = Vec<Box<dyn Change>>;

impl Desk {
    pub(super) fn new(mut db: Connection) -> Result<Self> {
        let logged = Arc::new(AtomicUsize::new(0));
        let seen = Arc::clone(&logged);
        // Takes the place of SQLite's own checkpoint, for which the answers to a group would have to wait.
        db.wal_hook(Some(move |_: &mut Wal, pages: i32| {
            seen.store(pages.unsigned_abs() as usize, Ordering::Relaxed);
            Ok(())
        }))?;
        Ok(Self { db, logged, copied: 0, complained: None })
    }

    /// Until nobody can ask any more and everything that was asked is done.
    pub(super) fn serve(mut self, mut waiting: Waiting) {
        while let Some(first) = waiting.blocking_recv() {
            self.group(first, &mut waiting);
            self.checkpoint_when_due(waiting.is_empty());
        }
        self.checkpoint("TRUNCATE");
    }

    /// Does `first`, and what else waits or comes meanwhile, in one transaction.
    fn group(&mut self, first: Box<dyn Change>, waiting: &mut Waiting) {
        if let Err(error) = self.run("BEGIN IMMEDIATE") {
            return self.refuse_all(first, waiting, error);
        }
        let others = std::iter::from_fn(|| waiting.try_recv().ok());
        let mut group = Group::new();
        for mut change in std::iter::once(first).chain(others).take(GROUP_CHANGES) {
            let outcome = self.step(&mut *change);
            if self.db.is_autocommit() {
                group.push(change);
                return self.one_by_one(group);
            }
            match outcome {
                Ok(()) => group.push(change),
                Err(error) => refuse(change, &self.complain(error)),
            }
        }
        self.commit(group);
    }

    /// Whoever waited for this transaction waited in vain; whoever came later did not.
    fn refuse_all(&mut self, first: Box<dyn Change>, waiting: &mut Waiting, error: Error) {
        let error = self.complain(error);
        let others = waiting.len();
        refuse(first, &error);
        for change in std::iter::from_fn(|| waiting.try_recv().ok()).take(others) {
            refuse(change, &error);
        }
    }

    /// What an error took out of the transaction it takes out for all in it (a full disk does): then each gets
    /// a transaction of its own, so that it spoils only itself.
    fn one_by_one(&mut self, group: Group) {
        for mut change in group {
            match self.run("BEGIN IMMEDIATE").and_then(|()| self.step(&mut *change)) {
                Ok(()) => self.commit(vec![change]),
                Err(error) => {
                    self.roll_back();
                    refuse(change, &self.complain(error));
                }
            }
        }
    }

    /// Runs a change so that only itself is undone if it fails.
    fn step(&self, change: &mut dyn Change) -> Result<()> {
        if !change.wanted() {
            return Ok(());
        }
        self.run("SAVEPOINT change")?;
        let outcome = change.run(&self.db);
        if self.db.is_autocommit() {
            return outcome;
        }
        let undone = if outcome.is_err() { self.run("ROLLBACK TO change") } else { Ok(()) };
        if let Err(error) = undone.and_then(|()| self.run("RELEASE change")) {
            self.roll_back();
            return Err(error);
        }
        outcome
    }

    /// Answers go out when the transaction is on disk. When that fails nobody knows: a crash may bring it back.
    fn commit(&mut self, group: Group) {
        let Err(error) = self.run("COMMIT") else {
            return group.into_iter().for_each(|change| change.answer());
        };
        self.roll_back();
        let error = self.complain(error);
        for change in group {
            change.fail(
                outcome_unknown("the change could not be brought to disk").with_source(Arc::clone(&error)),
            );
        }
    }

    fn roll_back(&self) {
        if self.db.is_autocommit() {
            return;
        }
        if let Err(error) = self.run("ROLLBACK") {
            tracing::error!(%error, "sqlite: cannot roll back");
        }
    }

    fn checkpoint_when_due(&mut self, idle: bool) {
        let logged = self.logged.load(Ordering::Relaxed);
        // Fewer than before: SQLite began the log anew.
        self.copied = self.copied.min(logged);
        if logged - self.copied >= if idle { IDLE_PAGES } else { BUSY_PAGES } {
            self.copied = logged;
            self.checkpoint("PASSIVE");
        }
    }

    /// Copies the log into the file. What could not be copied stays in the log, where it is as safe.
    fn checkpoint(&self, mode: &str) {
        let copied = self.db.query_row(&format!("PRAGMA wal_checkpoint({mode})"), [], |_| Ok(()));
        if let Err(error) = copied {
            tracing::warn!(%error, "sqlite: cannot copy the log of changes into the file");
        }
    }

    fn run(&self, sql: &str) -> Result<()> {
        self.db.prepare_cached(sql)?.execute([]).map(drop)
    }

    /// Logs an error now and then, and makes it fit to be told to many.
    fn complain(&mut self, error: Error) -> Arc<dyn StdError + Send + Sync> {
        if self.complained.is_none_or(|at| at.elapsed() >= COMPLAIN_EVERY) {
            self.complained = Some(Instant::now());
            tracing::error!(%error, "sqlite: changes fail");
        }
        Arc::new(error)
    }
}

fn refuse(change: Box<dyn Change>, error: &Arc<dyn StdError + Send + Sync>) {
    change.fail(broken("the change could not be done", Arc::clone(error)));
}
