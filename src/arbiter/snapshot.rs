use std::{mem::take, sync::Arc};

use serde::Serialize;
use serde_json::value::RawValue;

use super::parts::{GivenUp, SharedAssets};
use crate::model::{
    AssetName, DisplayNames, Frame, FrameDraft, PlayerName, Welcome,
    limits::{PART_HELD, WELCOME_HELD},
};

/// A member's position in the room, sent in every `welcome` and `snapshot`.
#[derive(Debug)]
pub(super) struct Cursor {
    pub(super) offset: u64,
    pub(super) players: usize,
    pub(super) present: Vec<PlayerName>,
    pub(super) names: DisplayNames,
    pub(super) held: Vec<AssetName>,
}

/// One member's snapshot of a room at one log offset. Each part is encoded when the socket is ready for it. A slow
/// reader holds a reference to the shared assets and at most one part of its own.
#[derive(Debug)]
pub(super) struct Snapshot {
    assets: Arc<SharedAssets>,
    cursor: Cursor,
    /// Number of parts encoded so far.
    made: usize,
    parts: usize,
}

impl Snapshot {
    pub(super) fn new(assets: Arc<SharedAssets>, cursor: Cursor) -> Self {
        let parts = assets.count().max(cursor.held.len().div_ceil(PART_HELD)).max(1);
        Self { assets, cursor, made: 0, parts }
    }

    pub(super) fn cursor(&self) -> &Cursor {
        &self.cursor
    }

    /// The assets, if they fit into one frame together with the player's holdings.
    pub(super) fn whole(&self) -> Option<&RawValue> {
        let small = self.assets.is_small() && self.cursor.held.len() <= WELCOME_HELD;
        small.then(|| self.assets.whole().ok()).flatten()
    }

    /// Whether every part was encoded.
    pub(super) fn is_over(&self) -> bool {
        self.made == self.parts
    }

    /// The `snapshot` frame of the next part.
    ///
    /// # Errors
    /// [`GivenUp`]: the remaining parts were discarded.
    pub(super) fn next_frame(&mut self) -> Result<Frame, GivenUp> {
        let part = self.assets.part(self.made)?;
        let assets: &[u8] = part.as_ref().map_or(b"", |part| part.json());
        let held = self.cursor.held.chunks(PART_HELD).nth(self.made).unwrap_or_default();
        // Names are sent with the first part only.
        let (present, names) = (take(&mut self.cursor.present), take(&mut self.cursor.names));
        self.made += 1;
        let Cursor { offset, players, .. } = self.cursor;
        let head = Head { offset, players, present: &present, names: &names };
        let tail = Tail { held, part: self.made, parts: self.parts };
        Ok(splice(&head, assets, &tail))
    }
}

/// The fields before the assets in a frame.
#[derive(Serialize)]
#[serde(tag = "type", rename = "snapshot")]
struct Head<'a> {
    offset: u64,
    players: usize,
    present: &'a [PlayerName],
    #[serde(skip_serializing_if = "DisplayNames::is_empty")]
    names: &'a DisplayNames,
}

/// The fields after the assets.
#[derive(Serialize)]
struct Tail<'a> {
    held: &'a [AssetName],
    part: usize,
    parts: usize,
}

/// Joins the fields of `head`, `"assets"` with the given elements, and the fields of `tail` into one object.
fn splice(head: &Head<'_>, assets: &[u8], tail: &Tail<'_>) -> Frame {
    let names = head.present.iter().map(|name| name.as_str().len() + 3).sum::<usize>()
        + head
            .names
            .iter()
            .map(|(player, name)| player.as_str().len() + name.as_str().len() + 6)
            .sum::<usize>()
        + tail.held.iter().map(|name| name.as_str().len() + 3).sum::<usize>();
    let mut frame = FrameDraft::with_capacity(assets.len() + names + 200);
    frame.push(b"{");
    frame.push_fields(head);
    frame.push(b",\"assets\":[");
    frame.push(assets);
    frame.push(b"],");
    frame.push_fields(tail);
    frame.push(b"}");
    frame.finish()
}

/// An empty asset list, for a welcome that is followed by a snapshot in parts.
pub(super) fn none() -> &'static RawValue {
    serde_json::from_str("[]").expect("an empty list is JSON")
}

/// The `welcome` frame.
pub(super) fn welcome_frame(welcome: &Welcome<&RawValue>) -> Frame {
    /// Encodes like [`ServerMessage`](crate::model::ServerMessage), around assets that are encoded already.
    #[derive(Serialize)]
    #[serde(tag = "type", rename_all = "snake_case")]
    enum Shared<'a> {
        Welcome(&'a Welcome<&'a RawValue>),
    }
    Frame::of(&Shared::Welcome(welcome))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{
        arbiter::{parts::Parts, view::untouched},
        model::{AssetState, Grant, ServerMessage, limits::FRAME_BYTES, payloads},
    };

    fn assets(count: usize, holders: usize) -> Vec<AssetState> {
        let grant = |n: usize| Grant::plain(format!("player-{n:0>50}").parse().unwrap(), 7, 0);
        let asset = |n: usize| AssetState {
            remaining: 1,
            revision: 8,
            held: 8,
            holders: (0..holders).map(grant).collect(),
            ..untouched(&format!("asset-{n:0>50}").parse().unwrap(), 9)
        };
        (0..count).map(asset).collect()
    }

    fn ann() -> PlayerName {
        "ann".parse().unwrap()
    }

    fn names() -> DisplayNames {
        [(ann(), "Ann \"Zo\u{eb}\" B.".parse().unwrap())].into()
    }

    fn frames(assets: &[AssetState], held: usize) -> Vec<Frame> {
        let held = (0..held).map(|n| format!("asset-{n:0>50}").parse().unwrap()).collect();
        let cursor = Cursor { offset: 3, players: 1, present: vec![ann()], names: names(), held };
        let shared = Parts::default().share(|_, _| assets.iter().cloned().map(Arc::new).collect());
        let mut snapshot = Snapshot::new(shared, cursor);
        let mut frames = Vec::new();
        while !snapshot.is_over() {
            frames.push(snapshot.next_frame().unwrap());
        }
        assert!(frames.iter().all(|frame| frame.as_bytes().len() <= FRAME_BYTES + 10));
        frames
    }

    fn decode(frame: &Frame) -> ServerMessage {
        serde_json::from_slice(payloads(frame.as_bytes()).next().unwrap()).unwrap()
    }

    #[test]
    fn a_small_room_is_one_part_of_the_same_text_as_any_message() {
        for holders in [0, 1] {
            let expected = ServerMessage::Snapshot {
                offset: 3,
                players: 1,
                present: vec![ann()],
                names: names(),
                assets: assets(holders + 1, holders),
                held: vec![assets(1, 0)[0].asset.clone()],
                part: 1,
                parts: 1,
            };
            assert_eq!(frames(&assets(holders + 1, holders), 1), [Frame::of(&expected)]);
        }
        assert_eq!(frames(&[], 0).len(), 1);
    }

    #[test]
    fn the_largest_room_is_sent_in_parts_that_fit_and_lose_nothing() {
        let all = assets(4096, 32);
        let (mut seen_assets, mut seen_held) = (Vec::new(), 0);
        let messages = frames(&all, 4096);
        let count = messages.len();
        for (index, message) in messages.iter().map(decode).enumerate() {
            let ServerMessage::Snapshot { present, names, assets, held, part, parts, .. } = message else {
                panic!("a snapshot")
            };
            assert_eq!((part, parts), (index + 1, count));
            assert_eq!((present.len(), names.len()), (usize::from(part == 1), usize::from(part == 1)));
            seen_assets.extend(assets);
            seen_held += held.len();
        }
        assert_eq!(seen_assets, all);
        assert_eq!(seen_held, 4096);
    }

    #[test]
    fn who_holds_more_than_one_part_names_gets_as_many_as_it_takes() {
        let messages = frames(&assets(1, 0), 4 * PART_HELD + 1);
        let of = |frame: &Frame| match decode(frame) {
            ServerMessage::Snapshot { assets, held, .. } => (assets.len(), held.len()),
            other => panic!("a snapshot, not {other:?}"),
        };
        let all = PART_HELD;
        assert_eq!(
            messages.iter().map(of).collect::<Vec<_>>(),
            [(1, all), (0, all), (0, all), (0, all), (0, 1)]
        );
    }
}
