use std::{error::Error, time::Duration};

use axum::http::{Request, StatusCode, Uri, header, uri::Scheme};
use bytes::Bytes;
use http_body_util::{BodyExt, Empty, Limited};
use hyper_rustls::{HttpsConnector, HttpsConnectorBuilder};
use hyper_util::{
    client::legacy::{
        Client,
        connect::{Connect, HttpConnector},
    },
    rt::TokioExecutor,
};
use rustls::crypto::ring;
use tokio::{task::spawn_blocking, time::timeout};

use super::JwksUrl;
use crate::model::{
    limits::{KEY_SET_BYTES, KEY_SET_TIMEOUT_SECS},
    one_line,
};

const TIMEOUT: Duration = Duration::from_secs(KEY_SET_TIMEOUT_SECS);

/// Fetches the key set, over a connection of its own, because the next fetch is minutes away.
///
/// # Errors
/// One line that says why there is no key set.
pub(super) async fn fetch(url: &JwksUrl) -> Result<Bytes, String> {
    let fetched = timeout(TIMEOUT, async {
        let uri = url.uri().clone();
        if uri.scheme() == Some(&Scheme::HTTP) {
            return get(Client::builder(TokioExecutor::new()).build_http(), uri).await;
        }
        // It reads the certificates of this system.
        let connector = spawn_blocking(https).await.map_err(|error| error.to_string())?;
        let connector = connector.map_err(|error| format!("no root certificates: {error}"))?;
        get(Client::builder(TokioExecutor::new()).build(connector), uri).await
    });
    fetched.await.unwrap_or_else(|_| Err(format!("no answer within {TIMEOUT:?}")))
}

fn https() -> std::io::Result<HttpsConnector<HttpConnector>> {
    let builder = HttpsConnectorBuilder::new().with_provider_and_native_roots(ring::default_provider())?;
    Ok(builder.https_only().enable_http1().build())
}

async fn get<C>(client: Client<C, Empty<Bytes>>, uri: Uri) -> Result<Bytes, String>
where
    C: Connect + Clone + Send + Sync + 'static,
{
    let request = Request::get(uri).header(header::ACCEPT, "application/json").body(Empty::new());
    let request = request.map_err(|error| error.to_string())?;
    let response = client.request(request).await.map_err(|error| chain(&error))?;
    match response.status() {
        StatusCode::OK => {}
        status if status.is_redirection() => {
            return Err(format!("it redirects ({status}), which is not followed; name the address itself"));
        }
        status => return Err(format!("it answers {status}")),
    }
    let body = Limited::new(response.into_body(), KEY_SET_BYTES).collect().await;
    body.map(http_body_util::Collected::to_bytes).map_err(|error| chain(&*error))
}

/// An error with its sources: hyper's own text says little.
fn chain(error: &dyn Error) -> String {
    let (mut text, mut source) = (error.to_string(), error.source());
    while let Some(error) = source {
        text += &format!(": {error}");
        source = error.source();
    }
    one_line(&text)
}
