use serde::Deserialize;

use crate::model::{PlayerName, Units};

/// An asset's state in the store after a round, with all of its holders.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Stored {
    pub(super) units: Units,
    pub(super) remaining: Units,
    pub(super) revision: u64,
    pub(super) held: Units,
    /// The room does not show the asset: not yet created, removed, or lost.
    pub(super) gone: bool,
    pub(super) holders: Vec<Holder>,
}

/// A holder of a unit and the revision of its grant.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
pub(super) struct Holder {
    pub(super) player: PlayerName,
    pub(super) revision: u64,
}

impl Stored {
    /// Returns true if state and holders are consistent with each other.
    pub(super) fn is_settled(&self) -> bool {
        let counted = self.holders.len() == self.held as usize;
        !self.gone && counted && self.holders.iter().all(|holder| holder.revision <= self.revision)
    }
}
