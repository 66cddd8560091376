use std::{sync::Arc, time::Duration};

use redis::{Cmd, ErrorKind, Pipeline, Value, aio::MultiplexedConnection};
use tokio::{
    sync::{Notify, mpsc, oneshot, watch},
    time::{Instant, sleep, timeout},
};
use tokio_util::task::AbortOnDropHandle;

use super::{
    Address,
    connector::{Connector, Driver},
    error::{Away, RedisError},
    policy::Policy,
    wait_batch::{self, Job},
};
use crate::model::{Backoff, jittered};

/// One server. All calls share its connection, which reconnects by itself.
pub(crate) struct Client {
    pub(crate) address: Address,
    state: watch::Receiver<State>,
    /// With `?wait=`, the queue of the wait batches.
    batches: Option<mpsc::Sender<Job>>,
    /// Requests a new connection.
    renew: Arc<Notify>,
    _tasks: Vec<AbortOnDropHandle<()>>,
}

/// How many replicas every call waits for, and the timeout.
pub(crate) type Wait = (u64, Duration);

#[derive(Clone)]
enum State {
    /// The connection is being opened.
    Connecting,
    Up(MultiplexedConnection),
    Down(Arc<Away>),
}

/// How long a call waits for a connection that is being opened before it fails.
const GRACE: Duration = Duration::from_millis(250);
/// The timeout of name resolution, handshake and login.
const CONNECT_WITHIN: Duration = Duration::from_secs(2);
/// The backoff between attempts to connect doubles from the first value to the longest, with jitter.
const FIRST_PAUSE: Duration = Duration::from_millis(20);
const LONGEST_PAUSE: Duration = Duration::from_millis(500);
/// After a connection that lasted this long, the first reconnect follows at once.
const STEADY: Duration = Duration::from_secs(1);
/// A server that does not answer a ping in time counts as unreachable. Both durations together are less than
/// the first half of a select's deadline, so that a retry can still use the new connection.
const PING_EVERY: Duration = Duration::from_millis(500);
const PING_WITHIN: Duration = Duration::from_secs(1);
/// Late timers in a row after which a server counts as unreachable all the same.
const LATE_TIMERS: u32 = 3;

impl Client {
    /// Connects in the background. `news` is notified of every new or lost connection.
    pub(crate) fn open(
        address: Address,
        connector: Arc<Connector>,
        wait: Option<Wait>,
        news: Arc<Notify>,
    ) -> Self {
        let (state, receiver) = watch::channel(State::Connecting);
        let renew = Arc::<Notify>::default();
        let ping_within = PING_WITHIN + wait.map_or(Duration::ZERO, |(_, within)| within);
        let policy = Policy::of(address.clone());
        let reconnector = Reconnector {
            policy,
            address: address.clone(),
            connector,
            state,
            renew: Arc::clone(&renew),
            news,
            ping_within,
        };
        let mut tasks = vec![AbortOnDropHandle::new(tokio::spawn(reconnector.keep()))];
        let batches = wait.map(|wait| {
            let (batches, jobs) = mpsc::channel(wait_batch::QUEUED_CALLS);
            tasks.push(AbortOnDropHandle::new(tokio::spawn(wait_batch::run(
                jobs,
                Calls(receiver.clone()),
                wait,
            ))));
            batches
        });
        Self { address, state: receiver, batches, renew, _tasks: tasks }
    }

    /// Sends a command. With `asking`, a cluster node answers although the slot is still being imported.
    pub(crate) async fn call(&self, cmd: Cmd, asking: bool) -> Result<Value, RedisError> {
        let Some(batches) = &self.batches else { return self.call_alone(cmd, asking).await };
        let (answer, answered) = oneshot::channel();
        let closed = || RedisError::away(format!("{} is not used any more", self.address));
        batches.send(Job { cmd, asking, answer }).await.map_err(|_| closed())?;
        answered.await.unwrap_or_else(|_| Err(given_up()))
    }

    /// Sends a command that is not about stored data.
    pub(crate) async fn ask(&self, question: Cmd) -> Result<Value, RedisError> {
        self.call_alone(question, false).await
    }

    async fn call_alone(&self, cmd: Cmd, asking: bool) -> Result<Value, RedisError> {
        let mut commands = Pipeline::new();
        if asking {
            commands.cmd("ASKING");
        }
        commands.add_command(cmd);
        match Calls(self.state.clone()).send(&commands).await?.pop() {
            Some(Value::ServerError(refused)) => Err(RedisError::Refused(refused)),
            answer => Ok(answer.unwrap_or_default()),
        }
    }

    /// The current connection. Waits briefly for one that is being opened.
    ///
    /// # Errors
    /// Why there is no connection.
    pub(crate) async fn connection(&self) -> Result<Connection, RedisError> {
        Calls(self.state.clone()).connection().await
    }

    /// Waits for a connection as long as it takes; for ever if the client is closed.
    pub(crate) async fn next_connection(&self) -> Connection {
        let mut state = self.state.clone();
        let connection = match state.wait_for(|state| matches!(state, State::Up(_))).await.as_deref() {
            Ok(State::Up(connection)) => Some(connection.clone()),
            _ => None,
        };
        match connection {
            Some(connection) => Connection::new(connection, state),
            None => std::future::pending().await,
        }
    }

    /// Replaces the connection, because it is unusable or the address may lead to another server now.
    pub(crate) fn renew(&self) {
        self.renew.notify_one();
    }
}

/// Sends over the current connection.
pub(crate) struct Calls(watch::Receiver<State>);

impl Calls {
    pub(crate) async fn send(&self, commands: &Pipeline) -> Result<Vec<Value>, RedisError> {
        self.connection().await?.send(commands).await
    }

    async fn connection(&self) -> Result<Connection, RedisError> {
        let mut state = self.0.clone();
        let settled = |state: &State| !matches!(state, State::Connecting);
        let connection = match state.wait_for(settled).await.as_deref() {
            Ok(State::Up(connection)) => connection.clone(),
            Ok(State::Down(why)) => return Err(RedisError::Away(Away::clone(why))),
            Ok(State::Connecting) | Err(_) => return Err(RedisError::away("it is closed")),
        };
        Ok(Connection::new(connection, state))
    }
}

/// One connection until it ends.
pub(crate) struct Connection {
    connection: MultiplexedConnection,
    state: watch::Receiver<State>,
    ended: bool,
}

impl Connection {
    fn new(connection: MultiplexedConnection, state: watch::Receiver<State>) -> Self {
        Self { connection, state, ended: false }
    }

    /// Sends commands as one pipeline.
    pub(crate) async fn send(&mut self, commands: &Pipeline) -> Result<Vec<Value>, RedisError> {
        let mut connection = self.connection.clone();
        tokio::select! {
            biased;
            answers = connection.send_packed_commands(commands, 0, commands.len()) => {
                answers.map_err(RedisError::Lost)
            }
            // A command handed over just as the connection breaks would never get an answer.
            () = self.end() => Err(given_up()),
        }
    }

    /// Resolves when the connection has ended.
    pub(crate) async fn end(&mut self) {
        if !self.ended {
            // Closing the client ends the connection, too.
            drop(self.state.changed().await);
            self.ended = true;
        }
    }
}

fn given_up() -> RedisError {
    RedisError::Lost(redis::RedisError::from((ErrorKind::Io, "the connection was given up")))
}

/// Keeps a server connected.
struct Reconnector {
    address: Address,
    connector: Arc<Connector>,
    state: watch::Sender<State>,
    renew: Arc<Notify>,
    news: Arc<Notify>,
    ping_within: Duration,
    policy: Policy,
}

impl Reconnector {
    async fn keep(self) {
        let (mut backoff, mut failures) = (Backoff::new(FIRST_PAUSE, LONGEST_PAUSE), 0_u64);
        loop {
            let lived = match self.connect().await {
                Ok((connection, driver)) => {
                    tracing::info!(server = %self.address, failures, "connected to redis");
                    failures = 0;
                    backoff.reset();
                    self.live(connection, driver).await
                }
                Err(why) => {
                    self.say_failed(&why.why, failures);
                    failures += 1;
                    self.set(State::Down(why.into()));
                    Duration::ZERO
                }
            };
            if lived < STEADY {
                sleep(jittered(backoff.next_pause(), fastrand::f64())).await;
            }
        }
    }

    async fn connect(&self) -> Result<(MultiplexedConnection, Driver), Away> {
        let attempt = timeout(CONNECT_WITHIN, self.connector.open(&self.address, &self.policy));
        tokio::pin!(attempt);
        let outcome = tokio::select! {
            biased;
            outcome = &mut attempt => outcome,
            () = sleep(GRACE) => {
                self.set(State::Down(Away::new(format!("{} is being connected to", self.address)).into()));
                attempt.await
            }
        };
        let outcome =
            outcome.unwrap_or_else(|_| Err(Away::new(format!("no answer within {CONNECT_WITHIN:?}"))));
        outcome.map_err(|why| why.when(&format!("cannot connect to {}", self.address)))
    }

    /// Uses a connection until it breaks, and returns how long it lasted.
    async fn live(&self, connection: MultiplexedConnection, driver: Driver) -> Duration {
        let (since, watched) = (Instant::now(), connection.clone());
        self.set(State::Up(connection.clone()));
        let ping = || {
            let mut connection = connection.clone();
            // An error counts as an answer. A broken connection ends its driver.
            async move { connection.send_packed_command(&redis::cmd("PING")).await }
        };
        let why = tokio::select! {
            biased;
            () = driver => Away::new("it was closed"),
            () = silence(ping, self.ping_within) => {
                Away::new(format!("no answer to a ping within {:?}", self.ping_within))
            }
            wrong = self.connector.watch(watched, &self.policy) => wrong,
            () = self.renew.notified() => Away::new("it was of no use any more"),
        };
        // The driver is dropped, so every call in flight has failed with an unknown outcome.
        let lived = since.elapsed();
        let away = why.when(&format!("the connection to {} broke", self.address));
        tracing::warn!(server = %self.address, "{}", away.why);
        self.set(if lived >= STEADY { State::Connecting } else { State::Down(away.into()) });
        lived
    }

    fn set(&self, state: State) {
        self.state.send_replace(state);
        self.news.notify_one();
    }

    /// Logs an outage once, however long it lasts.
    fn say_failed(&self, why: &str, failures: u64) {
        if failures == 0 {
            tracing::warn!(server = %self.address, "{why}; trying again until it succeeds");
        } else {
            tracing::debug!(server = %self.address, failures, "{why}");
        }
    }
}

/// Resolves when the server has stopped answering. A timer that is much too late says that this process had no time,
/// perhaps not even to read an answer that is there, so the server is asked again.
pub(super) async fn silence<F: Future>(ping: impl Fn() -> F, within: Duration) {
    let mut late = 0;
    loop {
        sleep(PING_EVERY).await;
        let since = Instant::now();
        if timeout(within, ping()).await.is_ok() {
            late = 0;
        } else if since.elapsed() < within + within / 4 || late == LATE_TIMERS {
            return;
        } else {
            late += 1;
        }
    }
}
