//! The changes that the store keeps as events, sent to the game's own backend: the reader of `GET /v1/events` inside the
//! server, with signatures as Standard Webhooks has them.

mod address;
mod api;
mod delivery;
mod meters;
mod pace;
mod retry_after;
mod signature;
mod standing;
mod turns;
mod url;

use std::{sync::Arc, time::Duration};

use parking_lot::{Mutex, RwLock};
use tokio::{
    sync::{Notify, broadcast, watch},
    task::JoinSet,
    time::{Instant, sleep, sleep_until},
};
use tokio_util::sync::CancellationToken;

pub(super) use self::api::{PATH, RESUME, WebhookList, list, resume};
#[cfg(feature = "test-util")]
pub(super) use self::retry_after::retry_after;
use self::{
    delivery::{Delivery, Endpoint, Failure},
    meters::{Meters, Outcome},
    standing::{Pause, Standing},
    turns::{Ended, Turns},
};
pub use self::{
    pace::WebhookPace,
    signature::{InvalidWebhookSecret, WebhookSecret},
    url::{InvalidWebhookUrl, WebhookUrl},
};
use crate::{
    arbiter::{Arbiter, Outbox},
    model::{
        EventId, LogThrottle, Millis, PauseReason, RoomName, ShownEvent, WebhookNews, limits::WEBHOOK_EVENTS,
    },
};

/// The pause between two pages of rooms: 1,280 rooms a second, so that many rooms that wait do not keep the store busy. Those
/// that change on this node are known without a look.
const PAGE_PAUSE: Duration = Duration::from_millis(50);

/// How often other nodes are told that deliveries succeed.
const TELL_EVERY: Duration = Duration::from_secs(60);

/// How a webhook is delivered to.
#[derive(Debug, Clone)]
pub struct WebhookSettings {
    /// The endpoint.
    pub url: WebhookUrl,
    /// The secrets that sign, each.
    pub secrets: Vec<WebhookSecret>,
    /// The times of deliveries.
    pub pace: WebhookPace,
}

/// Delivers events to the webhook.
pub(super) struct Webhooks {
    outbox: Arc<Outbox>,
    arbiter: Arc<Arbiter>,
    endpoint: Endpoint,
    secrets: RwLock<Arc<[WebhookSecret]>>,
    pace: WebhookPace,
    state: Mutex<State>,
    /// The state changed, so that another attempt may start.
    changed: Notify,
    /// Whether the task has ended its work.
    is_done: watch::Sender<bool>,
    meters: Meters,
    failures: LogThrottle,
}

#[derive(Default)]
struct State {
    turns: Turns,
    standing: Standing,
    /// Whether the log has a line that deliveries fail.
    is_failure_logged: bool,
    /// When other nodes were last told of a success.
    told: Option<Instant>,
}

/// How far the rooms of the store were looked through.
struct Look {
    after: Option<RoomName>,
    /// When the round began.
    since: Instant,
    next: Instant,
}

impl Webhooks {
    /// Registers metrics with the current recorder.
    pub(super) fn new(settings: &WebhookSettings, arbiter: &Arc<Arbiter>) -> Arc<Self> {
        Arc::new(Self {
            outbox: Arc::clone(arbiter.outbox()),
            arbiter: Arc::clone(arbiter),
            endpoint: Endpoint::new(settings.url.clone(), settings.pace.attempt),
            secrets: RwLock::new(settings.secrets.clone().into()),
            pace: settings.pace.clone(),
            state: Mutex::default(),
            changed: Notify::new(),
            is_done: watch::Sender::new(false),
            meters: Meters::new(),
            failures: LogThrottle::each_minute(),
        })
    }

    /// The next attempts are signed with these.
    pub(super) fn replace_secrets(&self, secrets: Vec<WebhookSecret>) {
        *self.secrets.write() = secrets.into();
    }

    /// Delivers until the server drains. Attempts that are under way then end first. Runs until it is dropped.
    pub(super) async fn run(self: Arc<Self>, draining: CancellationToken) {
        let mut news = self.outbox.news().await;
        let mut attempts = JoinSet::new();
        let mut look = Look { after: None, since: Instant::now(), next: Instant::now() };
        loop {
            let next = self.start_due(&mut attempts).map_or(look.next, |at| at.min(look.next));
            tokio::select! {
                biased;
                () = draining.cancelled() => break,
                told = news.recv() => self.hear(told),
                Some(_) = attempts.join_next() => {}
                () = self.changed.notified() => {}
                rooms = self.outbox.changed_rooms() => {
                    let now = Instant::now();
                    let mut state = self.state.lock();
                    rooms.into_iter().for_each(|room| state.turns.changed(room, now));
                }
                () = sleep_until(next) => {}
            }
            if look.next <= Instant::now() {
                self.look(&mut look).await;
                self.measure();
            }
        }
        while attempts.join_next().await.is_some() {}
        self.is_done.send_replace(true);
        std::future::pending().await
    }

    /// Waits until the attempts that were under way when the server began to drain have ended.
    pub(super) async fn done(&self) {
        // The sender lives in `self`, so waiting cannot fail.
        let _ = self.is_done.subscribe().wait_for(|is_done| *is_done).await;
    }

    /// Starts the attempts that may start now. Returns when the next one may.
    fn start_due(self: &Arc<Self>, attempts: &mut JoinSet<()>) -> Option<Instant> {
        let now = Instant::now();
        loop {
            let mut state = self.state.lock();
            let may_start = state.standing.may_start(state.turns.under_way(), now)?;
            if may_start > now {
                return Some(may_start.max(state.turns.next()?));
            }
            let Some(room) = state.turns.start(now) else { return state.turns.next() };
            state.standing.started(now);
            drop(state);
            let webhooks = Arc::clone(self);
            attempts.spawn(async move {
                webhooks.turn(&room).await;
                webhooks.changed.notify_one();
            });
        }
    }

    /// Looks through one page of the rooms in which events may wait.
    async fn look(&self, look: &mut Look) {
        let page = self.outbox.rooms(look.after.take()).await;
        let (now, mut state) = (Instant::now(), self.state.lock());
        look.next = now + PAGE_PAUSE.min(self.pace.look_every);
        match page {
            Ok(page) if !page.is_last => {
                look.after = page.rooms.last().cloned();
                page.rooms.into_iter().for_each(|room| state.turns.listed(room, now));
                return;
            }
            Ok(page) => {
                page.rooms.into_iter().for_each(|room| state.turns.listed(room, now));
                state.turns.forget(look.since);
            }
            // The store's own log lines say so.
            Err(_) => {}
        }
        look.next = now + jitter(self.pace.look_every);
        look.since = look.next;
    }

    fn measure(&self) {
        let (waiting, lag) = self.backlog();
        self.meters.waiting.set(waiting as f64);
        self.meters.lag.set(lag);
        self.meters.paused.set(f64::from(self.state.lock().standing.pause.is_some()));
    }

    /// The events that this node knows to wait, and the age of the oldest in seconds.
    fn backlog(&self) -> (usize, f64) {
        let (waiting, oldest) = self.state.lock().turns.backlog();
        let age = oldest.map_or(0, |oldest| self.arbiter.now().saturating_sub(oldest));
        (waiting, age as f64 / 1000.0)
    }

    /// Takes events of a room and delivers them.
    async fn turn(&self, room: &RoomName) {
        let taker = self.outbox.new_taker();
        let ended = match self.outbox.take_room(room, taker, WEBHOOK_EVENTS, self.pace.lease).await {
            Ok(events) if events.is_empty() => Ended::Nothing,
            Ok(events) => match self.deliver(room, taker, &events).await {
                Ok(ended) => ended,
                Err(failure) => return self.failed(room, taker, events.len(), failure).await,
            },
            Err(_) => Ended::Unknown,
        };
        let pause = jitter(self.pace.look_again);
        self.state.lock().turns.ended(room, ended, Instant::now(), pause);
    }

    /// Makes one attempt, and acknowledges the events if the endpoint does.
    async fn deliver(&self, room: &RoomName, taker: u64, events: &[ShownEvent]) -> Result<Ended, Failure> {
        self.state.lock().turns.taken(room, events.len(), events.iter().map(|event| event.at).min());
        let Some(delivery) = Delivery::of(events) else { return Ok(Ended::Unknown) };
        let secrets = Arc::clone(&self.secrets.read());
        let attempt = tokio::select! {
            attempt = self.endpoint.attempt(&delivery, &secrets, self.arbiter.now()) => attempt,
            never = self.renew(room, taker, events.len()) => match never {},
        };
        self.meters.attempt(attempt.as_ref().map_or_else(|failure| failure.outcome, |()| Outcome::Delivered));
        attempt?;
        self.succeeded();
        let ids: Vec<EventId> = events.iter().filter_map(|event| event.id.parse().ok()).collect();
        Ok(match self.outbox.acknowledge(ids).await {
            Ok(()) => Ended::Delivered,
            // They are delivered again.
            Err(_) => Ended::Unknown,
        })
    }

    /// Keeps the lease of a room while an attempt takes long.
    async fn renew(&self, room: &RoomName, taker: u64, events: usize) -> std::convert::Infallible {
        loop {
            sleep(self.pace.lease / 2).await;
            // Without the lease another node may deliver the same events, too, which is no harm.
            let _ = self.outbox.take_room(room, taker, events, self.pace.lease).await;
        }
    }

    fn succeeded(&self) {
        let now = Instant::now();
        let mut state = self.state.lock();
        let had_failed = state.standing.succeeded(self.arbiter.now()).is_some();
        let is_told = !had_failed && state.told.is_some_and(|told| now < told + TELL_EVERY);
        if !is_told {
            state.told = Some(now);
        }
        let was_logged = std::mem::take(&mut state.is_failure_logged);
        drop(state);
        if !is_told {
            self.outbox.tell(WebhookNews::Delivered);
        }
        if was_logged {
            tracing::info!(url = %self.endpoint.url, "the webhook takes events again");
        }
    }

    /// Notes a failed attempt, tells other nodes, and lets the room wait.
    async fn failed(&self, room: &RoomName, taker: u64, events: usize, failure: Failure) {
        let now = self.arbiter.now();
        let (pause, wait, news) = {
            let State { turns, standing, .. } = &mut *self.state.lock();
            let pause = standing.failed(now, &failure.why, failure.is_gone, self.pace.give_up_after);
            let Some(failures) = turns.failed(room) else { return };
            let wait = self.pace.pause(failures, fastrand::f64(), failure.retry_after);
            let (room, retry_ms) = (room.clone(), wait.as_millis() as Millis);
            let failing_since = standing.failing_since.unwrap_or(now);
            (pause, wait, WebhookNews::Failed { room, failures, retry_ms, failing_since })
        };
        let retry_at = Instant::now() + wait;
        self.log_failure(room, &failure, pause);
        self.outbox.tell(news);
        if let Some(Pause { reason, since }) = pause {
            self.outbox.tell(WebhookNews::Paused { reason, since });
        }
        // Other nodes may have the room when the pause is over, and at the latest when a lease would end: this node may be gone
        // then.
        let _ = self.outbox.take_room(room, taker, events, wait.min(self.pace.lease)).await;
        self.state.lock().turns.retry_at(room, retry_at);
    }

    fn log_failure(&self, room: &RoomName, Failure { why, .. }: &Failure, pause: Option<Pause>) {
        let url = &self.endpoint.url;
        if let Some(Pause { reason, .. }) = pause {
            self.state.lock().is_failure_logged = false;
            tracing::error!(%url, "the webhook is paused: {}; POST {RESUME} resumes it", reason_text(reason));
            return;
        }
        let mut state = self.state.lock();
        if !state.is_failure_logged
            && let Some(untold) = self.failures.due()
        {
            state.is_failure_logged = true;
            tracing::warn!(%url, %room, untold, "the webhook takes no events: {why}; they are sent again");
        }
    }

    /// Another node told something.
    fn hear(&self, told: Result<WebhookNews, broadcast::error::RecvError>) {
        // Lost news cost an attempt too many.
        let Ok(news) = told else { return };
        let now = Instant::now();
        let State { turns, standing, .. } = &mut *self.state.lock();
        match news {
            WebhookNews::Failed { room, failures, retry_ms, failing_since } => {
                standing.failed_elsewhere(failing_since);
                // The other node comes first, if it is still there.
                let wait = Duration::from_millis(retry_ms).min(self.pace.longest_pause);
                turns.heard(&room, failures, now, now + wait + jitter(self.pace.look_again) / 2);
            }
            WebhookNews::Delivered => {
                standing.succeeded_elsewhere(self.arbiter.now());
            }
            WebhookNews::Paused { reason, since } => {
                if standing.paused(Pause { reason, since }).is_some() {
                    let url = &self.endpoint.url;
                    tracing::warn!(%url, "another node paused the webhook: {}", reason_text(reason));
                }
            }
            WebhookNews::Resumed => {
                standing.resume();
                turns.resume(now);
            }
        }
    }

    /// An operator resumes deliveries, on all nodes.
    fn resume(&self) {
        {
            let State { turns, standing, .. } = &mut *self.state.lock();
            standing.resume();
            turns.resume(Instant::now());
        }
        self.outbox.tell(WebhookNews::Resumed);
        self.changed.notify_one();
    }
}

fn reason_text(reason: PauseReason) -> &'static str {
    match reason {
        PauseReason::Gone => "it answered 410 Gone",
        PauseReason::Failing => "no delivery succeeded for 3 days",
    }
}

/// Between half of a time and one and a half, so that nodes do not act together.
fn jitter(around: Duration) -> Duration {
    crate::model::jittered(around, fastrand::f64())
}
