use std::{collections::BTreeMap, time::Duration};

use parking_lot::Mutex;
use tokio::time::Instant;

use super::meters::End;
use crate::{
    arbiter::Member,
    model::{PlayerName, RoomName},
};

/// The burst of log lines of one kind, and the rate per second.
const LINES: f64 = 20.0;
/// The interval at which suppressed lines are summed up.
const SUMMARY_EVERY: Duration = Duration::from_secs(1);

/// Logs joins, leaves and refusals at `info`. A flood is reduced to one summary a second for each kind.
#[derive(Debug)]
pub(super) struct PlayerLog {
    joined: Mutex<RateLimit>,
    left: Mutex<RateLimit>,
    refused: Mutex<RateLimit>,
}

/// The rate limit of one kind of line. Suppressed lines are counted by code.
#[derive(Debug)]
struct RateLimit {
    left: f64,
    at: Instant,
    held_back: BTreeMap<u16, u64>,
}

impl PlayerLog {
    pub(super) fn new() -> Self {
        let limit = || Mutex::new(RateLimit { left: LINES, at: Instant::now(), held_back: BTreeMap::new() });
        Self { joined: limit(), left: limit(), refused: limit() }
    }

    pub(super) fn joined(&self, member: &Member) {
        if self.joined.lock().allows(0) {
            tracing::info!(player = name(member.player()), room = %member.room_name(), "joined");
        }
    }

    /// Logs a leave with its close code, 1006 if there was none.
    pub(super) fn left(&self, member: &Member, end: End, stayed: Duration) {
        let code = code(end);
        if self.left.lock().allows(code) {
            let (player, seconds) = (name(member.player()), stayed.as_secs());
            tracing::info!(player, room = %member.room_name(), code, why = why(end), seconds, "left");
        }
    }

    /// Logs a WebSocket that was accepted, then closed with `code` instead of a welcome.
    pub(super) fn refused(&self, player: Option<&PlayerName>, room: &RoomName, code: u16, why: &str) {
        if self.refused.lock().allows(code) {
            tracing::info!(player = name(player), %room, code, why, "refused");
        }
    }

    /// Logs a handshake refused with an HTTP status.
    pub(super) fn refused_handshake(&self, status: u16, why: &str) {
        if self.refused.lock().allows(status) {
            tracing::info!(status, why, "refused");
        }
    }

    /// Logs summaries of the suppressed lines. Runs until dropped.
    pub(super) async fn sum_up(&self) {
        let mut ticks = tokio::time::interval(SUMMARY_EVERY);
        loop {
            ticks.tick().await;
            for (what, limit) in [("joined", &self.joined), ("left", &self.left), ("refused", &self.refused)] {
                let held_back = std::mem::take(&mut limit.lock().held_back);
                if !held_back.is_empty() {
                    let (players, codes) = (held_back.values().sum::<u64>(), listed(&held_back));
                    tracing::info!(players, codes, "more {what} than are told one by one");
                }
            }
        }
    }
}

impl RateLimit {
    /// Returns true if the line may be logged; otherwise counts it under `code`.
    fn allows(&mut self, code: u16) -> bool {
        let now = Instant::now();
        self.left = LINES.min(self.left + now.duration_since(self.at).as_secs_f64() * LINES);
        self.at = now;
        if self.left >= 1.0 {
            self.left -= 1.0;
            return true;
        }
        *self.held_back.entry(code).or_default() += 1;
        false
    }
}

fn name(player: Option<&PlayerName>) -> &str {
    player.map_or("(observer)", PlayerName::as_str)
}

fn code(end: End) -> u16 {
    match end {
        End::Closed(code) => code,
        End::ByClient => 1000,
        End::Broken => 1006,
    }
}

fn why(end: End) -> &'static str {
    match end {
        End::Closed(_) => "closed by the server",
        End::ByClient => "closed by the client",
        End::Broken => "the connection broke",
    }
}

fn listed(held_back: &BTreeMap<u16, u64>) -> String {
    let codes = held_back.iter().filter(|(code, _)| **code != 0);
    codes.map(|(code, times)| format!("{code} x {times}")).collect::<Vec<_>>().join(", ")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test(start_paused = true)]
    async fn a_flood_is_told_in_bounded_lines_and_counted() {
        let mut limit = RateLimit { left: LINES, at: Instant::now(), held_back: BTreeMap::new() };
        let mut told = (0..10_000).filter(|_| limit.allows(4113)).count();
        tokio::time::advance(Duration::from_secs(1)).await;
        told += (0..10_000).filter(|n| limit.allows(4100 + n % 2)).count();
        assert_eq!(told, 2 * LINES as usize);
        assert_eq!(limit.held_back.values().sum::<u64>(), 20_000 - told as u64);
        assert_eq!(listed(&limit.held_back), "4100 x 4990, 4101 x 4990, 4113 x 9980");
    }
}
