//! Players who only join.

use std::thread;
use std::time::{Duration, Instant};

use super::super::dialect::Event;
use super::super::net::{Net, Received};
use super::super::usage::{self, Latencies};
use super::super::workload::{IDLE_ROOM, JOINING};
use super::{Mark, Outcome, Server, Timing};

/// Until a server has given back what joining took.
const SETTLE: Duration = Duration::from_secs(1);

pub(super) fn joins(server: &Server, players: u32, timing: Timing) -> Result<Outcome, String> {
    let mut crowd = Crowd::new(server, timing)?;
    crowd.join(players / 2, |player| (0, player))?;
    crowd.latencies = Latencies::default();
    let (begin, before) = (Instant::now(), Mark::now(server));
    crowd.join(players, |player| (0, player))?;
    let seconds = begin.elapsed().as_secs_f64();
    let reply = crowd.latencies.percentiles();
    Ok(Outcome { units: players.into(), seconds, reply, ..Mark::now(server).since(before) })
}

pub(super) fn idle(server: &Server, players: u32, timing: Timing) -> Result<Outcome, String> {
    let place = |player| (player / IDLE_ROOM, player % IDLE_ROOM);
    let mut crowd = Crowd::new(server, timing)?;
    crowd.join(players / 10, place)?;
    thread::sleep(SETTLE);
    let (begin, before) = (Instant::now(), Mark::now(server));
    let bytes = usage::resident(server.pid);
    crowd.join(players, place)?;
    crowd.listen(SETTLE)?;
    let bytes = usage::resident(server.pid).saturating_sub(bytes);
    let seconds = begin.elapsed().as_secs_f64();
    Ok(Outcome { units: players.into(), seconds, bytes, ..Mark::now(server).since(before) })
}

/// Joins players one after the other, some at a time.
pub(super) struct Crowd {
    pub(super) net: Net,
    received: Vec<Received>,
    joined: u32,
    /// When each began to connect, and whether it has not joined yet.
    began: Vec<(Instant, bool)>,
    latencies: Latencies,
    patience: Duration,
}

impl Crowd {
    pub(super) fn new(server: &Server, timing: Timing) -> Result<Self, String> {
        let net = Net::new(server.address, server.dialect).map_err(|error| format!("epoll: {error}"))?;
        Ok(Self {
            net,
            received: Vec::new(),
            joined: 0,
            began: Vec::new(),
            latencies: Latencies::default(),
            patience: timing.patience,
        })
    }

    /// `place` says the room of a player and the number in it; a number counts from 0 in each room.
    pub(super) fn join(&mut self, count: u32, place: impl Fn(u32) -> (u32, u32)) -> Result<(), String> {
        let all = self.began.len() as u32 + count;
        let mut heard = Instant::now();
        while self.joined < all {
            while (self.began.len() as u32) < all && self.began.len() as u32 - self.joined < JOINING {
                let (room, member) = place(self.began.len() as u32);
                self.began.push((Instant::now(), true));
                self.net.connect(room, member)?;
            }
            if self.listen_once(Duration::from_millis(100))? {
                heard = Instant::now();
            } else if heard.elapsed() > self.patience {
                return Err(format!("{} of {all} players have joined", self.joined));
            }
        }
        Ok(())
    }

    fn listen(&mut self, time: Duration) -> Result<(), String> {
        let end = Instant::now() + time;
        while Instant::now() < end {
            self.listen_once(Duration::from_millis(100))?;
        }
        Ok(())
    }

    /// Whether somebody joined.
    fn listen_once(&mut self, wait: Duration) -> Result<bool, String> {
        self.received.clear();
        self.net.poll(wait, &mut self.received)?;
        self.net.flush()?;
        let before = self.joined;
        for received in &self.received {
            if received.event != Event::Joined {
                return Err(format!("{:?} before anybody selects", received.event));
            }
            let (began, waits) = &mut self.began[received.player];
            if !std::mem::take(waits) {
                return Err(format!("p{} of r{} joined twice", received.member, received.room));
            }
            self.latencies.add(received.at - *began);
            self.joined += 1;
        }
        Ok(self.joined > before)
    }
}
