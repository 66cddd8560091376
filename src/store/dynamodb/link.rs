use std::{future::Future, sync::Arc, time::Duration};

use aws_sdk_dynamodb::Client;
use tokio::{
    sync::{Semaphore, watch},
    task::AbortHandle,
    time::{Instant, sleep, timeout_at},
};

use super::{
    capacity::{Capacity, Metered},
    client::client,
    table,
    target::Target,
    trouble::{Kind, Trouble},
};

/// The way to the table. It is found and looked at in the background, again and again until it is as it should be.
pub(super) struct Link {
    state: watch::Receiver<State>,
    permits: Semaphore,
    capacity: Capacity,
    search: AbortHandle,
}

#[derive(Clone)]
enum State {
    Searching,
    Found(Client),
    Failed(Trouble),
}

/// Until when a call goes on trying.
#[derive(Debug, Clone, Copy)]
pub(super) struct Deadline(Instant);

/// A call gives up after so long, which is less than half of what a caller has by default. It comes again.
const PATIENCE: Duration = Duration::from_millis(2300);
/// A request that is not answered by then is made again: hundreds of times what the service needs.
const ANSWER_WITHIN: Duration = Duration::from_millis(1100);
/// Requests on their way at once. Each has a connection of its own; at 5 ms each they are 50,000 a second, above what
/// an on-demand table takes at first.
const MOST_AT_ONCE: usize = 256;
/// The service asks to come more slowly. The pause, drawn from zero up, doubles from the first to the longest.
const FIRST_PAUSE: Duration = Duration::from_millis(25);
const LONGEST_PAUSE: Duration = Duration::from_millis(400);
/// Between two searches for a table that is not there or not ready.
const SEARCH_EVERY: Duration = Duration::from_millis(500);

impl Link {
    pub(super) fn open(target: Arc<Target>) -> Self {
        let (sender, state) = watch::channel(State::Searching);
        let search = tokio::spawn(search(target, sender)).abort_handle();
        Self { state, permits: Semaphore::new(MOST_AT_ONCE), capacity: Capacity::new(), search }
    }

    /// Makes a request, again if the answer is lost or the service is busy. A request that writes must be one that
    /// takes effect once however often it is made.
    pub(super) async fn run<T, F>(
        &self,
        deadline: Deadline,
        request: impl Fn(Client) -> F,
    ) -> Result<T, Trouble>
    where
        T: Metered,
        F: Future<Output = Result<T, Trouble>>,
    {
        let client = self.client(deadline).await?;
        let permit = timeout_at(deadline.0, self.permits.acquire()).await;
        let Ok(Ok(_permit)) = permit else {
            let why = format!("{MOST_AT_ONCE} requests are on their way, and none was answered in time");
            return Err(Trouble::new(Kind::Away, why));
        };
        let (mut doubtful, mut tried) = (false, 0);
        loop {
            let trouble = match attempt(deadline, request(client.clone())).await {
                Ok(answer) => {
                    self.capacity.count(&answer);
                    return Ok(answer);
                }
                Err(trouble) => trouble,
            };
            doubtful |= T::WRITES && trouble.kind == Kind::Lost;
            let pause = match trouble.kind {
                Kind::Lost if tried == 0 => Duration::ZERO,
                Kind::Lost | Kind::Busy => pause(tried),
                _ => return Err(trouble.after(doubtful)),
            };
            if Instant::now() + pause >= deadline.0 {
                return Err(Trouble { doubtful, ..trouble });
            }
            sleep(pause).await;
            tried += 1;
        }
    }

    async fn client(&self, deadline: Deadline) -> Result<Client, Trouble> {
        let mut state = self.state.clone();
        let known = timeout_at(deadline.0, state.wait_for(|state| !matches!(state, State::Searching))).await;
        match known.as_ref().map(|state| state.as_deref()) {
            Ok(Ok(State::Found(client))) => Ok(client.clone()),
            Ok(Ok(State::Failed(trouble))) => Err(trouble.clone()),
            _ => Err(Trouble::new(Kind::Away, "it is still being looked for: no answer yet")),
        }
    }
}

impl Drop for Link {
    fn drop(&mut self) {
        self.search.abort();
    }
}

impl Deadline {
    pub(super) fn new() -> Self {
        Self(Instant::now() + PATIENCE)
    }

    pub(super) fn is_over(self) -> bool {
        Instant::now() >= self.0
    }
}

/// With jitter, so that callers that failed together do not come again together.
pub(super) fn pause(tried: u32) -> Duration {
    let most = FIRST_PAUSE.saturating_mul(1 << tried.min(8)).min(LONGEST_PAUSE);
    most.mul_f64(fastrand::f64())
}

async fn attempt<T>(
    deadline: Deadline,
    request: impl Future<Output = Result<T, Trouble>>,
) -> Result<T, Trouble> {
    let until = deadline.0.min(Instant::now() + ANSWER_WITHIN);
    timeout_at(until, request)
        .await
        .unwrap_or_else(|_| Err(Trouble::new(Kind::Lost, "the service did not answer in time")))
}

/// Ends when the table is found and fit.
async fn search(target: Arc<Target>, state: watch::Sender<State>) {
    loop {
        let found = match client(&target).await {
            Ok(client) => table::prepare(&client, &target).await.map(|()| client),
            Err(trouble) => Err(trouble),
        };
        match found {
            Ok(client) => {
                state.send_replace(State::Found(client));
                return;
            }
            Err(trouble) => {
                tracing::debug!(?trouble, table = target.table, "the table is not to be had yet");
                state.send_replace(State::Failed(trouble));
            }
        }
        sleep(SEARCH_EVERY).await;
    }
}
