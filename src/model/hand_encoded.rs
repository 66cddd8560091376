//! The two messages that are most of the traffic, encoded without serde: the answer to a select, and a grant. Names and
//! request ids need no escapes.

use super::{
    AssetName, Change, Denial, Event, Frame, Millis, Name, RequestId, ServerMessage, Units, frame::append_text,
};

/// A `selection` that was not copied into a [`ServerMessage`].
#[derive(Debug, Clone, Copy)]
#[allow(missing_docs, reason = "the fields are those of ServerMessage::Selection")]
pub struct Selection<'a> {
    pub request_id: Option<&'a RequestId>,
    pub asset: &'a AssetName,
    pub denied: Option<(Denial, Option<Millis>)>,
    pub remaining: Units,
    pub revision: u64,
    pub already_held: bool,
    pub until: Option<Millis>,
    pub ttl_ms: Option<Millis>,
}

impl Selection<'_> {
    /// The same as a message.
    #[must_use]
    pub fn to_message(self) -> ServerMessage {
        let Self { request_id, asset, denied, remaining, revision, already_held, until, ttl_ms } = self;
        ServerMessage::Selection {
            request_id: request_id.cloned(),
            asset: asset.clone(),
            granted: denied.is_none(),
            reason: denied.map(|(reason, _)| reason),
            retry_after_ms: denied.and_then(|(_, retry_after)| retry_after),
            remaining,
            revision,
            already_held,
            until,
            ttl_ms,
        }
    }

    /// Appends the message as one text frame.
    pub fn append_to(self, out: &mut Vec<u8>) {
        append_text(out, |out| {
            let mut object = Object::begin(out, "selection");
            if let Some(request_id) = self.request_id {
                object.raw("request_id", request_id.as_json());
            }
            object.name("asset", self.asset);
            object.flag("granted", self.denied.is_none());
            if let Some((reason, retry_after)) = self.denied {
                object.raw("reason", reason.as_json());
                object.optional_number("retry_after_ms", retry_after);
            }
            object.number("remaining", self.remaining.into());
            object.number("revision", self.revision);
            object.flag("already_held", self.already_held);
            object.optional_number("until", self.until);
            object.optional_number("ttl_ms", self.ttl_ms);
            object.end();
        });
    }
}

/// The room frame for `event`, at `offset` of the room log; `None`: members are not told.
#[must_use]
pub fn event_frame(offset: u64, event: &Event) -> Option<Frame> {
    let Event { asset, revision, remaining, change, .. } = event;
    // An asset with options is announced only once.
    let Change::Granted { player, units, at, lease, options: None } = change else {
        return ServerMessage::of_event(offset, event).as_ref().map(Frame::of);
    };
    let (until, ttl_ms) = lease.shown_from(*at);
    Some(Frame::write(|out| {
        let mut object = Object::begin(out, "asset_granted");
        object.number("offset", offset);
        object.name("asset", asset);
        object.name("player", player);
        object.number("units", (*units).into());
        object.number("remaining", (*remaining).into());
        object.number("revision", *revision);
        object.number("at", *at);
        object.optional_number("until", until);
        object.optional_number("ttl_ms", ttl_ms);
        object.end();
    }))
}

impl Denial {
    fn as_json(self) -> &'static str {
        match self {
            Self::SoldOut => "\"sold_out\"",
            Self::Cooldown => "\"cooldown\"",
            Self::Reserved => "\"reserved\"",
        }
    }
}

/// A JSON object that is being written. The fields' names need no escapes.
struct Object<'a> {
    out: &'a mut Vec<u8>,
    digits: itoa::Buffer,
}

impl<'a> Object<'a> {
    fn begin(out: &'a mut Vec<u8>, kind: &str) -> Self {
        let mut object = Self { out, digits: itoa::Buffer::new() };
        object.text("{\"type\":\"").text(kind).text("\"");
        object
    }

    fn text(&mut self, text: &str) -> &mut Self {
        self.out.extend_from_slice(text.as_bytes());
        self
    }

    /// A value that is JSON.
    fn raw(&mut self, field: &str, json: &str) {
        self.text(",\"").text(field).text("\":").text(json);
    }

    fn name<K>(&mut self, field: &str, name: &Name<K>) {
        self.text(",\"").text(field).text("\":\"").text(name.as_str()).text("\"");
    }

    fn number(&mut self, field: &str, number: u64) {
        self.text(",\"").text(field).text("\":");
        self.out.extend_from_slice(self.digits.format(number).as_bytes());
    }

    fn optional_number(&mut self, field: &str, number: Option<u64>) {
        if let Some(number) = number {
            self.number(field, number);
        }
    }

    fn flag(&mut self, field: &str, flag: bool) {
        self.raw(field, if flag { "true" } else { "false" });
    }

    fn end(mut self) {
        self.text("}");
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;
    use crate::model::{Lease, append_json};

    proptest! {
        #[test]
        fn a_selection_is_what_serde_writes(
            id in proptest::option::of(any::<u64>()),
            asset in "[A-Za-z0-9_.:-]{2,64}z",
            (denied, already_held) in any::<(Option<(u8, Option<u64>)>, bool)>(),
            (remaining, revision) in any::<(Units, u64)>(),
            (until, ttl_ms) in any::<(Option<u64>, Option<u64>)>(),
        ) {
            let reasons = [Denial::SoldOut, Denial::Cooldown, Denial::Reserved];
            let denied = denied.map(|(reason, retry_after)| (reasons[usize::from(reason) % 3], retry_after));
            let asset = asset[1..].parse().unwrap();
            let request_id = id.map(RequestId::from);
            let request_id = request_id.as_ref();
            let asset = &asset;
            let selection =
                Selection { request_id, asset, denied, remaining, revision, already_held, until, ttl_ms };
            let (mut own, mut serde) = (b"before".to_vec(), b"before".to_vec());
            selection.append_to(&mut own);
            append_json(&mut serde, &selection.to_message());
            prop_assert_eq!(own, serde);
        }

        #[test]
        fn a_grant_is_what_serde_writes(
            (asset, player) in ("[A-Za-z0-9_:-]{1,64}", "[A-Za-z0-9_:-]{1,64}"),
            (offset, origin, revision, at) in any::<(u64, u64, u64, u64)>(),
            (units, remaining) in any::<(Units, Units)>(),
            until in any::<Option<u64>>(),
        ) {
            let lease = Lease { until, ..Lease::NONE };
            let change = Change::leased(player.parse().unwrap(), units, at, lease);
            let event = Event { asset: asset.parse().unwrap(), origin, revision, remaining, change };
            prop_assert_eq!(event_frame(offset, &event), ServerMessage::of_event(offset, &event).as_ref().map(Frame::of));
        }
    }
}
