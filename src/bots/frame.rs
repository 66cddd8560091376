use serde::{
    Deserialize,
    de::{IntoDeserializer, value},
};

use crate::model::{ErrorCode, Units};

use super::{fact::Fact, member::Answer};

/// A server message, reduced to what a bot needs. Names are borrowed from the text, because a bot reads hundreds of
/// grants for each message it sends.
#[derive(Debug, PartialEq)]
pub(super) enum Frame<'a> {
    Welcome(Box<Welcome<'a>>),
    Snapshot(Box<Snapshot<'a>>),
    /// A room frame about an asset.
    Change {
        offset: u64,
        asset: &'a str,
        revision: u64,
        fact: Fact<&'a str>,
    },
    /// A room frame about players.
    Presence {
        offset: u64,
    },
    Selection {
        request_id: Option<u64>,
        asset: &'a str,
        answer: Answer,
    },
    Error {
        request_id: Option<u64>,
        code: Option<ErrorCode>,
        temporary: bool,
    },
    /// A message to ignore: a pong, or a type of a later version.
    Other,
}

/// The first message of a connection.
#[derive(Debug, PartialEq, Deserialize)]
pub(super) struct Welcome<'a> {
    pub(super) epoch: &'a str,
    pub(super) offset: u64,
    pub(super) recovered: bool,
    pub(super) ping_interval_ms: u64,
    #[serde(borrow, default)]
    pub(super) assets: Vec<State<'a>>,
}

/// The room's state, or one part of it.
#[derive(Debug, PartialEq, Deserialize)]
pub(super) struct Snapshot<'a> {
    pub(super) offset: u64,
    #[serde(borrow)]
    pub(super) assets: Vec<State<'a>>,
    pub(super) part: usize,
    pub(super) parts: usize,
}

/// One asset of a state.
#[derive(Debug, PartialEq, Deserialize)]
pub(super) struct State<'a> {
    pub(super) asset: &'a str,
    pub(super) units: Units,
    pub(super) remaining: Units,
    pub(super) revision: u64,
    pub(super) held: Units,
}

/// All fields of frequent frames. Decoding takes one flat pass, whatever the order of the fields, and avoids the
/// buffering of a tagged enum.
#[derive(Deserialize)]
struct Flat<'a> {
    #[serde(rename = "type")]
    kind: &'a str,
    offset: Option<u64>,
    #[serde(borrow)]
    asset: Option<&'a str>,
    #[serde(borrow)]
    player: Option<&'a str>,
    units: Option<Units>,
    remaining: Option<Units>,
    revision: Option<u64>,
    request_id: Option<u64>,
    granted: Option<bool>,
    already_held: Option<bool>,
    #[serde(borrow)]
    code: Option<&'a str>,
    temporary: Option<bool>,
}

impl<'a> Frame<'a> {
    /// Decodes one text message; `None` if it does not follow the protocol.
    pub(super) fn decode(text: &'a str) -> Option<Self> {
        let flat: Flat<'a> = serde_json::from_str(text).ok()?;
        Some(match flat.kind {
            "welcome" => Self::Welcome(Box::new(serde_json::from_str(text).ok()?)),
            "snapshot" => Self::Snapshot(Box::new(serde_json::from_str(text).ok()?)),
            "selection" => {
                Self::Selection { request_id: flat.request_id, asset: flat.asset?, answer: flat.answer()? }
            }
            "error" => {
                Self::Error { request_id: flat.request_id, code: flat.error(), temporary: flat.temporary? }
            }
            "asset_granted" | "asset_released" | "asset_changed" | "asset_removed" => Self::Change {
                offset: flat.offset?,
                asset: flat.asset?,
                revision: flat.revision?,
                fact: flat.fact()?,
            },
            _ => flat.offset.map_or(Self::Other, |offset| Self::Presence { offset }),
        })
    }
}

impl<'a> Flat<'a> {
    fn fact(&self) -> Option<Fact<&'a str>> {
        Some(match self.kind {
            "asset_granted" => {
                Fact::Granted { player: self.player?, units: self.units?, remaining: self.remaining? }
            }
            "asset_released" => Fact::Released { player: self.player?, remaining: self.remaining? },
            "asset_changed" => Fact::Changed { units: self.units?, remaining: self.remaining? },
            _ => Fact::Removed,
        })
    }

    fn answer(&self) -> Option<Answer> {
        Some(if self.granted? {
            Answer::Granted { revision: self.revision?, already_held: self.already_held? }
        } else {
            Answer::SoldOut { remaining: self.remaining? }
        })
    }

    fn error(&self) -> Option<ErrorCode> {
        let code: value::StrDeserializer<'_, value::Error> = self.code?.into_deserializer();
        ErrorCode::deserialize(code).ok()
    }
}

#[cfg(test)]
mod tests {
    use crate::model::{
        self, AssetName, AssetState, Change, Event, PlayerName, RequestId, RoomName, ServerMessage, SoldOut,
    };

    use super::*;

    fn event(change: Change) -> String {
        let event =
            Event { asset: AssetName::parse("bot-0-1").unwrap(), origin: 0, revision: 4, remaining: 2, change };
        ServerMessage::of_event(9, &event).encode()
    }

    fn player() -> PlayerName {
        PlayerName::parse("bot-3").unwrap()
    }

    fn state() -> AssetState {
        AssetState {
            asset: AssetName::parse("bot-0-1").unwrap(),
            units: 5,
            remaining: 2,
            revision: 4,
            held: 3,
            holders: vec![model::Grant { player: player(), granted_at: 1, revision: 2 }],
            removed: false,
            origin: 0,
        }
    }

    #[test]
    fn every_change_of_an_asset_is_decoded() {
        for (change, expected) in [
            (
                Change::Granted { player: player(), units: 5, at: 1 },
                Fact::Granted { player: "bot-3", units: 5, remaining: 2 },
            ),
            (Change::Released { player: player() }, Fact::Released { player: "bot-3", remaining: 2 }),
            (Change::Changed { units: 5, created: true }, Fact::Changed { units: 5, remaining: 2 }),
            (Change::Removed, Fact::Removed),
        ] {
            let text = event(change);
            let expected = Frame::Change { offset: 9, asset: "bot-0-1", revision: 4, fact: expected };
            assert_eq!(Frame::decode(&text), Some(expected));
        }
    }

    #[test]
    fn replies_are_decoded() {
        let reply = |granted| {
            ServerMessage::Selection {
                request_id: Some(17.into()),
                asset: AssetName::parse("bot-0-1").unwrap(),
                granted,
                reason: (!granted).then_some(SoldOut::SoldOut),
                remaining: 0,
                revision: 4,
                already_held: false,
            }
            .encode()
        };
        let expected = |answer| Some(Frame::Selection { request_id: Some(17), asset: "bot-0-1", answer });
        assert_eq!(Frame::decode(&reply(true)), expected(Answer::Granted { revision: 4, already_held: false }));
        assert_eq!(Frame::decode(&reply(false)), expected(Answer::SoldOut { remaining: 0 }));
        let id: RequestId = 3.into();
        let error = ServerMessage::error(ErrorCode::OutcomeUnknown, "said \"no\"", Some(id)).encode();
        let code = Some(ErrorCode::OutcomeUnknown);
        assert_eq!(Frame::decode(&error), Some(Frame::Error { request_id: Some(3), code, temporary: true }));
    }

    #[test]
    fn states_are_decoded_without_their_holders() {
        let lean = State { asset: "bot-0-1", units: 5, remaining: 2, revision: 4, held: 3 };
        let snapshot = ServerMessage::Snapshot {
            offset: 7,
            players: 1,
            present: vec![player()],
            assets: vec![state()],
            held: vec![],
            part: 1,
            parts: 2,
        }
        .encode();
        let expected = Snapshot { offset: 7, assets: vec![lean], part: 1, parts: 2 };
        assert_eq!(Frame::decode(&snapshot), Some(Frame::Snapshot(Box::new(expected))));
    }

    #[test]
    fn a_welcome_is_decoded_with_and_without_state() {
        let mut welcome = model::Welcome {
            protocol: model::PROTOCOL.into(),
            room: RoomName::parse("r").unwrap(),
            player: Some(player()),
            session: "s".into(),
            epoch: "e1".into(),
            offset: 12,
            recovered: false,
            server_time: 1,
            ping_interval_ms: 25_000,
            players: 1,
            present: Some(vec![]),
            assets: Some(vec![state()]),
            held: Some(vec![]),
        };
        let text = ServerMessage::Welcome(Box::new(welcome.clone())).encode();
        let Some(Frame::Welcome(full)) = Frame::decode(&text) else { panic!("a welcome: {text}") };
        assert_eq!((full.epoch, full.offset, full.recovered, full.assets.len()), ("e1", 12, false, 1));
        (welcome.recovered, welcome.assets, welcome.held, welcome.present) = (true, None, None, None);
        let text = ServerMessage::Welcome(Box::new(welcome)).encode();
        let Some(Frame::Welcome(lean)) = Frame::decode(&text) else { panic!("a welcome: {text}") };
        assert!(lean.recovered && lean.assets.is_empty());
    }

    #[test]
    fn what_is_not_the_protocol_is_not_decoded() {
        for text in
            ["", "x", "{}", r#"{"type":"selection"}"#, r#"{"type":"asset_granted","offset":1,"asset":"a"}"#]
        {
            assert_eq!(Frame::decode(text), None, "{text}");
        }
        assert_eq!(
            Frame::decode(r#"{"type":"players","offset":3,"players":70}"#),
            Some(Frame::Presence { offset: 3 })
        );
        assert_eq!(Frame::decode(r#"{"type":"pong","server_time":3}"#), Some(Frame::Other));
    }
}
