use std::sync::Arc;

use axum::{
    Json,
    body::{Body, Bytes},
    extract::State,
    http::header,
    response::{IntoResponse, Response},
};
use futures::stream;
use schemars::JsonSchema;
use serde::Serialize;

use super::{App, access::Access, auth::Admin, error::HttpError, path::InRoom, spec::JSON};
use crate::{
    arbiter::{Outdated, RoomJson},
    model::{AssetState, DisplayNames, ErrorCode, Present, RoomName},
};

/// A room with all its assets.
#[derive(Serialize, JsonSchema)]
pub(super) struct Room<'a> {
    room: &'a RoomName,
    /// The number of players in the room.
    players: usize,
    /// The names of the players; empty in large rooms.
    present: &'a Present,
    /// The display names of the players in `present` that have one; absent if none has.
    #[serde(skip_serializing_if = "DisplayNames::is_empty")]
    names: &'a DisplayNames,
    /// Every asset.
    assets: &'a [AssetState],
}

/// A room is removed.
#[derive(Serialize, JsonSchema)]
pub(super) struct RemovedRoom {
    room: RoomName,
}

/// `GET /v1/rooms/{room}`: streams a large room part by part as the socket accepts it.
pub(super) async fn show(
    State(app): State<Arc<App>>,
    InRoom(room): InRoom,
    access: Access,
) -> Result<Response, HttpError> {
    access.may_read(&app, &room)?;
    let RoomJson { players, present, names, assets } = app.arbiter.room_json(&room).await?;
    let shell = Room { room: &room, players, present: &present, names: &names, assets: &[] };
    let mut head = serde_json::to_vec(&shell).expect("names and a number are JSON");
    // The assets, which are encoded already, go between the last two brackets.
    let tail = Bytes::from(head.split_off(head.len() - b"]}".len()));
    let is_small = assets.is_small();
    let [head, tail] = [head.into(), tail].map(|end| std::iter::once(Ok(end)));
    let parts = head.chain(assets).chain(tail);
    let body = if is_small {
        let parts: Result<Vec<_>, Outdated> = parts.collect();
        parts.map_err(|error| HttpError::new(ErrorCode::StoreUnavailable, error.to_string()))?.concat().into()
    } else {
        Body::from_stream(stream::iter(parts))
    };
    Ok(([(header::CONTENT_TYPE, JSON)], body).into_response())
}

/// `DELETE /v1/rooms/{room}`
pub(super) async fn remove(
    State(app): State<Arc<App>>,
    InRoom(room): InRoom,
    _: Admin,
) -> Result<Json<RemovedRoom>, HttpError> {
    app.arbiter.remove_room(&room).await?;
    Ok(Json(RemovedRoom { room }))
}
