//! The history of an asset, which operators read in a dispute.

use std::sync::Arc;

use axum::{
    Json,
    extract::{RawQuery, State},
};
use schemars::{JsonSchema, Schema, json_schema};
use serde::Serialize;

use super::{App, error::HttpError, operator::Operator, path::InAsset, query::Parameters};
use crate::{
    arbiter,
    model::{ShownEvent, limits::EVENTS_PAGE},
};

pub(super) const PATH: &str = "/v1/rooms/{room}/assets/{asset}/history";

/// How many events an answer has, unless `limit` says it.
const LIMIT: usize = 100;

/// `GET /v1/rooms/{room}/assets/{asset}/history?after=&limit=`
pub(super) async fn show(
    State(app): State<Arc<App>>,
    InAsset(room, asset): InAsset,
    _: Operator,
    RawQuery(query): RawQuery,
) -> Result<Json<History>, HttpError> {
    let query = Parameters::parse(query.as_deref(), &["after", "limit"])?;
    let after = query.get("after").map(place).transpose()?;
    let limit = if query.get("limit").is_some() { query.page_size(EVENTS_PAGE)? } else { LIMIT };
    let page = app.arbiter.outbox().history(&room, &asset, after, limit).await?;
    let arbiter::History { events, next } = page;
    let next = next.map(|(origin, revision)| format!("{origin:016x}/{revision}"));
    Ok(Json(History { events, next }))
}

/// The origin and the revision of an event, as `next` says them.
fn place(text: &str) -> Result<(u64, u64), HttpError> {
    let parts = text.split_once('/').and_then(|(origin, revision)| {
        let (origin, revision) = (u64::from_str_radix(origin, 16).ok()?, revision.parse().ok()?);
        (text == format!("{origin:016x}/{revision}")).then_some((origin, revision))
    });
    parts.ok_or_else(|| {
        let shown: String = text.chars().take(64).collect();
        let message = format!("after must be the next of a page, such as 01a3b5c7d9e1f203/17, not {shown:?}");
        HttpError::bad(message)
    })
}

/// A page of the history of an asset.
#[derive(Serialize, JsonSchema)]
pub(super) struct History {
    /// In the order of the changes.
    #[schemars(extend("maxItems" = EVENTS_PAGE))]
    events: Vec<ShownEvent>,
    /// The `after` of the next page; null on the last one.
    next: Option<String>,
}

/// The `next` of a page: the origin and the revision of its last event.
pub(super) struct Place;

impl JsonSchema for Place {
    fn inline_schema() -> bool {
        true
    }

    fn schema_name() -> std::borrow::Cow<'static, str> {
        "Place".into()
    }

    fn json_schema(_: &mut schemars::SchemaGenerator) -> Schema {
        let pattern = "^[0-9a-f]{16}/(0|[1-9][0-9]{0,18})$";
        json_schema!({"type": "string", "pattern": pattern, "examples": ["01a3b5c7d9e1f203/17"]})
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_place_is_as_it_is_shown() {
        assert_eq!(place("01a3b5c7d9e1f203/17").unwrap(), (0x01a3_b5c7_d9e1_f203, 17));
        for text in ["", "17", "1/17", "01A3B5C7D9E1F203/17", "01a3b5c7d9e1f203/017", "01a3b5c7d9e1f203/", "/1"]
        {
            assert!(place(text).is_err(), "{text}");
        }
    }
}
