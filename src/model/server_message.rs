use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::{
    AssetName, AssetState, Change, DisplayName, DisplayNames, ErrorCode, Event, Millis, PROTOCOL, PlayerName,
    RequestId, RoomName, Units,
};

/// The messages of the server, one JSON text frame each. Frames with an `offset` go to the whole room, the others to
/// one member.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(tag = "type", rename_all = "snake_case")]
#[allow(missing_docs, reason = "the fields are the wire's; the README's protocol section says what each means")]
pub enum ServerMessage {
    /// The first frame of every connection.
    Welcome(Box<Welcome>),
    /// The answer to `select_asset`.
    Selection {
        #[serde(skip_serializing_if = "Option::is_none")]
        request_id: Option<RequestId>,
        asset: AssetName,
        granted: bool,
        /// `sold_out` if not granted.
        #[serde(skip_serializing_if = "Option::is_none")]
        reason: Option<SoldOut>,
        remaining: Units,
        revision: u64,
        already_held: bool,
    },
    /// The answer to `release_asset`.
    Release {
        #[serde(skip_serializing_if = "Option::is_none")]
        request_id: Option<RequestId>,
        asset: AssetName,
        released: bool,
        remaining: Units,
        revision: u64,
    },
    /// A player was granted a unit. Also announces an asset that this select created.
    AssetGranted {
        offset: u64,
        asset: AssetName,
        player: PlayerName,
        units: Units,
        remaining: Units,
        revision: u64,
        at: Millis,
    },
    /// A player released its unit.
    AssetReleased { offset: u64, asset: AssetName, player: PlayerName, remaining: Units, revision: u64 },
    /// An asset was created or restocked.
    AssetChanged { offset: u64, asset: AssetName, units: Units, remaining: Units, revision: u64 },
    /// An asset was removed.
    AssetRemoved { offset: u64, asset: AssetName, revision: u64 },
    /// A player's first connection joined, or a player has another display name (small rooms).
    PlayerJoined {
        offset: u64,
        player: PlayerName,
        /// Absent if the player has none.
        #[serde(skip_serializing_if = "Option::is_none")]
        name: Option<DisplayName>,
        players: usize,
    },
    /// A player's last connection left (small rooms).
    PlayerLeft { offset: u64, player: PlayerName, players: usize },
    /// The number of players (large rooms, at most once a second).
    Players { offset: u64, players: usize },
    /// The whole room. Replaces all earlier state.
    Snapshot {
        offset: u64,
        players: usize,
        present: Present,
        #[serde(skip_serializing_if = "DisplayNames::is_empty", default)]
        names: DisplayNames,
        assets: Vec<AssetState>,
        held: Vec<AssetName>,
        part: usize,
        parts: usize,
    },
    /// A request was refused.
    Error {
        code: ErrorCode,
        message: String,
        #[serde(skip_serializing_if = "Option::is_none")]
        request_id: Option<RequestId>,
        temporary: bool,
    },
    /// The answer to `refresh`.
    Refreshed {
        #[serde(skip_serializing_if = "Option::is_none")]
        request_id: Option<RequestId>,
        /// Milliseconds until the new token expires.
        token_ttl_ms: u64,
    },
    /// The answer to `ping`.
    Pong {
        #[serde(skip_serializing_if = "Option::is_none")]
        request_id: Option<RequestId>,
        server_time: Millis,
    },
}

/// The names of the players in the room; empty in rooms of more than `--presence-limit`.
pub type Present = Vec<PlayerName>;

/// The reason of a denial.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
#[schemars(rename = "Denial")]
pub enum SoldOut {
    /// No unit was left.
    SoldOut,
}

/// The first frame of every connection. `A` is the form of the assets: states, or JSON encoded once for many members.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[schemars(inline)]
pub struct Welcome<A = Vec<AssetState>> {
    /// [`PROTOCOL`].
    #[schemars(description = "The protocol's name and version.", extend("const" = PROTOCOL))]
    pub protocol: String,
    /// The joined room.
    pub room: RoomName,
    /// The player's name; `null` for an observer.
    pub player: Option<PlayerName>,
    /// Identifies this connection in the server's logs.
    pub session: String,
    /// Identifies one lifetime of one node's room log. Offsets of different epochs are not comparable.
    pub epoch: String,
    /// The next room frame has `offset + 1`.
    pub offset: u64,
    /// True if the frames missed since the given epoch and offset follow. The state below is then absent.
    pub recovered: bool,
    /// The server's time.
    pub server_time: Millis,
    /// The interval of the server's pings.
    pub ping_interval_ms: u64,
    /// Milliseconds until the player token expires; absent if the server asks for none.
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub token_ttl_ms: Option<u64>,
    /// The number of players in the room.
    pub players: usize,
    /// The names of the players; absent if recovered.
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub present: Option<Present>,
    /// The display names of those players; absent if recovered or if none has one.
    #[serde(skip_serializing_if = "DisplayNames::is_empty", default)]
    pub names: DisplayNames,
    /// Every asset; absent if recovered; empty if a snapshot in parts follows at once.
    #[serde(skip_serializing_if = "Option::is_none", default = "Option::<A>::default")]
    pub assets: Option<A>,
    /// The assets this player holds; absent if recovered.
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub held: Option<Vec<AssetName>>,
}

impl ServerMessage {
    /// The room frame for `event`, at `offset` of the room log.
    #[must_use]
    pub fn of_event(offset: u64, event: &Event) -> Self {
        let Event { asset, revision, remaining, change, .. } = event.clone();
        match change {
            Change::Granted { player, units, at } => {
                Self::AssetGranted { offset, asset, player, units, remaining, revision, at }
            }
            Change::Released { player } => Self::AssetReleased { offset, asset, player, remaining, revision },
            Change::Changed { units, .. } => Self::AssetChanged { offset, asset, units, remaining, revision },
            Change::Removed => Self::AssetRemoved { offset, asset, revision },
        }
    }

    /// An `error` frame.
    #[must_use]
    pub fn error(code: ErrorCode, message: impl Into<String>, request_id: Option<RequestId>) -> Self {
        Self::Error { code, message: message.into(), request_id, temporary: code.temporary() }
    }

    /// The frame as compact JSON.
    #[must_use]
    pub fn encode(&self) -> String {
        serde_json::to_string(self).expect("our messages have string keys and no failing fields")
    }
}
