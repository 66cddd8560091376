use std::{
    collections::HashSet,
    fs::{self, File},
    net::TcpListener,
    path::{Path, PathBuf},
    process::{Child, Command, Stdio},
    sync::{LazyLock, Mutex},
};

use super::location::Location;

/// Below the range the system gives to outgoing connections, and so that a cluster's second port (+ 10,000) is, too.
const PORTS: std::ops::Range<u16> = 11_000..21_000;
const SECOND_PORT: u16 = 10_000;

static TAKEN: LazyLock<Mutex<HashSet<u16>>> = LazyLock::new(Mutex::default);

/// A server process; killed when dropped.
#[derive(Debug)]
pub struct Process {
    child: Child,
    location: Location,
    program: PathBuf,
    args: Vec<String>,
    folder: PathBuf,
}

impl Process {
    /// Starts a program where we are, whose output goes to a file in `folder`.
    pub fn start(program: &Path, args: &[String], folder: &Path) -> Self {
        Self::start_at(&Location::here(), program, args, folder)
    }

    /// The same elsewhere.
    pub fn start_at(location: &Location, program: &Path, args: &[String], folder: &Path) -> Self {
        Self {
            child: launch(location, program, args, folder),
            location: location.clone(),
            program: program.to_owned(),
            args: args.to_vec(),
            folder: folder.to_owned(),
        }
    }

    /// kill -9, and a start in the same folder, with what it kept there.
    pub fn restart(&mut self) {
        self.kill();
        self.child = launch(&self.location, &self.program, &self.args, &self.folder);
    }

    /// What it said.
    pub fn output(&self) -> String {
        fs::read_to_string(self.folder.join("output")).unwrap_or_default()
    }

    pub fn id(&self) -> u32 {
        self.child.id()
    }

    /// Whether it still runs.
    pub fn is_running(&mut self) -> bool {
        self.child.try_wait().unwrap().is_none()
    }

    /// kill -9, and waits until it is gone.
    pub fn kill(&mut self) {
        // It may be gone already.
        let _ = self.child.kill();
        self.child.wait().unwrap();
    }

    /// Stops it where it is; connections stay open and nobody answers.
    pub fn pause(&self) {
        self.signal("STOP");
    }

    /// Lets it go on.
    pub fn resume(&self) {
        self.signal("CONT");
    }

    fn signal(&self, signal: &str) {
        let pid = self.child.id().to_string();
        assert!(Command::new("kill").args(["-s", signal, &pid]).status().unwrap().success());
    }
}

impl Drop for Process {
    fn drop(&mut self) {
        self.kill();
    }
}

fn launch(location: &Location, program: &Path, args: &[String], folder: &Path) -> Child {
    let log = File::options().create(true).append(true).open(folder.join("output")).unwrap();
    let child = location
        .command(program)
        .args(args)
        .current_dir(folder)
        .stdin(Stdio::null())
        .stdout(log.try_clone().unwrap())
        .stderr(log)
        .spawn();
    child.unwrap_or_else(|error| panic!("cannot start {}: {error}", program.display()))
}

/// A port that nobody uses, nor the one 10,000 above; never the same one twice in a process.
pub fn free_port() -> u16 {
    let is_free = |port: u16| TcpListener::bind(("127.0.0.1", port)).is_ok();
    loop {
        let port = fastrand::u16(PORTS);
        if is_free(port) && is_free(port + SECOND_PORT) && TAKEN.lock().unwrap().insert(port) {
            return port;
        }
    }
}
