use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::{
    AssetName, AssetOptions, AssetState, Change, DisplayName, DisplayNames, EndReason, ErrorCode, Event,
    Millis, PROTOCOL, PlayerName, RequestId, RoomName, Units,
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
        /// Why not, if not granted.
        #[serde(skip_serializing_if = "Option::is_none")]
        reason: Option<Denial>,
        /// Milliseconds until the reason is over; absent after `sold_out`.
        #[serde(skip_serializing_if = "Option::is_none", default)]
        retry_after_ms: Option<Millis>,
        remaining: Units,
        revision: u64,
        already_held: bool,
        /// When the grant ends, in Unix milliseconds; absent if it does not end by itself.
        #[serde(skip_serializing_if = "Option::is_none", default)]
        until: Option<Millis>,
        /// The same in milliseconds from now.
        #[serde(skip_serializing_if = "Option::is_none", default)]
        ttl_ms: Option<Millis>,
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
    /// The answer to `confirm_asset`.
    Confirmation {
        #[serde(skip_serializing_if = "Option::is_none")]
        request_id: Option<RequestId>,
        asset: AssetName,
        confirmed: bool,
        /// `hold_expired` if not confirmed.
        #[serde(skip_serializing_if = "Option::is_none")]
        reason: Option<HoldExpired>,
        already_confirmed: bool,
        remaining: Units,
        revision: u64,
        /// When the confirmed grant ends, in Unix milliseconds; absent if it does not end by itself.
        #[serde(skip_serializing_if = "Option::is_none", default)]
        until: Option<Millis>,
        /// The same in milliseconds from now.
        #[serde(skip_serializing_if = "Option::is_none", default)]
        ttl_ms: Option<Millis>,
    },
    /// The answer to `extend_asset`.
    Extension {
        #[serde(skip_serializing_if = "Option::is_none")]
        request_id: Option<RequestId>,
        asset: AssetName,
        /// When the hold ends, in Unix milliseconds.
        until: Millis,
        /// The same in milliseconds from now.
        ttl_ms: Millis,
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
        #[serde(skip_serializing_if = "Option::is_none", default)]
        until: Option<Millis>,
        /// Milliseconds from `at` until `until`.
        #[serde(skip_serializing_if = "Option::is_none", default)]
        ttl_ms: Option<Millis>,
        /// The options of an asset that the grant announces.
        #[serde(skip_serializing_if = "Option::is_none", default)]
        options: Option<Box<AssetOptions>>,
    },
    /// A player's hold was confirmed.
    AssetConfirmed {
        offset: u64,
        asset: AssetName,
        player: PlayerName,
        remaining: Units,
        revision: u64,
        at: Millis,
        #[serde(skip_serializing_if = "Option::is_none", default)]
        until: Option<Millis>,
        /// Milliseconds from `at` until `until`.
        #[serde(skip_serializing_if = "Option::is_none", default)]
        ttl_ms: Option<Millis>,
    },
    /// A player's hold began anew.
    AssetExtended {
        offset: u64,
        asset: AssetName,
        player: PlayerName,
        remaining: Units,
        revision: u64,
        at: Millis,
        #[serde(skip_serializing_if = "Option::is_none", default)]
        until: Option<Millis>,
        /// Milliseconds from `at` until `until`.
        #[serde(skip_serializing_if = "Option::is_none", default)]
        ttl_ms: Option<Millis>,
    },
    /// A player's grant ended.
    AssetReleased {
        offset: u64,
        asset: AssetName,
        player: PlayerName,
        remaining: Units,
        revision: u64,
        /// Why it ended.
        #[serde(default)]
        reason: EndReason,
    },
    /// An asset was created or restocked.
    AssetChanged {
        offset: u64,
        asset: AssetName,
        units: Units,
        remaining: Units,
        revision: u64,
        /// The options of an asset that was created.
        #[serde(skip_serializing_if = "AssetOptions::is_none", default)]
        options: AssetOptions,
    },
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
pub enum Denial {
    /// No unit was left.
    SoldOut,
    /// The player's last grant ended too recently.
    Cooldown,
    /// The asset is reserved for other players.
    Reserved,
}

/// The reason why a hold is not confirmed.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum HoldExpired {
    /// The deadline had passed.
    HoldExpired,
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
    /// The room frame for `event`, at `offset` of the room log; `None`: members are not told.
    #[must_use]
    pub fn of_event(offset: u64, event: &Event) -> Option<Self> {
        let Event { asset, revision, remaining, change, .. } = event.clone();
        Some(match change {
            Change::Granted { player, units, at, lease, options } => {
                let (until, ttl_ms) = lease.shown_from(at);
                Self::AssetGranted {
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
                }
            }
            Change::Released { player, reason, .. } => {
                Self::AssetReleased { offset, asset, player, remaining, revision, reason }
            }
            Change::Confirmed { player, at, lease } => {
                let (until, ttl_ms) = lease.shown_from(at);
                Self::AssetConfirmed { offset, asset, player, remaining, revision, at, until, ttl_ms }
            }
            Change::Extended { player, at, lease } => {
                let (until, ttl_ms) = lease.shown_from(at);
                Self::AssetExtended { offset, asset, player, remaining, revision, at, until, ttl_ms }
            }
            Change::Prolonged => return None,
            Change::Changed { units, options, .. } => {
                Self::AssetChanged { offset, asset, units, remaining, revision, options }
            }
            Change::Removed => Self::AssetRemoved { offset, asset, revision },
        })
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
