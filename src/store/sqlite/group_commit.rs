use std::{
    panic::{AssertUnwindSafe, catch_unwind},
    sync::Arc,
    time::{Duration, Instant},
};

use rusqlite::{Connection, Error, Result as Sql};
use tokio::{
    runtime::{Builder, Runtime},
    sync::mpsc::{Receiver, error::TryRecvError},
    time::timeout,
};

use super::{
    claim::Claim,
    error::{broken, cause, is_of_disk, outcome_unknown, quietly, said, unavailable},
    file::{log_of, size},
    readers::Pool,
    schema,
    wal::Wal,
    watch::{Loss, Watch},
    writer::Change,
};
use crate::{
    model::LogThrottle,
    store::{Result, StoreError},
};

/// Maximum number of changes that share one transaction and one fsync. Large enough to make each one's share of
/// the fsync negligible, and small enough to answer the first within tens of milliseconds.
const GROUP_CHANGES: usize = 512;

/// How often failing changes are logged. A full disk fails all of them.
const COMPLAIN_EVERY: Duration = Duration::from_secs(5);

/// How often an idle writer checks the files and retries a failed disk.
const LOOK_EVERY: Duration = Duration::from_secs(1);

/// How long running reads may take when the file is closed.
const READS_END_WITHIN: Duration = Duration::from_secs(2);

/// A change that has no effect but fails on a full disk like any other. It must be a real commit, because only
/// a commit needs space in the WAL and an fsync.
const PROBE: &str = "UPDATE probe SET writes = writes + 1";

/// Executes changes in groups. Owned by the writer thread.
pub(super) struct GroupCommit {
    /// Declared before `claim`, so that it is closed before the claim ends.
    db: Connection,
    claim: Claim,
    wal: Wal,
    watch: Arc<Watch>,
    complaints: LogThrottle,
    looked: Instant,
    salvaged: bool,
}

type Waiting = Receiver<Box<dyn Change>>;
type Group = Vec<Box<dyn Change>>;

/// The writer thread's next step.
enum Next {
    Group(Box<dyn Change>),
    Look,
    End,
}

/// Tests a commit that writes.
pub(super) fn probe(db: &Connection) -> Sql<()> {
    db.prepare_cached(PROBE)?.execute([]).map(drop)
}

impl GroupCommit {
    pub(super) fn new(db: Connection, claim: Claim, wal: Wal, watch: Arc<Watch>) -> Self {
        let complaints = LogThrottle::new(COMPLAIN_EVERY);
        let mut group_commit =
            Self { db, claim, wal, watch, complaints, looked: Instant::now(), salvaged: false };
        // A full disk may recover later, and the data can be read meanwhile.
        if let Err(error) = group_commit.wal.open(&group_commit.db, &group_commit.claim) {
            group_commit.roll_back();
            group_commit.watch.note_disk_failure(Some((cause(&error), error.to_string())));
            drop(group_commit.complain(error));
        }
        group_commit
    }

    /// Runs until all senders are gone and the queue is empty, then closes the file.
    ///
    /// # Errors
    /// Why the file does not contain everything.
    pub(super) fn run(mut self, mut waiting: Waiting, readers: &Pool) -> Result<()> {
        let clock = Builder::new_current_thread().enable_time().build();
        let clock = clock.map_err(|error| broken("cannot start the clock of the thread that writes", error))?;
        loop {
            match next(&mut waiting, &clock) {
                Next::Group(first) => {
                    self.group(first, &mut waiting);
                    if self.watch.usable().is_ok() {
                        self.wal.copy_when_due(&self.db, &self.claim.file, waiting.is_empty());
                    }
                }
                Next::Look => {}
                Next::End => break,
            }
            self.watch.note_seen();
            let urgent = self.watch.loss() == Some(Loss::Log) && !self.salvaged;
            if urgent || self.looked.elapsed() >= LOOK_EVERY {
                self.tend();
            }
        }
        self.close(readers)
    }

    /// Checks that the files are still the ones that were opened.
    fn look(&mut self) -> Result<()> {
        let now = self.watch.check()?;
        if self.wal.overwritten(&self.db, &self.claim.file, now) {
            let what = format!("{} was overwritten by another program", self.claim.path.display());
            return Err(self.watch.lose(Loss::Overwritten, &what));
        }
        Ok(())
    }

    /// The checks that are due each second.
    fn tend(&mut self) {
        self.looked = Instant::now();
        if self.look().is_ok() {
            if self.watch.has_disk_failure() {
                self.probe();
            }
            return;
        }
        if let Some(back) = self.watch.is_back() {
            if self.wal.untouched(back) {
                self.watch.regain();
            } else {
                self.watch.fail(Some(format!(
                    "{} is back, but another program may have changed it meanwhile; start the server again",
                    self.claim.path.display()
                )));
            }
        }
        let overdue = self.watch.overdue();
        if overdue || self.watch.loss() == Some(Loss::Log) {
            self.salvage();
        }
        if overdue {
            self.watch.fail(None);
        }
    }

    /// Tests whether the disk takes changes again.
    fn probe(&mut self) {
        let tried = self
            .run_sql("BEGIN IMMEDIATE")
            .and_then(|()| probe(&self.db))
            .and_then(|()| self.run_sql("COMMIT"))
            .and_then(|()| self.wal.open(&self.db, &self.claim));
        match tried {
            Ok(()) => self.note_that_it_works(),
            Err(error) => {
                self.roll_back();
                drop(self.complain(error));
            }
        }
    }

    fn note_that_it_works(&self) {
        if self.watch.note_disk_failure(None) {
            quietly(|| tracing::info!("sqlite: changes work again"));
        }
    }

    /// Brings answered changes into the original file. Runs once, while the descriptors are open.
    fn salvage(&mut self) {
        let Some(loss) = self.watch.loss().filter(|_| !self.salvaged) else { return };
        self.salvaged = true;
        let missing = !self.claim.path.exists();
        let path = self.claim.path.display();
        match self.wal.salvage(&self.db, loss, missing) {
            Ok(true) => {
                quietly(|| tracing::info!("sqlite: all that was answered is in the file that was {path}"))
            }
            Ok(false) => quietly(|| tracing::error!("sqlite: the log of {path} could not be copied into it")),
            Err(error) => {
                quietly(|| tracing::error!(%error, "sqlite: the log of {path} could not be copied into it"))
            }
        }
    }

    /// Closes the file. The readers are closed first, so that this is the last connection and SQLite deletes
    /// the WAL, which is empty then.
    fn close(mut self, readers: &Pool) -> Result<()> {
        let readers_closed = readers.close(READS_END_WITHIN);
        if let Err(lost) = self.look() {
            self.salvage();
            // The names beside the file may belong to other files now.
            drop(schema::copy_on_close(&self.db, false));
            return Err(lost);
        }
        let copied = self.wal.end(&self.db);
        let Self { db, claim, .. } = self;
        drop(db);
        let log = log_of(&claim.path);
        if size(&log) == 0 {
            return Ok(());
        }
        let kept = format!(
            "what was answered lies in {0} and must stay beside {1}",
            log.display(),
            claim.path.display()
        );
        Err(match copied {
            Err(error) => broken(format!("{kept}, because it could not be copied: {error}"), error),
            Ok(_) if !readers_closed => unavailable(format!("{kept}, because a read did not end")),
            Ok(_) => unavailable(format!("{kept}, because another program reads the file in a transaction")),
        })
    }

    /// Executes `first` and the other queued changes in one transaction.
    fn group(&mut self, first: Box<dyn Change>, waiting: &mut Waiting) {
        if let Err(lost) = self.look() {
            return refuse_all(first, waiting, || unavailable(lost.message()).because(lost.cause()));
        }
        if let Err(error) = self.run_sql("BEGIN IMMEDIATE") {
            let error = self.complain(error);
            return refuse_all(first, waiting, || not_done(&error));
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
                Err(error) => change.fail(not_done(&self.complain(error))),
            }
        }
        self.commit(group);
    }

    /// Gives each change a transaction of its own. Needed when an error, such as a full disk, has rolled back
    /// the shared transaction, so that a failing change affects only itself.
    fn one_by_one(&mut self, group: Group) {
        for mut change in group {
            match self.run_sql("BEGIN IMMEDIATE").and_then(|()| self.step(&mut *change)) {
                Ok(()) => self.commit(vec![change]),
                Err(error) => {
                    self.roll_back();
                    change.fail(not_done(&self.complain(error)));
                }
            }
        }
    }

    /// Runs a change in a savepoint, so that a failure rolls back only this change.
    fn step(&self, change: &mut dyn Change) -> Sql<()> {
        if !change.wanted() {
            return Ok(());
        }
        self.run_sql("SAVEPOINT change")?;
        let outcome = catch_unwind(AssertUnwindSafe(|| change.run(&self.db))).unwrap_or_else(|panic| {
            let why = format!("the change panicked: {}", said(&*panic));
            Err(Error::ToSqlConversionFailure(why.into()))
        });
        if self.db.is_autocommit() {
            return outcome;
        }
        let undone = if outcome.is_err() { self.run_sql("ROLLBACK TO change") } else { Ok(()) };
        if let Err(error) = undone.and_then(|()| self.run_sql("RELEASE change")) {
            self.roll_back();
            return Err(error);
        }
        outcome
    }

    /// Commits, and answers when the transaction is on disk in the file of that name. If that fails the outcome
    /// is unknown: a crash or moving the file back may restore the transaction.
    fn commit(&mut self, group: Group) {
        let commits = self.wal.commits();
        if let Err(error) = self.run_sql("COMMIT") {
            self.roll_back();
            let error = self.complain(error);
            let unknown = || {
                outcome_unknown(format!("the change could not be brought to disk: {error}"))
                    .because(cause(&error))
                    .with_source(Arc::clone(&error))
            };
            return group.into_iter().for_each(|change| change.fail(unknown()));
        }
        if let Err(lost) = self.look() {
            return group
                .into_iter()
                .for_each(|change| change.fail(outcome_unknown(lost.message()).because(lost.cause())));
        }
        if self.wal.commits() != commits {
            self.note_that_it_works();
        }
        group.into_iter().for_each(|change| change.answer());
    }

    fn roll_back(&self) {
        if self.db.is_autocommit() {
            return;
        }
        if let Err(error) = self.run_sql("ROLLBACK") {
            quietly(|| tracing::error!(%error, "sqlite: cannot roll back"));
        }
    }

    fn run_sql(&self, sql: &str) -> Sql<()> {
        self.db.prepare_cached(sql)?.execute([]).map(drop)
    }

    /// Logs an error, throttled, and makes it shareable.
    fn complain(&mut self, error: Error) -> Arc<Error> {
        if is_of_disk(&error) {
            self.watch.note_disk_failure(Some((cause(&error), error.to_string())));
        }
        if let Some(held_back) = self.complaints.due() {
            quietly(|| tracing::error!(%error, held_back, "sqlite: changes fail"));
        }
        Arc::new(error)
    }
}

fn next(waiting: &mut Waiting, clock: &Runtime) -> Next {
    match waiting.try_recv() {
        Ok(first) => Next::Group(first),
        Err(TryRecvError::Disconnected) => Next::End,
        Err(TryRecvError::Empty) => clock.block_on(async {
            match timeout(LOOK_EVERY, waiting.recv()).await {
                Ok(Some(first)) => Next::Group(first),
                Ok(None) => Next::End,
                Err(_) => Next::Look,
            }
        }),
    }
}

/// Refuses the changes queued so far. Those that arrive later are not affected.
fn refuse_all(first: Box<dyn Change>, waiting: &mut Waiting, why: impl Fn() -> StoreError) {
    let others = waiting.len();
    first.fail(why());
    for change in std::iter::from_fn(|| waiting.try_recv().ok()).take(others) {
        change.fail(why());
    }
}

fn not_done(error: &Arc<Error>) -> StoreError {
    broken(format!("the change could not be done: {error}"), Arc::clone(error)).because(cause(error))
}
