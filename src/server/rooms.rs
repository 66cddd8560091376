use std::sync::Arc;

use axum::{Json, extract::State};
use serde::Serialize;

use super::{App, auth::Admin, failure::Failure, path::InRoom};
use crate::{
    arbiter::RoomState,
    model::{AssetState, Present, RoomName},
};

/// A room as `GET` shows it.
#[derive(Serialize)]
pub(super) struct Shown {
    room: RoomName,
    players: usize,
    present: Present,
    assets: Vec<AssetState>,
}

/// What is left to say of a removed room.
#[derive(Serialize)]
pub(super) struct Removed {
    room: RoomName,
}

/// `GET /v1/rooms/{room}`
pub(super) async fn show(State(app): State<Arc<App>>, InRoom(room): InRoom) -> Result<Json<Shown>, Failure> {
    let RoomState { players, present, assets } = app.arbiter.room(&room).await?;
    Ok(Json(Shown { room, players, present, assets }))
}

/// `DELETE /v1/rooms/{room}`
pub(super) async fn remove(
    State(app): State<Arc<App>>,
    InRoom(room): InRoom,
    _: Admin,
) -> Result<Json<Removed>, Failure> {
    app.arbiter.remove_room(&room).await?;
    Ok(Json(Removed { room }))
}
