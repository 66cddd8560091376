use std::{collections::HashMap, time::Duration};

use parking_lot::Mutex;
use tokio::time::Instant;

use crate::model::{AssetName, RoomName};

/// Assets under contention from other nodes. They are read with `FOR UPDATE`, because optimistic retries alone
/// would starve the slower nodes. All other assets are read without a lock.
#[derive(Default)]
pub(super) struct Contested(Mutex<HashMap<(RoomName, AssetName), Instant>>);

/// How long an asset counts as contested after a lost race.
const LASTING: Duration = Duration::from_secs(1);

/// Maximum number of contested assets; beyond it the outdated ones are forgotten, and if that is not enough,
/// all.
const AT_ONCE: usize = 4096;

impl Contested {
    pub(super) fn note(&self, room: &RoomName, asset: &AssetName) {
        let mut contested = self.0.lock();
        if contested.len() >= AT_ONCE {
            contested.retain(|_, since| since.elapsed() < LASTING);
        }
        if contested.len() >= AT_ONCE {
            contested.clear();
        }
        contested.insert((room.clone(), asset.clone()), Instant::now());
    }

    pub(super) fn is(&self, room: &RoomName, asset: &AssetName) -> bool {
        let contested = self.0.lock();
        contested.get(&(room.clone(), asset.clone())).is_some_and(|since| since.elapsed() < LASTING)
    }
}
