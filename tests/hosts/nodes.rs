use std::{net::SocketAddr, process::Stdio, time::Duration};

use asset_arbiter::model::ServerMessage;
use tokio::{
    process::Command,
    time::{Instant, sleep},
};

use crate::{
    network::{Host, Network},
    support::{Client, Process, eventually, soon},
};

/// An arbiter on a host of its own.
pub(crate) struct Node {
    pub(crate) host: Host,
    pub(crate) process: Process,
    flags: Vec<String>,
}

/// An asset of every room, beside those of a race.
const PULSE: &str = "pulse";

/// Players come from another host, and many from one; a room nobody is in is soon let go.
const FLAGS: [&str; 8] =
    ["--insecure", "--selects-per-second", "0", "--room-linger", "1s", "--asset", "pulse=1000", "--store"];

const PORT: u16 = 8080;

impl Node {
    /// Starts one on a store, with more flags.
    pub(crate) async fn start(host: Host, store: &str, more: &[&str]) -> Self {
        let flags: Vec<_> = FLAGS.iter().chain(&[store]).chain(more).map(|&flag| flag.to_owned()).collect();
        Self { process: launch(&host, &flags).await, host, flags }
    }

    /// Starts it again where it was.
    pub(crate) async fn start_again(&mut self) {
        self.process = launch(&self.host, &self.flags).await;
    }

    pub(crate) fn url(&self) -> String {
        format!("ws://{}", self.process.address)
    }

    /// Joins a room of its own as soon as the node lets it.
    async fn pulse(&self, player: &str) -> Client {
        let joined = async {
            loop {
                let path = format!("pulse/ws?player={player}");
                match Client::try_join(self.process.address, &path).await {
                    Ok(client) => return client,
                    Err(closed) => sleep(Duration::from_millis(closed.retry_after_ms)).await,
                }
            }
        };
        soon("a node to let players in", joined).await
    }
}

/// Three of them, each on a host of its own.
pub(crate) async fn three(network: &mut Network, store: &str, more: &[&str]) -> Vec<Node> {
    let mut nodes = Vec::new();
    for _ in 0..3 {
        nodes.push(Node::start(network.host(), store, more).await);
    }
    nodes
}

async fn launch(host: &Host, flags: &[String]) -> Process {
    let mut command = Command::from(host.location.command(Process::program()));
    // What DynamoDB Local asks for beyond loopback, and does not look at.
    command.env("AWS_ACCESS_KEY_ID", "anyone").env("AWS_SECRET_ACCESS_KEY", "anything").stdin(Stdio::null());
    let flags: Vec<_> = flags.iter().map(String::as_str).collect();
    let address = SocketAddr::new(host.location.address, PORT);
    Process::launch(command, &address.to_string(), &flags).await
}

/// How long it takes from now until a player on each node gets a unit, and players on all nodes have heard of it.
pub(crate) async fn recovery(nodes: &[Node]) -> Duration {
    let since = Instant::now();
    let names: Vec<_> = (0..nodes.len()).map(|number| format!("pulse-{number}")).collect();
    let mut members = Vec::new();
    for (node, name) in nodes.iter().zip(&names) {
        members.push(node.pulse(name).await);
    }
    for (number, name) in names.iter().enumerate() {
        while !matches!(members[number].selects(PULSE).await, ServerMessage::Selection { .. }) {
            sleep(Duration::from_millis(10)).await;
        }
        for member in &mut members {
            member.hear_until(|message| tells_of(message, name).then_some(())).await;
        }
    }
    let took = since.elapsed();
    for member in &mut members {
        member.leave().await;
    }
    took
}

/// By its own frame, or by a snapshot that covers it.
fn tells_of(message: &ServerMessage, winner: &str) -> bool {
    match message {
        ServerMessage::AssetGranted { player, .. } => player.as_str() == winner,
        ServerMessage::Snapshot { assets, .. } => {
            let mut holders = assets.iter().flat_map(|asset| &asset.holders);
            holders.any(|holder| holder.player.as_str() == winner)
        }
        _ => false,
    }
}

/// Waits until nothing of any player is left; nor did the store ever seem to have lost anything.
pub(crate) async fn nothing_is_stranded(nodes: &[Node]) {
    for node in nodes {
        for gauge in ["asset_arbiter_connections", "asset_arbiter_rooms"] {
            eventually(0, || node.process.metric(gauge)).await;
        }
        assert_eq!(node.process.metric("asset_arbiter_regressions_total").await, 0, "the store lost nothing");
    }
}
