//! What lies under an asset's key, and under which.

use serde::{Deserialize, Serialize};

use crate::{
    model::{AssetName, RoomName},
    store::document::Document,
};

/// An asset's item.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Item {
    /// The asset.
    Asset(Document),
    /// The room was removed. It lies there for a while instead of nothing, so that a late copy of a creation finds it.
    Removed,
}

/// How a removed asset's item is written. The mark is random, so that no two are the same word for word.
#[derive(Serialize, Deserialize)]
struct Mark {
    removed: String,
}

/// No name has a slash in it, so no two keys are the same.
const PREFIX: &str = "asset-arbiter";
/// How [`Mark`] begins, and no asset.
const MARK: &[u8] = b"{\"removed\":";

/// Where an asset lies. Nothing but conditional writes ever goes to it.
pub(super) fn key(room: &RoomName, asset: &AssetName) -> String {
    format!("{PREFIX}/{room}/asset/{asset}")
}

/// Where the names of a room's assets lie.
pub(super) fn index_key(room: &RoomName) -> String {
    format!("{PREFIX}/{room}/assets")
}

/// Where what a ping writes lies: no room's place, as that has a slash more.
pub(super) fn ping_key() -> String {
    format!("{PREFIX}/ping")
}

/// Where the set that a ping writes lies.
pub(super) fn ping_set_key() -> String {
    format!("{PREFIX}/pings")
}

/// What a ping writes: never the same twice.
pub(super) fn ping() -> Vec<u8> {
    format!("{:016x}", fastrand::u64(..)).into_bytes()
}

impl Item {
    /// # Errors
    /// What is odd about it: somebody else wrote it.
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

/// An asset as it is stored.
///
/// # Errors
/// There are none.
pub(super) fn written(document: &Document) -> Result<Vec<u8>, serde_json::Error> {
    serde_json::to_vec(document)
}

/// A new mark.
pub(super) fn mark() -> Vec<u8> {
    format!("{{\"removed\":\"{:016x}\"}}", fastrand::u64(..)).into_bytes()
}

#[cfg(test)]
mod tests {
    use super::*;

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
