use std::{
    fs::{self, Metadata},
    io::{self, ErrorKind},
    os::unix::fs::MetadataExt,
    path::PathBuf,
    sync::atomic::{AtomicU64, Ordering},
    time::{Duration, Instant},
};

use parking_lot::Mutex;
use tokio::sync::watch;

use super::{
    claim::{Claim, FileId},
    error::{quietly, unavailable},
    file::{beside, cannot_open, log_of},
};
use crate::store::{Result, StoreError, StoreErrorCause};

/// How long a file that was moved away may be missing before the process ends.
pub(super) const GRACE: Duration = Duration::from_secs(30);

/// Longer than any step of the writer thread takes while the disk answers.
const STALLED: Duration = Duration::from_secs(10);

/// Checks that FILE, its WAL and its index still are the files that were opened. If their names belong to other
/// files, new writes would be lost after a restart.
pub(super) struct Watch {
    /// FILE, `FILE-wal` and `FILE-shm`.
    held: [Held; 3],
    state: watch::Sender<State>,
    /// Why the last change failed, if the disk caused it.
    disk_failure: Mutex<Option<(StoreErrorCause, String)>>,
    started: Instant,
    /// When the writer thread last reported, in milliseconds since `started`.
    seen: AtomicU64,
    grace: Duration,
}

struct Held {
    name: PathBuf,
    id: FileId,
}

#[derive(Debug, Clone)]
enum State {
    Serving,
    Lost {
        loss: Loss,
        why: String,
        since: Instant,
    },
    /// The store cannot work again in this process.
    Failed(String),
    Closed,
}

/// What happened to the files.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Loss {
    /// The name does not lead to FILE any more. FILE may be moved back.
    File,
    /// The name of the WAL or its index does not lead to it any more.
    Log,
    /// Another program overwrote FILE with an older copy.
    Overwritten,
}

/// File metadata that changes with every write to the file.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Stamp {
    modified: (i64, i64),
    size: u64,
}

impl Stamp {
    pub(super) fn of(found: &Metadata) -> Self {
        Self { modified: (found.mtime(), found.mtime_nsec()), size: found.len() }
    }
}

impl Watch {
    /// Creates the watch. The WAL must exist.
    ///
    /// # Errors
    /// The WAL does not exist.
    pub(super) fn new(claim: &Claim, grace: Duration) -> Result<Self> {
        let held = |name: PathBuf| match FileId::at(&name) {
            Ok(id) => Ok(Held { name, id }),
            Err(error) => Err(cannot_open(&name, error)),
        };
        let file = Held { name: claim.path.to_owned(), id: claim.id };
        Ok(Self {
            held: [file, held(log_of(&claim.path))?, held(beside(&claim.path, "-shm"))?],
            state: watch::Sender::new(State::Serving),
            disk_failure: Mutex::new(None),
            started: Instant::now(),
            seen: AtomicU64::new(0),
            grace,
        })
    }

    /// Fails if the last check found that no call can be answered.
    pub(super) fn usable(&self) -> Result<()> {
        match &*self.state.borrow() {
            State::Serving => Ok(()),
            State::Lost { why, .. } | State::Failed(why) => Err(unusable(why)),
            State::Closed => Err(unavailable("the file is closed")),
        }
    }

    /// As [`Self::usable`]. Also fails while the disk fails or does not answer.
    pub(super) fn status(&self) -> Result<()> {
        self.usable()?;
        if let Some((cause, why)) = &*self.disk_failure.lock() {
            return Err(unavailable(format!("changes fail: {why}")).because(*cause));
        }
        let seen = self.started + Duration::from_millis(self.seen.load(Ordering::Relaxed));
        match seen.elapsed() {
            silent if silent > STALLED => {
                Err(unavailable(format!("the disk has not answered for {} s", silent.as_secs())))
            }
            _ => Ok(()),
        }
    }

    /// Checks the names: three system calls, a few microseconds.
    ///
    /// # Errors
    /// Why no call is answered, whether noticed now or before.
    pub(super) fn check(&self) -> Result<Stamp> {
        self.usable()?;
        self.look().map_err(|(loss, why)| self.lose(loss, &why))
    }

    fn look(&self) -> std::result::Result<Stamp, (Loss, String)> {
        let [file, log, index] = &self.held;
        let stamp = file.stamp().map_err(|why| (Loss::File, why))?;
        log.look().and_then(|()| index.look()).map_err(|why| (Loss::Log, why))?;
        Ok(stamp)
    }

    /// Refuses every call from now on, and logs the loss once.
    pub(super) fn lose(&self, loss: Loss, what: &str) -> StoreError {
        let advice = match loss {
            Loss::File => "put it back, or stop this server",
            Loss::Log => "start the server again",
            Loss::Overwritten => "stop this server before a file is put back",
        };
        let why = format!("{what}; no call is answered: {advice}");
        let lost = State::Lost { loss, why: why.clone(), since: Instant::now() };
        if self.change(|state| matches!(state, State::Serving).then_some(lost)) {
            quietly(|| tracing::error!(within = ?self.grace, "sqlite: {why}; else the process ends"));
        }
        unusable(why)
    }

    pub(super) fn loss(&self) -> Option<Loss> {
        match &*self.state.borrow() {
            State::Lost { loss, .. } => Some(*loss),
            _ => None,
        }
    }

    /// The file's stamp, if a file that was moved away has been moved back.
    pub(super) fn is_back(&self) -> Option<Stamp> {
        self.look().ok().filter(|_| self.loss() == Some(Loss::File))
    }

    pub(super) fn regain(&self) {
        if self.change(|state| matches!(state, State::Lost { .. }).then_some(State::Serving)) {
            quietly(|| tracing::info!("sqlite: {} is back; calls are answered", self.held[0].name.display()));
        }
    }

    /// Whether the grace period of a lost file is over.
    pub(super) fn overdue(&self) -> bool {
        matches!(&*self.state.borrow(), State::Lost { since, .. } if since.elapsed() >= self.grace)
    }

    /// Resolves [`Self::failed`]. Without a reason, the loss is the reason.
    pub(super) fn fail(&self, why: Option<String>) {
        self.change(|state| match (state, why) {
            (State::Serving | State::Lost { .. }, Some(why)) => Some(State::Failed(why)),
            (State::Lost { why, .. }, None) => Some(State::Failed(why.clone())),
            _ => None,
        });
    }

    pub(super) async fn failed(&self) -> StoreError {
        let mut states = self.state.subscribe();
        loop {
            if let State::Failed(why) = &*states.borrow_and_update() {
                return unusable(why);
            }
            if states.changed().await.is_err() {
                std::future::pending::<()>().await;
            }
        }
    }

    pub(super) fn close(&self) {
        self.change(|state| matches!(state, State::Serving).then_some(State::Closed));
    }

    /// Notes that the writer thread is alive.
    pub(super) fn note_seen(&self) {
        self.seen.store(self.started.elapsed().as_millis() as u64, Ordering::Relaxed);
    }

    /// Notes that the disk fails, or works again. Returns whether that is new.
    pub(super) fn note_disk_failure(&self, why: Option<(StoreErrorCause, String)>) -> bool {
        let mut disk_failure = self.disk_failure.lock();
        let new = disk_failure.is_some() != why.is_some();
        *disk_failure = why;
        new
    }

    pub(super) fn has_disk_failure(&self) -> bool {
        self.disk_failure.lock().is_some()
    }

    fn change(&self, next: impl FnOnce(&State) -> Option<State>) -> bool {
        self.state.send_if_modified(|state| match next(state) {
            Some(next) => {
                *state = next;
                true
            }
            None => false,
        })
    }
}

/// An error that an operator has to resolve.
fn unusable(why: impl Into<String>) -> StoreError {
    unavailable(why).because(StoreErrorCause::Misconfigured)
}

impl Held {
    /// Checks that the name leads to the file.
    fn look(&self) -> std::result::Result<(), String> {
        self.check(FileId::with_links(&self.name).map(|(id, links)| (id, links, ())))
    }

    /// The same, and returns the file's stamp.
    fn stamp(&self) -> std::result::Result<Stamp, String> {
        self.check(fs::metadata(&self.name).map(|found| (FileId::of(&found), found.nlink(), Stamp::of(&found))))
    }

    fn check<T>(&self, found: io::Result<(FileId, u64, T)>) -> std::result::Result<T, String> {
        let name = self.name.display();
        match found {
            Ok((id, links, found)) if id == self.id && links > 0 => Ok(found),
            // A bind mount keeps the name of a file that was deleted from its folder.
            Ok((id, ..)) if id == self.id => Err(format!("{name} was deleted or replaced")),
            Ok(_) => Err(format!("{name} was replaced: another file has its name")),
            Err(error) if matches!(error.kind(), ErrorKind::NotFound | ErrorKind::NotADirectory) => {
                Err(format!("{name} is gone: it was deleted or moved away"))
            }
            Err(error) => Err(format!("{name} cannot be looked at: {error}")),
        }
    }
}
