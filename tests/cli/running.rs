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
pub(crate) const PATIENCE: Duration = Duration::from_secs(20);

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

    pub(crate) fn spawn(command: Command) -> Self {
        Self::spawn_to(command, Stdio::piped())
    }

    pub(crate) fn spawn_to(mut command: Command, stdout: impl Into<Stdio>) -> Self {
        let mut child = command.stdout(stdout).stderr(Stdio::piped()).spawn().unwrap();
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
        kill(&self.child, signal);
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
        self.send(&get(path))
    }

    pub(crate) fn send(&self, request: &str) -> String {
        send(self.address, request)
    }

    /// Its exit code, all it wrote to stdout, and its log.
    pub(crate) fn stop(self, signal: &str) -> (Option<i32>, String, String) {
        self.tell(signal);
        self.wait()
    }

    /// The same, for one that was told already.
    pub(crate) fn wait(mut self) -> (Option<i32>, String, String) {
        let code = ended(&mut self.child);
        let mut stdout = String::new();
        if let Some(mut pipe) = self.child.stdout.take() {
            pipe.read_to_string(&mut stdout).unwrap();
        }
        self.reader.take().unwrap().join().unwrap();
        (code, stdout, self.log_so_far())
    }
}

/// What is answered to a request until the connection is closed.
pub(crate) fn send(address: SocketAddr, request: &str) -> String {
    let mut stream = TcpStream::connect(address).unwrap();
    stream.set_read_timeout(Some(PATIENCE)).unwrap();
    stream.write_all(request.as_bytes()).unwrap();
    let mut answer = String::new();
    stream.read_to_string(&mut answer).unwrap();
    answer
}

/// A request for a page.
pub(crate) fn get(path: &str) -> String {
    format!("GET {path} HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n")
}

pub(crate) fn kill(child: &Child, signal: &str) {
    let kill = format!("kill -{signal} {}", child.id());
    assert!(Command::new("sh").args(["-c", &kill]).status().unwrap().success());
}

/// Its exit code, which comes in time; `None` if a signal ended it.
pub(crate) fn ended(child: &mut Child) -> Option<i32> {
    let started = Instant::now();
    loop {
        match child.try_wait().unwrap() {
            Some(status) => return status.code(),
            None if started.elapsed() < PATIENCE => std::thread::sleep(Duration::from_millis(10)),
            None => {
                let _ = child.kill();
                panic!("it does not end");
            }
        }
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
