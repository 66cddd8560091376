use std::{
    fs, io,
    path::{Path, PathBuf},
};

use super::error::{broken, unavailable};
use crate::{
    model::without_secrets,
    store::{Result, StoreError},
};

/// The file of a URL.
///
/// # Errors
/// What is wrong with the URL.
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

/// Resolves symlinks and relative paths, so that the same file has the same path.
///
/// # Errors
/// Why no database can be there, and how to fix it.
pub(super) fn resolve(path: &Path) -> Result<PathBuf> {
    let shown = path.display();
    match fs::metadata(path) {
        Ok(found) if found.is_dir() => Err(unavailable(format!(
            "{shown} is a folder; name a file in it, such as sqlite:{}",
            path.join("game.db").display()
        ))),
        Ok(found) if !found.is_file() => Err(unavailable(format!("{shown} is no file; name another"))),
        Ok(_) => path.canonicalize().map_err(|error| cannot_open(path, error)),
        Err(error) if error.kind() == io::ErrorKind::NotFound && path.is_symlink() => Err(unavailable(
            format!("{shown} is a symlink to a file that does not exist; put that file back, or name another"),
        )),
        Err(error) if error.kind() == io::ErrorKind::NotFound => in_folder(path),
        Err(error) => Err(cannot_open(path, error)),
    }
}

/// The path of a file that does not exist yet.
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

/// The path of SQLite's WAL, which is beside the path that the file was opened by.
pub(super) fn log_of(path: &Path) -> PathBuf {
    beside(path, "-wal")
}

/// The path with a suffix appended to the file name.
pub(super) fn beside(path: &Path, suffix: &str) -> PathBuf {
    let mut name = path.as_os_str().to_owned();
    name.push(suffix);
    name.into()
}

/// The size of a file in bytes; 0 if it does not exist.
pub(super) fn size(path: &Path) -> u64 {
    fs::metadata(path).map_or(0, |found| found.len())
}

/// The source contains the reason.
pub(super) fn cannot_open(path: &Path, error: impl std::error::Error + Send + Sync + 'static) -> StoreError {
    let advice = "the server must be able to read and write it and the folder it is in";
    broken(format!("cannot open {}; {advice}", path.display()), error)
}
