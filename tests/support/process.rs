use std::{net::SocketAddr, path::Path, process::Stdio, sync::Arc};

use parking_lot::Mutex;
use tokio::{
    io::{AsyncBufReadExt, BufReader},
    process::{Child, Command},
    task::JoinHandle,
};

use super::{client::Client, http, soon};

/// The binary itself, serving as a process of its own; killed when dropped.
pub(crate) struct Process {
    pub(crate) child: Child,
    pub(crate) address: SocketAddr,
    log: Arc<Mutex<Vec<String>>>,
    reader: JoinHandle<()>,
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

    pub(crate) fn program() -> &'static Path {
        Path::new(env!("CARGO_BIN_EXE_asset-arbiter"))
    }

    /// The same by a command that runs it where it is to be.
    pub(crate) async fn launch(mut command: Command, address: &str, flags: &[&str]) -> Self {
        let mut child = command
            .args(["--listen", address, "--log-format", "json", "--log-level", "info"])
            .args(flags)
            .stdout(Stdio::null())
            .stderr(Stdio::piped())
            .kill_on_drop(true)
            .spawn()
            .unwrap();
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

    /// Asks it to end: SIGTERM.
    pub(crate) async fn terminate(&self) {
        let pid = self.child.id().unwrap().to_string();
        assert!(Command::new("kill").args(["-TERM", &pid]).status().await.unwrap().success());
    }

    /// The same; it ends well, and says nothing of a panic.
    pub(crate) async fn end(mut self) {
        self.terminate().await;
        let status = soon("its end", self.child.wait()).await.unwrap();
        self.reader.await.unwrap();
        let log = self.log.lock();
        assert!(status.success() && !log.iter().any(|line| line.contains("panicked")), "{status}: {log:#?}");
    }

    /// Bytes of its memory that are in use, as the system counts.
    pub(crate) fn resident(&self) -> u64 {
        let path = format!("/proc/{}/status", self.child.id().unwrap());
        let status = std::fs::read_to_string(path).unwrap();
        let line = status.lines().find_map(|line| line.strip_prefix("VmRSS:")).unwrap();
        line.trim().trim_end_matches(" kB").parse::<u64>().unwrap() * 1024
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

    /// How many lines of its log have these words in them.
    pub(crate) fn count_logged(&self, words: &str) -> usize {
        self.log.lock().iter().filter(|line| line.contains(words)).count()
    }
}
