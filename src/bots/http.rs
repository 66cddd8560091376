use bytes::Bytes;
use http_body_util::{BodyExt, Full, Limited};
use hyper::{Method, Request, StatusCode, header};
use hyper_util::{
    client::legacy::{Client, connect::HttpConnector},
    rt::TokioExecutor,
};

use super::{
    AdminKey, NodeUrl,
    limits::{BODY_BYTES, HTTP_TIMEOUT},
};

/// A small HTTP/1 client. Requests and responses are limited in size and time.
#[derive(Debug)]
pub(super) struct Http {
    client: Client<HttpConnector, Full<Bytes>>,
    admin_key: Option<AdminKey>,
}

/// A server's response.
#[derive(Debug)]
pub(super) struct HttpAnswer {
    pub(super) status: StatusCode,
    pub(super) body: Bytes,
}

/// A request.
#[derive(Debug, Clone)]
pub(super) struct Ask {
    pub(super) method: Method,
    pub(super) path: String,
    pub(super) json: Option<String>,
}

impl Http {
    pub(super) fn new(admin_key: Option<AdminKey>) -> Self {
        Self { client: Client::builder(TokioExecutor::new()).build_http(), admin_key }
    }

    /// Sends a request to `node`. The error describes a network failure.
    pub(super) async fn ask(&self, node: &NodeUrl, ask: &Ask) -> Result<HttpAnswer, String> {
        let answer = tokio::time::timeout(HTTP_TIMEOUT, self.exchange(node, ask)).await;
        answer.unwrap_or_else(|_| Err(format!("no answer within {} s", HTTP_TIMEOUT.as_secs())))
    }

    async fn exchange(&self, node: &NodeUrl, ask: &Ask) -> Result<HttpAnswer, String> {
        let uri = format!("http://{}{}", node.authority(), ask.path);
        let mut request = Request::builder().method(&ask.method).uri(uri);
        if let Some(key) = &self.admin_key {
            request = request.header(header::AUTHORIZATION, key.header());
        }
        if ask.json.is_some() {
            request = request.header(header::CONTENT_TYPE, "application/json");
        }
        let body = Full::from(ask.json.clone().unwrap_or_default());
        let request = request.body(body).map_err(|error| error.to_string())?;
        let response = self.client.request(request).await.map_err(|error| root_cause(&error))?;
        let status = response.status();
        let body = Limited::new(response.into_body(), BODY_BYTES)
            .collect()
            .await
            .map_err(|error| error.to_string())?;
        Ok(HttpAnswer { status, body: body.to_bytes() })
    }
}

impl Ask {
    pub(super) fn get(path: String) -> Self {
        Self { method: Method::GET, path, json: None }
    }
}

/// The innermost error, because `client error (Connect)` is less helpful than `Connection refused`.
fn root_cause(error: &dyn std::error::Error) -> String {
    let mut cause = error;
    while let Some(deeper) = cause.source() {
        cause = deeper;
    }
    cause.to_string()
}
