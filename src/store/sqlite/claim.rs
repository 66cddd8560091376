use std::{
    collections::BTreeSet,
    fs::{self, File, Metadata, OpenOptions, TryLockError},
    io,
    os::unix::fs::{MetadataExt, OpenOptionsExt},
    path::{Path, PathBuf},
};

use parking_lot::Mutex;

use super::{
    error::{broken, unavailable},
    file::{beside, cannot_open, log_of, named, resolve, size},
};
use crate::store::{Result, StoreError};

/// The files in use by stores of this process.
static CLAIMED: Mutex<BTreeSet<FileId>> = Mutex::new(BTreeSet::new());

/// An exclusive claim on a database file, against other servers. It ends when it is dropped or the process
/// ends, however it ends.
///
/// The file itself is locked, because the lock is then found under each of its names. `FILE.lock` beside it is
/// locked, too, because earlier versions lock only that. A process that closes any descriptor of a file loses
/// the locks that SQLite holds on it. So the file is opened before SQLite's first connection and closed after
/// its last.
pub(super) struct Claim {
    pub(super) path: PathBuf,
    pub(super) id: FileId,
    /// Whether a WAL with changes was found beside the file before it was opened.
    pub(super) log_found: bool,
    /// The file itself. It shows the same bytes as SQLite's own descriptors.
    pub(super) file: File,
    _lock: File,
    _entry: Entry,
}

/// Identifies a file independently of its name.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(super) struct FileId {
    device: u64,
    inode: u64,
}

/// A file's entry in [`CLAIMED`].
struct Entry(FileId);

impl Claim {
    /// Resolves the file of a URL, creates it if necessary, and claims it.
    ///
    /// # Errors
    /// What is wrong with the URL, the path or the claim, and how to fix it.
    pub(super) fn of(url: &str) -> Result<Self> {
        let path = resolve(named(url)?)?;
        let lock = lock_beside(&path)?;
        let log_found = size(&log_of(&path)) > 0;
        if log_found && size(&path) == 0 {
            return Err(without_file(&path));
        }
        let (file, entry) = open(&path)?;
        lock_itself(&file, &path)?;
        Ok(Self { path, id: entry.0, log_found, file, _lock: lock, _entry: entry })
    }
}

impl FileId {
    pub(super) fn of(found: &Metadata) -> Self {
        Self { device: found.dev(), inode: found.ino() }
    }

    pub(super) fn at(path: &Path) -> io::Result<Self> {
        Ok(Self::with_links(path)?.0)
    }

    /// The file at a path, and how many names it has.
    ///
    /// Leaves out the timestamps. From Linux 6.13 on, asking for the time of the last write gives the next write a
    /// time of its own, which an fsync then has to store, too. Each commit to a WAL that is watched would write one
    /// more block.
    pub(super) fn with_links(path: &Path) -> io::Result<(Self, u64)> {
        #[cfg(target_os = "linux")]
        {
            use rustix::{fs, io::Errno};
            let wanted = fs::StatxFlags::INO | fs::StatxFlags::NLINK;
            match fs::statx(fs::CWD, path, fs::AtFlags::empty(), wanted) {
                Ok(found) => {
                    let device = fs::makedev(found.stx_dev_major, found.stx_dev_minor);
                    return Ok((Self { device, inode: found.stx_ino }, found.stx_nlink.into()));
                }
                // An old kernel, or a sandbox.
                Err(Errno::NOSYS | Errno::PERM) => {}
                Err(error) => return Err(error.into()),
            }
        }
        let found = fs::metadata(path)?;
        Ok((Self::of(&found), found.nlink()))
    }
}

impl Entry {
    /// `None` if a store of this process uses the file already.
    fn enter(id: FileId) -> Option<Self> {
        let new = CLAIMED.lock().insert(id);
        // Not `then_some`, because that would create an `Entry` and drop it at once.
        new.then(|| Self(id))
    }
}

impl Drop for Entry {
    fn drop(&mut self) {
        CLAIMED.lock().remove(&self.0);
    }
}

/// Refuses to start without the file, because SQLite would create an empty file and delete the WAL, and with it
/// answered calls.
fn without_file(path: &Path) -> StoreError {
    unavailable(format!(
        "{0} is missing or empty, but {1} beside it holds changes of it; put {0} back where it was, or move {1} away to \
         begin anew",
        path.display(),
        log_of(path).display()
    ))
}

fn open(path: &Path) -> Result<(File, Entry)> {
    let failed = |error: io::Error| match error.kind() {
        io::ErrorKind::PermissionDenied if File::open(path).is_ok() => may_only_be_read(path),
        _ => cannot_open(path, error),
    };
    let mut options = OpenOptions::new();
    options.read(true).write(true).mode(0o644);
    let found = match FileId::at(path) {
        Ok(id) => Some(Entry::enter(id).ok_or_else(|| another_server(path))?),
        Err(error) if error.kind() == io::ErrorKind::NotFound => None,
        Err(error) => return Err(cannot_open(path, error)),
    };
    let file = options.create_new(found.is_none()).open(path).map_err(failed)?;
    let id = FileId::of(&file.metadata().map_err(|error| cannot_open(path, error))?);
    match found.or_else(|| Entry::enter(id)) {
        Some(entry) if entry.0 == id => Ok((file, entry)),
        _ => Err(unavailable(format!("{} was replaced while it was opened; start again", path.display()))),
    }
}

/// On Linux this lock does not conflict with those of SQLite (fcntl). On other systems they would exclude each
/// other.
#[cfg(target_os = "linux")]
fn lock_itself(file: &File, path: &Path) -> Result<()> {
    match file.try_lock() {
        Ok(()) => Ok(()),
        Err(TryLockError::WouldBlock) => Err(another_server(path)),
        Err(TryLockError::Error(error)) => Err(cannot_lock(path, error)),
    }
}

#[cfg(not(target_os = "linux"))]
fn lock_itself(_: &File, _: &Path) -> Result<()> {
    Ok(())
}

fn lock_beside(path: &Path) -> Result<File> {
    let beside = beside(path, ".lock");
    let file = OpenOptions::new()
        .create(true)
        .append(true)
        .open(&beside)
        .map_err(|error| cannot_open(&beside, error))?;
    match file.try_lock() {
        Ok(()) => Ok(file),
        Err(TryLockError::WouldBlock) => Err(unavailable(format!(
            "another server uses {} and has locked {}; stop that one, or give this one another file",
            path.display(),
            beside.display()
        ))),
        Err(TryLockError::Error(error)) => Err(cannot_lock(&beside, error)),
    }
}

fn another_server(path: &Path) -> StoreError {
    unavailable(format!(
        "another server uses {}, by this name or another of it; stop that one, or give this one another file",
        path.display()
    ))
}

fn cannot_lock(path: &Path, error: io::Error) -> StoreError {
    broken(format!("cannot lock {}; put the file on a local disk", path.display()), error)
}

pub(super) fn may_only_be_read(path: &Path) -> StoreError {
    unavailable(format!("{} may only be read; let the server write it and its folder", path.display()))
}
