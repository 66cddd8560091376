use crate::model::{AssetName, PlayerName, RoomName};

/// Slots of a cluster.
pub(super) const SLOTS: u16 = 16384;

/// The keys of a room, as `common.lua` tells them. The braces put them all in one slot.
pub(super) fn of_room(prefix: &str, room: &RoomName) -> [String; 4] {
    ["assets", "calls", "holders", "grants"].map(|key| format!("{prefix}{{{room}}}:{key}"))
}

/// The slot of a room's keys: that of the name between the braces.
pub(super) fn slot(room: &RoomName) -> u16 {
    crc16(room.as_str().as_bytes()) % SLOTS
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

/// CRC-16/XMODEM, as the cluster specification asks for.
fn crc16(bytes: &[u8]) -> u16 {
    bytes.iter().fold(0, |crc, byte| {
        (0..8).fold(crc ^ u16::from(*byte) << 8, |crc, _| {
            let shifted = crc << 1;
            if crc & 0x8000 == 0 { shifted } else { shifted ^ 0x1021 }
        })
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn slots_are_those_of_the_cluster_specification() {
        assert_eq!(crc16(b"123456789"), 0x31c3);
        for (room, expected) in [("foo", 12182), ("bar", 5061), ("hello", 866)] {
            assert_eq!(slot(&RoomName::parse(room).unwrap()), expected, "{room}");
        }
    }

    #[test]
    fn all_keys_of_a_room_have_one_tag() {
        let keys = of_room("game:", &RoomName::parse("a:b").unwrap());
        assert_eq!(keys[0], "game:{a:b}:assets");
        assert!(keys.iter().all(|key| key.starts_with("game:{a:b}:")));
    }
}
