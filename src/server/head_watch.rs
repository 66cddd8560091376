use std::{
    sync::{
        Arc,
        atomic::{AtomicBool, AtomicU8, AtomicU64, Ordering::Relaxed},
    },
    time::Duration,
};

use tokio::{
    sync::Notify,
    time::{Instant, sleep_until},
};

/// Limits how long an HTTP connection may take to send a request's head, and how long it may idle between requests.
/// hyper's own timeout treats both as one.
#[derive(Debug)]
pub(super) struct HeadWatch {
    head: Duration,
    idle: Duration,
    started: Instant,
    phase: AtomicU8,
    /// Milliseconds from `started` to the beginning of the phase, or to the last extension of its deadline.
    since: AtomicU64,
    head_began: Notify,
    /// The peer accepted nothing for the write timeout, or is unreachable.
    stalled: AtomicBool,
}

/// The values of `phase`.
const HEAD: u8 = 0;
const SERVING: u8 = 1;
const IDLE: u8 = 2;

impl HeadWatch {
    /// Starts in the phase of the first head. `head` limits a head, `idle` the time between requests.
    pub(super) fn new(head: Duration, idle: Duration) -> Arc<Self> {
        Arc::new(Self {
            head,
            idle,
            started: Instant::now(),
            phase: AtomicU8::new(HEAD),
            since: AtomicU64::new(0),
            head_began: Notify::new(),
            stalled: AtomicBool::new(false),
        })
    }

    /// Bytes arrived. Between requests they begin the next head.
    pub(super) fn read(&self) {
        if self.phase.load(Relaxed) == IDLE {
            self.enter(HEAD);
            self.head_began.notify_one();
        }
    }

    /// The peer accepted bytes of a response.
    pub(super) fn written(&self) {
        if self.phase.load(Relaxed) == IDLE {
            self.enter(IDLE);
        }
    }

    /// A head is complete and its request is being served.
    pub(super) fn serving(&self) {
        self.enter(SERVING);
    }

    pub(super) fn answered(&self) {
        self.enter(IDLE);
    }

    /// A read or write timed out.
    pub(super) fn stall(&self) {
        self.stalled.store(true, Relaxed);
    }

    /// Whether a read or write timed out.
    pub(super) fn is_stalled(&self) -> bool {
        self.stalled.load(Relaxed)
    }

    /// Ready when a head or the next request misses its deadline.
    pub(super) async fn late(&self) {
        loop {
            let began = self.head_began.notified();
            let deadline = self.deadline();
            let now = Instant::now();
            match deadline {
                Some(deadline) if deadline <= now => return,
                deadline => {
                    // There is no deadline while a request is served; check again after the shorter timeout.
                    let deadline = deadline.unwrap_or(now + self.head.min(self.idle));
                    tokio::select! {
                        () = sleep_until(deadline) => {}
                        () = began => {}
                    }
                }
            }
        }
    }

    fn enter(&self, phase: u8) {
        self.since.store(self.started.elapsed().as_millis() as u64, Relaxed);
        self.phase.store(phase, Relaxed);
    }

    fn deadline(&self) -> Option<Instant> {
        let patience = match self.phase.load(Relaxed) {
            HEAD => self.head,
            IDLE => self.idle,
            _ => return None,
        };
        Some(self.started + Duration::from_millis(self.since.load(Relaxed)) + patience)
    }
}

#[cfg(test)]
mod tests {
    use tokio::time::{advance, timeout};

    use super::*;

    const HEAD_TIME: Duration = Duration::from_secs(10);
    const IDLE_TIME: Duration = Duration::from_secs(75);

    async fn late_after(watch: &HeadWatch) -> Duration {
        let now = Instant::now();
        timeout(Duration::from_secs(1000), watch.late()).await.expect("it is late in the end");
        now.elapsed()
    }

    #[tokio::test(start_paused = true)]
    async fn the_first_head_is_counted_from_the_start() {
        let watch = HeadWatch::new(HEAD_TIME, IDLE_TIME);
        watch.read();
        assert_eq!(late_after(&watch).await, HEAD_TIME);
    }

    #[tokio::test(start_paused = true)]
    async fn between_requests_it_may_idle_and_then_a_head_has_its_own_time() {
        let watch = HeadWatch::new(HEAD_TIME, IDLE_TIME);
        watch.serving();
        advance(Duration::from_secs(500)).await;
        assert!(timeout(Duration::from_secs(100), watch.late()).await.is_err(), "it is being served");
        watch.answered();
        assert_eq!(late_after(&watch).await, IDLE_TIME);
        watch.answered();
        let late = watch.late();
        let began = async {
            tokio::time::sleep(Duration::from_secs(20)).await;
            watch.read();
        };
        let now = Instant::now();
        tokio::join!(late, began);
        assert_eq!(now.elapsed(), Duration::from_secs(20) + HEAD_TIME);
    }

    #[tokio::test(start_paused = true)]
    async fn an_answer_that_is_still_taken_puts_it_off() {
        let watch = HeadWatch::new(HEAD_TIME, IDLE_TIME);
        watch.serving();
        watch.answered();
        advance(Duration::from_secs(70)).await;
        watch.written();
        assert_eq!(late_after(&watch).await, IDLE_TIME);
    }
}
