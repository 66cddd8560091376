use bytes::Bytes;
use serde::Serialize;
use serde_json::value::RawValue;

use crate::model::{AssetName, AssetState, PlayerName, Welcome, limits::FRAME_BYTES};

/// Bytes of assets in one part; the rest of a frame is for `held` and `present`.
const PART_BYTES: usize = FRAME_BYTES - 80 * 1024;

/// Names in `held` of one part: at most 35 KB.
const PART_HELD: usize = 512;

/// A room's assets as JSON arrays, each small enough for one frame; encoded once for every member that
/// needs them.
#[derive(Debug)]
pub(super) struct EncodedAssets(Vec<Box<RawValue>>);

/// A member's place in the room, which every `welcome` and `snapshot` tells.
#[derive(Debug)]
pub(super) struct Place {
    pub(super) offset: u64,
    pub(super) players: usize,
    pub(super) present: Vec<PlayerName>,
    pub(super) held: Vec<AssetName>,
}

impl EncodedAssets {
    pub(super) fn new(assets: &[AssetState]) -> Self {
        let mut parts = Vec::new();
        let mut part = String::from("[");
        for asset in assets {
            let json = serde_json::to_string(asset).expect("an asset's state is JSON");
            if part.len() + json.len() > PART_BYTES {
                parts.push(close(std::mem::replace(&mut part, String::from("["))));
            }
            if part.len() > 1 {
                part.push(',');
            }
            part.push_str(&json);
        }
        parts.push(close(part));
        Self(parts)
    }

    /// The assets, when one frame can carry them together with what the player holds.
    pub(super) fn whole(&self, held: usize) -> Option<&RawValue> {
        match self.0.as_slice() {
            [only] if held <= PART_HELD => Some(only),
            _ => None,
        }
    }

    /// `snapshot` frames, as many as are needed.
    pub(super) fn frames(&self, place: &Place, into: &mut Vec<Bytes>) {
        let mut held = place.held.chunks(PART_HELD);
        let parts = self.0.len().max(held.len());
        for part in 1..=parts {
            into.push(encode(&Shared::Snapshot {
                offset: place.offset,
                players: place.players,
                present: if part == 1 { &place.present } else { &[] },
                assets: self.0.get(part - 1).map_or(none(), |part| part),
                held: held.next().unwrap_or_default(),
                part,
                parts,
            }));
        }
    }
}

/// The assets of a welcome that is followed by a snapshot in parts.
pub(super) fn none() -> &'static RawValue {
    serde_json::from_str("[]").expect("an empty list is JSON")
}

/// The `welcome` frame.
pub(super) fn welcome_frame(welcome: &Welcome<&RawValue>) -> Bytes {
    encode(&Shared::Welcome(welcome))
}

/// The same frames as [`ServerMessage`](crate::model::ServerMessage)'s, around assets that are encoded already.
#[derive(Serialize)]
#[serde(tag = "type", rename_all = "snake_case")]
enum Shared<'a> {
    Welcome(&'a Welcome<&'a RawValue>),
    Snapshot {
        offset: u64,
        players: usize,
        present: &'a [PlayerName],
        assets: &'a RawValue,
        held: &'a [AssetName],
        part: usize,
        parts: usize,
    },
}

fn encode(frame: &Shared<'_>) -> Bytes {
    serde_json::to_vec(frame).expect("our frames have string keys and no failing fields").into()
}

fn close(mut part: String) -> Box<RawValue> {
    part.push(']');
    RawValue::from_string(part).expect("a list of JSON values is JSON")
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::model::{Grant, ServerMessage};

    fn assets(count: usize, holders: usize) -> Vec<AssetState> {
        let grant = |n: usize| Grant {
            player: format!("player-{n:0>50}").parse().unwrap(),
            granted_at: 7,
            revision: 0,
        };
        let asset = |n: usize| AssetState {
            asset: format!("asset-{n:0>50}").parse().unwrap(),
            units: 9,
            remaining: 1,
            revision: 8,
            held: 8,
            holders: (0..holders).map(grant).collect(),
            removed: false,
            origin: 0,
        };
        (0..count).map(asset).collect()
    }

    fn frames(assets: &[AssetState], held: usize) -> Vec<ServerMessage> {
        let held = (0..held).map(|n| format!("asset-{n:0>50}").parse().unwrap()).collect();
        let place = Place { offset: 3, players: 1, present: vec!["ann".parse().unwrap()], held };
        let mut frames = Vec::new();
        EncodedAssets::new(assets).frames(&place, &mut frames);
        assert!(frames.iter().all(|frame| frame.len() <= FRAME_BYTES));
        frames.iter().map(|frame| serde_json::from_slice(frame).unwrap()).collect()
    }

    #[test]
    fn a_small_room_is_one_part() {
        let expected = ServerMessage::Snapshot {
            offset: 3,
            players: 1,
            present: vec!["ann".parse().unwrap()],
            assets: assets(2, 1),
            held: Vec::new(),
            part: 1,
            parts: 1,
        };
        assert_eq!(frames(&assets(2, 1), 0), [expected]);
    }

    #[test]
    fn the_largest_room_is_sent_in_parts_that_fit_and_lose_nothing() {
        let all = assets(4096, 32);
        let (mut seen_assets, mut seen_held) = (Vec::new(), 0);
        let messages = frames(&all, 4096);
        let count = messages.len();
        for (index, message) in messages.into_iter().enumerate() {
            let ServerMessage::Snapshot { assets, held, part, parts, .. } = message else {
                panic!("a snapshot")
            };
            assert_eq!((part, parts), (index + 1, count));
            seen_assets.extend(assets);
            seen_held += held.len();
        }
        assert_eq!(seen_assets, all);
        assert_eq!(seen_held, 4096);
    }
}
