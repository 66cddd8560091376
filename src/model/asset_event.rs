//! Changes of assets as the game's own backend hears them.

use std::{fmt, str::FromStr};

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::{AssetName, By, EndReason, Grant, Millis, PlayerName, RoomName, Units};

/// The kinds of [`AssetEvent`].
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
#[schemars(description = "What happened to an asset.")]
pub enum EventKind {
    /// The asset was created, or created again after a removal.
    Created,
    /// A player got a unit.
    Granted,
    /// A player's hold was confirmed.
    Confirmed,
    /// A player's grant ended.
    Released,
    /// Units were added.
    Restocked,
    /// The asset is whole again: nobody holds it.
    Reset,
    /// The asset was removed: nobody holds it.
    Removed,
    /// Events were merged, because too many waited: read the holders.
    Compacted,
}

/// One change of an asset, kept by the store until the game's backend has acknowledged it. Stored as
/// `ORIGIN/REVISION/FIRST/TYPE/AT/UNITS/REMAINING/REASON/UNTIL/HOLD/PLAYER[/BY]`: `ORIGIN` in 16 hexadecimal and `REVISION` in 16
/// decimal digits, so that texts sort in the order of the changes; `REASON` is a letter; `HOLD` is `h` or empty, as is what
/// does not apply.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct AssetEvent {
    /// The record of the asset, as in [`AssetState`](super::AssetState). A later record has a higher one.
    pub origin: u64,
    /// The asset's revision after the change.
    pub revision: u64,
    /// The revision of the first event that was merged into this one; `revision`, unless events were merged.
    pub first: u64,
    /// What happened.
    pub kind: EventKind,
    /// When, in Unix milliseconds.
    pub at: Millis,
    /// The asset's units after the change.
    pub units: Units,
    /// The units left after the change.
    pub remaining: Units,
    /// Why a grant ended.
    pub reason: Option<EndReason>,
    /// When the grant ends by itself, in Unix milliseconds.
    pub until: Option<Millis>,
    /// Whether the player must confirm the grant to keep it.
    pub is_hold: bool,
    /// Whose grant changed.
    pub player: Option<PlayerName>,
    /// Who made the change, if no player did and no deadline passed.
    pub by: Option<By>,
}

impl AssetEvent {
    /// Adds what is known of a grant.
    #[must_use]
    pub fn of_grant(self, grant: &Grant) -> Self {
        let (until, is_hold) = (grant.lease.until, grant.lease.is_hold);
        Self { until, is_hold, player: Some(grant.player.clone()), ..self }
    }

    /// What takes the place of the events from `oldest` to `self`.
    #[must_use]
    pub fn merged_with(&self, oldest: &Self) -> Self {
        let first = if oldest.origin == self.origin { oldest.first } else { 0 };
        let kind = EventKind::Compacted;
        Self { first, kind, reason: None, until: None, is_hold: false, player: None, by: None, ..self.clone() }
    }

    /// What identifies the event of an asset of a room.
    #[must_use]
    pub fn id(&self, room: &RoomName, asset: &AssetName) -> EventId {
        let (room, asset) = (room.clone(), asset.clone());
        EventId { room, asset, origin: self.origin, first: self.first, revision: self.revision }
    }

    /// As the backend gets it.
    #[must_use]
    pub fn shown(&self, room: &RoomName, asset: &AssetName) -> ShownEvent {
        let is_merged = self.kind == EventKind::Compacted;
        ShownEvent {
            id: self.id(room, asset).to_string(),
            kind: self.kind,
            room: room.clone(),
            asset: asset.clone(),
            origin: format!("{:016x}", self.origin),
            revision: self.revision,
            first_revision: is_merged.then_some(self.first),
            player: self.player.clone(),
            units: self.units,
            remaining: self.remaining,
            at: self.at,
            reason: self.reason,
            until: self.until,
            hold: self.is_hold,
            by: self.by,
        }
    }
}

/// What is no text of an [`AssetEvent`] or of an [`EventId`].
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("not an event")]
pub struct NoEvent;

impl fmt::Display for AssetEvent {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { origin, revision, first, kind, at, units, remaining, .. } = self;
        write!(f, "{origin:016x}/{revision:016}/{first}/{}/{at}/{units}/{remaining}/", kind.as_str())?;
        self.reason.map_or(Ok(()), |reason| write!(f, "{}", reason.letter()))?;
        f.write_str("/")?;
        self.until.map_or(Ok(()), |until| write!(f, "{until}"))?;
        f.write_str(if self.is_hold { "/h/" } else { "//" })?;
        f.write_str(self.player.as_ref().map_or("", PlayerName::as_str))?;
        self.by.map_or(Ok(()), |by| write!(f, "/{}", by.as_str()))
    }
}

impl FromStr for AssetEvent {
    type Err = NoEvent;

    fn from_str(text: &str) -> Result<Self, NoEvent> {
        let parts: Vec<_> = text.split('/').collect();
        let [origin, revision, first, kind, at, units, remaining, reason, until, hold, player, by @ ..] =
            &parts[..]
        else {
            return Err(NoEvent);
        };
        let event = Self {
            origin: u64::from_str_radix(origin, 16).map_err(|_| NoEvent)?,
            revision: number(revision)?,
            first: number(first)?,
            kind: EventKind::named(kind).ok_or(NoEvent)?,
            at: number(at)?,
            units: number(units)?,
            remaining: number(remaining)?,
            reason: optional(reason, |letter| EndReason::of_letter(letter).ok_or(NoEvent))?,
            until: optional(until, number)?,
            is_hold: *hold == "h",
            player: optional(player, number)?,
            by: by.first().map(|by| By::named(by).ok_or(NoEvent)).transpose()?,
        };
        (event.to_string() == text).then_some(event).ok_or(NoEvent)
    }
}

fn number<T: FromStr>(text: &str) -> Result<T, NoEvent> {
    text.parse().map_err(|_| NoEvent)
}

fn optional<T>(text: &str, parse: impl FnOnce(&str) -> Result<T, NoEvent>) -> Result<Option<T>, NoEvent> {
    if text.is_empty() { Ok(None) } else { parse(text).map(Some) }
}

impl EventKind {
    const ALL: [Self; 8] = [
        Self::Created,
        Self::Granted,
        Self::Confirmed,
        Self::Released,
        Self::Restocked,
        Self::Reset,
        Self::Removed,
        Self::Compacted,
    ];

    /// The name in the protocol.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Created => "created",
            Self::Granted => "granted",
            Self::Confirmed => "confirmed",
            Self::Released => "released",
            Self::Restocked => "restocked",
            Self::Reset => "reset",
            Self::Removed => "removed",
            Self::Compacted => "compacted",
        }
    }

    fn named(name: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|kind| kind.as_str() == name)
    }
}

/// Identifies an event: `ROOM/ASSET/ORIGIN/REVISION`, and `ROOM/ASSET/ORIGIN/FIRST-REVISION` if events were merged into it.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub struct EventId {
    /// The room.
    pub room: RoomName,
    /// The asset.
    pub asset: AssetName,
    /// As in [`AssetEvent`].
    pub origin: u64,
    /// As in [`AssetEvent`].
    pub first: u64,
    /// As in [`AssetEvent`].
    pub revision: u64,
}

impl EventId {
    /// The beginning of the event's text, which no other event of the asset has.
    #[must_use]
    pub fn prefix(&self) -> String {
        format!("{:016x}/{:016}/{}/", self.origin, self.revision, self.first)
    }

    /// Whether this is the id of an event of its asset.
    #[must_use]
    pub fn is_of(&self, event: &AssetEvent) -> bool {
        (self.origin, self.first, self.revision) == (event.origin, event.first, event.revision)
    }
}

impl fmt::Display for EventId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { room, asset, origin, first, revision } = self;
        write!(f, "{room}/{asset}/{origin:016x}/")?;
        if first != revision {
            write!(f, "{first}-")?;
        }
        write!(f, "{revision}")
    }
}

impl FromStr for EventId {
    type Err = NoEvent;

    fn from_str(text: &str) -> Result<Self, NoEvent> {
        let parts: Vec<_> = text.split('/').collect();
        let [room, asset, origin, revisions] = parts[..] else { return Err(NoEvent) };
        let (first, revision) = revisions.split_once('-').unwrap_or((revisions, revisions));
        let known = u64::from_str_radix(origin, 16).map_err(|_| NoEvent)?;
        let id = Self {
            room: number(room)?,
            asset: number(asset)?,
            origin: known,
            first: number(first)?,
            revision: number(revision)?,
        };
        let is_plain = |text: &str, number: u64| text == number.to_string();
        let is_ours =
            origin == format!("{known:016x}") && is_plain(first, id.first) && is_plain(revision, id.revision);
        is_ours.then_some(id).ok_or(NoEvent)
    }
}

/// One change of an asset, as the game's backend gets it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[schemars(rename = "Event", description = "One change of an asset.")]
pub struct ShownEvent {
    /// What acknowledges the event.
    pub id: String,
    /// What happened.
    #[serde(rename = "type")]
    pub kind: EventKind,
    /// The room.
    pub room: RoomName,
    /// The asset.
    pub asset: AssetName,
    /// The record of the asset, in 16 hexadecimal digits. Revisions count within one record.
    pub origin: String,
    /// The asset's revision after the change.
    pub revision: u64,
    /// Of a `compacted` event: the revision of the first event that was merged into it.
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub first_revision: Option<u64>,
    /// Whose grant changed.
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub player: Option<PlayerName>,
    /// The asset's units after the change.
    pub units: Units,
    /// The units left after the change.
    pub remaining: Units,
    /// When it happened, in Unix milliseconds.
    pub at: Millis,
    /// Why a grant ended.
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub reason: Option<EndReason>,
    /// When the grant ends by itself, in Unix milliseconds.
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub until: Option<Millis>,
    /// True if the player must confirm the grant to keep it.
    #[serde(skip_serializing_if = "std::ops::Not::not", default)]
    pub hold: bool,
    /// Who made the change, if no player did and no deadline passed.
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub by: Option<By>,
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::model::{Asset, Player, Room, alike};

    fn event() -> AssetEvent {
        AssetEvent {
            origin: 0xab,
            revision: 12,
            first: 12,
            kind: EventKind::Created,
            at: 1_795_000_000_000,
            units: 3,
            remaining: 2,
            reason: None,
            until: None,
            is_hold: false,
            player: None,
            by: None,
        }
    }

    #[test]
    fn as_text_it_is_what_it_was() {
        assert_eq!(event().to_string(), "00000000000000ab/0000000000000012/12/created/1795000000000/3/2////");
        for player in alike::<Player>(2) {
            for (kind, reason) in EventKind::ALL.into_iter().flat_map(|kind| {
                [None, Some(EndReason::Released), Some(EndReason::Kicked)].map(|reason| (kind, reason))
            }) {
                let until = Some(7);
                let event =
                    AssetEvent { kind, reason, until, is_hold: true, player: Some(player.clone()), ..event() };
                assert_eq!(event.to_string().parse(), Ok(event));
            }
        }
        let plain = event().to_string();
        for (by, text) in [
            (None, plain.clone()),
            (Some(By::Admin), plain.clone() + "/admin"),
            (Some(By::Anyone), plain.clone() + "/anyone"),
        ] {
            assert_eq!(text.parse(), Ok(AssetEvent { by, ..event() }));
            assert_eq!(AssetEvent { by, ..event() }.to_string(), text);
        }
        for text in [plain.clone() + "/", plain.clone() + "/bob", plain + "/admin/admin"] {
            assert_eq!(text.parse::<AssetEvent>(), Err(NoEvent), "{text}");
        }
        for text in ["", "0/1", "00000000000000ab/0000000000000012/12/won/1795000000000/3/2////"] {
            assert_eq!(text.parse::<AssetEvent>(), Err(NoEvent), "{text}");
        }
    }

    #[test]
    fn texts_sort_in_the_order_of_changes() {
        let texts = [(1, 2), (1, 10), (2, 0)]
            .map(|(origin, revision)| AssetEvent { origin, revision, ..event() }.to_string());
        assert!(texts.is_sorted());
    }

    #[test]
    fn no_two_events_share_an_id() {
        let mut ids = std::collections::HashSet::new();
        for room in alike::<Room>(3) {
            for asset in alike::<Asset>(3) {
                for (first, revision) in [(1, 1), (1, 11), (11, 11)] {
                    let event = AssetEvent { first, revision, ..event() };
                    let id = event.id(&room, &asset);
                    assert!(id.is_of(&event) && event.to_string().starts_with(&id.prefix()));
                    assert_eq!(id.to_string().parse(), Ok(id.clone()));
                    assert!(ids.insert(id.to_string()));
                }
            }
        }
        for text in ["arena", "arena/sword/ab/1", "arena/sword/00000000000000ab/01", "a b/sword/0/1"] {
            assert_eq!(text.parse::<EventId>(), Err(NoEvent), "{text}");
        }
    }

    #[test]
    fn merged_events_say_from_which_revision_to_which() {
        let newer = AssetEvent { revision: 20, first: 20, ..event() };
        let merged = newer.merged_with(&event());
        assert_eq!((merged.first, merged.revision, merged.kind), (12, 20, EventKind::Compacted));
        let later = AssetEvent { origin: 0xac, revision: 5, first: 5, ..event() };
        assert_eq!(later.merged_with(&merged).first, 0, "of a later record all before");
    }
}
