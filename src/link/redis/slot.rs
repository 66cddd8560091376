use crate::model::RoomName;

/// The number of slots in a cluster.
pub(crate) const SLOTS: u16 = 16384;

/// The slot of a room's keys and channels, which have the room's name between braces.
pub(crate) fn slot(room: &RoomName) -> u16 {
    slot_of(room.as_str())
}

/// The slot of keys with this hash tag between their braces.
pub(crate) fn slot_of(tag: &str) -> u16 {
    crc16(tag.as_bytes()) % SLOTS
}

/// CRC-16/XMODEM, as the cluster specification requires.
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
}
