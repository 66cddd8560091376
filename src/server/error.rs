use axum::{
    Json,
    http::{HeaderName, HeaderValue, StatusCode, header},
    response::{IntoResponse, Response},
};
use schemars::JsonSchema;
use serde::Serialize;

use crate::{
    arbiter::{Refusal, Scope},
    model::ErrorCode,
};

/// Seconds until a retry makes sense.
const RETRY_AFTER: HeaderValue = HeaderValue::from_static("1");

/// An HTTP error: always a status and `{"code","message"}`.
#[derive(Debug)]
pub(super) struct HttpError {
    status: StatusCode,
    body: Body,
    /// A retry may succeed.
    temporary: bool,
    /// The rest of the request is not read, so the connection cannot be reused.
    close: bool,
    /// An additional response header.
    header: Option<(HeaderName, HeaderValue)>,
}

/// Why a request is refused.
#[derive(Debug, Serialize, JsonSchema)]
#[schemars(rename = "Error")]
pub(super) struct Body {
    code: ErrorCode,
    /// The fault and what would be right, for people.
    message: String,
}

impl HttpError {
    /// An error with the default status of its code.
    pub(super) fn new(code: ErrorCode, message: impl Into<String>) -> Self {
        let body = Body { code, message: message.into() };
        Self { status: status(code), body, temporary: code.temporary(), close: false, header: None }
    }

    /// 400 `bad_message`.
    pub(super) fn bad(message: impl Into<String>) -> Self {
        Self::new(ErrorCode::BadMessage, message)
    }

    /// 503 `limit_reached`: this node is full at present.
    pub(super) fn full(message: impl Into<String>) -> Self {
        Self::new(ErrorCode::LimitReached, message).with_status(StatusCode::SERVICE_UNAVAILABLE).for_now()
    }

    /// 429 `rate_limited`: the caller does this too often, or has too many.
    pub(super) fn too_many(message: impl Into<String>) -> Self {
        Self::new(ErrorCode::RateLimited, message)
    }

    /// Overrides the status where HTTP is more specific than our codes.
    pub(super) fn with_status(self, status: StatusCode) -> Self {
        Self { status, ..self }
    }

    /// Marks the error temporary although its code is not.
    fn for_now(self) -> Self {
        Self { temporary: true, ..self }
    }

    /// Adds a response header.
    pub(super) fn with_header(self, name: HeaderName, value: HeaderValue) -> Self {
        Self { header: Some((name, value)), ..self }
    }

    pub(super) fn code(&self) -> ErrorCode {
        self.body.code
    }

    /// The status and the message, for the log.
    pub(super) fn status_and_reason(&self) -> (u16, &str) {
        (self.status.as_u16(), &self.body.message)
    }

    /// Closes the connection, because the rest of the request is not read.
    pub(super) fn closing(self) -> Self {
        Self { close: true, ..self }
    }
}

impl From<Refusal> for HttpError {
    fn from(refusal: Refusal) -> Self {
        let error = Self::new(refusal.code, refusal.message);
        match refusal.scope {
            Scope::Request => error.with_status(StatusCode::BAD_REQUEST),
            Scope::State => error,
            Scope::Node => error.with_status(StatusCode::SERVICE_UNAVAILABLE).for_now(),
        }
    }
}

impl IntoResponse for HttpError {
    fn into_response(self) -> Response {
        let mut response = (self.status, Json(self.body)).into_response();
        let headers = response.headers_mut();
        if self.status == StatusCode::UNAUTHORIZED {
            headers.insert(header::WWW_AUTHENTICATE, HeaderValue::from_static("Bearer"));
        }
        if self.temporary {
            headers.insert(header::RETRY_AFTER, RETRY_AFTER);
        }
        if let Some((name, value)) = self.header {
            headers.insert(name, value);
        }
        if self.close {
            headers.insert(header::CONNECTION, HeaderValue::from_static("close"));
        }
        response
    }
}

fn status(code: ErrorCode) -> StatusCode {
    match code {
        ErrorCode::BadMessage | ErrorCode::UnknownType | ErrorCode::InvalidName => StatusCode::BAD_REQUEST,
        ErrorCode::Unauthorized => StatusCode::UNAUTHORIZED,
        ErrorCode::Forbidden => StatusCode::FORBIDDEN,
        ErrorCode::UnknownAsset | ErrorCode::UnknownRoom | ErrorCode::UnknownPath => StatusCode::NOT_FOUND,
        // Not 429, because tools would retry it: waiting does not lift these limits.
        ErrorCode::SoldOut
        | ErrorCode::NotHeld
        | ErrorCode::HoldExpired
        | ErrorCode::Reserved
        | ErrorCode::Cooldown
        | ErrorCode::Conflict
        | ErrorCode::LimitReached => StatusCode::CONFLICT,
        ErrorCode::RateLimited => StatusCode::TOO_MANY_REQUESTS,
        ErrorCode::OutcomeUnknown | ErrorCode::StoreUnavailable => StatusCode::SERVICE_UNAVAILABLE,
    }
}
