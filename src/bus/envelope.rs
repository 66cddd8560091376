//! The wire format of messages: `{"from":"5f0c...","message":{...}}`.

use serde::{Deserialize, Serialize};

use super::BusMessage;

/// Maximum size of an envelope in bytes. The longest heartbeat has 256 names of 128 characters, each with a display name
/// of 256 bytes, and takes nearly all of it; the longest event takes 400 bytes.
pub(super) const ENVELOPE_BYTES: usize = 144 * 1024;

/// Identifies a node on a bus. Random, and new whenever a bus is opened.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(transparent)]
pub(super) struct SenderId(String);

#[derive(Serialize)]
struct Sent<'a> {
    from: &'a SenderId,
    message: &'a BusMessage,
}

#[derive(Deserialize)]
struct Received {
    from: SenderId,
    message: BusMessage,
}

impl SenderId {
    pub(super) fn random() -> Self {
        Self(format!("{:016x}", fastrand::u64(..)))
    }

    /// Serializes a message; `None` if it is too long.
    pub(super) fn write(&self, message: &BusMessage) -> Option<Vec<u8>> {
        let envelope = serde_json::to_vec(&Sent { from: self, message }).ok();
        envelope.filter(|envelope| envelope.len() <= ENVELOPE_BYTES)
    }

    /// Parses an envelope; `None` if this node sent it.
    ///
    /// # Errors
    /// The bytes are no envelope.
    pub(super) fn read(&self, envelope: &[u8]) -> Result<Option<BusMessage>, String> {
        if envelope.len() > ENVELOPE_BYTES {
            return Err(format!("{} bytes are more than {ENVELOPE_BYTES}", envelope.len()));
        }
        let Received { from, message } = serde_json::from_slice(envelope).map_err(|error| error.to_string())?;
        Ok((from != *self).then_some(message))
    }
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use super::*;
    use crate::{
        bus::{GivenName, GivenNames, Heartbeat, Players},
        model::{AssetName, Change, Event, PlayerName, limits::HEARTBEAT_NAMES},
    };

    fn longest_event() -> BusMessage {
        let (asset, player) = ("a".repeat(64), "|".repeat(128));
        let change = Change::granted(PlayerName::parse(&player).unwrap(), u32::MAX, u64::MAX);
        let asset = AssetName::parse(&asset).unwrap();
        BusMessage::Event(Event { asset, origin: u64::MAX, revision: u64::MAX, remaining: u32::MAX, change })
    }

    fn longest_heartbeat() -> BusMessage {
        let players = || (0..HEARTBEAT_NAMES).map(|n| PlayerName::parse(&format!("{n:=>128}")).unwrap());
        let given = GivenName { at: u64::MAX, name: "🗡".repeat(64).parse().unwrap() };
        BusMessage::Heartbeat(Heartbeat {
            node: u64::MAX,
            number: u64::MAX,
            players: Players::Names(players().collect()),
            names: players().map(|player| (player, given.clone())).collect(),
        })
    }

    fn heartbeat(names: GivenNames) -> Heartbeat {
        let players = Players::Names(BTreeSet::from(["ann".parse().unwrap(), "bob".parse().unwrap()]));
        Heartbeat { node: 1, number: 2, players, names }
    }

    /// The bytes are those of the version before display names.
    #[test]
    fn nodes_without_display_names_are_heard() {
        let sent = br#"{"from":"00000000000000aa","message":{"heartbeat":{"node":1,"number":2,"players":{"names":["ann","bob"]}}}}"#;
        let expected = BusMessage::Heartbeat(heartbeat(GivenNames::new()));
        assert_eq!(SenderId::random().read(sent), Ok(Some(expected.clone())));
        assert_eq!(
            SenderId("00000000000000aa".to_owned()).write(&expected).unwrap(),
            sent,
            "and nothing is added"
        );
    }

    /// The types are those of the version before display names.
    #[test]
    fn nodes_without_display_names_hear_who_is_there() {
        #[derive(Deserialize)]
        struct Received {
            from: String,
            message: Message,
        }
        #[derive(Deserialize)]
        #[serde(rename_all = "snake_case")]
        enum Message {
            Heartbeat(Heartbeat),
        }
        #[derive(Deserialize)]
        struct Heartbeat {
            node: u64,
            number: u64,
            players: Players,
        }
        let given = GivenName { at: 7, name: "Ann \"A\" B.".parse().unwrap() };
        let sent = heartbeat(GivenNames::from([("ann".parse().unwrap(), given)]));
        let sent = SenderId("aa".to_owned()).write(&BusMessage::Heartbeat(sent)).unwrap();
        let Received { from, message: Message::Heartbeat(heard) } = serde_json::from_slice(&sent).unwrap();
        assert_eq!((from.as_str(), heard.node, heard.number), ("aa", 1, 2));
        assert_eq!(heard.players.names().len(), 2);
    }

    #[test]
    fn others_are_read_and_own_ones_are_known() {
        let (ann, bob) = (SenderId::random(), SenderId::random());
        for message in [longest_event(), longest_heartbeat(), BusMessage::RoomRemoved, BusMessage::WhoIsHere] {
            let envelope = ann.write(&message).unwrap();
            assert_eq!(bob.read(&envelope), Ok(Some(message)));
            assert_eq!(ann.read(&envelope), Ok(None));
        }
    }

    #[test]
    fn what_is_no_letter_is_refused() {
        let ann = SenderId::random();
        let long =
            [b"{\"from\":\"x\",\"message\":\"room_removed\"}".to_vec(), vec![b' '; ENVELOPE_BYTES]].concat();
        for text in [&b""[..], b"{}", b"\xff", b"{\"from\":\"x\",\"message\":\"unheard_of\"}", &long] {
            assert!(ann.read(text).is_err(), "{}", String::from_utf8_lossy(text));
        }
    }
}
