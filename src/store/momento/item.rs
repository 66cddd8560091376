//! The items of assets, and their keys.

use serde::{Deserialize, Serialize};

use crate::{
    model::RoomName,
    store::{AssetKey, document::Document},
};

/// An asset's item.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Item {
    /// The asset.
    Asset(Document),
    /// The room was removed. This tombstone stays for a while, so that a late copy of a creation finds it.
    Removed,
}

/// The serialized tombstone. The mark is random, so that no two have the same bytes.
#[derive(Serialize, Deserialize)]
struct Mark {
    removed: String,
}

/// Names contain no slash, so all keys are distinct.
const PREFIX: &str = "asset-arbiter";
/// The first bytes of a [`Mark`]. No asset begins with them.
const MARK: &[u8] = b"{\"removed\":";

/// The key of an asset. It is only ever written conditionally.
pub(super) fn key(key: &AssetKey) -> String {
    format!("{PREFIX}/{}/asset/{}", key.room, key.asset)
}

/// The key of the set with the names of a room's assets.
pub(super) fn index_key(room: &RoomName) -> String {
    format!("{PREFIX}/{room}/assets")
}

/// The key of the lease of a room's events. It is only ever written conditionally.
pub(super) fn lease_key(room: &RoomName) -> String {
    format!("{PREFIX}/{room}/lease")
}

/// The key of the set of marks of rooms in which events may wait. Like a ping's it belongs to no room.
pub(super) fn marks_key() -> String {
    format!("{PREFIX}/waiting")
}

/// The key that a ping writes. It belongs to no room, because those keys have one more slash.
pub(super) fn ping_key() -> String {
    format!("{PREFIX}/ping")
}

pub(super) fn ping_set_key() -> String {
    format!("{PREFIX}/pings")
}

/// The key of the set of revocations. Like a ping's it belongs to no room.
pub(super) fn revocations_key() -> String {
    format!("{PREFIX}/revocations")
}

/// The value that a ping writes: never the same twice.
pub(super) fn ping() -> Vec<u8> {
    format!("{:016x}", fastrand::u64(..)).into_bytes()
}

impl Item {
    /// # Errors
    /// Why the item is invalid: another program wrote it.
    pub(super) fn read(bytes: &[u8]) -> Result<Self, serde_json::Error> {
        if bytes.starts_with(MARK) {
            return serde_json::from_slice::<Mark>(bytes).map(|_| Self::Removed);
        }
        serde_json::from_slice(bytes).map(Self::Asset)
    }

    /// The asset, if it is one.
    pub(super) fn asset(self) -> Option<Document> {
        match self {
            Self::Asset(document) => Some(document),
            Self::Removed => None,
        }
    }
}

pub(super) fn mark() -> Vec<u8> {
    format!("{{\"removed\":\"{:016x}\"}}", fastrand::u64(..)).into_bytes()
}

#[cfg(test)]
mod tests {
    use std::collections::HashSet;

    use super::*;
    use crate::model::{Asset, Room, alike};

    #[test]
    fn no_two_items_share_a_key() {
        let mut keys = HashSet::from([ping_key(), ping_set_key(), revocations_key(), marks_key()]);
        for room in alike::<Room>(3) {
            assert!(keys.insert(index_key(&room)), "the names of {room}");
            assert!(keys.insert(lease_key(&room)), "the lease of {room}");
            for asset in alike::<Asset>(3) {
                assert!(keys.insert(key(&AssetKey::new(&room, &asset))), "{room} {asset}");
            }
        }
    }

    #[test]
    fn a_mark_is_no_asset_and_never_the_same() {
        let (one, other) = (mark(), mark());
        assert_ne!(one, other);
        assert_eq!(Item::read(&one).unwrap(), Item::Removed);
        for odd in [&b""[..], b"{}", b"\"game\"", b"{\"removed\":7}", b"\xff"] {
            assert!(Item::read(odd).is_err(), "{odd:?}");
        }
    }
}
