use crate::model::{AssetName, PlayerName, RoomName};

/// The keys of a room, as `common.lua` tells them. The braces put them all in one slot.
pub(super) fn of_room(prefix: &str, room: &RoomName) -> [String; 4] {
    ["assets", "calls", "holders", "grants"].map(|key| format!("{prefix}{{{room}}}:{key}"))
}

/// A holder's field; no name has a slash in it.
pub(super) fn holder(asset: &AssetName, player: &PlayerName) -> String {
    format!("{asset}/{player}")
}

/// The lower bound of the grants after a revision. A digit more makes it greater than all of that revision.
pub(super) fn grants_after(asset: &AssetName, revision: Option<u64>) -> String {
    const LAST: u64 = 9_999_999_999_999_999;
    match revision {
        Some(revision) => format!("[{asset}/{:016}0", revision.min(LAST)),
        None => format!("[{asset}/"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn all_keys_of_a_room_have_one_tag() {
        let keys = of_room("game:", &RoomName::parse("a:b").unwrap());
        assert_eq!(keys[0], "game:{a:b}:assets");
        assert!(keys.iter().all(|key| key.starts_with("game:{a:b}:")));
    }
}
