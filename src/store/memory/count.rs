use std::sync::atomic::{AtomicUsize, Ordering::Relaxed};

use super::error;
use crate::store::{Result, StoreErrorKind};

/// The number of assets in all rooms, tombstones included, and its limit.
#[derive(Debug)]
pub(super) struct Count {
    stored: AtomicUsize,
    most: usize,
}

impl Count {
    pub(super) fn new(most: Option<usize>) -> Self {
        Self { stored: AtomicUsize::new(0), most: most.unwrap_or(usize::MAX) }
    }

    /// Counts one more asset.
    ///
    /// # Errors
    /// `LimitReached` names the flag.
    pub(super) fn add_one(&self) -> Result<()> {
        let one_more = |stored| (stored < self.most).then_some(stored + 1);
        match self.stored.try_update(Relaxed, Relaxed, one_more) {
            Ok(_) => Ok(()),
            Err(_) => Err(error(
                StoreErrorKind::LimitReached,
                format!(
                    "the store holds {} assets, removed ones included, as many as --max-stored-assets allows; removing \
                     rooms makes place",
                    self.most
                ),
            )),
        }
    }

    /// Counts removed assets.
    pub(super) fn subtract(&self, assets: usize) {
        self.stored.fetch_sub(assets, Relaxed);
    }
}

impl Default for Count {
    fn default() -> Self {
        Self::new(None)
    }
}
