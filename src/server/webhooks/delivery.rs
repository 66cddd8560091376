//! One request to the endpoint, and what its answer means.

use std::{error::Error, time::Duration};

use axum::http::{HeaderMap, HeaderValue, Request, Response, StatusCode, header};
use bytes::Bytes;
use http_body_util::{BodyExt, Full, LengthLimitError, Limited};
use hyper::body::Incoming;
use hyper_rustls::{HttpsConnector, HttpsConnectorBuilder};
use hyper_util::{
    client::legacy::{Client, connect::HttpConnector},
    rt::{TokioExecutor, TokioTimer},
};
use rustls::crypto::ring;
use serde::Serialize;
use tokio::{sync::OnceCell, task::spawn_blocking, time::timeout};

use super::{
    WebhookSecret, WebhookUrl,
    address::{CheckedResolver, Forbidden},
    meters::Outcome,
    retry_after::retry_after,
    signature::{delivery_id, sign},
};
use crate::model::{
    Millis, ShownEvent,
    build::VERSION,
    limits::{WEBHOOK_ANSWER_BYTES, WEBHOOK_REQUESTS},
    one_line,
};

/// How long a connection waits for the next delivery.
const IDLE: Duration = Duration::from_secs(20);

type Https = Client<HttpsConnector<HttpConnector<CheckedResolver>>, Full<Bytes>>;

/// Sends deliveries.
pub(super) struct Endpoint {
    pub(super) url: WebhookUrl,
    /// How long an attempt may take, from the connection to the end of the answer.
    patience: Duration,
    /// Made at the first attempt, because it reads the certificates of this system.
    client: OnceCell<Https>,
}

/// Some events of one room, ready to be sent.
pub(super) struct Delivery {
    id: String,
    body: Bytes,
}

/// Why a delivery failed.
#[derive(Debug)]
pub(super) struct Failure {
    pub(super) outcome: Outcome,
    /// One line without secrets.
    pub(super) why: String,
    /// The endpoint wants no more deliveries: 410.
    pub(super) is_gone: bool,
    /// How long the endpoint asks to wait.
    pub(super) retry_after: Option<Duration>,
}

#[derive(Serialize)]
struct Body<'a> {
    events: &'a [ShownEvent],
}

impl Delivery {
    /// `None`: the events cannot be encoded.
    pub(super) fn of(events: &[ShownEvent]) -> Option<Self> {
        let body = serde_json::to_vec(&Body { events }).ok()?;
        Some(Self { id: delivery_id(events.iter().map(|event| &*event.id)), body: body.into() })
    }
}

impl Failure {
    fn new(outcome: Outcome, why: impl Into<String>) -> Self {
        Self { outcome, why: why.into(), is_gone: false, retry_after: None }
    }
}

impl Endpoint {
    pub(super) fn new(url: WebhookUrl, patience: Duration) -> Self {
        Self { url, patience, client: OnceCell::new() }
    }

    /// Makes one attempt at `now`, in Unix milliseconds.
    ///
    /// # Errors
    /// [`Failure`]: the endpoint did not acknowledge the events.
    pub(super) async fn attempt(
        &self,
        delivery: &Delivery,
        secrets: &[WebhookSecret],
        now: Millis,
    ) -> Result<(), Failure> {
        let late =
            |_| Failure::new(Outcome::TimedOut, format!("no complete answer within {:?}", self.patience));
        timeout(self.patience, async {
            let client = self.client.get_or_try_init(client).await?;
            let request = self.request(delivery, secrets, now / 1000)?;
            let answer = client.request(request).await.map_err(|error| unreachable(&error))?;
            judge(answer, now).await
        })
        .await
        .map_err(late)?
    }

    fn request(
        &self,
        Delivery { id, body }: &Delivery,
        secrets: &[WebhookSecret],
        timestamp: u64,
    ) -> Result<Request<Full<Bytes>>, Failure> {
        Request::post(self.url.uri().clone())
            .header(header::CONTENT_TYPE, "application/json")
            .header(header::USER_AGENT, format!("asset-arbiter/{VERSION}"))
            .header("webhook-id", id)
            .header("webhook-timestamp", timestamp)
            .header("webhook-signature", sign(secrets, id, timestamp, body))
            .body(Full::new(body.clone()))
            .map_err(|error| Failure::new(Outcome::Unreachable, error.to_string()))
    }
}

async fn client() -> Result<Https, Failure> {
    let failed = |why: String| Failure::new(Outcome::Unreachable, format!("no root certificates: {why}"));
    let builder = spawn_blocking(|| {
        HttpsConnectorBuilder::new().with_provider_and_native_roots(ring::default_provider())
    });
    let builder = builder.await.map_err(|error| failed(error.to_string()))?;
    let builder = builder.map_err(|error| failed(error.to_string()))?;
    let mut http = HttpConnector::new_with_resolver(CheckedResolver);
    http.enforce_http(false);
    http.set_nodelay(true);
    let https = builder.https_or_http().enable_http1().wrap_connector(http);
    let mut client = Client::builder(TokioExecutor::new());
    client.pool_timer(TokioTimer::new()).pool_idle_timeout(IDLE).pool_max_idle_per_host(WEBHOOK_REQUESTS);
    Ok(client.build(https))
}

/// What an answer means. Only 2xx acknowledges; a redirect is never followed, because it could lead anywhere.
async fn judge(answer: Response<Incoming>, now: Millis) -> Result<(), Failure> {
    let status = answer.status();
    if status.is_redirection() {
        let why = format!("it redirects ({status}), which is not followed; name the address itself");
        return Err(Failure::new(Outcome::Redirected, why));
    }
    if !status.is_success() {
        let refused = Failure::new(Outcome::Refused, format!("it answers {status}"));
        let retry_after = wait(answer.headers(), now);
        return Err(Failure { is_gone: status == StatusCode::GONE, retry_after, ..refused });
    }
    let mut body = Limited::new(answer.into_body(), WEBHOOK_ANSWER_BYTES);
    while let Some(frame) = body.frame().await {
        frame.map_err(|error| {
            if error.is::<LengthLimitError>() {
                let why = format!("its answer is larger than {WEBHOOK_ANSWER_BYTES} bytes");
                return Failure::new(Outcome::TooLarge, why);
            }
            unreachable(&*error)
        })?;
    }
    Ok(())
}

fn wait(headers: &HeaderMap<HeaderValue>, now: Millis) -> Option<Duration> {
    retry_after(headers.get(header::RETRY_AFTER)?.to_str().ok()?, now)
}

fn unreachable(error: &(dyn Error + 'static)) -> Failure {
    let (mut text, mut source) = (error.to_string(), error.source());
    while let Some(error) = source {
        if let Some(forbidden) = forbidden(error) {
            return Failure::new(Outcome::Blocked, forbidden.to_string());
        }
        text += &format!(": {error}");
        source = error.source();
    }
    Failure::new(Outcome::Unreachable, one_line(&text))
}

/// The resolver's own error lies in one of the system's.
fn forbidden<'a>(error: &'a (dyn Error + 'static)) -> Option<&'a Forbidden> {
    let inner = error.downcast_ref::<std::io::Error>().and_then(std::io::Error::get_ref);
    error.downcast_ref().or_else(|| inner?.downcast_ref())
}
