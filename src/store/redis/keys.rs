use std::fmt::Display;

use crate::model::{AssetName, PlayerName};

/// Enough tags to find one for each slot.
const TAGS: u32 = 200_000;

/// The keys of a room, as listed in `common.lua`. The braces put them into one slot.
pub(super) fn of_room(prefix: &str, room: &dyn Display) -> [String; 4] {
    ["assets", "calls", "holders", "grants"].map(|key| format!("{prefix}{{{room}}}:{key}"))
}

/// Stand-ins for room names, for probes. No real room has one of them, because names cannot contain this
/// character.
pub(super) fn nobodys_rooms() -> impl Iterator<Item = String> {
    (0..TAGS).map(|number| format!("~{number}"))
}

/// The field of a holder. Unique, because names contain no slash.
pub(super) fn holder(asset: &AssetName, player: &PlayerName) -> String {
    format!("{asset}/{player}")
}

/// The lower bound of the grants after a revision. The additional digit makes it greater than all grants of
/// that revision.
pub(super) fn grants_after(asset: &AssetName, revision: Option<u64>) -> String {
    const LAST: u64 = 9_999_999_999_999_999;
    match revision {
        Some(revision) => format!("[{asset}/{:016}0", revision.min(LAST)),
        None => format!("[{asset}/"),
    }
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use super::*;
    use crate::{link::redis::slot_of, model::RoomName};

    #[test]
    fn every_slot_has_a_room_that_nobody_can_name() {
        let slots: BTreeSet<_> = nobodys_rooms().take(200_000).map(|room| slot_of(&room)).collect();
        assert_eq!(slots.len(), 16_384);
        assert!(nobodys_rooms().take(100).all(|room| RoomName::parse(&room).is_err()));
    }

    #[test]
    fn all_keys_of_a_room_have_one_tag() {
        let keys = of_room("game:", &RoomName::parse("a:b").unwrap());
        assert_eq!(keys[0], "game:{a:b}:assets");
        assert!(keys.iter().all(|key| key.starts_with("game:{a:b}:")));
    }
}
