use std::{fmt, sync::Arc, time::Duration};

use super::spans::Spans;
use crate::model::{AssetName, Millis, NewAsset, Units};

/// The arbiter's configuration. A duration of zero disables a feature where the field says so.
#[derive(Debug, Clone)]
pub struct Config {
    /// How long a change may wait for the store before its caller gets an error.
    pub select_deadline: Duration,
    /// How long a node may deny a sold-out asset from memory; zero: never.
    pub sold_out_ttl: Duration,
    /// How often an active room is compared with a shared store.
    pub resync_interval: Duration,
    /// The most frames in a room's log.
    pub room_log: usize,
    /// How long a room's view and log stay after its last member left.
    pub room_linger: Duration,
    /// The most players in a room whose members receive every name.
    pub presence_limit: usize,
    /// The most active rooms on this node.
    pub max_rooms: usize,
    /// The most members of one room on this node.
    pub max_members: usize,
    /// The most assets of one room.
    pub max_assets: usize,
    /// The most units of one asset.
    pub max_units: Units,
    /// Assets shown in every room, each created by its first select.
    pub templates: Vec<(AssetName, Arc<NewAsset>)>,
    /// The units of an unknown asset that its first select creates; `None`: selects create no unknown assets.
    pub auto_create: Option<Units>,
    /// What becomes of a player's second connection to a room.
    pub same_player: SamePlayer,
    /// How long after its grant a hold can be extended to last.
    pub max_hold: Duration,
    /// The Unix time at which the node's clock starts, in milliseconds; `None`: the system's. Tests let clocks differ with
    /// it, and a simulation replays.
    pub clock_starts_at: Option<Millis>,
    /// Where the spans of selects go.
    pub spans: Spans,
}

/// What becomes of a player's second connection to a room, over all nodes.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum SamePlayer {
    /// Both stay.
    #[default]
    Allow,
    /// The older one ends with 4006.
    Replace,
    /// The newer one ends with 4007.
    Refuse,
}

impl fmt::Display for SamePlayer {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Allow => "allow",
            Self::Replace => "replace",
            Self::Refuse => "refuse",
        })
    }
}

impl Default for Config {
    fn default() -> Self {
        Self {
            select_deadline: Duration::from_secs(5),
            sold_out_ttl: Duration::ZERO,
            resync_interval: Duration::from_secs(5),
            room_log: 512,
            room_linger: Duration::from_secs(30),
            presence_limit: 64,
            max_rooms: 100_000,
            max_members: 20_000,
            max_assets: 4096,
            max_units: 1_000_000,
            templates: Vec::new(),
            auto_create: None,
            same_player: SamePlayer::Allow,
            max_hold: Duration::from_secs(15 * 60),
            clock_starts_at: None,
            spans: Spans::default(),
        }
    }
}

impl Config {
    /// An unknown asset as its first select creates it; `None`: selects do not create it.
    pub(super) fn new_asset(&self, asset: &AssetName) -> Option<Arc<NewAsset>> {
        let template = self.templates.iter().find(|(name, _)| name == asset);
        let plain = || self.auto_create.map(|units| Arc::new(NewAsset::plain(units)));
        template.map(|(_, new)| Arc::clone(new)).or_else(plain)
    }
}
