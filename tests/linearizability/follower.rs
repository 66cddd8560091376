//! What one knows of an asset who believes what it is told, and whether it is told every change once, in order.

use std::collections::{BTreeMap, BTreeSet};

use asset_arbiter::model::{AssetName, AssetState, PlayerName, ServerMessage, Units};

#[derive(Debug, Clone, Default)]
pub struct Follower {
    /// The newest revision heard of.
    pub revision: Option<u64>,
    /// `None`: there is none.
    pub known: Option<Known>,
    /// What was told of each revision.
    pub told: BTreeMap<u64, Change>,
}

/// The asset, as one knows it from frames.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Known {
    pub revision: u64,
    pub units: Units,
    pub remaining: Units,
    pub held: Units,
    /// All of them; rooms of this suite are small.
    pub holders: BTreeSet<PlayerName>,
}

/// A change as it was told, without what is a matter of the log it stands in.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Change {
    Granted {
        player: PlayerName,
        units: Units,
        remaining: Units,
    },
    Released {
        player: PlayerName,
        remaining: Units,
    },
    Confirmed {
        player: PlayerName,
        remaining: Units,
    },
    Extended {
        player: PlayerName,
        remaining: Units,
    },
    /// No member is told.
    Prolonged,
    Changed {
        units: Units,
        remaining: Units,
    },
    Removed,
}

impl Follower {
    /// Takes the asset as a welcome or a snapshot shows it; `None`: it is not there.
    pub fn take(&mut self, state: Option<&AssetState>) -> Result<(), String> {
        let known = state.map(Known::of);
        if let (Some(before), Some(now)) = (self.revision, &known)
            && now.revision < before
        {
            return Err(format!("is shown {now:?} after revision {before}"));
        }
        self.revision = known.as_ref().map(|known| known.revision);
        self.known = known;
        Ok(())
    }

    /// Passes over changes before a revision that need not be told.
    pub fn pass_over(&mut self, revision: u64, is_untold: impl Fn(u64) -> bool) {
        while let Some(next) =
            self.revision.map(|known| known + 1).filter(|&next| next < revision && is_untold(next))
        {
            self.revision = Some(next);
        }
    }

    /// Takes a change, which must be the next.
    pub fn follow(&mut self, revision: u64, change: Change) -> Result<(), String> {
        // One that was not there may have been removed before; its revision goes on.
        if let Some(known) = self.revision.filter(|&known| known + 1 != revision) {
            return Err(format!("is told {change:?} at revision {revision} after revision {known}"));
        }
        self.revision = Some(revision);
        self.told.insert(revision, change.clone());
        if change == Change::Removed {
            self.known = None;
            return Ok(());
        }
        let known = self.known.get_or_insert_default();
        known.revision = revision;
        if known.follow(change) { Ok(()) } else { Err(format!("revision {revision} does not fit: {known:?}")) }
    }
}

impl Change {
    /// What a frame of the room tells of an asset, if it does, and of which revision.
    pub fn of(message: &ServerMessage) -> Option<(AssetName, u64, Self)> {
        let (asset, revision, change) = match message.clone() {
            ServerMessage::AssetGranted { asset, player, units, remaining, revision, .. } => {
                (asset, revision, Self::Granted { player, units, remaining })
            }
            ServerMessage::AssetReleased { asset, player, remaining, revision, .. } => {
                (asset, revision, Self::Released { player, remaining })
            }
            ServerMessage::AssetConfirmed { asset, player, remaining, revision, .. } => {
                (asset, revision, Self::Confirmed { player, remaining })
            }
            ServerMessage::AssetExtended { asset, player, remaining, revision, .. } => {
                (asset, revision, Self::Extended { player, remaining })
            }
            ServerMessage::AssetChanged { asset, units, remaining, revision, .. } => {
                (asset, revision, Self::Changed { units, remaining })
            }
            ServerMessage::AssetRemoved { asset, revision, .. } => (asset, revision, Self::Removed),
            _ => return None,
        };
        Some((asset, revision, change))
    }
}

impl Known {
    pub fn of(state: &AssetState) -> Self {
        let AssetState { revision, units, remaining, held, .. } = *state;
        let holders = state.holders.iter().map(|grant| grant.player.clone()).collect();
        Self { revision, units, remaining, held, holders }
    }

    /// False if the change cannot be one of this asset.
    fn follow(&mut self, change: Change) -> bool {
        match change {
            Change::Granted { player, units, remaining } => {
                (self.units, self.remaining) = (units, remaining);
                self.held += 1;
                self.holders.insert(player)
            }
            Change::Released { player, remaining } => {
                self.remaining = remaining;
                self.held = self.held.wrapping_sub(1);
                self.holders.remove(&player)
            }
            Change::Confirmed { player, remaining } | Change::Extended { player, remaining } => {
                remaining == self.remaining && self.holders.contains(&player)
            }
            Change::Prolonged => true,
            Change::Changed { units, remaining } => {
                (self.units, self.remaining) = (units, remaining);
                true
            }
            Change::Removed => true,
        }
    }
}
