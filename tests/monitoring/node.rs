use std::net::SocketAddr;

use serde_json::Value;

use crate::support::Process;

/// A node with an address of its own for metrics.
pub(crate) struct Node {
    pub(crate) process: Process,
    pub(crate) metrics: SocketAddr,
}

impl Node {
    pub(crate) async fn start(flags: &[&str]) -> Self {
        Self::of(Process::start(&[&["--metrics-listen", "127.0.0.1:0"], flags].concat()).await).await
    }

    /// A process that was started with such an address.
    pub(crate) async fn of(process: Process) -> Self {
        process.will_log("listening for metrics").await;
        let lines = process.lines();
        let line = lines.iter().find(|line| line.contains("listening for metrics")).unwrap();
        let line: Value = serde_json::from_str(line).unwrap();
        let metrics = line["address"].as_str().unwrap().parse().unwrap();
        Self { process, metrics }
    }

    /// The address for players.
    pub(crate) fn address(&self) -> SocketAddr {
        self.process.address
    }
}
