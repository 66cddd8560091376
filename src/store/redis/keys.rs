use std::fmt::Display;

use crate::model::{AssetName, PlayerName, RoomName};

/// Enough tags to find one for each slot.
const TAGS: u32 = 200_000;

/// The keys of a room, as listed in `common.lua`. The braces put them into one slot.
pub(super) fn of_room(prefix: &str, room: &dyn Display) -> [String; 4] {
    ["assets", "calls", "holders", "grants"].map(|key| format!("{prefix}{{{room}}}:{key}"))
}

/// The keys of a room's events, which follow those of the room.
pub(super) fn of_events(prefix: &str, room: &dyn Display) -> [String; 2] {
    ["events", "events_lease"].map(|key| format!("{prefix}{{{room}}}:{key}"))
}

/// The key of the history of an asset. Names contain no brace.
pub(super) fn history(prefix: &str, room: &RoomName, asset: &AssetName) -> String {
    format!("{prefix}{{{room}}}:history:{asset}")
}

/// Stand-ins for room names, for probes. No real room has one of them, because names cannot contain this
/// character.
pub(super) fn nobodys_rooms() -> impl Iterator<Item = String> {
    (0..TAGS).map(|number| format!("~{number}"))
}

/// The hash tag of what belongs to no room.
pub(super) const NO_ROOM: &str = "~";

/// The key of the revocations.
pub(super) fn revocations(prefix: &str) -> String {
    format!("{prefix}{{{NO_ROOM}}}:revocations")
}

/// The key of the marks, as listed in `mark.lua`.
pub(super) fn marks(prefix: &str) -> String {
    format!("{prefix}{{{NO_ROOM}}}:marks")
}

/// The lower bound of the marks of the rooms after this one. `!` is the character after the space.
pub(super) fn marks_after(room: Option<&RoomName>) -> String {
    room.map_or_else(|| "-".to_owned(), |room| format!("({room}!"))
}

/// The field of a holder. Unique, because names contain no slash.
pub(super) fn holder(asset: &AssetName, player: &PlayerName) -> String {
    format!("{asset}/{player}")
}

/// The fields of holders.
pub(super) fn holders(asset: &AssetName, players: &[PlayerName]) -> impl Iterator<Item = String> {
    players.iter().map(move |player| holder(asset, player))
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
    use crate::{
        link::redis::slot_of,
        model::{Asset, Player, Room, alike},
    };

    #[test]
    fn every_slot_has_a_room_that_nobody_can_name() {
        let slots: BTreeSet<_> = nobodys_rooms().take(200_000).map(|room| slot_of(&room)).collect();
        assert_eq!(slots.len(), 16_384);
        assert!(nobodys_rooms().take(100).all(|room| RoomName::parse(&room).is_err()));
        assert!(RoomName::parse(NO_ROOM).is_err() && nobodys_rooms().all(|room| room != NO_ROOM));
    }

    #[test]
    fn no_two_rooms_share_a_key() {
        let rooms = alike::<Room>(4);
        let assets = alike::<Asset>(3);
        let histories =
            |room: &RoomName| assets.iter().map(|asset| history("a:", room, asset)).collect::<Vec<_>>();
        let of_room =
            |room: &RoomName| [&of_room("a:", room)[..], &of_events("a:", room), &histories(room)].concat();
        let keys: BTreeSet<_> = rooms.iter().flat_map(of_room).collect();
        assert_eq!(keys.len(), (6 + assets.len()) * rooms.len());
        assert!(!keys.contains(&revocations("a:")) && !keys.contains(&marks("a:")));
    }

    #[test]
    fn no_two_holders_share_a_field_or_a_place_among_the_grants() {
        let (assets, players) = (alike::<Asset>(3), alike::<Player>(2));
        let (mut fields, mut members) = (BTreeSet::from(["/".to_owned()]), BTreeSet::new());
        for asset in &assets {
            assert!(fields.insert(format!("{asset}/")), "the list of its first holders");
            for player in &players {
                assert!(fields.insert(holder(asset, player)), "{asset} {player}");
                assert!(members.insert(format!("{asset}/{:016}/1/{player}", 7)), "{asset} {player}");
                assert!(members.insert(format!("/{asset}/{:016}/{:016}/{player}", 9, 7)), "{asset} {player}");
            }
        }
        for asset in &assets {
            // As common.lua bounds a page, and terms.lua the ends.
            for (begin, place) in [("", 0), ("/", 1)] {
                let page = members.range(format!("{begin}{asset}/")..format!("{begin}{asset}0"));
                let of_asset = |member: &String| member.split('/').nth(place) == Some(asset.as_str());
                assert!(page.clone().all(of_asset), "{asset}");
                assert_eq!(page.count(), players.len());
            }
        }
    }

    #[test]
    fn no_two_events_share_a_place_and_those_of_an_asset_are_together() {
        let event = "00000000000000ab/0000000000000012/12/created/1795000000000/3/2////";
        let assets = alike::<Asset>(3);
        let members: BTreeSet<_> = assets.iter().map(|asset| format!("{asset}/{event}")).collect();
        assert_eq!(members.len(), assets.len());
        for asset in &assets {
            // As events.lua bounds them.
            let of_asset: Vec<_> = members.range(format!("{asset}/")..format!("{asset}0")).collect();
            assert_eq!(of_asset, [&format!("{asset}/{event}")]);
        }
    }

    #[test]
    fn marks_are_in_the_order_of_their_rooms() {
        let mut rooms = alike::<Room>(3);
        rooms.sort_unstable();
        let marks: Vec<_> = rooms.iter().map(|room| format!("{room} 1795000000000")).collect();
        assert!(marks.is_sorted());
        for (room, mark) in rooms.iter().zip(&marks) {
            // As mark.lua finds the mark of a room, and as those of the rooms after it are found.
            let of_room = |mark: &&String| format!("{room} ") <= **mark && **mark < format!("{room}!");
            assert_eq!(marks.iter().filter(of_room).collect::<Vec<_>>(), [mark]);
            let bound = marks_after(Some(room));
            let later = marks.iter().filter(|mark| mark.as_str() > &bound[1..]);
            assert_eq!(later.count(), rooms.iter().filter(|other| *other > room).count());
        }
    }

    #[test]
    fn all_keys_of_a_room_have_one_tag() {
        let room = RoomName::parse("a:b").unwrap();
        let keys = of_room("game:", &room);
        assert_eq!(keys[0], "game:{a:b}:assets");
        let history = [history("game:", &room, &AssetName::parse("c:d").unwrap())];
        let events = of_events("game:", &room);
        let keys = keys.iter().chain(&history).chain(&events).collect::<Vec<_>>();
        assert!(keys.iter().all(|key| key.starts_with("game:{a:b}:")));
    }
}
