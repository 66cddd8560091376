//! A scripted peer: just enough of a server to play with bots, and to cheat them in one way at a time.

use std::{
    collections::BTreeMap,
    net::SocketAddr,
    sync::{Arc, Mutex, MutexGuard},
};

use asset_arbiter::model::{
    AssetName, AssetOptions, AssetState, Change, CloseReason, Denial, DisplayNames, ErrorCode, Event, Grant,
    PROTOCOL, PlayerName, RoomName, ServerMessage, Units, Welcome,
};
use axum::{
    Json, Router,
    extract::{
        Path, Query, State, WebSocketUpgrade,
        ws::{CloseFrame, Message, WebSocket},
    },
    http::StatusCode,
    response::{IntoResponse, Response},
    routing::{get, put},
};
use serde_json::{Value, json};
use tokio::sync::watch;

/// How the peer cheats.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Cheat {
    None,
    /// Grants one unit more than there are.
    GrantTooMany,
    /// Keeps the last unit to itself.
    GrantTooFew,
    /// Tells `bot-1` nothing of the first grant of each asset.
    ForgetAMember,
    /// Tells `bot-1` every grant twice.
    TellTwice,
    /// Tells `bot-1` that somebody else won.
    TellOtherwise,
    /// Forgets the last holder when asked by HTTP.
    ForgetAHolder,
    /// Denies the winner what it told everybody it got.
    DenyTheWinner,
    /// Answers every tenth select with an error that passes.
    PassingErrors,
    /// Closes every connection with this code once, after ten selects.
    CloseOnce(u16),
    /// Refuses to create assets.
    RefusePut,
    /// Knows no asset when one is selected.
    KnowNothing,
    /// Shows assets of which it knows no holders.
    LoseAssets,
}

/// The peer's one room.
pub(crate) struct Peer {
    cheat: Cheat,
    room: Mutex<Room>,
    told: watch::Sender<usize>,
    closes: watch::Sender<u16>,
}

#[derive(Default)]
struct Room {
    assets: BTreeMap<String, AssetState>,
    /// Frames from offset 1 on.
    log: Vec<ServerMessage>,
    selects: usize,
}

impl Room {
    fn shown(&self) -> Vec<AssetState> {
        self.assets.values().filter(|state| !state.removed).cloned().collect()
    }
}

/// One address of the peer.
#[derive(Clone)]
struct Node {
    peer: Arc<Peer>,
    epoch: String,
}

impl Node {
    fn routes(self) -> Router {
        Router::new()
            .route("/healthz", get(|| async { "ok" }))
            .route("/v1/rooms/{room}", get(room))
            .route("/v1/rooms/{room}/ws", get(join))
            .route("/v1/rooms/{room}/assets/{asset}", put(create).delete(remove))
            .route("/v1/rooms/{room}/assets/{asset}/holders", get(holders))
            .with_state(self)
    }
}

type Shared = State<Node>;

impl Peer {
    /// Starts a peer on a port of its own; it ends with the test's runtime.
    pub(crate) async fn start(cheat: Cheat) -> SocketAddr {
        Self::start_nodes(cheat, 1).await[0]
    }

    /// One peer behind several addresses, each with a room log of its own epoch.
    pub(crate) async fn start_nodes(cheat: Cheat, count: usize) -> Vec<SocketAddr> {
        let (told, closes) = (watch::channel(0).0, watch::channel(0).0);
        let peer = Arc::new(Self { cheat, room: Mutex::default(), told, closes });
        let mut addresses = Vec::new();
        for node in 0..count {
            let node = Node { peer: Arc::clone(&peer), epoch: format!("e{node}") };
            let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
            addresses.push(listener.local_addr().unwrap());
            tokio::spawn(async move { axum::serve(listener, node.routes()).await });
        }
        addresses
    }

    fn room(&self) -> MutexGuard<'_, Room> {
        self.room.lock().unwrap()
    }

    /// Tells everybody that this change led to the state that the room has of the asset.
    fn tell(&self, room: &mut Room, asset: &AssetName, change: Change) {
        let state = &room.assets[asset.as_str()];
        let event = Event::of(state, state.revision, state.remaining, change);
        room.log.extend(ServerMessage::of_event(room.log.len() as u64 + 1, &event));
        self.told.send_replace(room.log.len());
    }

    fn select(&self, player: &PlayerName, asset: &AssetName, request_id: Option<u64>) -> ServerMessage {
        let mut room = self.room();
        room.selects += 1;
        let request_id = request_id.map(Into::into);
        match self.cheat {
            Cheat::PassingErrors if room.selects.is_multiple_of(10) => {
                return ServerMessage::error(ErrorCode::OutcomeUnknown, "ask again", request_id);
            }
            Cheat::KnowNothing => return ServerMessage::error(ErrorCode::UnknownAsset, "what?", request_id),
            Cheat::CloseOnce(code) if room.selects == 10 => drop(self.closes.send_replace(code)),
            _ => {}
        }
        let (mut granted, revision, already_held) = self.decide(&mut room, player, asset);
        granted &= self.cheat != Cheat::DenyTheWinner || already_held;
        let reason = (!granted).then_some(Denial::SoldOut);
        let (retry_after_ms, until, ttl_ms, remaining) = (None, None, None, 0);
        let asset = asset.clone();
        ServerMessage::Selection {
            request_id,
            asset,
            granted,
            reason,
            retry_after_ms,
            remaining,
            revision,
            already_held,
            until,
            ttl_ms,
        }
    }

    fn decide(&self, room: &mut Room, player: &PlayerName, asset: &AssetName) -> (bool, u64, bool) {
        let state = room.assets.get_mut(asset.as_str()).unwrap();
        if let Some(grant) = state.holders.iter().find(|grant| grant.player == *player) {
            return (true, grant.revision, true);
        }
        let limit = match self.cheat {
            Cheat::GrantTooMany => state.units + 1,
            Cheat::GrantTooFew => state.units - 1,
            _ => state.units,
        };
        if state.held >= limit {
            return (false, state.revision, false);
        }
        state.revision += 1;
        state.held += 1;
        state.remaining = state.units.saturating_sub(state.held);
        let (revision, units) = (state.revision, state.units);
        state.holders.push(Grant::plain(player.clone(), 1, revision));
        self.tell(room, asset, Change::granted(player.clone(), units, 1));
        (true, revision, false)
    }

    /// The frames after `cursor`, as this member shall see them.
    fn frames(&self, cursor: &mut usize, player: &PlayerName) -> Vec<ServerMessage> {
        let room = self.room();
        let news = room.log[*cursor..].to_vec();
        *cursor = room.log.len();
        if player.as_str() == "bot-1" {
            news.into_iter().flat_map(|frame| self.spoil(frame)).collect()
        } else {
            news
        }
    }

    fn spoil(&self, frame: ServerMessage) -> Vec<ServerMessage> {
        match (self.cheat, frame) {
            (Cheat::ForgetAMember, ServerMessage::AssetGranted { revision: 1, .. }) => vec![],
            (Cheat::TellTwice, frame) => vec![frame.clone(), frame],
            (
                Cheat::TellOtherwise,
                ServerMessage::AssetGranted {
                    offset,
                    asset,
                    units,
                    remaining,
                    revision,
                    at,
                    until,
                    ttl_ms,
                    options,
                    ..
                },
            ) => {
                let player = PlayerName::parse("nobody").unwrap();
                vec![ServerMessage::AssetGranted {
                    offset,
                    asset,
                    player,
                    units,
                    remaining,
                    revision,
                    at,
                    until,
                    ttl_ms,
                    options,
                }]
            }
            (_, frame) => vec![frame],
        }
    }
}

async fn room(State(Node { peer, .. }): Shared, Path(room): Path<String>) -> Json<Value> {
    let assets = peer.room().shown();
    Json(json!({"room": room, "players": 0, "present": [], "assets": assets}))
}

async fn create(
    State(Node { peer, .. }): Shared,
    Path((_, asset)): Path<(String, AssetName)>,
    Json(body): Json<Value>,
) -> Response {
    if peer.cheat == Cheat::RefusePut {
        return (StatusCode::UNAUTHORIZED, Json(json!({"code": "unauthorized", "message": "no key"})))
            .into_response();
    }
    let units = Units::try_from(body["units"].as_u64().unwrap()).unwrap();
    let mut room = peer.room();
    let revision = match room.assets.get(asset.as_str()) {
        Some(state) if !state.removed => return (StatusCode::OK, Json(state)).into_response(),
        tombstone => tombstone.map_or(0, |tombstone| tombstone.revision + 1),
    };
    let (held, holders, terms, removed, origin) = (0, vec![], None, false, 0);
    let name = asset.clone();
    let state =
        AssetState { asset: name, units, remaining: units, revision, held, holders, terms, removed, origin };
    room.assets.insert(asset.to_string(), state.clone());
    peer.tell(&mut room, &asset, Change::Changed { units, created: true, options: AssetOptions::NONE });
    (StatusCode::CREATED, Json(state)).into_response()
}

async fn remove(State(Node { peer, .. }): Shared, Path((_, asset)): Path<(String, AssetName)>) -> Json<Value> {
    let mut room = peer.room();
    let state = room.assets.get_mut(asset.as_str()).unwrap();
    (state.removed, state.revision) = (true, state.revision + 1);
    let revision = state.revision;
    peer.tell(&mut room, &asset, Change::Removed);
    Json(json!({"revision": revision}))
}

/// Pages of two, so that every list takes several.
async fn holders(
    State(Node { peer, .. }): Shared,
    Path((_, asset)): Path<(String, AssetName)>,
    Query(query): Query<BTreeMap<String, u64>>,
) -> Result<Json<Value>, (StatusCode, Json<Value>)> {
    if peer.cheat == Cheat::LoseAssets {
        let gone = json!({"code": "unknown_asset", "message": "the room has no such asset"});
        return Err((StatusCode::NOT_FOUND, Json(gone)));
    }
    let mut room = peer.room();
    let state = room.assets.get_mut(asset.as_str()).unwrap();
    if peer.cheat == Cheat::ForgetAHolder && state.held as usize == state.holders.len() {
        state.holders.pop();
    }
    let rest: Vec<_> = state.holders.iter().filter(|grant| grant.revision > query["after"]).collect();
    let page = rest.iter().take(2);
    let page: Vec<_> =
        page.map(|g| json!({"player": g.player, "revision": g.revision, "at": g.granted_at})).collect();
    let next = (rest.len() > 2).then(|| rest[1].revision);
    Ok(Json(json!({"asset": asset, "holders": page, "next_after": next})))
}

async fn join(
    State(node): Shared,
    Path(room): Path<RoomName>,
    Query(query): Query<BTreeMap<String, String>>,
    upgrade: WebSocketUpgrade,
) -> Response {
    let player = PlayerName::parse(&query["player"]).unwrap();
    let known = query.get("epoch").is_some_and(|epoch| *epoch == node.epoch);
    let offset = query.get("offset").filter(|_| known).map(|offset| offset.parse().unwrap());
    upgrade.on_upgrade(move |socket| async move {
        // A bot that cuts its connection ends it here, too.
        let _ = serve(&node, socket, room, &player, offset).await;
    })
}

async fn serve(
    node: &Node,
    mut socket: WebSocket,
    room: RoomName,
    player: &PlayerName,
    offset: Option<usize>,
) -> Result<(), axum::Error> {
    let peer = &node.peer;
    let (mut told, mut closes) = (peer.told.subscribe(), peer.closes.subscribe());
    let (mut cursor, welcome) = welcome(node, room, player, offset);
    socket.send(Message::text(welcome.encode())).await?;
    loop {
        for frame in peer.frames(&mut cursor, player) {
            socket.send(Message::text(frame.encode())).await?;
        }
        tokio::select! {
            _ = told.changed() => {}
            _ = closes.changed() => {
                let code = *closes.borrow();
                return close(socket, code).await;
            }
            message = socket.recv() => match message {
                Some(Ok(Message::Text(text))) => {
                    let message: Value = serde_json::from_str(&text).unwrap();
                    let asset = AssetName::parse(message["asset"].as_str().unwrap()).unwrap();
                    let reply = peer.select(player, &asset, message["request_id"].as_u64());
                    socket.send(Message::text(reply.encode())).await?;
                }
                Some(Ok(Message::Close(_))) | None => return Ok(()),
                Some(other) => drop(other?),
            }
        }
    }
}

fn welcome(node: &Node, name: RoomName, player: &PlayerName, offset: Option<usize>) -> (usize, ServerMessage) {
    let room = node.peer.room();
    let cursor = offset.unwrap_or(room.log.len());
    let welcome = Welcome {
        protocol: PROTOCOL.into(),
        room: name,
        player: Some(player.clone()),
        session: "s".into(),
        epoch: node.epoch.clone(),
        offset: cursor as u64,
        recovered: offset.is_some(),
        server_time: 1,
        ping_interval_ms: 25_000,
        token_ttl_ms: None,
        players: 1,
        present: None,
        names: DisplayNames::new(),
        assets: offset.is_none().then(|| room.shown()),
        held: None,
    };
    (cursor, ServerMessage::Welcome(Box::new(welcome)))
}

async fn close(mut socket: WebSocket, code: u16) -> Result<(), axum::Error> {
    let reason = serde_json::to_string(&CloseReason { code, retry_after_ms: 20, message: None }).unwrap();
    socket.send(Message::Close(Some(CloseFrame { code, reason: reason.into() }))).await?;
    while let Some(Ok(_)) = socket.recv().await {}
    Ok(())
}
