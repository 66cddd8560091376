//! What operators see of this node: its rooms, the players in them, and what a player holds. Each node answers for itself.

use std::{cmp::Reverse, sync::Arc};

use axum::{
    Json,
    extract::{RawQuery, State},
};
use schemars::JsonSchema;
use serde::Serialize;

use super::{
    App,
    error::HttpError,
    operator::{Operator, Role},
    path::{InPlayer, InRoom},
    query::Parameters,
};
use crate::{
    arbiter::overview::{
        PlayerPage, PlayerRoom, RoomOrder, RoomPage, RoomPlace, RoomPlayer, RoomQuery, RoomSummary,
    },
    model::{
        AssetName, DisplayName, Grant, Millis, PlayerName, RoomName,
        build::VERSION,
        limits::{OVERVIEW_PAGE, ROOMS_SEARCHED},
    },
};

pub(super) const ROOMS: &str = "/v1/rooms";
pub(super) const PLAYERS: &str = "/v1/rooms/{room}/players";
pub(super) const PLAYER: &str = "/v1/players/{player}";

/// The name of this node: its random number, which is another one after a restart.
pub(super) fn node_name(app: &App) -> String {
    format!("{:016x}", app.arbiter.overview().node())
}

/// A node, and what the key that is shown allows.
#[derive(Serialize, JsonSchema)]
pub(super) struct Node {
    /// The node's name, another one after each start. Its log has it in the line `listening`.
    node: String,
    version: &'static str,
    role: Role,
    /// Whether players show tokens, which can be revoked.
    verifies_tokens: bool,
    /// Whether the node accepts players.
    ready: bool,
    /// Why it does not.
    #[serde(skip_serializing_if = "Option::is_none")]
    reason: Option<String>,
}

/// `GET /v1/node`
pub(super) async fn node(State(app): State<Arc<App>>, Operator(role): Operator) -> Json<Node> {
    let drains = app.draining.is_cancelled().then(|| "this node is shutting down".to_owned());
    let reason = drains.or_else(|| app.arbiter.ready().err());
    let (node, verifies_tokens) = (node_name(&app), app.tokens.is_some());
    Json(Node { node, version: VERSION, role, verifies_tokens, ready: reason.is_none(), reason })
}

/// A page of the rooms that a node has loaded.
#[derive(Serialize, JsonSchema)]
pub(super) struct Rooms {
    /// The name of the node.
    node: String,
    #[schemars(extend("maxItems" = OVERVIEW_PAGE))]
    rooms: Vec<Room>,
    /// The rooms of all pages together.
    total: usize,
    /// The `after` of the next page; null on the last one.
    next_after: Option<String>,
}

/// A room that a node has loaded.
#[derive(Serialize, JsonSchema)]
#[schemars(rename = "RoomSummary")]
struct Room {
    room: RoomName,
    /// Connections to this node, observers included.
    members: usize,
    /// Players on all nodes.
    players: usize,
    /// Stored assets.
    assets: usize,
    /// Selects per second over the last 5 s on this node.
    selects_per_second: f64,
}

/// `GET /v1/rooms?prefix=&order=&after=&limit=`
pub(super) async fn rooms(
    State(app): State<Arc<App>>,
    _: Operator,
    RawQuery(query): RawQuery,
) -> Result<Json<Rooms>, HttpError> {
    let query = Parameters::parse(query.as_deref(), &["prefix", "order", "after", "limit"])?;
    let order = match query.get("order") {
        None | Some("name") => RoomOrder::Name,
        Some("players") => RoomOrder::Players,
        Some("selects") => RoomOrder::Selects,
        Some(_) => return Err(HttpError::bad("order must be name, players or selects")),
    };
    let prefix = query.get("prefix").map(RoomName::parse).transpose()?;
    let after = query.get("after").map(|text| place(order, text)).transpose()?;
    let limit = query.page_size(OVERVIEW_PAGE)?;
    let page = app.arbiter.overview().rooms(&RoomQuery { prefix, order, after, limit }).await;
    let RoomPage { rooms, total, next } = page;
    let shown = |RoomSummary { room, members, players, assets, selects_per_second }| {
        let selects_per_second = (selects_per_second * 10.0).round() / 10.0;
        Room { room, members, players, assets, selects_per_second }
    };
    let rooms = rooms.into_iter().map(shown).collect();
    let next_after = next.map(|RoomPlace { rank: Reverse(rank), room }| match order {
        RoomOrder::Name => room.to_string(),
        RoomOrder::Players | RoomOrder::Selects => format!("{rank}:{room}"),
    });
    Ok(Json(Rooms { node: node_name(&app), rooms, total, next_after }))
}

/// The place that a `next_after` names: the room, and before it, in an order of numbers, the number and a colon.
fn place(order: RoomOrder, text: &str) -> Result<RoomPlace, HttpError> {
    if order == RoomOrder::Name {
        return Ok(RoomPlace { rank: Reverse(0), room: RoomName::parse(text)? });
    }
    let parts = text.split_once(':').and_then(|(rank, room)| Some((rank.parse().ok()?, room)));
    let wrong = || HttpError::bad("after must be the next_after of a page in the same order, such as 12:arena");
    let (rank, room) = parts.ok_or_else(wrong)?;
    Ok(RoomPlace { rank: Reverse(rank), room: RoomName::parse(room)? })
}

/// A page of the players in a room.
#[derive(Serialize, JsonSchema)]
pub(super) struct Players {
    room: RoomName,
    /// The name of the node.
    node: String,
    #[schemars(extend("maxItems" = OVERVIEW_PAGE))]
    players: Vec<PlayerInRoom>,
    /// The `after` of the next page; null on a page that is not full.
    next_after: Option<PlayerName>,
}

/// A player in a room.
#[derive(Serialize, JsonSchema)]
struct PlayerInRoom {
    player: PlayerName,
    /// How others see the player; absent if the player gave no name.
    #[serde(skip_serializing_if = "Option::is_none")]
    name: Option<DisplayName>,
    /// The player's connections to this node; 0 if the player is on another one.
    connections: usize,
}

/// `GET /v1/rooms/{room}/players?after=&limit=`
pub(super) async fn players(
    State(app): State<Arc<App>>,
    InRoom(room): InRoom,
    _: Operator,
    RawQuery(query): RawQuery,
) -> Result<Json<Players>, HttpError> {
    let query = Parameters::parse(query.as_deref(), &["after", "limit"])?;
    let after = query.get("after").map(PlayerName::parse).transpose()?;
    let limit = query.page_size(OVERVIEW_PAGE)?;
    let found = app.arbiter.overview().players(&room, after.as_ref(), limit);
    let next_after = found.get(limit - 1).map(|last| last.player.clone());
    let shown = |RoomPlayer { player, name, connections }| PlayerInRoom { player, name, connections };
    let players = found.into_iter().map(shown).collect();
    Ok(Json(Players { room, node: node_name(&app), players, next_after }))
}

/// A page of the rooms where a player is connected or holds something.
#[derive(Serialize, JsonSchema)]
#[schemars(rename = "PlayerRooms")]
pub(super) struct Player {
    player: PlayerName,
    /// The name of the node.
    node: String,
    /// By name. Rooms that have nothing of the player are left out.
    rooms: Vec<InOneRoom>,
    /// How many rooms were searched for this page.
    searched: usize,
    /// The `after` of the next page; null if every room was searched.
    next_after: Option<RoomName>,
}

/// What a room has of a player.
#[derive(Serialize, JsonSchema)]
#[schemars(rename = "RoomOfPlayer")]
struct InOneRoom {
    room: RoomName,
    /// The player's connections to this node.
    connections: usize,
    held: Vec<Holding>,
}

/// What a player holds of an asset.
#[derive(Serialize, JsonSchema)]
struct Holding {
    asset: AssetName,
    /// The asset's revision at the grant.
    revision: u64,
    at: Millis,
    /// When the grant ends, in Unix milliseconds; absent if it does not end by itself.
    #[serde(skip_serializing_if = "Option::is_none")]
    until: Option<Millis>,
    /// The same in milliseconds from now.
    #[serde(skip_serializing_if = "Option::is_none")]
    ttl_ms: Option<Millis>,
}

/// `GET /v1/players/{player}?after=&limit=`
pub(super) async fn player(
    State(app): State<Arc<App>>,
    InPlayer(player): InPlayer,
    _: Operator,
    RawQuery(query): RawQuery,
) -> Result<Json<Player>, HttpError> {
    let query = Parameters::parse(query.as_deref(), &["after", "limit"])?;
    let after = query.get("after").map(RoomName::parse).transpose()?;
    let limit = query.page_size(ROOMS_SEARCHED)?;
    let PlayerPage { rooms, searched, next } = app.arbiter.overview().player(&player, after, limit).await?;
    let rooms = rooms.into_iter().map(InOneRoom::of).collect();
    Ok(Json(Player { player, node: node_name(&app), rooms, searched, next_after: next }))
}

impl InOneRoom {
    fn of(PlayerRoom { room, connections, held }: PlayerRoom) -> Self {
        let holding = |(asset, grant): (AssetName, Grant)| {
            let Grant { revision, granted_at: at, until, ttl_ms, .. } = grant;
            Holding { asset, revision, at, until, ttl_ms }
        };
        Self { room, connections, held: held.into_iter().map(holding).collect() }
    }
}
