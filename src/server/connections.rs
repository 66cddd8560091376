use std::{
    sync::{
        Arc,
        atomic::{AtomicBool, AtomicU8, AtomicU64, AtomicUsize, Ordering::Relaxed},
    },
    time::Duration,
};

use tokio::{task::yield_now, time::Instant};

use super::{
    Settings,
    meters::{Meters, Wire},
};
use crate::{
    arbiter::Mailbox,
    model::{
        Slots,
        limits::{EVENT_STREAM_PING_SECS, TOKEN_GRACE_SECS},
    },
};

/// The members' open connections. One task checks all of them, so no connection needs its own timer.
pub(super) struct Connections {
    open: Slots<Liveness>,
    started: Instant,
    /// Milliseconds since the start, as of the last round of [`watch`](Self::watch). Precise enough to detect silence.
    now: AtomicU64,
    ping_interval: u64,
    ping_timeout: u64,
    /// The interval of comments in an event stream.
    comment_interval: u64,
    draining: AtomicBool,
    /// The number of connections when the drain began. That many clients reconnect elsewhere, however many are left
    /// now.
    leaving: AtomicUsize,
    pub(super) meters: Meters,
}

/// A signal from the watch task to a connection's task.
#[derive(Debug, Clone, Copy)]
#[repr(u8)]
pub(super) enum Signal {
    /// Send a ping, or a comment in an event stream.
    Ping = 1,
    /// The ping timed out.
    Silent = 2,
    /// The node is shutting down.
    Drain = 4,
    /// The player token expired, and no other came in time.
    TokenExpired = 8,
}

/// A connection's keep-alive state, shared by its task and the watch task.
pub(super) struct Liveness {
    mailbox: Arc<Mailbox>,
    wire: Wire,
    slot: usize,
    signs: AtomicU8,
    /// When the connection joined, in milliseconds of the watch's clock.
    joined: u64,
    heard: AtomicU64,
    pinged: AtomicU64,
    /// When the connection ends because of its player token.
    expires: AtomicU64,
    /// False while the connection does not read (back-pressure). No pong is expected then.
    reading: AtomicBool,
}

/// Registers a connection as open until it is dropped.
pub(super) struct Entry {
    connections: Arc<Connections>,
    pub(super) liveness: Arc<Liveness>,
}

impl Connections {
    pub(super) fn new(settings: &Settings) -> Self {
        Self {
            open: Slots::default(),
            started: Instant::now(),
            now: AtomicU64::new(0),
            ping_interval: settings.ping_interval.as_millis() as u64,
            ping_timeout: settings.ping_timeout.as_millis() as u64,
            comment_interval: comment_interval(settings).as_millis() as u64,
            draining: AtomicBool::new(false),
            leaving: AtomicUsize::new(0),
            meters: Meters::new(),
        }
    }

    pub(super) fn enter(self: &Arc<Self>, mailbox: &Arc<Mailbox>, wire: Wire) -> Entry {
        let now = self.now.load(Relaxed);
        let liveness = self.open.insert_with(|slot| {
            Arc::new(Liveness {
                mailbox: Arc::clone(mailbox),
                wire,
                slot,
                signs: AtomicU8::new(0),
                joined: now,
                heard: AtomicU64::new(now),
                pinged: AtomicU64::new(now),
                expires: AtomicU64::new(u64::MAX),
                reading: AtomicBool::new(true),
            })
        });
        self.meters.open(wire).increment(1);
        // Checked after the registration: either the drain sees this connection, or this connection sees the drain.
        if self.draining.load(std::sync::atomic::Ordering::SeqCst) {
            liveness.send(Signal::Drain);
        }
        Entry { connections: Arc::clone(self), liveness }
    }

    /// Signals the shutdown to every connection, including later ones.
    pub(super) async fn drain(&self) {
        self.leaving.store(self.open.len(), Relaxed);
        self.draining.store(true, std::sync::atomic::Ordering::SeqCst);
        self.open.for_each(|_, liveness| liveness.send(Signal::Drain), yield_now).await;
    }

    /// Makes every connection look whether it may go on.
    pub(super) async fn wake_all(&self) {
        self.open.for_each(|_, liveness| liveness.mailbox.wake(), yield_now).await;
    }

    /// Pings silent connections and gives up on those that do not answer. Comments in event streams. Runs until dropped.
    pub(super) async fn watch(self: Arc<Self>) {
        let round = (self.ping_interval.min(self.ping_timeout) / 4).clamp(10, 1000);
        let mut ticks = tokio::time::interval(Duration::from_millis(round));
        loop {
            ticks.tick().await;
            let now = self.started.elapsed().as_millis() as u64;
            self.now.store(now, Relaxed);
            self.open.for_each(|_, liveness| self.look_after(liveness, now), yield_now).await;
        }
    }

    fn look_after(&self, liveness: &Liveness, now: u64) {
        if now >= liveness.expires.load(Relaxed) {
            liveness.send(Signal::TokenExpired);
        }
        if liveness.wire == Wire::EventStream {
            if now >= liveness.pinged.load(Relaxed) + self.comment_interval {
                liveness.pinged.store(now, Relaxed);
                liveness.send(Signal::Ping);
            }
            return;
        }
        if !liveness.reading.load(Relaxed) {
            liveness.heard.store(now, Relaxed);
            return;
        }
        let (heard, pinged) = (liveness.heard.load(Relaxed), liveness.pinged.load(Relaxed));
        // One ping at a time: a second one would extend the timeout of the first.
        if pinged > heard {
            if now >= pinged + self.ping_timeout {
                liveness.send(Signal::Silent);
            }
        } else if now >= heard + self.ping_interval {
            liveness.pinged.store(now, Relaxed);
            liveness.send(Signal::Ping);
        }
    }
}

/// The interval of comments in an event stream.
pub(super) fn comment_interval(settings: &Settings) -> Duration {
    settings.ping_interval.min(Duration::from_secs(EVENT_STREAM_PING_SECS))
}

impl Liveness {
    fn send(&self, sign: Signal) {
        self.signs.fetch_or(sign as u8, Relaxed);
        self.mailbox.wake();
    }

    pub(super) fn has(&self, sign: Signal) -> bool {
        self.signs.load(Relaxed) & sign as u8 != 0
    }

    /// Clears a signal; returns whether it was set.
    pub(super) fn take(&self, sign: Signal) -> bool {
        self.has(sign) && self.signs.fetch_and(!(sign as u8), Relaxed) & sign as u8 != 0
    }

    pub(super) fn set_reading(&self, reading: bool) {
        self.reading.store(reading, Relaxed);
    }
}

impl Entry {
    /// Messages arrived from the client.
    pub(super) fn heard(&self, messages: usize) {
        if messages > 0 {
            self.liveness.heard.store(self.connections.now.load(Relaxed), Relaxed);
            self.connections.meters.received.increment(messages as u64);
        }
    }

    /// The player token expires in `ttl_ms`. The connection ends some seconds later, unless this is called again.
    pub(super) fn expires_in(&self, ttl_ms: u64) {
        let now = self.connections.started.elapsed().as_millis() as u64;
        self.liveness.expires.store(now.saturating_add(ttl_ms) + TOKEN_GRACE_SECS * 1000, Relaxed);
    }

    /// How long the connection has been open, to the second.
    pub(super) fn stayed(&self) -> Duration {
        Duration::from_millis(self.connections.now.load(Relaxed).saturating_sub(self.liveness.joined))
    }

    pub(super) fn meters(&self) -> &Meters {
        &self.connections.meters
    }

    /// The number of connections including this one, or the number when the drain began if that is higher.
    pub(super) fn among(&self) -> usize {
        self.connections.open.len().max(self.connections.leaving.load(Relaxed))
    }
}

impl Drop for Entry {
    fn drop(&mut self) {
        self.connections.open.remove(self.liveness.slot);
        self.connections.meters.open(self.liveness.wire).decrement(1);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn a_drain_is_among_as_many_as_there_were_when_it_began() {
        let connections = Arc::new(Connections::new(&Settings::default()));
        let enter = || connections.enter(&Arc::default(), Wire::WebSocket);
        let (last, others) = (enter(), [enter(), enter()]);
        assert_eq!(last.among(), 3);
        drop(enter());
        assert_eq!(last.among(), 3, "who left before does not come back elsewhere");
        connections.drain().await;
        drop(others);
        assert_eq!(last.among(), 3, "nor do the others come back later because they left first");
        let late = [(); 3].map(|()| enter());
        assert_eq!(late[0].among(), 4);
        assert!(late.iter().all(|entry| entry.liveness.has(Signal::Drain)));
    }
}
