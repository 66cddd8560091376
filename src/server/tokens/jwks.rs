//! The keys of an identity provider, fetched from its address. While it is away, the keys that were fetched last serve.

mod fetch;
mod set;
mod url;

use std::{sync::Arc, time::Duration};

use bytes::Bytes;
use parking_lot::{Mutex, RwLock};
use tokio::{
    sync::watch,
    time::{Instant, sleep},
};

use self::set::KeySet;
pub use self::url::{InvalidJwksUrl, JwksUrl};
use super::keyring::Keyring;
use crate::model::{
    Backoff, LogThrottle,
    limits::{KEY_SET_REFETCH_SECS, KEY_SET_REFRESH_SECS},
};

const REFETCH: Duration = Duration::from_secs(KEY_SET_REFETCH_SECS);
const REFRESH: Duration = Duration::from_secs(KEY_SET_REFRESH_SECS);
/// Pauses after failed fetches.
const FIRST_PAUSE: Duration = Duration::from_secs(1);
const LONGEST_PAUSE: Duration = Duration::from_secs(60);

/// The keys of a key set, and the one fetch that may be running.
#[derive(Debug)]
pub(super) struct Jwks {
    url: JwksUrl,
    keys: RwLock<Arc<Keyring>>,
    state: Mutex<State>,
    failures: LogThrottle,
}

#[derive(Debug, Default)]
struct State {
    /// Whether the last fetch succeeded.
    current: bool,
    /// The last key set, to see a change.
    body: Bytes,
    /// When an unknown `kid` last caused a fetch.
    refetched: Option<Instant>,
    /// The fetch that was started last; true once it is done.
    running: Option<watch::Receiver<bool>>,
}

impl Jwks {
    pub(super) fn new(url: JwksUrl) -> Self {
        let (keys, state) = (RwLock::default(), Mutex::default());
        Self { url, keys, state, failures: LogThrottle::each_minute() }
    }

    /// The keys that were fetched last.
    pub(super) fn keys(&self) -> Arc<Keyring> {
        Arc::clone(&self.keys.read())
    }

    /// Whether the last fetch succeeded.
    fn is_current(&self) -> bool {
        self.state.lock().current
    }

    /// Looks for new keys because a `kid` is unknown. All who wait share one fetch, and there is at most one in
    /// [`REFETCH`]: beyond that it returns at once. Returns whether the key set was fetched.
    pub(super) async fn refetch(self: &Arc<Self>) -> bool {
        let running = {
            let mut state = self.state.lock();
            match &state.running {
                // The first fetch has another reason.
                None => self.start(&mut state),
                Some(running) if !*running.borrow() => running.clone(),
                _ if state.refetched.is_some_and(|at| at.elapsed() < REFETCH) => return false,
                _ => {
                    state.refetched = Some(Instant::now());
                    self.start(&mut state)
                }
            }
        };
        done(running).await;
        self.is_current()
    }

    /// Fetches the key set now and then, and again soon after a failure.
    pub(super) async fn keep_fresh(self: Arc<Self>) {
        let mut backoff = Backoff::new(FIRST_PAUSE, LONGEST_PAUSE);
        loop {
            let running = {
                let mut state = self.state.lock();
                let running = state.running.clone().filter(|running| !*running.borrow());
                running.unwrap_or_else(|| self.start(&mut state))
            };
            done(running).await;
            if self.is_current() {
                backoff.reset();
                sleep(REFRESH).await;
            } else {
                sleep(backoff.next_pause()).await;
            }
        }
    }

    /// Starts a fetch in a task of its own, so that it goes on if the client that caused it leaves.
    fn start(self: &Arc<Self>, state: &mut State) -> watch::Receiver<bool> {
        let (ended, running) = watch::channel(false);
        state.running = Some(running.clone());
        let jwks = Arc::clone(self);
        tokio::spawn(async move {
            let fetched = fetch::fetch(&jwks.url).await;
            jwks.take(fetched);
            ended.send_replace(true);
        });
        running
    }

    fn take(&self, fetched: Result<Bytes, String>) {
        let mut state = self.state.lock();
        if let Ok(body) = &fetched
            && state.current
            && *body == state.body
        {
            return;
        }
        match fetched.and_then(|body| Ok((KeySet::parse(&body)?, body))) {
            Ok((set, body)) => {
                (state.current, state.body) = (true, body);
                self.report(&set);
                *self.keys.write() = Arc::new(set.keys);
            }
            Err(why) => {
                state.current = false;
                self.report_failure(&why);
            }
        }
    }

    fn report(&self, set: &KeySet) {
        let (url, keys) = (&self.url, set.keys.len());
        for why in &set.skipped {
            tracing::warn!(%url, "cannot use a key of the key set: {why}");
        }
        if keys == 0 {
            tracing::warn!(%url, "the key set has no key that verifies tokens: none of its tokens is taken");
        } else {
            tracing::info!(%url, keys, "fetched the key set");
        }
    }

    fn report_failure(&self, why: &str) {
        let Some(untold) = self.failures.due() else { return };
        let (url, keys) = (&self.url, self.keys.read().len());
        tracing::warn!(%url, keys, untold, "cannot fetch the key set: {why}; the keys fetched last serve on");
    }
}

/// Waits until a fetch has ended.
async fn done(mut running: watch::Receiver<bool>) {
    // It fails if the runtime ended the task: then nothing is left to wait for.
    let _ = running.wait_for(|done| *done).await;
}
