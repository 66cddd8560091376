//! What a player token costs: processor time of a node per join without a token, with one that it has not seen, and with
//! the same one again; and per select of a player with and without a token.
//!
//! `cargo bench --bench tokens`

#![allow(clippy::unwrap_used, reason = "a benchmark that cannot go on stops")]

#[path = "../tests/support/mod.rs"]
mod support;
mod usage;

use std::{
    fs,
    io::{Read, Write},
    net::{SocketAddr, TcpStream},
    path::Path,
    time::Duration,
};

use asset_arbiter::server::{NewKey, SigningKey, TokenAlgorithm, TokenDraft};
use support::{Process, handshake, select, tokens::bearer};
use tempfile::TempDir;
use tokio::{process::Command, runtime::Builder};
use usage::busy;

const JOINS: usize = 10_000;
const SELECTS: usize = 200_000;
/// Selects that wait for their replies at the same time.
const IN_FLIGHT: usize = 16;
/// Each figure is the median of so many runs, each on a node of its own.
const RUNS: usize = 5;

/// Processor time in microseconds.
struct Costs {
    join: f64,
    again: f64,
    select: f64,
}

/// The player's credentials, and how a node is told to verify them.
struct Side {
    name: &'static str,
    flags: Vec<String>,
    /// Header lines, one for each join.
    headers: Vec<String>,
}

impl Side {
    fn without_tokens() -> Self {
        Self { name: "no token", flags: Vec::new(), headers: vec![String::new(); JOINS] }
    }

    fn of(algorithm: TokenAlgorithm, folder: &Path) -> Self {
        let (private, verifies) = match algorithm {
            TokenAlgorithm::RS256 => {
                let file = |name| fs::read_to_string(format!("tests/tokens/keys/rsa.{name}.pem")).unwrap();
                (file("private"), file("public"))
            }
            _ => {
                let NewKey { private, public } = NewKey::generate(algorithm).unwrap();
                (private.clone(), public.unwrap_or(private))
            }
        };
        let file = folder.join(algorithm.name());
        fs::write(&file, verifies).unwrap();
        let key = SigningKey::new("bench".parse().unwrap(), private.trim_end().as_bytes()).unwrap();
        let sign = |n| {
            let draft = TokenDraft {
                player: format!("p{n}").parse().unwrap(),
                display_name: None,
                rooms: vec!["r".parse().unwrap()],
                can: None,
                assets: None,
                life: Duration::from_secs(3600),
            };
            bearer(&key.sign(&draft).unwrap())
        };
        Self {
            name: algorithm.name(),
            flags: vec!["--token-key".into(), format!("bench={}", file.display())],
            headers: (0..JOINS).map(sign).collect(),
        }
    }

    async fn run(&self) -> Costs {
        let mut command = Command::new("taskset");
        command.args(["-c", "0"]).arg(Process::program());
        let always = ["--asset", "sword=1", "--selects-per-second", "0"];
        let flags: Vec<_> = always.into_iter().chain(self.flags.iter().map(String::as_str)).collect();
        let node = Process::launch(command, "127.0.0.1:0", &flags).await;
        let pid = node.child.id().unwrap();
        let join = self.join_all(node.address, pid);
        let again = self.join_all(node.address, pid);
        let mut player = Player::join(node.address, "p0", &self.headers[0]);
        let before = busy(pid);
        for _ in 0..SELECTS / IN_FLIGHT {
            player.select();
        }
        let select = (busy(pid) - before) / SELECTS as f64;
        node.end().await;
        Costs { join, again, select }
    }

    fn join_all(&self, node: SocketAddr, pid: u32) -> f64 {
        let before = busy(pid);
        for (n, header) in self.headers.iter().enumerate() {
            drop(Player::join(node, &format!("p{n}"), header));
        }
        (busy(pid) - before) / JOINS as f64
    }
}

struct Player(TcpStream);

impl Player {
    fn join(node: SocketAddr, name: &str, header: &str) -> Self {
        let path = if header.is_empty() { format!("r/ws?player={name}") } else { "r/ws".to_owned() };
        let request = handshake(&path).replace("\r\n\r\n", &format!("\r\n{header}\r\n"));
        let mut player = Self(TcpStream::connect(node).unwrap());
        player.0.set_nodelay(true).unwrap();
        player.0.write_all(request.as_bytes()).unwrap();
        player.read_until(br#""held":"#, 1);
        player
    }

    /// Selects what it may already hold, several times at once.
    fn select(&mut self) {
        let requests: Vec<u8> = (0..IN_FLIGHT).flat_map(|n| select("sword", n)).collect();
        self.0.write_all(&requests).unwrap();
        self.read_until(br#""type":"selection""#, IN_FLIGHT);
    }

    /// Reads until something was said so often.
    fn read_until(&mut self, said: &[u8], times: usize) {
        let (mut read, mut buffer) = (Vec::new(), [0; 16_384]);
        while read.windows(said.len()).filter(|bytes| *bytes == said).count() < times {
            let count = self.0.read(&mut buffer).unwrap();
            assert!(count > 0, "{}", String::from_utf8_lossy(&read));
            read.extend(&buffer[..count]);
        }
    }
}

fn main() {
    let folder = TempDir::new().unwrap();
    let algorithms =
        [TokenAlgorithm::HS256, TokenAlgorithm::RS256, TokenAlgorithm::EdDSA, TokenAlgorithm::ES256];
    let mut sides = vec![Side::without_tokens()];
    sides.extend(algorithms.map(|algorithm| Side::of(algorithm, folder.path())));
    let runtime = Builder::new_current_thread().enable_all().build().unwrap();
    let mut costs: Vec<Vec<Costs>> = sides.iter().map(|_| Vec::new()).collect();
    for _ in 0..RUNS {
        for (side, costs) in sides.iter().zip(&mut costs) {
            costs.push(runtime.block_on(side.run()));
        }
    }
    println!("{:<10}{:>18}{:>18}{:>14}", "us", "join", "join again", "select");
    let mut without = None;
    for (side, costs) in sides.iter().zip(&costs) {
        let [join, again, select] =
            [|c: &Costs| c.join, |c: &Costs| c.again, |c: &Costs| c.select].map(|cost| {
                let mut all: Vec<_> = costs.iter().map(cost).collect();
                all.sort_by(f64::total_cmp);
                all[RUNS / 2]
            });
        let first = *without.get_or_insert([join, again, select]);
        println!(
            "{:<10}{:>18}{:>18}{:>14}",
            side.name,
            format!("{join:.1} ({:+.1})", join - first[0]),
            format!("{again:.1} ({:+.1})", again - first[1]),
            format!("{select:.2} ({:+.2})", select - first[2]),
        );
    }
}
