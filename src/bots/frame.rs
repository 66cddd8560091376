use serde::{Deserialize, de::value};

use crate::model::{EndReason, ErrorCode, Units};

use super::{
    fact::Fact,
    member::{Answer, Confirmation},
};

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
    Confirmation {
        request_id: Option<u64>,
        asset: &'a str,
        answer: Confirmation,
    },
    Error {
        request_id: Option<u64>,
        code: Option<ErrorCode>,
        temporary: bool,
    },
    /// A new token holds.
    Refreshed {
        token_ttl_ms: u64,
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
    #[serde(default)]
    pub(super) token_ttl_ms: Option<u64>,
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
#[derive(Debug, Clone, PartialEq, Deserialize)]
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
    confirmed: Option<bool>,
    #[serde(borrow)]
    reason: Option<&'a str>,
    #[serde(borrow)]
    code: Option<&'a str>,
    temporary: Option<bool>,
    token_ttl_ms: Option<u64>,
}

impl<'a> Frame<'a> {
    /// Decodes one text message; `None` if it does not follow the protocol.
    pub(super) fn decode(text: &'a str) -> Option<Self> {
        let flat: Flat<'a> = serde_json::from_str(text).ok()?;
        let Flat { offset, player, units, remaining, revision, request_id, temporary, .. } = flat;
        let change =
            |fact| Some(Self::Change { offset: offset?, asset: flat.asset?, revision: revision?, fact });
        match flat.kind {
            "welcome" => Some(Self::Welcome(Box::new(serde_json::from_str(text).ok()?))),
            "snapshot" => Some(Self::Snapshot(Box::new(serde_json::from_str(text).ok()?))),
            "asset_granted" => change(Fact::Granted { player: player?, units: units?, remaining: remaining? }),
            "asset_confirmed" => change(Fact::Confirmed { player: player?, remaining: remaining? }),
            "asset_extended" => change(Fact::Extended { player: player?, remaining: remaining? }),
            "asset_released" => {
                // A server of an earlier version gives no reason.
                let reason = flat.reason.map_or(Some(EndReason::Released), known)?;
                change(Fact::Released { player: player?, remaining: remaining?, reason })
            }
            "asset_changed" => change(Fact::Changed { units: units?, remaining: remaining? }),
            "asset_removed" => change(Fact::Removed),
            "selection" => {
                let answer = if flat.granted? {
                    Answer::Granted { revision: revision?, already_held: flat.already_held? }
                } else {
                    Answer::SoldOut { remaining: remaining? }
                };
                Some(Self::Selection { request_id, asset: flat.asset?, answer })
            }
            "confirmation" => {
                let answer = if flat.confirmed? { Confirmation::Confirmed } else { Confirmation::TooLate };
                Some(Self::Confirmation { request_id, asset: flat.asset?, answer })
            }
            "error" => {
                let code = flat.code.and_then(known::<ErrorCode>);
                Some(Self::Error { request_id, code, temporary: temporary? })
            }
            "refreshed" => Some(Self::Refreshed { token_ttl_ms: flat.token_ttl_ms? }),
            _ => Some(offset.map_or(Self::Other, |offset| Self::Presence { offset })),
        }
    }
}

/// The word of an enumeration; `None` for one that this version does not know.
fn known<'a, T: Deserialize<'a>>(word: &'a str) -> Option<T> {
    let word: value::BorrowedStrDeserializer<'a, value::Error> = value::BorrowedStrDeserializer::new(word);
    T::deserialize(word).ok()
}

#[cfg(test)]
mod tests {
    use crate::model::{
        self, AssetName, AssetState, Change, Denial, Event, Grant, HoldExpired, Lease, PlayerName, RoomName,
        ServerMessage,
    };

    use super::*;

    const LEAN: State<'_> = State { asset: "bot-0-1", units: 5, remaining: 2, revision: 4, held: 3 };

    fn asset() -> AssetName {
        AssetName::parse(LEAN.asset).unwrap()
    }

    fn player() -> PlayerName {
        PlayerName::parse("bot-3").unwrap()
    }

    fn state() -> AssetState {
        AssetState {
            asset: asset(),
            units: 5,
            remaining: 2,
            revision: 4,
            held: 3,
            holders: vec![Grant::plain(player(), 1, 2)],
            terms: None,
            removed: false,
            origin: 0,
        }
    }

    #[test]
    fn every_change_of_an_asset_is_decoded() {
        for (change, fact) in [
            (Change::granted(player(), 5, 1), Fact::Granted { player: "bot-3", units: 5, remaining: 2 }),
            (
                Change::Released { player: player(), reason: EndReason::Expired, next_end: None },
                Fact::Released { player: "bot-3", remaining: 2, reason: EndReason::Expired },
            ),
            (
                Change::Confirmed { player: player(), at: 1, lease: Lease::NONE },
                Fact::Confirmed { player: "bot-3", remaining: 2 },
            ),
            (
                Change::Extended { player: player(), at: 1, lease: Lease::NONE },
                Fact::Extended { player: "bot-3", remaining: 2 },
            ),
            (Change::restocked(5), Fact::Changed { units: 5, remaining: 2 }),
            (Change::Removed, Fact::Removed),
        ] {
            let text = ServerMessage::of_event(9, &Event::of(&state(), 4, 2, change)).unwrap().encode();
            let expected = Frame::Change { offset: 9, asset: "bot-0-1", revision: 4, fact };
            assert_eq!(Frame::decode(&text), Some(expected));
        }
    }

    #[test]
    fn replies_are_decoded() {
        for (granted, answer) in [
            (true, Answer::Granted { revision: 4, already_held: false }),
            (false, Answer::SoldOut { remaining: 0 }),
        ] {
            let text = ServerMessage::Selection {
                request_id: Some(17.into()),
                asset: asset(),
                granted,
                reason: (!granted).then_some(Denial::SoldOut),
                retry_after_ms: None,
                until: None,
                ttl_ms: None,
                remaining: 0,
                revision: 4,
                already_held: false,
            }
            .encode();
            let expected = Frame::Selection { request_id: Some(17), asset: "bot-0-1", answer };
            assert_eq!(Frame::decode(&text), Some(expected));
        }
        for (confirmed, answer) in [(true, Confirmation::Confirmed), (false, Confirmation::TooLate)] {
            let text = ServerMessage::Confirmation {
                request_id: Some(18.into()),
                asset: asset(),
                confirmed,
                reason: (!confirmed).then_some(HoldExpired::HoldExpired),
                already_confirmed: false,
                remaining: 0,
                revision: 5,
                until: None,
                ttl_ms: None,
            }
            .encode();
            let expected = Frame::Confirmation { request_id: Some(18), asset: "bot-0-1", answer };
            assert_eq!(Frame::decode(&text), Some(expected));
        }
        let text = ServerMessage::error(ErrorCode::OutcomeUnknown, "said \"no\"", Some(3.into())).encode();
        let code = Some(ErrorCode::OutcomeUnknown);
        assert_eq!(Frame::decode(&text), Some(Frame::Error { request_id: Some(3), code, temporary: true }));
    }

    #[test]
    fn states_are_decoded_without_their_holders() {
        let (present, names) = (vec![player()], [(player(), "Ann \"B.\"".parse().unwrap())].into());
        let (assets, held) = (vec![state()], vec![]);
        let snapshot =
            ServerMessage::Snapshot { offset: 7, players: 1, present, names, assets, held, part: 1, parts: 2 };
        let expected = Snapshot { offset: 7, assets: vec![LEAN], part: 1, parts: 2 };
        assert_eq!(Frame::decode(&snapshot.encode()), Some(Frame::Snapshot(Box::new(expected))));
    }

    #[test]
    fn a_welcome_is_decoded_with_and_without_state() {
        for (recovered, lean) in [(false, vec![LEAN]), (true, vec![])] {
            let welcome = model::Welcome {
                protocol: model::PROTOCOL.into(),
                room: RoomName::parse("r").unwrap(),
                player: Some(player()),
                session: "s".into(),
                epoch: "e1".into(),
                offset: 12,
                recovered,
                server_time: 1,
                ping_interval_ms: 25_000,
                token_ttl_ms: recovered.then_some(600_000),
                players: 1,
                present: (!recovered).then(Vec::new),
                names: model::DisplayNames::new(),
                assets: (!recovered).then(|| vec![state()]),
                held: (!recovered).then(Vec::new),
            };
            let text = ServerMessage::Welcome(Box::new(welcome)).encode();
            let token_ttl_ms = recovered.then_some(600_000);
            let expected = Welcome {
                epoch: "e1",
                offset: 12,
                recovered,
                ping_interval_ms: 25_000,
                token_ttl_ms,
                assets: lean,
            };
            assert_eq!(Frame::decode(&text), Some(Frame::Welcome(Box::new(expected))));
        }
    }

    #[test]
    fn what_is_not_the_protocol_is_not_decoded() {
        for (text, expected) in [
            ("", None),
            ("x", None),
            ("{}", None),
            (r#"{"type":"selection"}"#, None),
            (r#"{"type":"asset_granted","offset":1,"asset":"a"}"#, None),
            (r#"{"type":"players","offset":3,"players":70}"#, Some(Frame::Presence { offset: 3 })),
            (r#"{"type":"refreshed"}"#, None),
            (
                r#"{"type":"refreshed","request_id":7,"token_ttl_ms":2500}"#,
                Some(Frame::Refreshed { token_ttl_ms: 2500 }),
            ),
            (r#"{"type":"pong","server_time":3}"#, Some(Frame::Other)),
        ] {
            assert_eq!(Frame::decode(text), expected, "{text}");
        }
    }
}
