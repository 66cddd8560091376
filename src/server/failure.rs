use axum::{
    Json,
    http::{HeaderValue, StatusCode, header},
    response::{IntoResponse, Response},
};
use serde::Serialize;

use crate::{arbiter::Refusal, model::ErrorCode};

/// Seconds after which asking again makes sense.
const RETRY_AFTER: HeaderValue = HeaderValue::from_static("1");

/// An HTTP error: a status and `{"code","message"}`, always.
#[derive(Debug)]
pub(super) struct Failure {
    status: StatusCode,
    body: Body,
    /// The same request may succeed later.
    temporary: bool,
    /// The rest of the request will not be read, so the connection cannot be used again.
    close: bool,
}

#[derive(Debug, Serialize)]
struct Body {
    code: ErrorCode,
    message: String,
}

impl Failure {
    /// With the status that goes with the code.
    pub(super) fn new(code: ErrorCode, message: impl Into<String>) -> Self {
        let body = Body { code, message: message.into() };
        Self { status: status(code), body, temporary: code.temporary(), close: false }
    }

    /// For what HTTP has a status for and our codes have no word.
    pub(super) fn with_status(self, status: StatusCode) -> Self {
        Self { status, ..self }
    }

    /// For what passes although its code does not say so.
    pub(super) fn for_now(self) -> Self {
        Self { temporary: true, ..self }
    }

    /// For requests of which more may come than will be read.
    pub(super) fn closing(self) -> Self {
        Self { close: true, ..self }
    }
}

impl From<Refusal> for Failure {
    fn from(refusal: Refusal) -> Self {
        Self::new(refusal.code, refusal.message)
    }
}

impl IntoResponse for Failure {
    fn into_response(self) -> Response {
        let mut response = (self.status, Json(self.body)).into_response();
        let headers = response.headers_mut();
        if self.status == StatusCode::UNAUTHORIZED {
            headers.insert(header::WWW_AUTHENTICATE, HeaderValue::from_static("Bearer"));
        }
        if self.temporary {
            headers.insert(header::RETRY_AFTER, RETRY_AFTER);
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
        ErrorCode::UnknownAsset | ErrorCode::UnknownRoom => StatusCode::NOT_FOUND,
        ErrorCode::NotHeld | ErrorCode::Conflict => StatusCode::CONFLICT,
        ErrorCode::LimitReached | ErrorCode::RateLimited => StatusCode::TOO_MANY_REQUESTS,
        ErrorCode::OutcomeUnknown | ErrorCode::StoreUnavailable => StatusCode::SERVICE_UNAVAILABLE,
    }
}
