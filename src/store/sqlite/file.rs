use std::{
    fs::{self, File, OpenOptions, TryLockError},
    io,
    path::{Path, PathBuf},
};

use super::failure::{broken, unavailable};
use crate::{
    model::without_secrets,
    store::{Result, StoreError},
};

/// A file that no other server has: `FILE.lock` beside it stays locked until this is dropped or the process
/// ends, however it ends.
pub(super) struct Claim {
    path: PathBuf,
    _lock: File,
}

impl Claim {
    /// Finds the file that a URL names, and claims it.
    ///
    /// # Errors
    /// Says what is wrong with the URL, the place or the claim, and what to do.
    pub(super) fn of(url: &str) -> Result<Self> {
        let path = resolve(named(url)?)?;
        let lock = lock(&path)?;
        Ok(Self { path, _lock: lock })
    }

    pub(super) fn path(&self) -> &Path {
        &self.path
    }
}

pub(super) fn named(url: &str) -> Result<&Path> {
    let name = url.split_once(':').map_or("", |(_, name)| name);
    let wrong = match name {
        "" => "names no file",
        ":memory:" => "is not kept here: that is the store memory:",
        _ if name.starts_with("//") => "has no host",
        _ if name.contains('?') => "takes no parameters",
        _ => return Ok(Path::new(name)),
    };
    let shown = without_secrets(url);
    Err(unavailable(format!("{shown:?} {wrong}; write sqlite:FILE, such as sqlite:game.db")))
}

/// The same path for the same file however it is named, so that two servers meet at one lock.
fn resolve(path: &Path) -> Result<PathBuf> {
    let shown = path.display();
    match fs::metadata(path) {
        Ok(found) if found.is_dir() => Err(unavailable(format!(
            "{shown} is a folder; name a file in it, such as sqlite:{}",
            path.join("game.db").display()
        ))),
        Ok(found) if !found.is_file() => Err(unavailable(format!("{shown} is no file; name another"))),
        Ok(_) => path.canonicalize().map_err(|error| cannot_open(path, error)),
        Err(error) if error.kind() == io::ErrorKind::NotFound => in_folder(path),
        Err(error) => Err(cannot_open(path, error)),
    }
}

/// Where a file that is not there yet will be.
fn in_folder(path: &Path) -> Result<PathBuf> {
    let folder = match path.parent() {
        Some(folder) if folder != Path::new("") => folder,
        _ => Path::new("."),
    };
    let Some(name) = path.file_name() else {
        return Err(unavailable(format!("{} names no file", path.display())));
    };
    match folder.canonicalize() {
        Ok(folder) => Ok(folder.join(name)),
        Err(error) if error.kind() == io::ErrorKind::NotFound => Err(unavailable(format!(
            "the folder {0} does not exist; make it (mkdir -p {0}) or name another",
            folder.display()
        ))),
        Err(error) => Err(cannot_open(path, error)),
    }
}

fn lock(path: &Path) -> Result<File> {
    let mut beside = path.as_os_str().to_owned();
    beside.push(".lock");
    let beside = Path::new(&beside);
    let file = OpenOptions::new()
        .create(true)
        .append(true)
        .open(beside)
        .map_err(|error| cannot_open(beside, error))?;
    match file.try_lock() {
        Ok(()) => Ok(file),
        Err(TryLockError::WouldBlock) => Err(unavailable(format!(
            "another server uses {} and has locked {}; stop that one, or give this one another file",
            path.display(),
            beside.display()
        ))),
        Err(TryLockError::Error(error)) => {
            Err(broken(format!("cannot lock {}; put the file on a local disk", beside.display()), error))
        }
    }
}

/// The reason is in the source.
pub(super) fn cannot_open(path: &Path, error: impl std::error::Error + Send + Sync + 'static) -> StoreError {
    let advice = "the server must be able to read and write it and the folder it is in";
    broken(format!("cannot open {}; {advice}", path.display()), error)
}
