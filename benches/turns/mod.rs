//! Players of one room who take turns at requests, and how long they wait for their replies.

use std::time::Duration;

use hdrhistogram::Histogram;
use tokio::{
    process::Command,
    task::JoinSet,
    time::{Instant, interval, sleep_until},
};

use crate::support::{Client, Process};

pub(crate) const PLAYERS: usize = 20;
/// The pause between two requests of a player: 500 requests a second over all, each of which is told to everybody.
const EVERY: Duration = Duration::from_millis(40);

/// A node on the first processor; this program is on the others. Each player has an asset of its own.
pub(crate) async fn node(more: &[&str]) -> Process {
    let assets: Vec<_> = (0..PLAYERS).flat_map(|n| ["--asset".to_owned(), format!("a{n}=1")]).collect();
    let mut flags = vec!["--ping-interval", "1h"];
    flags.extend(assets.iter().map(String::as_str));
    flags.extend(more);
    let mut command = Command::new("taskset");
    command.args(["-c", "0"]).arg(Process::program());
    Process::launch(command, "127.0.0.1:0", &flags).await
}

/// Players who have joined the room `r`.
pub(crate) struct Players(Vec<Client>);

impl Players {
    pub(crate) async fn join(node: &Process) -> Self {
        let mut players = Vec::new();
        for n in 0..PLAYERS {
            players.push(node.join(&format!("p{n}")).await);
        }
        Self(players)
    }

    /// Returns the replies' latencies in microseconds.
    pub(crate) async fn play(self, seconds: u64) -> Histogram<u64> {
        let end = Instant::now() + Duration::from_secs(seconds);
        let mut playing: JoinSet<_> =
            self.0.into_iter().enumerate().map(|(n, player)| play(n, player, end)).collect();
        let mut replies = Histogram::<u64>::new(3).unwrap();
        while let Some(played) = playing.join_next().await {
            replies += played.unwrap();
        }
        replies
    }
}

/// Selects and releases an asset of the player's own until `end`.
async fn play(n: usize, mut player: Client, end: Instant) -> Histogram<u64> {
    let (mut latencies, asset) = (Histogram::new(3).unwrap(), format!("a{n}"));
    sleep_until(Instant::now() + EVERY * n as u32 / PLAYERS as u32).await;
    let mut turns = interval(EVERY);
    for turn in 0.. {
        turns.tick().await;
        let asked = Instant::now();
        if asked >= end {
            break;
        }
        match turn % 2 {
            0 => player.select(&asset, turn).await,
            _ => player.release(&asset, turn).await,
        }
        player.reply().await;
        latencies.record(asked.elapsed().as_micros() as u64).unwrap();
    }
    latencies
}
