use std::{
    env,
    path::{Path, PathBuf},
    process::Command,
};

/// Where a child finds its file.
const FILE: &str = "SQLITE_CHILD_FILE";

/// A process of its own that runs one of this binary's ignored tests on a file.
pub(crate) fn child(binary: &Path, test: &str, file: &Path) -> Command {
    let mut command = Command::new(binary);
    command.args(["--exact", test, "--ignored", "--nocapture", "--test-threads=1"]).env(FILE, file);
    command
}

pub(crate) fn this_binary() -> PathBuf {
    env::current_exe().unwrap()
}

/// The file of a child; `None` when someone runs all ignored tests.
pub(crate) fn file_of_child() -> Option<PathBuf> {
    let file = env::var_os(FILE);
    if file.is_none() {
        eprintln!("nothing to do: this is the child of another test");
    }
    file.map(PathBuf::from)
}
