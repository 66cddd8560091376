use std::sync::Arc;

use axum::{
    Json,
    body::{Body, Bytes},
    extract::{FromRequest, Request},
    http::{HeaderMap, HeaderValue, StatusCode, header},
};
use http_body_util::{BodyExt, LengthLimitError, Limited};
use serde::de::DeserializeOwned;
use tokio::time::timeout;

use super::{App, Settings, error::HttpError};
use crate::model::ErrorCode;

const IDENTITY: HeaderValue = HeaderValue::from_static("identity");

/// A request body: a JSON object, whatever the content type. Unknown fields are errors, because a misspelt condition
/// must not be ignored.
pub(super) struct Object<T>(pub(super) T);

/// The type of a request body.
pub(super) trait Shape: DeserializeOwned {
    /// A valid body, for error messages.
    const EXAMPLE: &str;
    /// Its largest size in bytes; `None`: that of a message.
    const MOST_BYTES: Option<usize> = None;
}

impl<T: Shape> FromRequest<Arc<App>> for Object<T> {
    type Rejection = HttpError;

    async fn from_request(request: Request, app: &Arc<App>) -> Result<Self, HttpError> {
        check_encoding(request.headers())?;
        parse(&read(request.into_body(), &app.settings, T::MOST_BYTES).await?).map(Self)
    }
}

/// Rejects compressed bodies, because 4 KiB can expand to megabytes and valid bodies are short anyway.
fn check_encoding(headers: &HeaderMap) -> Result<(), HttpError> {
    let mut encodings = headers.get_all(header::CONTENT_ENCODING).iter();
    let Some(encoding) = encodings.find(|encoding| !encoding.as_bytes().eq_ignore_ascii_case(b"identity"))
    else {
        return Ok(());
    };
    let encoding: String = String::from_utf8_lossy(encoding.as_bytes()).chars().take(32).collect();
    Err(HttpError::bad(format!("the body has Content-Encoding {encoding:?}: send it as it is"))
        .with_status(StatusCode::UNSUPPORTED_MEDIA_TYPE)
        .with_header(header::ACCEPT_ENCODING, IDENTITY)
        .closing())
}

async fn read(body: Body, settings: &Settings, most_bytes: Option<usize>) -> Result<Bytes, HttpError> {
    let most = most_bytes.unwrap_or(settings.max_message);
    let body = Limited::new(body, most).collect();
    match timeout(settings.handshake_timeout, body).await {
        Ok(Ok(body)) => Ok(body.to_bytes()),
        Ok(Err(error)) if error.is::<LengthLimitError>() => {
            let flag = if most_bytes.is_none() { " (--max-message)" } else { "" };
            let message = format!("the body is larger than {most} bytes{flag}");
            Err(HttpError::new(ErrorCode::LimitReached, message)
                .with_status(StatusCode::PAYLOAD_TOO_LARGE)
                .closing())
        }
        Ok(Err(error)) => Err(HttpError::bad(format!("the body cannot be read: {error}")).closing()),
        Err(_) => {
            let message = format!("the body did not arrive within {:?}", settings.handshake_timeout);
            Err(HttpError::bad(message).with_status(StatusCode::REQUEST_TIMEOUT).closing())
        }
    }
}

fn parse<T: Shape>(bytes: &[u8]) -> Result<T, HttpError> {
    let explain =
        |why: String| HttpError::bad(format!("the body must be a JSON object such as {}: {why}", T::EXAMPLE));
    match bytes.trim_ascii_start().first() {
        None => Err(explain("it is empty".to_owned())),
        // Checked here, because a derived deserializer also accepts an array.
        Some(b'{') => Json::<T>::from_bytes(bytes).map(|Json(body)| body).map_err(|error| {
            let source = std::error::Error::source(&error).map(ToString::to_string);
            explain(source.unwrap_or_else(|| error.body_text()))
        }),
        Some(_) => Err(explain("it is something else".to_owned())),
    }
}
