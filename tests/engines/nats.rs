use std::{net::TcpStream, path::PathBuf, time::Instant};

use serde_json::Value;
use tempfile::TempDir;
use tokio::{
    io::{AsyncReadExt, AsyncWriteExt},
    net,
};

use super::{PATIENCE, find, location::Location, named_by, on_path, process};

/// What a test runs against.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Engine {
    binary: PathBuf,
    location: Location,
}

/// NATS, if there is one and it was asked for.
pub fn nats() -> Option<Engine> {
    let how = "apt-get install nats-server, or name a binary in ARBITER_TEST_NATS_SERVER";
    let binary = || named_by("ARBITER_TEST_NATS_SERVER").or_else(|| on_path("nats-server"));
    find("nats", how, binary).map(|binary| Engine { binary, location: Location::here() })
}

/// One server, up and answering.
#[derive(Debug)]
pub struct Server {
    pub port: u16,
    pub process: process::Process,
    engine: Engine,
    /// Where it tells about itself.
    monitor: u16,
    _folder: TempDir,
}

impl Engine {
    /// The same elsewhere.
    pub fn at(self, location: Location) -> Self {
        Self { location, ..self }
    }

    pub fn start(&self) -> Server {
        self.start_with(&[])
    }

    pub fn start_with(&self, more: &[&str]) -> Server {
        let since = Instant::now();
        loop {
            let (folder, [port, monitor]) = (TempDir::new().unwrap(), [(); 2].map(|()| process::free_port()));
            let ports = [port, monitor].map(|port| port.to_string());
            let address = self.location.address.to_string();
            let own = ["-a", &address, "-p", &ports[0], "-m", &ports[1]];
            let args: Vec<_> = own.iter().chain(more).map(|&arg| arg.to_owned()).collect();
            let process = process::Process::start_at(&self.location, &self.binary, &args, folder.path());
            let mut server = Server { port, process, engine: self.clone(), monitor, _folder: folder };
            if server.wait_until_up() {
                return server;
            }
            // Somebody else may have been quicker to take the port.
            assert!(since.elapsed() < PATIENCE, "nats-server does not start: {}", server.process.output());
        }
    }
}

impl Server {
    pub fn url(&self) -> String {
        format!("nats://{}:{}", self.engine.location.address, self.port)
    }

    /// Clients that are connected.
    pub async fn connections(&self) -> Option<usize> {
        self.monitored("connz", "num_connections").await?.try_into().ok()
    }

    /// A number that it tells about itself on a page such as `varz`.
    pub async fn monitored(&self, page: &str, field: &str) -> Option<u64> {
        let mut stream = net::TcpStream::connect((self.engine.location.address, self.monitor)).await.ok()?;
        stream.write_all(format!("GET /{page} HTTP/1.0\r\n\r\n").as_bytes()).await.ok()?;
        let mut answer = String::new();
        stream.read_to_string(&mut answer).await.ok()?;
        let body: Value = serde_json::from_str(answer.split_once("\r\n\r\n")?.1).ok()?;
        body[field].as_u64()
    }

    /// Starts it again where it was.
    pub fn restart(&mut self) {
        self.process.restart();
        assert!(self.wait_until_up(), "nats-server does not start again: {}", self.process.output());
    }

    fn wait_until_up(&mut self) -> bool {
        let since = Instant::now();
        while since.elapsed() < PATIENCE && self.process.is_running() {
            let listens = |port: &u16| TcpStream::connect((self.engine.location.address, *port)).is_ok();
            if [self.port, self.monitor].iter().all(listens) {
                return true;
            }
            std::thread::sleep(std::time::Duration::from_millis(5));
        }
        false
    }
}
