//! The header `traceparent` of W3C Trace Context.

use axum::http::HeaderMap;

use crate::model::TraceParent;

/// The caller's span. `None`: there is no valid header, or more than one.
pub(super) fn parent(headers: &HeaderMap) -> Option<TraceParent> {
    let mut values = headers.get_all("traceparent").iter();
    let value = values.next()?.to_str().ok()?;
    TraceParent::parse(value).filter(|_| values.next().is_none())
}
