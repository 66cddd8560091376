//! CORS: pages of origins listed with `--allow-origin` may read answers, and ask beforehand whether they may send a
//! request (the preflight). Without these headers a browser hides every answer from a page of another site.

use axum::{
    extract::Request,
    http::{HeaderMap, HeaderName, HeaderValue, Method, StatusCode, header},
    response::{IntoResponse, Response},
};

use super::{Origin, origins};

const METHODS: HeaderValue = HeaderValue::from_static("GET, HEAD, PUT, POST, DELETE");
const REQUEST_HEADERS: HeaderValue =
    HeaderValue::from_static("authorization, content-type, if-none-match, last-event-id, x-request-id");
const ANSWER_HEADERS: HeaderValue = HeaderValue::from_static("allow, etag, retry-after, www-authenticate");
/// Two hours, the longest that a browser remembers a preflight.
const MAX_AGE: HeaderValue = HeaderValue::from_static("7200");
const FROM_PUBLIC_SITE: HeaderName = HeaderName::from_static("access-control-request-private-network");
const TO_PRIVATE_NETWORK: HeaderName = HeaderName::from_static("access-control-allow-private-network");

/// What a page of another site is told with the answer to one request.
#[derive(Debug, Default)]
pub(super) struct Cors {
    /// The request's origin, if it is listed.
    page: Option<HeaderValue>,
    /// Other origins would get other headers, so no cache may mix them up.
    varies: bool,
}

impl Cors {
    pub(super) fn of(request: &Request, listed: &[Origin]) -> Self {
        let any = listed.iter().any(Origin::is_any);
        let sent =
            request.headers().get(header::ORIGIN).filter(|_| origins::is_listed(listed, request.headers()));
        let page = sent.map(|origin| if any { HeaderValue::from_static("*") } else { origin.clone() });
        Self { page, varies: !listed.is_empty() && !any }
    }

    /// The answer to a preflight from a listed origin; `None` for any other request.
    pub(super) fn preflight(&self, request: &Request) -> Option<Response> {
        let headers = request.headers();
        let asks =
            request.method() == Method::OPTIONS && headers.contains_key(header::ACCESS_CONTROL_REQUEST_METHOD);
        self.page.as_ref().filter(|_| asks)?;
        let mut response = StatusCode::NO_CONTENT.into_response();
        let answer = response.headers_mut();
        answer.insert(header::ACCESS_CONTROL_ALLOW_METHODS, METHODS);
        answer.insert(header::ACCESS_CONTROL_ALLOW_HEADERS, REQUEST_HEADERS);
        answer.insert(header::ACCESS_CONTROL_MAX_AGE, MAX_AGE);
        if headers.contains_key(FROM_PUBLIC_SITE) {
            answer.insert(TO_PRIVATE_NETWORK, HeaderValue::from_static("true"));
        }
        Some(response)
    }

    /// Adds the headers that let the page read the answer.
    pub(super) fn share(self, headers: &mut HeaderMap) {
        if self.varies {
            headers.append(header::VARY, HeaderValue::from_static("origin"));
        }
        if let Some(page) = self.page {
            headers.insert(header::ACCESS_CONTROL_ALLOW_ORIGIN, page);
            headers.insert(header::ACCESS_CONTROL_EXPOSE_HEADERS, ANSWER_HEADERS);
        }
    }
}
