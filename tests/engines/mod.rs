//! Real servers for tests: started on free ports in folders of their own, killed when dropped. An engine that
//! this machine does not have is named in the output, and fails the run when `CI=true`.
#![allow(dead_code, unreachable_pub, reason = "each test binary uses its part")]
#![allow(clippy::unwrap_used, reason = "a panic is how a test fails")]

pub mod autobahn;
#[cfg(feature = "redis")]
pub mod cluster;
#[cfg(feature = "dynamodb")]
pub mod dynamodb;
pub mod faults;
pub mod location;
#[cfg(feature = "momento")]
pub mod momento;
#[cfg(feature = "mongodb")]
pub mod mongodb;
#[cfg(feature = "mysql")]
pub mod mysql;
#[cfg(feature = "nats")]
pub mod nats;
pub mod process;
pub mod prometheus;
pub mod proxy;
#[cfg(feature = "redis")]
pub mod redis;

use std::{
    env, fs,
    io::{self, Write},
    path::{Path, PathBuf},
    process::Command,
    time::{Duration, Instant},
};

/// Nothing here takes that long.
pub const PATIENCE: Duration = Duration::from_secs(20);

/// A program on the search path.
pub fn on_path(program: &str) -> Option<PathBuf> {
    let path = env::var_os("PATH")?;
    env::split_paths(&path).map(|folder| folder.join(program)).find(|file| file.is_file())
}

/// A program the environment names.
pub fn named_by(variable: &str) -> Option<PathBuf> {
    let file = PathBuf::from(env::var_os(variable).filter(|value| !value.is_empty())?);
    assert!(file.is_file(), "{variable} names {}, and there is no such file", file.display());
    Some(file)
}

/// What a Python package brought along.
pub fn in_python_package(package: &str, file: &str) -> Option<PathBuf> {
    let find = "import importlib.util, sys; print(importlib.util.find_spec(sys.argv[1]).submodule_search_locations[0])";
    let output = Command::new("python3").args(["-c", find, package]).output().ok()?;
    let folder = PathBuf::from(String::from_utf8(output.stdout).ok()?.trim());
    Some(folder.join(file)).filter(|file| output.status.success() && file.is_file())
}

/// A program that `./test.sh` has built or put together.
pub fn in_cache(begin: &str, program: &str) -> Option<PathBuf> {
    let home = || Some(PathBuf::from(env::var_os("HOME")?).join(".cache/asset-arbiter"));
    let cache = env::var_os("ARBITER_TEST_CACHE").map(PathBuf::from).or_else(home)?;
    let folders = fs::read_dir(cache).ok()?.flatten();
    let mut ours = folders.filter(|folder| folder.file_name().to_string_lossy().starts_with(begin));
    ours.find_map(|folder| Some(folder.path().join(program)).filter(|file| file.is_file()))
}

fn path(path: &Path) -> &str {
    path.to_str().unwrap()
}

/// Whether tests on this engine were asked for: `ARBITER_TEST_ENGINES` names some, separated by commas; all if it is
/// not set.
pub fn selected(engine: &str) -> bool {
    let asked = env::var("ARBITER_TEST_ENGINES").ok();
    asked.is_none_or(|names| names.split(',').any(|name| name.trim() == engine))
}

/// An engine that `find` finds, if it was asked for.
pub fn find<E>(engine: &str, how: &str, find: impl FnOnce() -> Option<E>) -> Option<E> {
    if !selected(engine) {
        not_selected(engine);
        return None;
    }
    let found = find();
    if found.is_none() {
        cannot_have(engine, how);
    }
    found
}

/// Looks for one engine.
type Find<E> = fn() -> Option<E>;

/// Every one of these engines that was asked for and is there.
pub fn all<E>(engines: [(&str, Find<E>); 2]) -> Vec<E> {
    let selected: Vec<_> = engines.into_iter().filter(|(engine, _)| selected(engine)).collect();
    if selected.is_empty() {
        not_selected(engines[0].0);
    }
    selected.into_iter().filter_map(|(_, find)| find()).collect()
}

/// Says that a test did nothing because its engine was not asked for, so that whoever counts can leave it out.
pub fn not_selected(engine: &str) {
    say(&format!("NOT SELECTED: {engine}\n"));
}

/// Says that something is not tested here, and why.
pub fn cannot_have(engine: &str, how: &str) {
    let ci = env::var("CI").is_ok_and(|ci| ci == "true");
    assert!(!ci, "{engine} cannot be had, and CI=true: {how}");
    say(&format!("NOT TESTED: {engine} cannot be had: {how}\n"));
}

/// Past the test harness, which keeps what successful tests print.
fn say(line: &str) {
    io::stderr().write_all(line.as_bytes()).unwrap();
}

/// Waits until `look` finds what it looks for.
pub async fn eventually<T>(what: &str, mut look: impl AsyncFnMut() -> Option<T>) -> T {
    let since = Instant::now();
    loop {
        if let Some(found) = look().await {
            return found;
        }
        assert!(since.elapsed() < PATIENCE, "{what}: not within {PATIENCE:?}");
        tokio::time::sleep(Duration::from_millis(5)).await;
    }
}
