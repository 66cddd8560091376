use std::time::Duration;

use crate::model::{AssetName, Units};

/// What the rules depend on. Durations of zero switch a feature off where the field says so.
#[derive(Debug, Clone)]
pub struct Config {
    /// How long a change may wait for the store before its caller is told.
    pub select_deadline: Duration,
    /// How long a node may deny a sold-out asset from memory; zero: never.
    pub sold_out_ttl: Duration,
    /// How often an active room is compared with a shared store.
    pub resync_interval: Duration,
    /// Frames a room's log keeps.
    pub room_log: usize,
    /// How long a room's view and log stay after its last member left.
    pub room_linger: Duration,
    /// Players up to which a room is told every name.
    pub presence_limit: usize,
    /// Active rooms on this node.
    pub max_rooms: usize,
    /// Members of one room on this node.
    pub max_members: usize,
    /// Assets of one room.
    pub max_assets: usize,
    /// Units of one asset.
    pub max_units: Units,
    /// Shown in every room, created by their first select.
    pub templates: Vec<(AssetName, Units)>,
    /// An unknown asset that is selected is created with that many units.
    pub auto_create: Option<Units>,
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
        }
    }
}

impl Config {
    /// The units with which an unknown asset is created by its first select, if it is.
    pub(super) fn units_of_new(&self, asset: &AssetName) -> Option<Units> {
        let template = self.templates.iter().find(|(name, _)| name == asset);
        template.map(|(_, units)| *units).or(self.auto_create)
    }
}
