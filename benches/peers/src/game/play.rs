//! Players who select.

mod turns;

use std::time::{Duration, Instant};

use super::super::book::Book;
use super::super::dialect::Event;
use super::super::net::{Net, Received};
use super::super::usage::Latencies;
use super::super::workload::{PLAYERS, ROOMS, Workload};
use super::crowd::Crowd;
use super::{Mark, Outcome, Server, Timing};
use turns::Turns;

/// How long to listen for what nobody should send, once all is settled.
const SURPLUS: Duration = Duration::from_millis(20);

pub(super) fn run(workload: Workload, server: &Server, timing: Timing) -> Result<Outcome, String> {
    let (rooms, members) = match workload {
        Workload::Rounds { players, .. } => (1, players),
        _ => (ROOMS, PLAYERS),
    };
    let mut crowd = Crowd::new(server, timing)?;
    crowd.join(rooms * members, |player| (player / members, player % members))?;
    let mut play = Play {
        table: Table { net: crowd.net, book: Book::new(rooms, members), members },
        turns: Turns::new(workload, rooms, members),
        received: Vec::new(),
        counts: Counts::default(),
        reply: Latencies::default(),
        known: Latencies::default(),
        records: false,
    };
    play.all(workload, server, timing)
}

/// What turns are taken on.
struct Table {
    net: Net,
    book: Book,
    members: u32,
}

struct Play {
    table: Table,
    turns: Turns,
    received: Vec<Received>,
    counts: Counts,
    reply: Latencies,
    known: Latencies,
    records: bool,
}

#[derive(Clone, Copy, Default)]
struct Counts {
    replies: u64,
    deliveries: u64,
}

impl Table {
    /// Sends a select with the next flush. It counts from `since`, which is earlier than now if the generator is late.
    fn select(&mut self, asset: u32, room: u32, member: u32, since: Instant) {
        self.book.ask(asset, room, member, since);
        self.net.select((room * self.members + member) as usize, asset);
    }
}

impl Play {
    fn all(&mut self, workload: Workload, server: &Server, timing: Timing) -> Result<Outcome, String> {
        let begin = Instant::now();
        self.turns.begin(&mut self.table, begin)?;
        self.until(begin + timing.warm_up, timing.patience)?;
        self.records = true;
        let (before, counts, start) = (Mark::now(server), self.counts, Instant::now());
        self.until(start + timing.measure, timing.patience)?;
        let (mut outcome, seconds) = (Mark::now(server).since(before), start.elapsed().as_secs_f64());
        let (replies, deliveries) =
            (self.counts.replies - counts.replies, self.counts.deliveries - counts.deliveries);
        self.records = false;
        self.settle(timing.patience)?;
        outcome.units = if workload.unit() == "delivery" { deliveries } else { replies };
        outcome.seconds = seconds;
        (outcome.reply, outcome.known) = (self.reply.percentiles(), self.known.percentiles());
        Ok(outcome)
    }

    /// Plays until `end`.
    fn until(&mut self, end: Instant, patience: Duration) -> Result<(), String> {
        let mut heard = Instant::now();
        loop {
            self.table.net.flush()?;
            if self.turn()? {
                heard = Instant::now();
                if heard >= end {
                    return Ok(());
                }
            } else if Instant::now() >= end {
                return Ok(());
            } else if heard.elapsed() > patience {
                return Err(self.table.book.missing());
            }
        }
    }

    /// Selects nothing more, and waits for all answers.
    fn settle(&mut self, patience: Duration) -> Result<(), String> {
        self.turns.end();
        self.table.book.close_all()?;
        let mut heard = Instant::now();
        while !self.table.book.is_settled() {
            self.table.net.flush()?;
            if self.turn()? {
                heard = Instant::now();
            } else if heard.elapsed() > patience {
                return Err(self.table.book.missing());
            }
        }
        let end = Instant::now() + SURPLUS;
        while Instant::now() < end {
            self.turn()?;
        }
        Ok(())
    }

    /// Reads what is there, and lets the players answer. Whether there was anything.
    fn turn(&mut self) -> Result<bool, String> {
        self.received.clear();
        let wait = self.turns.wait();
        self.table.net.poll(wait, &mut self.received)?;
        for index in 0..self.received.len() {
            let received = self.received[index];
            self.receive(received)?;
        }
        self.turns.tick(&mut self.table, Instant::now())?;
        Ok(!self.received.is_empty())
    }

    fn receive(&mut self, received: Received) -> Result<(), String> {
        let Received { room, member, at, event, .. } = received;
        match event {
            Event::Reply { asset, granted } => {
                let since = self.table.book.reply(asset, room, member, granted)?;
                self.counts.replies += 1;
                if self.records {
                    self.reply.add(at.saturating_duration_since(since.asked_at));
                }
                self.turns.replied(&mut self.table, room, member, at)
            }
            Event::Granted { asset, winner } => {
                let since = self.table.book.told(asset, room, member, winner)?;
                self.counts.deliveries += 1;
                if since.last && self.records {
                    self.known.add(at.saturating_duration_since(since.asked_at));
                }
                Ok(())
            }
            other => Err(format!("p{member} of r{room} has {other:?} in the middle of the game")),
        }
    }
}
