use std::sync::Arc;

use axum::{
    Json,
    body::{Body, Bytes},
    extract::{RawQuery, State},
    http::header,
    response::{IntoResponse, Response},
};
use schemars::JsonSchema;
use serde::Serialize;

use super::{
    App,
    access::Access,
    audit::{Audit, Target},
    auth::Admin,
    error::HttpError,
    path::{InRoom, OfPlayer},
    query::Parameters,
    spec::JSON,
};
use crate::{
    arbiter::{Kicked, Outdated, RoomJson},
    model::{AssetName, AssetState, DisplayNames, ErrorCode, PlayerName, Present, RoomName},
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

/// `GET /v1/rooms/{room}`: streams a large room part by part, as the socket accepts it and the node has time.
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
        let answer = app.large_answers.begin().ok_or_else(|| HttpError::full(TOO_MANY))?;
        Body::from_stream(answer.pace(parts))
    };
    Ok(([(header::CONTENT_TYPE, JSON)], body).into_response())
}

const TOO_MANY: &str = "this node sends as many large rooms as it sends at once; ask again";

/// `DELETE /v1/rooms/{room}`
pub(super) async fn remove(
    State(app): State<Arc<App>>,
    InRoom(room): InRoom,
    admin: Admin,
    audit: Audit,
) -> Result<Json<RemovedRoom>, HttpError> {
    let done = app.arbiter.changes_by(Some(admin.by())).remove_room(&room).await.map_err(HttpError::from);
    audit.log(admin, Target::room(&room), "remove room", &done);
    done?;
    Ok(Json(RemovedRoom { room }))
}

/// Every asset of a room is whole again.
#[derive(Serialize, JsonSchema)]
pub(super) struct ResetRoom {
    room: RoomName,
    /// The assets, by name. A template that nobody has selected is whole, and not among them.
    reset: Vec<AssetName>,
}

/// `POST /v1/rooms/{room}/reset`: nobody holds anything any more, and every asset has the units of its creation.
pub(super) async fn reset(
    State(app): State<Arc<App>>,
    InRoom(room): InRoom,
    admin: Admin,
    audit: Audit,
) -> Result<Json<ResetRoom>, HttpError> {
    let done = app.arbiter.changes_by(Some(admin.by())).reset_room(&room).await.map_err(HttpError::from);
    audit.log(admin, Target::room(&room), "reset", &done);
    Ok(Json(ResetRoom { reset: done?, room }))
}

/// A player's connections to a room end.
#[derive(Serialize, JsonSchema)]
pub(super) struct KickedPlayer {
    room: RoomName,
    player: PlayerName,
    /// The connections that this node ends. Other nodes end theirs.
    connections: usize,
    /// The assets that were released, with `?release=true`.
    released: Vec<AssetName>,
}

/// The route of [`kick`].
pub(super) const KICK: &str = "/v1/rooms/{room}/players/{player}";

/// `DELETE /v1/rooms/{room}/players/{player}?release=`: ends the player's connections, and releases what the player holds
/// if `release` is true.
pub(super) async fn kick(
    State(app): State<Arc<App>>,
    OfPlayer(room, player): OfPlayer,
    admin: Admin,
    audit: Audit,
    RawQuery(query): RawQuery,
) -> Result<Json<KickedPlayer>, HttpError> {
    let query = Parameters::parse(query.as_deref(), &["release"])?;
    let release = match query.get("release") {
        None | Some("false") => false,
        Some("true") => true,
        Some(_) => return Err(HttpError::bad("release must be true or false")),
    };
    let done =
        app.arbiter.changes_by(Some(admin.by())).kick(&room, &player, release).await.map_err(HttpError::from);
    let action = if release { "kick and release" } else { "kick" };
    audit.log(admin, Target::room(&room).player(&player), action, &done);
    let Kicked { connections, released } = done?;
    Ok(Json(KickedPlayer { room, player, connections, released }))
}
