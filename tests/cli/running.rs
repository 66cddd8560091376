use std::{
    io::{BufRead, BufReader, Read, Write},
    net::{SocketAddr, TcpStream},
    process::{Child, ChildStderr, Command, Stdio},
    sync::{Arc, Mutex},
    thread::JoinHandle,
    time::{Duration, Instant},
};

use serde_json::Value;

use super::asset_arbiter;

/// Nothing here takes that long.
const PATIENCE: Duration = Duration::from_secs(20);

/// A server process with its log as it comes; killed when dropped.
pub(crate) struct Running {
    child: Child,
    pub(crate) address: SocketAddr,
    log: Arc<Mutex<String>>,
    reader: Option<JoinHandle<()>>,
}

impl Running {
    pub(crate) fn start(args: &[&str], env: &[(&str, &str)]) -> Self {
        Self::spawn(asset_arbiter(&[args, &["--log-format", "json"]].concat(), env))
    }

    pub(crate) fn spawn(mut command: Command) -> Self {
        let mut child = command.stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().unwrap();
        let mut lines = BufReader::new(child.stderr.take().unwrap());
        let mut log = String::new();
        let port = loop {
            let start = log.len();
            assert_ne!(lines.read_line(&mut log).unwrap(), 0, "it ended: {log}");
            let line: Value = serde_json::from_str(&log[start..]).unwrap();
            if line["message"] == "listening" {
                break line["address"].as_str().unwrap().parse::<SocketAddr>().unwrap().port();
            }
        };
        let log = Arc::new(Mutex::new(log));
        let reader = Some(follow(lines, Arc::clone(&log)));
        Self { child, address: SocketAddr::from(([127, 0, 0, 1], port)), log, reader }
    }

    pub(crate) fn tell(&self, signal: &str) {
        let kill = format!("kill -{signal} {}", self.child.id());
        assert!(Command::new("sh").args(["-c", &kill]).status().unwrap().success());
    }

    pub(crate) fn wait_for(&self, message: &str) {
        let started = Instant::now();
        while !self.log_so_far().contains(message) {
            assert!(started.elapsed() < PATIENCE, "no {message:?} in {}", self.log_so_far());
            std::thread::sleep(Duration::from_millis(10));
        }
    }

    fn log_so_far(&self) -> String {
        self.log.lock().unwrap().clone()
    }

    pub(crate) fn get(&self, path: &str) -> String {
        self.send(&format!("GET {path} HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n"))
    }

    pub(crate) fn send(&self, request: &str) -> String {
        let mut stream = TcpStream::connect(self.address).unwrap();
        stream.set_read_timeout(Some(PATIENCE)).unwrap();
        stream.write_all(request.as_bytes()).unwrap();
        let mut answer = String::new();
        stream.read_to_string(&mut answer).unwrap();
        answer
    }

    /// Its exit code, all it wrote to stdout, and its log.
    pub(crate) fn stop(mut self, signal: &str) -> (Option<i32>, String, String) {
        self.tell(signal);
        let started = Instant::now();
        let status = loop {
            match self.child.try_wait().unwrap() {
                Some(status) => break status,
                None => assert!(started.elapsed() < PATIENCE, "it does not end"),
            }
            std::thread::sleep(Duration::from_millis(10));
        };
        let mut stdout = String::new();
        self.child.stdout.take().unwrap().read_to_string(&mut stdout).unwrap();
        self.reader.take().unwrap().join().unwrap();
        (status.code(), stdout, self.log_so_far())
    }
}

impl Drop for Running {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

fn follow(mut lines: BufReader<ChildStderr>, log: Arc<Mutex<String>>) -> JoinHandle<()> {
    std::thread::spawn(move || {
        let mut line = String::new();
        while lines.read_line(&mut line).is_ok_and(|read| read > 0) {
            log.lock().unwrap().push_str(&std::mem::take(&mut line));
        }
    })
}
