//! The format of an asset: `{_id: "ROOM/ASSET", room, counter: {units, remaining, held, revision, origin,
//! creation, created_units, removed}, holders: [{p: PLAYER, t: MILLIS, r: REVISION}], changes: "NODE:SEQ ...",
//! expires_at}`. Names are values and never field names, so a dot or a dollar in them does no harm.
//!
//! While events wait it also has `events: [EVENT]` and `waiting: ROOM`, and no `expires_at`. `edition` counts the writes that
//! are no changes; a document without it has had none. If the room was removed while events waited, `gone` is true.
//!
//! The format of a revocation: `{_id: JSON, room: "/revocations", expires_at}`. Of the lease of a room's events:
//! `{_id: "/lease/ROOM", room: "/leases", lease, expires_at}`. Of an event that was acknowledged:
//! `{_id: "/history/ROOM/ASSET/ORIGIN/REVISION/FIRST/", room: "/history", event, expires_at}`.

use std::fmt;

use ::mongodb::bson::{
    self, Bson, DateTime, Document as Bare, RawBsonRef, RawDocument, RawDocumentBuf, deserialize_from_slice,
    doc, serialize_to_bson, serialize_to_document,
};

use super::error;
use crate::{
    model::{AssetEvent, AssetName, NoEvent, RoomName, one_line},
    store::{
        AssetKey, Result, StoreError, StoreErrorKind,
        document::{Document, Holder},
        optimistic::{Change, Waiting},
        outbox::AssetOutbox,
    },
};

/// The `_id` of an asset. Unique, because names contain no slash.
pub(super) fn id(key: &AssetKey) -> String {
    format!("{}/{}", key.room, key.asset)
}

/// What revocations have for a room. Names contain no slash.
pub(super) const REVOCATIONS: &str = "/revocations";

/// What leases have for a room.
pub(super) const LEASES: &str = "/leases";

/// The `_id` of the lease of a room's events. No asset has it, because names contain no slash.
pub(super) fn lease_id(room: &RoomName) -> String {
    format!("/lease/{room}")
}

/// What events that were acknowledged have for a room.
pub(super) const HISTORY: &str = "/history";

/// How the `_id` of each such event of an asset begins, before the beginning of its text.
pub(super) fn history_of(key: &AssetKey) -> String {
    format!("{HISTORY}/{}/{}/", key.room, key.asset)
}

/// The condition for writing a document.
pub(super) struct Written {
    revision: i64,
    origin: i64,
    edition: Option<i64>,
}

impl Written {
    /// Matches the document if it is unchanged. The server checks the condition again in one step with the
    /// write.
    pub(super) fn filter(&self, id: &str) -> Bare {
        let Self { revision, origin, edition } = *self;
        doc! { "_id": id, "counter.revision": revision, "counter.origin": origin, "edition": edition }
    }
}

/// A complete document.
pub(super) fn whole(
    room: &RoomName,
    id: &str,
    document: Document,
    expires_at: Option<DateTime>,
) -> Result<RawDocumentBuf> {
    let whole = serialize_to_document(&document).and_then(|mut whole| {
        whole.insert("_id", id);
        whole.insert("room", room.as_str());
        if !document.events.is_empty() {
            whole.insert("waiting", room.as_str());
        } else if let Some(at) = expires_at {
            whole.insert("expires_at", at);
        }
        RawDocumentBuf::try_from(whole)
    });
    whole.map_err(unwritable)
}

/// The update that a change makes to an existing document. It contains only the differences, unless it both deletes or
/// changes holders and adds others, or merges events, or adds some before others: one update may touch an array in one way
/// only.
pub(super) fn update(
    room: &RoomName,
    mut before: Document,
    change: Change,
    backlog: Option<usize>,
    expires_at: Option<DateTime>,
) -> Result<Bare> {
    let goes_on = change.goes_on();
    let struck: Vec<_> = change.struck.iter().map(|struck| struck.revision.cast_signed()).collect();
    let granted: Vec<_> = change.granted.iter().cloned().map(Holder::from).collect();
    let is_mixed = !change.leased.is_empty() || !struck.is_empty() && !granted.is_empty();
    if !is_mixed {
        before.holders.clear();
    }
    let (waited, added) = (before.events.iter().count(), change.events.len());
    let is_last = before.events.iter().all(|event| event.origin <= change.after.origin);
    let is_rewritten = added > 0 && (!is_last || backlog.is_some_and(|backlog| waited + added > backlog));
    if !is_rewritten {
        before.events = AssetOutbox::default();
    }
    let after = Document::after(Some(before), change, backlog);
    let new = serialize_to_document(&after).map_err(unwritable)?;
    let field = |name| new.get(name).cloned().unwrap_or(Bson::Null);
    let (mut set, mut push) = (doc! { "counter": field("counter"), "changes": field("changes") }, Bare::new());
    let mut update = expiring(expires_at.filter(|_| waited + added == 0));
    if !goes_on || is_mixed {
        set.insert("holders", field("holders"));
    } else if !struck.is_empty() {
        update.insert("$pull", doc! { "holders": { "r": { "$in": struck } } });
    } else if !granted.is_empty() {
        let each = serialize_to_bson(&granted).map_err(unwritable)?;
        push.insert("holders", doc! { "$each": each });
    }
    if is_rewritten {
        set.insert("events", field("events"));
    } else if added > 0 {
        push.insert("events", doc! { "$each": field("events") });
    }
    if added > 0 {
        set.insert("waiting", room.as_str());
    }
    if !push.is_empty() {
        update.insert("$push", push);
    }
    set.extend(update.remove("$set").and_then(|more| more.as_document().cloned()).unwrap_or_default());
    update.insert("$set", set);
    Ok(update)
}

/// The update of a document of which events were acknowledged. A document without any expires like others.
pub(super) fn put_back(left: &Document, expires_at: Option<DateTime>) -> Result<Bare> {
    let mut update = doc! { "$inc": { "edition": 1_i64 } };
    if left.events.is_empty() {
        update.insert("$unset", doc! { "events": "", "waiting": "" });
        update.extend(expires_at.map(|at| ("$set".to_owned(), doc! { "expires_at": at }.into())));
    } else {
        let new = serialize_to_document(left).map_err(unwritable)?;
        update.insert("$set", doc! { "events": new.get("events").cloned().unwrap_or(Bson::Null) });
    }
    Ok(update)
}

/// The update of a document whose room is removed; see [`Document::without_asset`].
pub(super) fn without_asset() -> Bare {
    let counter = doc! { "counter.removed": true, "counter.remaining": 0_i64, "counter.held": 0_i64 };
    let mut set = doc! { "gone": true, "holders": [] };
    set.extend(counter);
    doc! { "$set": set, "$unset": { "counter.terms": "" }, "$inc": { "edition": 1_i64 } }
}

/// Sets when a document expires, or that it never does.
pub(super) fn expiring(expires_at: Option<DateTime>) -> Bare {
    match expires_at {
        Some(at) => doc! { "$set": { "expires_at": at } },
        None => doc! { "$unset": { "expires_at": "" } },
    }
}

/// A projection that limits the holders and leaves the events out.
pub(super) fn first(holders: usize) -> Bare {
    match i32::try_from(holders) {
        Ok(0) => doc! { "holders": 0, "events": 0 },
        Ok(most) => doc! { "holders": { "$slice": most }, "events": 0 },
        Err(_) => doc! { "events": 0 },
    }
}

/// Reads a document, its expiry, and the condition for writing it.
pub(super) fn read(found: &RawDocument) -> Result<(Document, Option<DateTime>, Written)> {
    let field = |name| found.get(name).map_err(|why| odd(found, &why));
    let (expires_at, edition) = (field("expires_at")?, field("edition")?);
    let document = parsed(found)?;
    let written = Written {
        revision: document.counter.revision.cast_signed(),
        origin: document.counter.origin.cast_signed(),
        edition: edition.and_then(|edition| edition.as_i64()),
    };
    Ok((document, expires_at.and_then(|at| at.as_datetime()), written))
}

/// The text of a lease.
pub(super) fn lease(found: &RawDocument) -> Result<String> {
    found.get_str("lease").map(str::to_owned).map_err(|why| odd(found, &why))
}

/// An event that was acknowledged.
pub(super) fn event(found: &RawDocument) -> Result<AssetEvent> {
    let text = found.get_str("event").map_err(|why| odd(found, &why))?;
    text.parse().map_err(|why: NoEvent| odd(found, &why))
}

/// The name of a room that is grouped by.
pub(super) fn room(found: &RawDocument) -> Result<RoomName> {
    key(found).and_then(|room| room.parse().ok()).ok_or_else(|| odd(found, &"waiting is not a room"))
}

/// Reads the events of a document and the name of its asset.
pub(super) fn waiting(found: &RawDocument) -> Result<Waiting> {
    let events = found.get_array("events").map_err(|why| odd(found, &why))?;
    let event = |text: bson::error::Result<RawBsonRef<'_>>| {
        let text = text.map_err(|why| odd(found, &why))?;
        text.as_str().unwrap_or_default().parse().map_err(|why: NoEvent| odd(found, &why))
    };
    Ok((asset(found)?, events.into_iter().map(event).collect::<Result<_>>()?))
}

/// The JSON of a revocation.
pub(super) fn revocation(found: &RawDocument) -> Result<&str> {
    key(found).ok_or_else(|| odd(found, &"its _id is not a revocation"))
}

/// Reads a document and the name of its asset.
pub(super) fn named(found: &RawDocument) -> Result<(AssetName, Document)> {
    Ok((asset(found)?, parsed(found)?))
}

fn asset(found: &RawDocument) -> Result<AssetName> {
    let asset = key(found).and_then(|key| key.split_once('/')).and_then(|(_, asset)| asset.parse().ok());
    asset.ok_or_else(|| odd(found, &"its _id is not ROOM/ASSET"))
}

fn parsed(found: &RawDocument) -> Result<Document> {
    deserialize_from_slice(found.as_bytes()).map_err(|why| odd(found, &why))
}

/// The error for a document that another program wrote.
fn odd(found: &RawDocument, why: &dyn fmt::Display) -> StoreError {
    let key = key(found).unwrap_or("?");
    let why = why.to_string();
    let why = one_line(&why);
    error(StoreErrorKind::Unavailable, format!("the document {key:?} is not ours: {why}"))
}

fn key(found: &RawDocument) -> Option<&str> {
    found.get("_id").ok().flatten().and_then(|id| id.as_str())
}

pub(super) fn unwritable(why: bson::error::Error) -> StoreError {
    error(StoreErrorKind::Unavailable, "a number is larger than the store can hold").with_source(why)
}

#[cfg(test)]
mod tests {
    use std::collections::HashSet;

    use super::*;
    use crate::model::{Asset, Room, alike};

    #[test]
    fn no_two_documents_share_an_id() {
        let (rooms, assets) = (alike::<Room>(3), alike::<Asset>(3));
        let keys = rooms.iter().flat_map(|room| assets.iter().map(move |asset| AssetKey::new(room, asset)));
        let of_asset = |key: AssetKey| [id(&key), history_of(&key)];
        let ids: HashSet<_> = keys.flat_map(of_asset).chain(rooms.iter().map(lease_id)).collect();
        assert_eq!(ids.len(), 2 * rooms.len() * assets.len() + rooms.len());
    }
}
