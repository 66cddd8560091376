use std::{
    path::{Path, PathBuf},
    process::Command,
    sync::OnceLock,
    time::Instant,
};

use mysql_async::{Conn, Opts, OptsBuilder, Row, prelude::Queryable};
use tempfile::TempDir;
use tokio::time::{Duration, sleep, timeout};

use super::{
    PATIENCE, find, in_cache, named_by, on_path, path,
    process::{Process, free_port},
};

/// What a test runs against.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Engine {
    pub name: &'static str,
    kind: Kind,
    binary: PathBuf,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Kind {
    Mariadb,
    Tidb,
}

/// Every one there is, of those that were asked for.
pub fn all() -> Vec<Engine> {
    super::all([("mariadb", mariadb), ("tidb", tidb)])
}

/// MariaDB 10.3 or later.
pub fn mariadb() -> Option<Engine> {
    let how = "apt-get install mariadb-server, or name a binary in ARBITER_TEST_MARIADBD";
    let binary = || named_by("ARBITER_TEST_MARIADBD").or_else(|| on_path("mariadbd"));
    find("mariadb", how, binary).map(|binary| Engine { name: "mariadb", kind: Kind::Mariadb, binary })
}

/// TiDB, one process with its built-in store.
pub fn tidb() -> Option<Engine> {
    let how = "./test.sh builds it, or name a binary in ARBITER_TEST_TIDB_SERVER";
    let binary = || {
        named_by("ARBITER_TEST_TIDB_SERVER")
            .or_else(|| on_path("tidb-server"))
            .or_else(|| in_cache("tidb-8.5", "tidb-server"))
    };
    find("tidb", how, binary).map(|binary| Engine { name: "tidb", kind: Kind::Tidb, binary })
}

/// One server, up and answering, with an empty database called `game`.
#[derive(Debug)]
pub struct Server {
    pub port: u16,
    pub process: Process,
    pub engine: Engine,
    _folder: TempDir,
}

pub const DATABASE: &str = "game";

impl Engine {
    pub async fn start(&self) -> Server {
        self.start_with(&[]).await
    }

    pub async fn start_with(&self, args: &[&str]) -> Server {
        let since = Instant::now();
        loop {
            let (folder, port) = (TempDir::new().unwrap(), free_port());
            let mut all = self.args(folder.path(), port);
            all.extend(args.iter().map(|&arg| arg.to_owned()));
            let mut server = Server::start(self.clone(), all, port, folder);
            if server.wait_until_up().await {
                server.ask(&format!("CREATE DATABASE {DATABASE}")).await;
                return server;
            }
            // Somebody else may have been quicker to take the port.
            assert!(since.elapsed() < PATIENCE, "{} does not start: {}", self.name, server.process.output());
        }
    }

    fn args(&self, folder: &Path, port: u16) -> Vec<String> {
        match self.kind {
            Kind::Mariadb => mariadb_args(folder, port),
            Kind::Tidb => tidb_args(folder, port),
        }
    }
}

/// In a copy of a data folder that is made once.
fn mariadb_args(folder: &Path, port: u16) -> Vec<String> {
    let data = folder.join("data");
    let copied = Command::new("cp").arg("-a").arg(new_data()).arg(&data).status().unwrap();
    assert!(copied.success());
    let data = path(&data);
    let mut args = vec!["--no-defaults", "--user=root", "--bind-address=127.0.0.1", "--skip-name-resolve"];
    // What it answers is on disk.
    args.extend(["--innodb-flush-log-at-trx-commit=1", SMALL_LOG, "--max-connections=500"]);
    let mut args: Vec<_> = args.into_iter().map(str::to_owned).collect();
    args.extend([
        format!("--datadir={data}"),
        format!("--socket={data}/sock"),
        format!("--pid-file={data}/pid"),
        format!("--port={port}"),
    ]);
    args
}

const SMALL_LOG: &str = "--innodb-log-file-size=16M";

fn new_data() -> &'static Path {
    static MADE: OnceLock<TempDir> = OnceLock::new();
    let made = MADE.get_or_init(|| {
        let folder = TempDir::new().unwrap();
        let args =
            ["--no-defaults", "--user=root", "--auth-root-authentication-method=normal", "--skip-test-db"];
        let output = Command::new("mariadb-install-db")
            .args(args)
            .arg(SMALL_LOG)
            .arg(format!("--datadir={}", path(folder.path())))
            .output();
        let output = output.unwrap();
        assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
        folder
    });
    made.path()
}

/// Everything it keeps is below its folder.
fn tidb_args(folder: &Path, port: u16) -> Vec<String> {
    let (folder, port) = (path(folder), port.to_string());
    let args = ["--store", "unistore", "--path", "", "--host", "127.0.0.1", "-P", &port, "--socket", ""];
    let quiet = ["--report-status=false", "-L", "error", "--temp-dir", folder];
    args.into_iter().chain(quiet).map(str::to_owned).collect()
}

/// TiDB takes the folder for what it keeps from its environment.
fn process(engine: &Engine, args: &[String], folder: &Path) -> Process {
    let own = [format!("TMPDIR={}", path(folder)), path(&engine.binary).to_owned()];
    Process::start(Path::new("/usr/bin/env"), &[&own[..], args].concat(), folder)
}

impl Server {
    fn start(engine: Engine, args: Vec<String>, port: u16, folder: TempDir) -> Self {
        let process = process(&engine, &args, folder.path());
        Self { port, process, engine, _folder: folder }
    }

    /// How many of so many seeds it is put through: a fifth on TiDB, whose built-in store takes its time. `SEEDS=300` asks
    /// for all.
    pub fn share_of(&self, seeds: u64) -> u64 {
        if self.engine.kind == Kind::Mariadb { seeds } else { seeds / 5 }
    }

    pub fn url(&self) -> String {
        url("root", self.port)
    }

    /// For more concurrent calls than any arbiter makes: they wait instead of being refused.
    pub fn patient_url(&self) -> String {
        format!("{}?statement_timeout_ms=5000", self.url())
    }

    pub async fn try_connect(&self, database: Option<&str>) -> Option<Conn> {
        let opts: Opts = OptsBuilder::default()
            .ip_or_hostname("127.0.0.1")
            .tcp_port(self.port)
            .user(Some("root"))
            .db_name(database)
            .prefer_socket(false)
            .into();
        timeout(Duration::from_secs(1), Conn::new(opts)).await.ok()?.ok()
    }

    /// Asks the server on a connection of its own.
    pub async fn ask(&self, statement: &str) -> Vec<Row> {
        let since = Instant::now();
        loop {
            if let Some(mut conn) = self.try_connect(None).await {
                let rows = conn.query(statement).await;
                return rows.unwrap_or_else(|error| panic!("{statement}: {error}"));
            }
            assert!(since.elapsed() < PATIENCE, "{statement}: the server is not up: {}", self.process.output());
            sleep(Duration::from_millis(5)).await;
        }
    }

    /// The number that a statement answers.
    pub async fn count(&self, statement: &str) -> u64 {
        let row = self.ask(statement).await.pop().unwrap_or_else(|| panic!("{statement}: no row"));
        mysql_async::from_row(row)
    }

    /// Kills what each client of the database is at, or its connection.
    pub async fn kill_all(&self, what: &str) {
        for row in self.ask("SELECT id FROM information_schema.processlist WHERE db = 'game'").await {
            let id: u64 = mysql_async::from_row(row);
            let Some(mut conn) = self.try_connect(None).await else { continue };
            // It may be gone by itself.
            drop(conn.query_drop(format!("KILL {what} {id}")).await);
        }
    }

    /// Starts it again where it was, with what it kept on disk.
    pub async fn restart(&mut self) {
        self.process.restart();
        assert!(
            self.wait_until_up().await,
            "{} does not start again: {}",
            self.engine.name,
            self.process.output()
        );
    }

    async fn wait_until_up(&mut self) -> bool {
        let since = Instant::now();
        while since.elapsed() < PATIENCE && self.process.is_running() {
            if let Some(conn) = self.try_connect(None).await {
                drop(conn.disconnect().await);
                return true;
            }
            sleep(Duration::from_millis(20)).await;
        }
        false
    }
}

/// The database of a server, for a user without a password.
pub fn url(user: &str, port: u16) -> String {
    format!("mysql://{user}@127.0.0.1:{port}/{DATABASE}")
}
