use std::{future::Future, sync::Arc, time::Duration};

use aws_sdk_dynamodb::Client as SdkClient;
use tokio::{
    sync::{Semaphore, watch},
    time::{Instant, sleep, timeout_at},
};
use tokio_util::task::AbortOnDropHandle;

use super::{
    capacity::{Capacity, Metered},
    error::{DynamoError, Kind, Tried},
    sdk::connect,
    table,
    url::DynamoUrl,
};

/// Access to the table. A background task looks for the table until it exists and has the right schema.
pub(super) struct Client {
    state: watch::Receiver<State>,
    permits: Semaphore,
    capacity: Capacity,
    _search: AbortOnDropHandle<()>,
}

#[derive(Clone)]
enum State {
    Searching,
    Found(SdkClient),
    Failed(DynamoError),
}

/// When a call stops retrying.
#[derive(Debug, Clone, Copy)]
pub(super) struct Deadline(Instant);

/// The deadline of a call: less than half of a caller's default deadline, so that the caller can retry it.
const PATIENCE: Duration = Duration::from_millis(2300);
/// The timeout of a request, after which it is retried: hundreds of times what the service needs.
const ANSWER_WITHIN: Duration = Duration::from_millis(1100);
/// Maximum number of concurrent requests. Each has its own connection. At 5 ms each they are 50,000 a second,
/// more than an on-demand table takes at first.
const MOST_AT_ONCE: usize = 256;
/// The backoff when the service throttles, drawn between zero and a bound that doubles from the first value to
/// the longest.
const FIRST_PAUSE: Duration = Duration::from_millis(25);
const LONGEST_PAUSE: Duration = Duration::from_millis(400);
/// The pause between two attempts to find a table that is missing or not ready.
const SEARCH_EVERY: Duration = Duration::from_millis(500);

impl Client {
    pub(super) fn open(url: Arc<DynamoUrl>) -> Self {
        let (sender, state) = watch::channel(State::Searching);
        let search = AbortOnDropHandle::new(tokio::spawn(search(url, sender)));
        Self { state, permits: Semaphore::new(MOST_AT_ONCE), capacity: Capacity::new(), _search: search }
    }

    /// Sends a request, and retries it if the answer is lost or the service is busy. A write must be
    /// idempotent.
    pub(super) async fn run<T, F>(&self, deadline: Deadline, request: impl Fn(SdkClient) -> F) -> Tried<T>
    where
        T: Metered,
        F: Future<Output = Tried<T>>,
    {
        let sdk = self.sdk(deadline).await?;
        let permit = timeout_at(deadline.0, self.permits.acquire()).await;
        let Ok(Ok(_permit)) = permit else {
            let why = format!("{MOST_AT_ONCE} requests are on their way, and none was answered in time");
            return Err(DynamoError::new(Kind::Away, why));
        };
        let (mut doubtful, mut tried) = (false, 0);
        loop {
            let until = deadline.0.min(Instant::now() + ANSWER_WITHIN);
            let late = |_| Err(DynamoError::new(Kind::Lost, "the service did not answer in time"));
            let error = match timeout_at(until, request(sdk.clone())).await.unwrap_or_else(late) {
                Ok(answer) => {
                    self.capacity.count(&answer);
                    return Ok(answer);
                }
                Err(error) => error,
            };
            doubtful |= T::WRITES && error.kind == Kind::Lost;
            let pause = match error.kind {
                Kind::Lost if tried == 0 => Duration::ZERO,
                Kind::Lost | Kind::Busy => pause(tried),
                _ => return Err(error.after(doubtful)),
            };
            if Instant::now() + pause >= deadline.0 {
                return Err(DynamoError { doubtful, ..error });
            }
            sleep(pause).await;
            tried += 1;
        }
    }

    async fn sdk(&self, deadline: Deadline) -> Tried<SdkClient> {
        let mut state = self.state.clone();
        let known = timeout_at(deadline.0, state.wait_for(|state| !matches!(state, State::Searching))).await;
        match known.as_ref().map(|state| state.as_deref()) {
            Ok(Ok(State::Found(sdk))) => Ok(sdk.clone()),
            Ok(Ok(State::Failed(error))) => Err(error.clone()),
            _ => Err(DynamoError::new(Kind::Away, "it is still being looked for: no answer yet")),
        }
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

/// A backoff with jitter, so that callers that failed together do not retry together.
pub(super) fn pause(tried: u32) -> Duration {
    let most = FIRST_PAUSE.saturating_mul(1 << tried.min(8)).min(LONGEST_PAUSE);
    most.mul_f64(fastrand::f64())
}

/// Returns when the table is found and has the right schema.
async fn search(url: Arc<DynamoUrl>, state: watch::Sender<State>) {
    loop {
        let found = match connect(&url).await {
            Ok(sdk) => table::prepare(&sdk, &url).await.map(|()| sdk),
            Err(error) => Err(error),
        };
        match found {
            Ok(sdk) => {
                state.send_replace(State::Found(sdk));
                return;
            }
            Err(error) => {
                tracing::debug!(?error, table = url.table, "the table is not to be had yet");
                state.send_replace(State::Failed(error));
            }
        }
        sleep(SEARCH_EVERY).await;
    }
}
