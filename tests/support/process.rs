use std::{net::SocketAddr, path::Path, process::Stdio, sync::Arc, time::Duration};

use parking_lot::Mutex;
use tokio::{
    io::{AsyncBufReadExt, AsyncReadExt, BufReader},
    process::{Child, Command},
    task::JoinHandle,
    time::timeout,
};

use super::{client::Client, eventually, http, soon};

/// Nobody waits longer for an error.
const FAILS_WITHIN: Duration = Duration::from_secs(15);

/// The binary itself, serving as a process of its own; killed when dropped.
pub(crate) struct Process {
    pub(crate) child: Child,
    pub(crate) address: SocketAddr,
    log: Arc<Mutex<Vec<String>>>,
    reader: JoinHandle<()>,
}

/// How it ended.
pub(crate) struct Ended {
    /// `None`: by a signal.
    pub(crate) code: Option<i32>,
    pub(crate) stdout: String,
    pub(crate) log: String,
}

/// The exit code; `None` if a signal ended it.
pub(crate) async fn exit_code(child: &mut Child) -> Option<i32> {
    soon("its end", child.wait()).await.unwrap().code()
}

pub(crate) async fn send_signal(child: &Child, signal: &str) {
    let pid = child.id().unwrap().to_string();
    assert!(Command::new("kill").args(["-s", signal, &pid]).status().await.unwrap().success());
}

impl Process {
    /// Starts it on a free port and waits until it listens.
    pub(crate) async fn start(flags: &[&str]) -> Self {
        Self::start_at("127.0.0.1:0", flags).await
    }

    /// The same on a given address.
    pub(crate) async fn start_at(address: &str, flags: &[&str]) -> Self {
        Self::launch(Command::new(Self::program()), address, flags).await
    }

    /// The same on a free port with more in its environment.
    pub(crate) async fn start_with_env(flags: &[&str], env: &[(&str, &str)]) -> Self {
        let mut command = Command::new(Self::program());
        command.envs(env.iter().copied());
        Self::launch(command, "127.0.0.1:0", flags).await
    }

    pub(crate) fn program() -> &'static Path {
        Path::new(env!("CARGO_BIN_EXE_asset-arbiter"))
    }

    /// The same by a command that runs it where it is to be.
    pub(crate) async fn launch(mut command: Command, address: &str, flags: &[&str]) -> Self {
        command.args(["--listen", address, "--log-format", "json", "--log-level", "info"]).args(flags);
        command.stdout(Stdio::null());
        Self::spawn(command).await
    }

    /// What the binary says when it ends by itself: one line without a password, and 1.
    pub(crate) async fn fails(flags: &[&str], env: &[(&str, &str)]) -> String {
        let process = Command::new(Self::program())
            .args(["--listen", "127.0.0.1:0", "--log-level", "off"])
            .args(flags)
            .envs(env.iter().copied())
            .stdout(Stdio::null())
            .stderr(Stdio::piped())
            .kill_on_drop(true)
            .spawn()
            .unwrap();
        let output =
            timeout(FAILS_WITHIN, process.wait_with_output()).await.expect("it ends by itself").unwrap();
        let said = String::from_utf8(output.stderr).unwrap();
        assert_eq!((output.status.code(), said.lines().count()), (Some(1), 1), "{flags:?}: {said}");
        assert!(!said.contains("hunter2"), "{said}");
        said
    }

    /// Runs a command that logs JSON, and waits until it listens.
    pub(crate) async fn spawn(mut command: Command) -> Self {
        let mut child = command.stderr(Stdio::piped()).kill_on_drop(true).spawn().unwrap();
        let mut lines = BufReader::new(child.stderr.take().unwrap()).lines();
        let log = Arc::<Mutex<Vec<_>>>::default();
        let address = loop {
            let line = soon("the line `listening`", lines.next_line()).await.unwrap();
            let line = line.expect("it does not end before it listens");
            log.lock().push(line.clone());
            let line: serde_json::Value = serde_json::from_str(&line).unwrap_or_default();
            if line["message"] == "listening" {
                break line["address"].as_str().unwrap().parse().unwrap();
            }
        };
        let kept = Arc::clone(&log);
        // Whatever else it says is read, so that it never waits for us.
        let reader = tokio::spawn(async move {
            while let Ok(Some(line)) = lines.next_line().await {
                kept.lock().push(line);
            }
        });
        Self { child, address, log, reader }
    }

    pub(crate) async fn join(&self, player: &str) -> Client {
        Client::join(self.address, &format!("r/ws?player={player}")).await
    }

    pub(crate) async fn observe(&self) -> Client {
        Client::join(self.address, "r/ws").await
    }

    pub(crate) async fn signal(&self, signal: &str) {
        send_signal(&self.child, signal).await;
    }

    /// Asks it to end: SIGTERM.
    pub(crate) async fn terminate(&self) {
        self.signal("TERM").await;
    }

    /// The same; it ends well, and says nothing of a panic.
    pub(crate) async fn end(self) {
        self.terminate().await;
        let Ended { code, log, .. } = self.ended().await;
        assert!(code == Some(0) && !log.contains("panicked"), "{code:?}: {log}");
    }

    /// Waits for its end.
    pub(crate) async fn ended(mut self) -> Ended {
        let code = exit_code(&mut self.child).await;
        let mut stdout = String::new();
        if let Some(mut pipe) = self.child.stdout.take() {
            pipe.read_to_string(&mut stdout).await.unwrap();
        }
        self.reader.await.unwrap();
        Ended { code, stdout, log: self.log.lock().join("\n") }
    }

    /// Bytes of its memory that are in use, as the system counts.
    pub(crate) fn resident(&self) -> u64 {
        let path = format!("/proc/{}/status", self.child.id().unwrap());
        let status = std::fs::read_to_string(path).unwrap();
        let line = status.lines().find_map(|line| line.strip_prefix("VmRSS:")).unwrap();
        line.trim().trim_end_matches(" kB").parse::<u64>().unwrap() * 1024
    }

    pub(crate) async fn get(&self, path: &str) -> String {
        http::get(self.address, path).await
    }

    /// The value of a line of `/metrics`.
    pub(crate) async fn metric(&self, name: &str) -> u64 {
        http::metric(self.address, name).await
    }

    /// What it logged.
    pub(crate) fn lines(&self) -> Vec<String> {
        self.log.lock().clone()
    }

    /// Whether it logged something with these words in it.
    pub(crate) fn has_logged(&self, words: &str) -> bool {
        self.log.lock().iter().any(|line| line.contains(words))
    }

    /// Waits until it has.
    pub(crate) async fn will_log(&self, words: &str) {
        eventually(true, async || self.has_logged(words)).await;
    }

    /// How many lines of its log have these words in them.
    pub(crate) fn count_logged(&self, words: &str) -> usize {
        self.log.lock().iter().filter(|line| line.contains(words)).count()
    }
}
