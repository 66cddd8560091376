use std::{
    net::TcpStream,
    path::{Path, PathBuf},
    time::{Duration, Instant},
};

use mongodb::{Client, Database, options::ClientOptions};
use tempfile::TempDir;

use super::{PATIENCE, find, in_cache, named_by, path, process};

/// What speaks MongoDB's protocol.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Engine {
    pub name: &'static str,
    /// The folder of the program, which has all else that it needs.
    installed: PathBuf,
}

/// FerretDB 2 over PostgreSQL with the extension DocumentDB: the open-source engine behind the protocol that Amazon's and
/// Azure's services speak, too.
pub fn ferretdb() -> Option<Engine> {
    let how = "run ./test.sh --only ferretdb, or name the program in ARBITER_TEST_FERRETDB";
    let program = || named_by("ARBITER_TEST_FERRETDB").or_else(|| in_cache("ferretdb-2.7.0", "ferretdb"));
    let installed = || Some(program()?.parent()?.to_owned());
    find("ferretdb", how, installed).map(|installed| Engine { name: "FerretDB", installed })
}

/// One server, up and listening.
#[derive(Debug)]
pub struct Server {
    pub port: u16,
    pub process: process::Process,
    engine: Engine,
    folder: TempDir,
}

/// Bears whatever the machine is doing besides.
const ANSWER_WITHIN: Duration = Duration::from_secs(15);

impl Engine {
    /// Starts a server that lets anybody in.
    pub fn start(&self) -> Server {
        self.start_with(&[])
    }

    /// With flags of its own.
    pub fn start_with(&self, flags: &[&str]) -> Server {
        self.start_in(TempDir::new().unwrap(), flags, false)
    }

    fn start_in(&self, mut folder: TempDir, flags: &[&str], logins: bool) -> Server {
        let since = Instant::now();
        loop {
            let port = process::free_port();
            let process = self.launch(port, folder.path(), flags, logins);
            let mut server = Server { port, process, engine: self.clone(), folder };
            if server.wait_until_up() {
                return server;
            }
            // Somebody else may have been quicker to take the port.
            assert!(since.elapsed() < PATIENCE, "{} does not start: {}", self.name, server.process.output());
            folder = server.folder;
        }
    }

    fn launch(&self, port: u16, folder: &Path, flags: &[&str], logins: bool) -> process::Process {
        let run = concat!(env!("CARGO_MANIFEST_DIR"), "/tests/engines/ferretdb/run.sh");
        let own = [&format!("FERRETDB_AUTH={logins}"), run, path(&self.installed), &port.to_string()];
        let args: Vec<_> = own.into_iter().chain(flags.iter().copied()).map(str::to_owned).collect();
        process::Process::start(Path::new("/usr/bin/env"), &args, folder)
    }
}

impl Server {
    /// Its URL with a database.
    pub fn url(&self) -> String {
        format!("mongodb://127.0.0.1:{}/game", self.port)
    }

    /// The database past all that is ours.
    pub async fn database(&self) -> Database {
        let mut options = ClientOptions::parse(self.url()).await.unwrap();
        (options.server_selection_timeout, options.retry_writes) = (Some(ANSWER_WITHIN), Some(false));
        options.max_pool_size = Some(32);
        Client::with_options(options).unwrap().default_database().unwrap()
    }

    /// kill -9, and a start where it was, with what it kept.
    pub fn restart(&mut self) {
        self.process.restart();
        assert!(self.wait_until_up(), "{} does not start again: {}", self.engine.name, self.process.output());
    }

    /// The same with what it keeps, but now it asks everyone who they are.
    pub fn with_logins(self) -> Self {
        let Self { process, engine, folder, .. } = self;
        drop(process);
        engine.start_in(folder, &[], true)
    }

    fn wait_until_up(&mut self) -> bool {
        let since = Instant::now();
        while since.elapsed() < PATIENCE && self.process.is_running() {
            if TcpStream::connect(("127.0.0.1", self.port)).is_ok() {
                return true;
            }
            std::thread::sleep(Duration::from_millis(10));
        }
        false
    }
}
