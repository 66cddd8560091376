use std::collections::{BTreeMap, BTreeSet};

use asset_arbiter::{
    arbiter::RoomState,
    model::{AssetState, ServerMessage, Welcome},
};

/// A room as a client understands it by the rules of the protocol. Panics when the server breaks one.
#[derive(Debug)]
pub(crate) struct RoomView {
    /// Of the last room frame.
    pub(crate) offset: u64,
    /// Whole snapshots taken after the welcome.
    pub(crate) snapshots: usize,
    /// Grants told by their own frame.
    pub(crate) grants: u64,
    /// Those that were told of; a snapshot lists the first of each asset.
    pub(crate) holders: Holders,
    assets: BTreeMap<String, Known>,
}

/// The players who hold a unit, by asset.
pub(crate) type Holders = BTreeMap<String, BTreeSet<String>>;

/// What is compared of an asset.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
struct Known {
    units: u32,
    remaining: u32,
    revision: u64,
    held: u32,
}

impl RoomView {
    pub(crate) fn new(welcome: &Welcome) -> Self {
        let shown = welcome.assets.as_deref().unwrap_or_default();
        let (holders, assets) = (holders(shown), known(shown));
        Self { offset: welcome.offset, snapshots: 0, grants: 0, holders, assets }
    }

    /// Takes the next frame.
    pub(crate) fn follow(&mut self, message: &ServerMessage) {
        match message {
            ServerMessage::Welcome(_) => panic!("a second welcome"),
            ServerMessage::Snapshot { offset, assets, part, parts, .. } => {
                self.offset = *offset;
                if *part == 1 {
                    self.assets.clear();
                    self.holders.clear();
                }
                self.assets.extend(known(assets));
                self.holders.extend(holders(assets));
                self.snapshots += usize::from(part == parts);
            }
            ServerMessage::AssetGranted { offset, asset, player, units, remaining, revision, .. } => {
                self.next(*offset);
                self.grants += 1;
                self.holders.entry(asset.to_string()).or_default().insert(player.to_string());
                let held = self.assets.get(asset.as_str()).map_or(0, |known| known.held) + 1;
                self.change(asset.as_str(), *revision, |known| {
                    *known = Known { units: *units, remaining: *remaining, held, ..*known };
                });
            }
            ServerMessage::AssetReleased { offset, asset, player, remaining, revision, .. } => {
                self.next(*offset);
                self.holders.entry(asset.to_string()).or_default().remove(player.as_str());
                self.change(asset.as_str(), *revision, |known| {
                    (known.remaining, known.held) = (*remaining, known.held - 1);
                });
            }
            ServerMessage::AssetChanged { offset, asset, units, remaining, revision, .. } => {
                self.next(*offset);
                let holders = self.holders.entry(asset.to_string()).or_default();
                if remaining == units {
                    holders.clear();
                }
                self.change(asset.as_str(), *revision, |known| {
                    (known.units, known.remaining) = (*units, *remaining);
                });
            }
            ServerMessage::AssetRemoved { offset, asset, .. } => {
                self.next(*offset);
                self.assets.remove(asset.as_str());
                self.holders.remove(asset.as_str());
            }
            ServerMessage::PlayerJoined { offset, .. }
            | ServerMessage::PlayerLeft { offset, .. }
            | ServerMessage::Players { offset, .. } => self.next(*offset),
            _ => {}
        }
    }

    /// Units left of an asset.
    pub(crate) fn unheld(&self, asset: &str) -> u32 {
        self.assets[asset].remaining
    }

    /// Whether this is what the server knows.
    pub(crate) fn agrees_with(&self, room: &RoomState) -> bool {
        self.assets == known(&room.assets)
    }

    fn next(&mut self, offset: u64) {
        self.offset += 1;
        assert_eq!(offset, self.offset, "no room frame is left out or comes twice");
    }

    fn change(&mut self, asset: &str, revision: u64, change: impl FnOnce(&mut Known)) {
        let fresh = Known { units: 0, remaining: 0, revision: 0, held: 0 };
        let known = self.assets.entry(asset.to_owned()).or_insert(fresh);
        assert!(
            revision == known.revision + 1 || revision == 0,
            "revision {revision} after {}",
            known.revision
        );
        change(known);
        known.revision = revision;
    }
}

fn known(assets: &[AssetState]) -> BTreeMap<String, Known> {
    let known = |state: &AssetState| {
        let AssetState { units, remaining, revision, held, .. } = *state;
        (state.asset.to_string(), Known { units, remaining, revision, held })
    };
    assets.iter().map(known).collect()
}

pub(crate) fn holders(assets: &[AssetState]) -> Holders {
    let holders = |state: &AssetState| state.holders.iter().map(|grant| grant.player.to_string()).collect();
    assets.iter().map(|state| (state.asset.to_string(), holders(state))).collect()
}
