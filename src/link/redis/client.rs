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
    error::RedisError,
    policy::Policy,
    wait_batch::{self, Job},
};

/// One server: the connection all calls to it share, made anew by itself whenever it breaks.
pub(crate) struct Client {
    pub(crate) address: Address,
    state: watch::Receiver<State>,
    /// With `?wait=`, calls go together.
    batches: Option<mpsc::Sender<Job>>,
    /// Asks for a new connection.
    renew: Arc<Notify>,
    _tasks: Vec<AbortOnDropHandle<()>>,
}

/// How many replicas every call waits for, and for how long.
pub(crate) type Wait = (u64, Duration);

#[derive(Clone)]
enum State {
    /// It may be up in a moment.
    Connecting,
    Up(MultiplexedConnection),
    Down(Arc<str>),
}

/// How long a call waits for a connection that is being made; after that it is told that there is none.
const GRACE: Duration = Duration::from_millis(250);
/// A name, a handshake or a login that takes longer is given up.
const CONNECT_WITHIN: Duration = Duration::from_secs(2);
/// Pauses between attempts double from the first to the longest, with jitter.
const FIRST_PAUSE: Duration = Duration::from_millis(20);
const LONGEST_PAUSE: Duration = Duration::from_millis(500);
/// A connection that lived that long was a good one: the next attempt follows at once.
const STEADY: Duration = Duration::from_secs(1);
/// A server that does not answer a ping in time is taken for gone. Both together are less than the first
/// half of a select's deadline, so that a repeat still finds the new connection.
const PING_EVERY: Duration = Duration::from_millis(500);
const PING_WITHIN: Duration = Duration::from_secs(1);

impl Client {
    /// Connects in the background; `news` hears of every connection that came or went.
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

    /// Makes one call, which `asking` tells a cluster's node to answer although the slot is still on its way.
    pub(crate) async fn call(&self, cmd: Cmd, asking: bool) -> Result<Value, RedisError> {
        let Some(batches) = &self.batches else { return self.call_alone(cmd, asking).await };
        let (answer, answered) = oneshot::channel();
        let closed = || RedisError::Away(format!("{} is not used any more", self.address));
        batches.send(Job { cmd, asking, answer }).await.map_err(|_| closed())?;
        answered.await.unwrap_or_else(|_| Err(given_up()))
    }

    /// Asks something that has nothing to do with what is stored.
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

    /// The connection there is; one that is being made is waited for, but not long.
    ///
    /// # Errors
    /// Why there is none.
    pub(crate) async fn connection(&self) -> Result<Connection, RedisError> {
        Calls(self.state.clone()).connection().await
    }

    /// Waits for a connection as long as it takes; for ever, if the client is closed.
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

    /// Another server may answer at this address by now, or the connection is of no use for another reason.
    pub(crate) fn renew(&self) {
        self.renew.notify_one();
    }
}

/// Sends over whatever connection there is.
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
            Ok(State::Down(why)) => return Err(RedisError::Away(why.to_string())),
            Ok(State::Connecting) | Err(_) => return Err(RedisError::Away("it is closed".to_owned())),
        };
        Ok(Connection::new(connection, state))
    }
}

/// One connection, for as long as it lives.
pub(crate) struct Connection {
    connection: MultiplexedConnection,
    state: watch::Receiver<State>,
    ended: bool,
}

impl Connection {
    fn new(connection: MultiplexedConnection, state: watch::Receiver<State>) -> Self {
        Self { connection, state, ended: false }
    }

    /// Sends commands in one piece.
    pub(crate) async fn send(&mut self, commands: &Pipeline) -> Result<Vec<Value>, RedisError> {
        let mut connection = self.connection.clone();
        tokio::select! {
            biased;
            answers = connection.send_packed_commands(commands, 0, commands.len()) => {
                answers.map_err(RedisError::Lost)
            }
            // What is handed over just as the connection breaks stays in between, and nobody would ever say so.
            () = self.end() => Err(given_up()),
        }
    }

    /// Returns when the connection has ended.
    pub(crate) async fn end(&mut self) {
        if !self.ended {
            // A client that is closed ends its connection, too.
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
        let (mut pause, mut failures) = (FIRST_PAUSE, 0_u64);
        loop {
            let lived = match self.connect().await {
                Ok((connection, driver)) => {
                    tracing::info!(server = %self.address, failures, "connected to redis");
                    (failures, pause) = (0, FIRST_PAUSE);
                    self.live(connection, driver).await
                }
                Err(why) => {
                    self.say_failed(&why, failures);
                    failures += 1;
                    self.set(State::Down(why.into()));
                    Duration::ZERO
                }
            };
            if lived < STEADY {
                sleep(pause.mul_f64(0.5 + fastrand::f64())).await;
                pause = (pause * 2).min(LONGEST_PAUSE);
            }
        }
    }

    async fn connect(&self) -> Result<(MultiplexedConnection, Driver), String> {
        let attempt = timeout(CONNECT_WITHIN, self.connector.open(&self.address, &self.policy));
        tokio::pin!(attempt);
        let outcome = tokio::select! {
            biased;
            outcome = &mut attempt => outcome,
            () = sleep(GRACE) => {
                self.set(State::Down(format!("{} is being connected to", self.address).into()));
                attempt.await
            }
        };
        let outcome = outcome.unwrap_or_else(|_| Err(format!("no answer within {CONNECT_WITHIN:?}")));
        outcome.map_err(|why| format!("cannot connect to {}: {why}", self.address))
    }

    /// Uses a connection until it breaks, and tells how long it lived.
    async fn live(&self, connection: MultiplexedConnection, driver: Driver) -> Duration {
        let (since, watched) = (Instant::now(), connection.clone());
        self.set(State::Up(connection.clone()));
        let why = tokio::select! {
            biased;
            () = driver => "it was closed".to_owned(),
            () = silence(connection, self.ping_within) => {
                format!("no answer to a ping within {:?}", self.ping_within)
            }
            wrong = self.connector.watch(watched, &self.policy) => wrong,
            () = self.renew.notified() => "it was of no use any more".to_owned(),
        };
        // The driver is gone, and with it every call on its way: they know now that they do not know.
        let lived = since.elapsed();
        let reason = format!("the connection to {} broke: {why}", self.address);
        tracing::warn!(server = %self.address, "{reason}");
        self.set(if lived >= STEADY { State::Connecting } else { State::Down(reason.into()) });
        lived
    }

    fn set(&self, state: State) {
        self.state.send_replace(state);
        self.news.notify_one();
    }

    /// Once is enough for the log, however long it lasts.
    fn say_failed(&self, why: &str, failures: u64) {
        if failures == 0 {
            tracing::warn!(server = %self.address, "{why}; trying again until it succeeds");
        } else {
            tracing::debug!(server = %self.address, failures, "{why}");
        }
    }
}

/// Ends when the server has stopped answering.
async fn silence(mut connection: MultiplexedConnection, within: Duration) {
    let ping = redis::cmd("PING");
    loop {
        sleep(PING_EVERY).await;
        // An error is an answer, too; a broken connection ends its driver.
        if timeout(within, connection.send_packed_command(&ping)).await.is_err() {
            return;
        }
    }
}
