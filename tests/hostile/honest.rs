//! Players who race for assets, and check what they are told.

use std::{
    collections::HashMap,
    net::{Ipv4Addr, SocketAddr},
    sync::{
        Arc,
        atomic::{AtomicU64, Ordering::Relaxed},
    },
    time::Duration,
};

use asset_arbiter::model::ServerMessage;
use hdrhistogram::Histogram;
use parking_lot::Mutex;
use tokio::{
    io::AsyncWriteExt,
    task::JoinSet,
    time::{Instant, sleep_until},
};

use crate::{
    support::{Client, Socket, soon},
    wire::{connect, knock, token},
};

const PLAYERS: usize = 200;
const ROOMS: usize = 10;
/// Between two rounds of a room: 800 selects a second over all.
const EVERY: Duration = Duration::from_millis(250);

/// The players. Each has an address of its own.
pub(crate) struct Honest {
    playing: JoinSet<Told>,
    race: Arc<Race>,
}

struct Race {
    began: Instant,
    /// The number of rounds; grows without a bound until the race ends.
    rounds: AtomicU64,
    /// Microseconds from a select to its reply, since they were taken last.
    replies: Mutex<Histogram<u64>>,
}

/// What a player was told of each round's asset.
struct Told {
    room: usize,
    player: String,
    /// The rounds that the player won, by its replies.
    won: Vec<u64>,
    /// The winner of each asset, by its grants.
    winners: HashMap<String, String>,
}

impl Honest {
    pub(crate) async fn join(server: SocketAddr) -> Self {
        let race = Arc::new(Race {
            began: Instant::now() + Duration::from_secs(2),
            rounds: AtomicU64::new(u64::MAX),
            replies: Mutex::new(Histogram::new(3).unwrap()),
        });
        let mut playing = JoinSet::new();
        for n in 0..PLAYERS {
            let client = client(server, n).await;
            playing.spawn(play(client, n, Arc::clone(&race)));
        }
        sleep_until(race.began).await;
        Self { playing, race }
    }

    /// The latencies since the last call, in microseconds.
    pub(crate) fn take_replies(&self) -> Histogram<u64> {
        std::mem::replace(&mut self.race.replies.lock(), Histogram::new(3).unwrap())
    }

    /// Ends the race and checks every verdict: each unit has one winner, and all were told of that one, once. Returns
    /// the number of rounds.
    pub(crate) async fn end(mut self) -> u64 {
        let rounds = (self.race.began.elapsed().as_millis() / EVERY.as_millis()) as u64 + 8;
        self.race.rounds.store(rounds, Relaxed);
        let mut winners: HashMap<(usize, u64), Vec<String>> = HashMap::new();
        let mut all = Vec::new();
        while let Some(told) = soon("the last round", self.playing.join_next()).await {
            let told = told.expect("no honest player is closed, or told what is wrong");
            for round in &told.won {
                winners.entry((told.room, *round)).or_default().push(told.player.clone());
            }
            all.push(told);
        }
        assert_eq!((all.len(), winners.len() as u64), (PLAYERS, rounds * ROOMS as u64));
        for (place, won) in &winners {
            assert_eq!(won.len(), 1, "one unit, one winner: {place:?} {won:?}");
        }
        for told in &all {
            for round in 0..rounds {
                let winner = &winners[&(told.room, round)][0];
                assert_eq!(told.winners.get(&asset(round)), Some(winner), "{} in round {round}", told.player);
            }
        }
        rounds
    }
}

fn asset(round: u64) -> String {
    format!("unit-{round}")
}

fn room_of(n: usize) -> usize {
    n % ROOMS
}

async fn client(server: SocketAddr, n: usize) -> Client {
    let mut stream = connect(server, Ipv4Addr::new(127, 0, 1, n as u8 + 1), false).await.unwrap();
    let room = format!("race-{}", room_of(n));
    stream.write_all(&knock(&room, &token(&format!("honest-{n}")))).await.unwrap();
    Socket::after_handshake(stream).await.welcomed().await
}

async fn play(mut client: Client, n: usize, race: Arc<Race>) -> Told {
    let mut told =
        Told { room: room_of(n), player: format!("honest-{n}"), won: vec![], winners: HashMap::new() };
    let first = race.began + EVERY * told.room as u32 / ROOMS as u32;
    let mut round = 0;
    while round < race.rounds.load(Relaxed) {
        sleep_until(first + EVERY * round as u32).await;
        let asked = Instant::now();
        client.select(&asset(round), round).await;
        told.hear_reply(&mut client, round).await;
        race.replies.lock().record(asked.elapsed().as_micros() as u64).unwrap();
        round += 1;
    }
    // The last grants may still be on their way.
    while told.winners.len() < round as usize {
        told.hear(&mut client).await;
    }
    told
}

impl Told {
    /// Hears until the reply to a round's select.
    async fn hear_reply(&mut self, client: &mut Client, round: u64) {
        while self.hear(client).await.is_none_or(|replied| replied != round) {}
    }

    /// Hears a message. Returns the round that it replies to.
    async fn hear(&mut self, client: &mut Client) -> Option<u64> {
        match client.hear().await {
            ServerMessage::Selection { request_id, granted, already_held, .. } => {
                let round = request_id.unwrap().as_json().parse().unwrap();
                assert!(!already_held && !self.won.contains(&round), "{} is told twice", self.player);
                if granted {
                    self.won.push(round);
                }
                return Some(round);
            }
            ServerMessage::AssetGranted { asset, player, .. } => {
                let before = self.winners.insert(asset.to_string(), player.to_string());
                assert_eq!(before, None, "{} is told of {asset} twice", self.player);
            }
            // Whoever was slow gets the room instead of what was missed.
            ServerMessage::Snapshot { assets, .. } => {
                for asset in assets {
                    if let [holder] = &asset.holders[..] {
                        self.winners.insert(asset.asset.to_string(), holder.player.to_string());
                    }
                }
            }
            ServerMessage::Error { code, message, .. } => panic!("{}: {code:?} {message}", self.player),
            _ => {}
        }
        None
    }
}
