use std::{collections::HashMap, time::Duration};

use parking_lot::Mutex;
use tokio::time::Instant;

use crate::model::{AssetName, RoomName};

/// Assets that other nodes change at this moment: who wants to change one locks it first and waits for its turn, as
/// without a lock the luckier ones would come first again and again. All others are read without a lock.
#[derive(Default)]
pub(super) struct Contested(Mutex<HashMap<(RoomName, AssetName), Instant>>);

/// How long an asset counts as contested after somebody came second.
const LASTING: Duration = Duration::from_secs(1);

/// Assets that can be contested at once; beyond it those of long ago are forgotten, and then all.
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
