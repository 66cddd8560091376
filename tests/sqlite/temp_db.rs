use std::{
    fs,
    path::{Path, PathBuf},
    sync::Arc,
    time::Duration,
};

use crate::conformance::{BACKLOG, HISTORY};
use asset_arbiter::store::{self, Options, Result, Store};
use tempfile::TempDir;

/// A folder of its own for one file.
pub(crate) struct TempDb(TempDir);

impl TempDb {
    /// On the disk.
    pub(crate) fn new() -> Self {
        Self(tempfile::tempdir().unwrap())
    }

    /// In memory where the machine offers that: for what makes many commits and is not about the disk.
    pub(crate) fn quick() -> Self {
        let shared_memory = Path::new("/dev/shm");
        if shared_memory.is_dir() { Self(TempDir::new_in(shared_memory).unwrap()) } else { Self::new() }
    }

    pub(crate) fn file(&self) -> PathBuf {
        self.0.path().join("game.db")
    }

    /// One of the files that SQLite or the store keeps beside it.
    pub(crate) fn beside(&self, suffix: &str) -> PathBuf {
        self.0.path().join(format!("game.db{suffix}"))
    }

    pub(crate) fn url(&self) -> String {
        format!("sqlite:{}", self.file().display())
    }

    pub(crate) fn open(&self) -> Arc<dyn Store> {
        opened(|| self.try_open())
    }

    pub(crate) fn open_with_events(&self) -> Arc<dyn Store> {
        let events_backlog = Some(BACKLOG);
        let options = Options { room_ttl: None, max_assets: None, events_backlog, history: Some(HISTORY) };
        store::open(&self.url(), options).unwrap()
    }

    pub(crate) fn try_open(&self) -> Result<Arc<dyn Store>> {
        open_url(&self.url())
    }

    /// Every file of its folder.
    pub(crate) fn left(&self) -> Vec<String> {
        let entries = fs::read_dir(self.0.path()).unwrap();
        let mut left: Vec<_> = entries.map(|entry| entry.unwrap().file_name().into_string().unwrap()).collect();
        left.sort();
        left
    }

    pub(crate) fn open_with_ttl(&self, ttl: Duration) -> Arc<dyn Store> {
        store::open(
            &self.url(),
            Options { room_ttl: Some(ttl), max_assets: None, events_backlog: None, history: None },
        )
        .unwrap()
    }
}

pub(crate) fn open_url(url: &str) -> Result<Arc<dyn Store>> {
    store::open(url, Options { room_ttl: None, max_assets: None, events_backlog: None, history: None })
}

pub(crate) fn open_file(file: &Path) -> Result<Arc<dyn Store>> {
    open_url(&format!("sqlite:{}", file.display()))
}

/// Opens a file that this process may have closed a moment ago: a child of another test has this process's locks from its
/// fork until it runs its own program.
pub(crate) fn opened(open: impl Fn() -> Result<Arc<dyn Store>>) -> Arc<dyn Store> {
    for _ in 0..100 {
        match open() {
            Err(error) if error.message().contains("another server uses") => {
                std::thread::sleep(Duration::from_millis(20));
            }
            opened => return opened.unwrap(),
        }
    }
    open().unwrap()
}
