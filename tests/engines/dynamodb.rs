use std::{
    env,
    net::SocketAddr,
    path::{Path, PathBuf},
    time::Instant,
};

use serde_json::{Value, json};
use tempfile::TempDir;
use tokio::{
    io::{AsyncReadExt, AsyncWriteExt},
    net::TcpStream,
    time::{Duration, sleep, timeout},
};

use super::{PATIENCE, find, location::Location, named_by, on_path, process};

/// What a test runs against: a stand-in for the service, in memory.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Engine {
    pub name: &'static str,
    kind: Kind,
    location: Location,
}

#[derive(Debug, Clone, PartialEq, Eq)]
enum Kind {
    /// The folder of its classes.
    Local(PathBuf),
    /// The program.
    Dynoxide(PathBuf),
}

/// Every one there is, of those that were asked for.
pub fn all() -> Vec<Engine> {
    super::all([("dynoxide", dynoxide), ("dynamodb-local", local)])
}

/// Dynoxide, which is quick.
pub fn dynoxide() -> Option<Engine> {
    let how = "./test.sh builds it, or name a binary in ARBITER_TEST_DYNOXIDE";
    let program = || named_by("ARBITER_TEST_DYNOXIDE").or_else(|| on_path("dynoxide"));
    engine("dynoxide", how, || program().map(Kind::Dynoxide))
}

/// DynamoDB Local, which is AWS's own.
pub fn local() -> Option<Engine> {
    let how = "./test.sh installs it, or name the folder of its classes in ARBITER_TEST_DYNAMODB_LOCAL; it needs Java";
    let named = || env::var_os("ARBITER_TEST_DYNAMODB_LOCAL").filter(|folder| !folder.is_empty());
    let folder = || named().map(PathBuf::from).filter(|folder| folder.is_dir() && on_path("java").is_some());
    engine("dynamodb-local", how, || folder().map(Kind::Local))
}

fn engine(name: &'static str, how: &str, kind: impl FnOnce() -> Option<Kind>) -> Option<Engine> {
    find(name, how, kind).map(|kind| Engine { name, kind, location: Location::here() })
}

/// One server, up and answering, with no table in it.
#[derive(Debug)]
pub struct Server {
    pub port: u16,
    pub process: process::Process,
    location: Location,
    _folder: TempDir,
}

pub const TABLE: &str = "assets";
/// The stand-ins have every region.
pub const REGION: &str = "eu-west-1";

impl Engine {
    /// The same elsewhere.
    pub fn at(self, location: Location) -> Self {
        Self { location, ..self }
    }

    pub async fn start(&self) -> Server {
        let since = Instant::now();
        loop {
            let (folder, port) = (TempDir::new().unwrap(), process::free_port());
            let (program, args) = self.command(port);
            let process = process::Process::start_at(&self.location, &program, &args, folder.path());
            let mut server = Server { port, process, location: self.location.clone(), _folder: folder };
            if server.wait_until_up().await {
                return server;
            }
            // Somebody else may have been quicker to take the port.
            assert!(since.elapsed() < PATIENCE, "{} does not start: {}", self.name, server.process.output());
        }
    }

    fn command(&self, port: u16) -> (PathBuf, Vec<String>) {
        let port = port.to_string();
        match &self.kind {
            Kind::Dynoxide(program) => (program.clone(), dynoxide_args(&self.location, &port)),
            Kind::Local(folder) => (on_path("java").unwrap(), local_args(folder, &port)),
        }
    }

    pub fn is_dynoxide(&self) -> bool {
        matches!(self.kind, Kind::Dynoxide(_))
    }
}

fn dynoxide_args(location: &Location, port: &str) -> Vec<String> {
    ["serve", "--host", &location.address.to_string(), "--port", port].map(str::to_owned).to_vec()
}

fn local_args(folder: &Path, port: &str) -> Vec<String> {
    let folder = folder.to_str().unwrap();
    let (natives, classes) = (format!("-Djava.library.path={folder}"), format!("{folder}/*"));
    let main = "software.amazon.dynamodb.services.local.main.ServerRunner";
    // A short life is not worth much compiling.
    let java = ["-XX:TieredStopAtLevel=1", "-XX:+UseSerialGC", "-Xmx512m", &natives, "-cp", &classes, main];
    let own = ["-inMemory", "-sharedDb", "-disableTelemetry", "-port", port];
    java.iter().chain(&own).map(|&arg| arg.to_owned()).collect()
}

impl Server {
    /// Of a store that makes its table if there is none.
    pub fn url(&self) -> String {
        url(&self.address().to_string())
    }

    fn address(&self) -> SocketAddr {
        (self.location.address, self.port).into()
    }

    /// Asks the server on a connection of its own, as anybody would.
    pub async fn ask(&self, operation: &str, body: Value) -> Value {
        let since = Instant::now();
        loop {
            if let Ok(Some((status, answer))) =
                timeout(Duration::from_secs(5), request(self.address(), operation, &body)).await
            {
                let answer = serde_json::from_slice(&answer).unwrap_or_default();
                assert_eq!(status, 200, "{operation} {body}: {answer}");
                return answer;
            }
            assert!(since.elapsed() < PATIENCE, "{operation}: the server is not up: {}", self.process.output());
            sleep(Duration::from_millis(5)).await;
        }
    }

    /// Every item of the table, in the wire's form.
    pub async fn items(&self) -> Vec<Value> {
        let answer = self.ask("Scan", json!({ "TableName": TABLE, "ConsistentRead": true })).await;
        let mut items = answer["Items"].as_array().cloned().unwrap();
        // What a ping writes is nobody's.
        items.retain(|item| item["pk"]["S"] != "/probe");
        items
    }

    async fn wait_until_up(&mut self) -> bool {
        let since = Instant::now();
        while since.elapsed() < PATIENCE && self.process.is_running() {
            let answer =
                timeout(Duration::from_secs(1), request(self.address(), "ListTables", &json!({}))).await;
            if matches!(answer, Ok(Some((200, _)))) {
                return true;
            }
            sleep(Duration::from_millis(20)).await;
        }
        false
    }
}

/// Of a store in what answers at an address.
pub fn url(address: &str) -> String {
    format!("dynamodb://{TABLE}?region={REGION}&endpoint=http://{address}&create=true")
}

/// One request of the service's protocol; the stand-ins look at no signature.
async fn request(address: SocketAddr, operation: &str, body: &Value) -> Option<(u16, Vec<u8>)> {
    let mut stream = TcpStream::connect(address).await.ok()?;
    let body = body.to_string();
    let head = format!(
        "POST / HTTP/1.1\r\nHost: {address}\r\nContent-Type: application/x-amz-json-1.0\r\n\
         X-Amz-Target: DynamoDB_20120810.{operation}\r\nX-Amz-Date: 20300101T000000Z\r\n\
         Authorization: AWS4-HMAC-SHA256 Credential=local/20300101/{REGION}/dynamodb/aws4_request, \
         SignedHeaders=host;x-amz-date, Signature=0\r\nContent-Length: {}\r\nConnection: close\r\n\r\n",
        body.len()
    );
    stream.write_all((head + &body).as_bytes()).await.ok()?;
    let mut answer = Vec::new();
    stream.read_to_end(&mut answer).await.ok()?;
    let end = answer.windows(4).position(|four| four == b"\r\n\r\n")?;
    let status = String::from_utf8_lossy(&answer[..end]).split(' ').nth(1)?.parse().ok()?;
    Some((status, answer.split_off(end + 4)))
}
