//! Tracks whether the store accepts changes, from failed calls and a probe. Once ready, only a failure starts a probe.

use std::{
    sync::{
        Arc,
        atomic::{AtomicBool, Ordering::Relaxed},
    },
    time::Duration,
};

use metrics::{Gauge, gauge};
use tokio::{
    sync::watch,
    time::{Instant, sleep, timeout},
};

use super::{meters::StoreCall, node::Node};
use crate::{
    model::{Backoff, LogThrottle, RoomName, one_line},
    store::{StoreError, StoreErrorCause},
};

/// The store's last known state.
pub(super) struct Readiness {
    state: watch::Sender<State>,
    /// Rises with every failed call, which starts a probe.
    doubts: watch::Sender<u64>,
    lines: [Line; StoreErrorCause::ALL.len()],
    up: Gauge,
}

#[derive(Debug, Clone, PartialEq, Eq)]
enum State {
    /// The store did not answer yet, for this reason.
    Waiting(String),
    /// The same, and retrying cannot help.
    Hopeless(String),
    Ready,
    /// The store answers but refuses changes, for this reason.
    Refuses(String),
}

/// The log line of one cause.
struct Line {
    throttle: LogThrottle,
    /// The line was logged, and the store accepted no change since.
    open: AtomicBool,
}

/// The timeout of one probe: longer than any driver waits for a server, replicas included.
const PROBE_WITHIN: Duration = Duration::from_secs(12);
/// Pauses between probes before the first answer double, from `FIRST_PAUSE` to `PROBE_EVERY`.
const FIRST_PAUSE: Duration = Duration::from_millis(100);
/// The pause after an answered probe, with jitter.
const PROBE_EVERY: Duration = Duration::from_secs(1);
/// The most characters of an error in a message: enough for a command that fixes the cause.
const REASON_CHARS: usize = 2000;

impl Readiness {
    /// Registers its metric with the current recorder.
    pub(super) fn new() -> Self {
        let line = |_| Line { throttle: LogThrottle::each_minute(), open: AtomicBool::new(false) };
        Self {
            state: watch::Sender::new(State::Waiting("it was not asked yet".to_owned())),
            doubts: watch::Sender::new(0),
            lines: StoreErrorCause::ALL.map(line),
            up: gauge!("asset_arbiter_store_up"),
        }
    }

    /// # Errors
    /// Why the node is not ready.
    pub(super) fn now(&self) -> Result<(), String> {
        match &*self.state.borrow() {
            State::Ready => Ok(()),
            State::Waiting(why) | State::Hopeless(why) => Err(format!("the store was not reached yet: {why}")),
            State::Refuses(why) => Err(format!("the store refuses changes at present: {why}")),
        }
    }

    /// Waits for the first answer.
    ///
    /// # Errors
    /// Why retrying cannot help.
    pub(super) async fn reached(&self) -> Result<(), String> {
        let mut state = self.state.subscribe();
        let settled = state.wait_for(|state| !matches!(state, State::Waiting(_))).await;
        match settled.as_deref() {
            Ok(State::Hopeless(why)) => Err(why.clone()),
            _ => Ok(()),
        }
    }

    /// Records a call that failed although its request was valid.
    pub(super) fn failed(&self, call: StoreCall, room: Option<&RoomName>, error: &StoreError) {
        self.log(call, room, error);
        if error.cause().is_refusal() {
            self.state.send_if_modified(|state| {
                let news = *state == State::Ready;
                if news {
                    *state = State::Refuses(description(error));
                }
                news
            });
        }
        self.doubts.send_modify(|doubts| *doubts = doubts.wrapping_add(1));
    }

    /// Records the probe's result.
    fn probed(&self, answer: &Result<(), StoreError>) {
        self.up.set(f64::from(u8::from(answer.is_ok())));
        let Err(error) = answer else {
            self.state.send_if_modified(|state| std::mem::replace(state, State::Ready) != State::Ready);
            // `count` visits every line, because every line must be closed.
            if self.lines.iter().filter(|line| line.open.swap(false, Relaxed)).count() > 0 {
                tracing::info!("the store takes changes again");
            }
            return;
        };
        self.log(StoreCall::Ping, None, error);
        self.state.send_modify(|state| {
            *state = match state {
                State::Waiting(_) | State::Hopeless(_) if error.is_hopeless() => {
                    State::Hopeless(description(error))
                }
                State::Waiting(_) | State::Hopeless(_) => State::Waiting(description(error)),
                State::Ready if !error.cause().is_refusal() => State::Ready,
                State::Ready | State::Refuses(_) => State::Refuses(description(error)),
            }
        });
    }

    /// Logs one warning per cause and minute, the rest at debug level.
    fn log(&self, call: StoreCall, room: Option<&RoomName>, error: &StoreError) {
        let (line, kind) = (&self.lines[error.cause() as usize], error.cause().as_str());
        let room = room.map(tracing::field::display);
        let what = if call == StoreCall::Ping { "the store takes no changes" } else { "a store call failed" };
        let call = call.label();
        match line.throttle.due() {
            Some(held_back) => {
                line.open.store(true, Relaxed);
                tracing::warn!(kind, call, room, held_back, error = description(error), "{what}");
            }
            None => {
                let source = std::error::Error::source(error).map(tracing::field::debug);
                tracing::debug!(kind, call, room, %error, source, "{what}");
            }
        }
    }
}

/// The error's message in one line of bounded length.
fn description(error: &StoreError) -> String {
    let line = one_line(&error.to_string());
    line.chars().take(REASON_CHARS).collect()
}

/// Probes the store until it accepts a change, and again after every failed call.
pub(super) async fn probe(node: Arc<Node>, readiness: Arc<Readiness>) {
    let mut doubts = readiness.doubts.subscribe();
    let mut backoff = Backoff::new(FIRST_PAUSE, PROBE_EVERY);
    loop {
        doubts.mark_unchanged();
        let answered = probe_once(&node, &readiness).await;
        let rest = node.jitter(if answered { PROBE_EVERY } else { backoff.next_pause() });
        if answered && doubts.changed().await.is_err() {
            return;
        }
        sleep(rest).await;
    }
}

async fn probe_once(node: &Node, readiness: &Readiness) -> bool {
    let started = Instant::now();
    let answer = timeout(PROBE_WITHIN, node.store.ping()).await;
    let answer = answer.unwrap_or_else(|_| Err(StoreError::not_answered(PROBE_WITHIN)));
    node.meters.store_call(StoreCall::Ping, started.elapsed(), &answer);
    readiness.probed(&answer);
    answer.is_ok()
}

#[cfg(test)]
mod tests {
    use futures::FutureExt;

    use super::*;
    use crate::{arbiter::Refusal, store::StoreErrorKind};

    fn error(cause: StoreErrorCause) -> StoreError {
        StoreError::new("test", StoreErrorKind::Unavailable, format!("it is {}", cause.as_str())).because(cause)
    }

    fn away() -> StoreError {
        error(StoreErrorCause::Unavailable)
    }

    #[test]
    fn a_node_is_not_ready_before_the_store_took_a_change() {
        let readiness = Readiness::new();
        assert!(readiness.now().is_err() && readiness.reached().now_or_never().is_none());
        readiness.probed(&Err(away()));
        let why = readiness.now().unwrap_err();
        assert_eq!(why, "the store was not reached yet: test: it is unavailable");
        assert!(readiness.reached().now_or_never().is_none(), "it may come");
        readiness.probed(&Ok(()));
        assert_eq!((readiness.now(), readiness.reached().now_or_never()), (Ok(()), Some(Ok(()))));
    }

    #[test]
    fn what_is_hopeless_is_said_at_the_start_and_only_then() {
        let hopeless = || Err(error(StoreErrorCause::NoPermission).hopeless());
        let readiness = Readiness::new();
        readiness.probed(&hopeless());
        let said = readiness.reached().now_or_never();
        assert_eq!(said, Some(Err("test: it is no_permission".to_owned())));
        let readiness = Readiness::new();
        readiness.probed(&Ok(()));
        readiness.probed(&hopeless());
        assert_eq!(readiness.reached().now_or_never(), Some(Ok(())));
        assert!(readiness.now().unwrap_err().contains("it is no_permission"));
    }

    #[test]
    fn a_refusal_is_not_ready_until_a_probe_succeeds_and_one_that_is_away_is() {
        let (readiness, room) = (Readiness::new(), "lobby".parse().unwrap());
        readiness.probed(&Ok(()));
        for cause in StoreErrorCause::ALL {
            let mut doubts = readiness.doubts.subscribe();
            doubts.mark_unchanged();
            readiness.failed(StoreCall::Select, Some(&room), &error(cause));
            assert!(doubts.has_changed().unwrap(), "the store is probed: {cause:?}");
            assert_eq!(readiness.now().is_err(), cause.is_refusal(), "{cause:?}");
            if cause.is_refusal() {
                readiness.probed(&Err(away()));
                assert!(readiness.now().is_err(), "it did not take a change yet");
            }
            readiness.probed(&Ok(()));
            assert_eq!(readiness.now(), Ok(()));
        }
        readiness.probed(&Err(away()));
        assert_eq!(readiness.now(), Ok(()), "it was reached, and all nodes have this in common");
    }

    #[test]
    fn players_hear_whether_the_store_is_away_or_refuses_and_nothing_of_how() {
        for cause in StoreErrorCause::ALL {
            let said = Refusal::from(&error(cause)).message;
            assert_eq!(said.contains("refuses changes at present"), cause.is_refusal(), "{said}");
            assert!(!said.contains(cause.as_str()), "{said}");
        }
    }
}
