//! The format of an asset: `{_id: "ROOM/ASSET", room, counter: {units, remaining, held, revision, origin,
//! creation, created_units, removed}, holders: [{p: PLAYER, t: MILLIS, r: REVISION}], changes: "NODE:SEQ ...",
//! expires_at}`. Names are values and never field names, so a dot or a dollar in them does no harm.
//!
//! The format of a revocation: `{_id: JSON, room: "/revocations", expires_at}`.

use std::fmt;

use ::mongodb::bson::{
    self, Bson, DateTime, Document as Bare, RawDocument, RawDocumentBuf, deserialize_from_slice, doc,
    serialize_to_bson, serialize_to_document,
};

use super::error;
use crate::{
    model::{AssetName, RoomName, one_line},
    store::{
        AssetKey, Result, StoreError, StoreErrorKind,
        document::{Document, Holder},
        optimistic::{Change, Counter},
    },
};

/// The `_id` of an asset. Unique, because names contain no slash.
pub(super) fn id(key: &AssetKey) -> String {
    format!("{}/{}", key.room, key.asset)
}

/// What revocations have for a room. Names contain no slash.
pub(super) const REVOCATIONS: &str = "/revocations";

/// The condition for writing a document.
pub(super) struct Written {
    revision: i64,
    origin: i64,
}

impl Written {
    pub(super) fn of(counter: &Counter) -> Self {
        Self { revision: counter.revision.cast_signed(), origin: counter.origin.cast_signed() }
    }

    /// Matches the document if it is unchanged. The server checks the condition again in one step with the
    /// write.
    pub(super) fn filter(&self, id: &str) -> Bare {
        doc! { "_id": id, "counter.revision": self.revision, "counter.origin": self.origin }
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
        if let Some(at) = expires_at {
            whole.insert("expires_at", at);
        }
        RawDocumentBuf::try_from(whole)
    });
    whole.map_err(unwritable)
}

/// The update that a change makes to an existing document. It contains only the differences, unless it both deletes or
/// changes holders and adds others: one update may touch an array in one way only.
pub(super) fn update(before: Document, change: Change, expires_at: Option<DateTime>) -> Result<Bare> {
    let goes_on = change.goes_on();
    let struck: Vec<_> = change.struck.iter().map(|struck| struck.revision.cast_signed()).collect();
    let granted: Vec<_> = change.granted.iter().cloned().map(Holder::from).collect();
    let is_mixed = !change.leased.is_empty() || !struck.is_empty() && !granted.is_empty();
    let after = Document::after(Some(before).filter(|_| is_mixed), change);
    let new = serialize_to_document(&after).map_err(unwritable)?;
    let field = |name| new.get(name).cloned().unwrap_or(Bson::Null);
    let mut set = doc! { "counter": field("counter"), "changes": field("changes") };
    let mut update = expiring(expires_at);
    if !goes_on || is_mixed {
        set.insert("holders", field("holders"));
    } else if !struck.is_empty() {
        update.insert("$pull", doc! { "holders": { "r": { "$in": struck } } });
    } else if !granted.is_empty() {
        let each = serialize_to_bson(&granted).map_err(unwritable)?;
        update.insert("$push", doc! { "holders": { "$each": each } });
    }
    set.extend(update.remove("$set").and_then(|more| more.as_document().cloned()).unwrap_or_default());
    update.insert("$set", set);
    Ok(update)
}

/// Sets when a document expires, or that it never does.
pub(super) fn expiring(expires_at: Option<DateTime>) -> Bare {
    match expires_at {
        Some(at) => doc! { "$set": { "expires_at": at } },
        None => doc! { "$unset": { "expires_at": "" } },
    }
}

/// A projection that limits the holders.
pub(super) fn first(holders: usize) -> Bare {
    match i32::try_from(holders) {
        Ok(0) => doc! { "holders": 0 },
        Ok(most) => doc! { "holders": { "$slice": most } },
        Err(_) => Bare::new(),
    }
}

/// Reads a document and its expiry.
pub(super) fn read(found: &RawDocument) -> Result<(Document, Option<DateTime>)> {
    let expires_at = found.get("expires_at").map_err(|why| odd(found, &why))?;
    Ok((parsed(found)?, expires_at.and_then(|at| at.as_datetime())))
}

/// The JSON of a revocation.
pub(super) fn revocation(found: &RawDocument) -> Result<&str> {
    key(found).ok_or_else(|| odd(found, &"its _id is not a revocation"))
}

/// Reads a document and the name of its asset.
pub(super) fn named(found: &RawDocument) -> Result<(AssetName, Document)> {
    let asset = key(found).and_then(|key| key.split_once('/')).and_then(|(_, asset)| asset.parse().ok());
    Ok((asset.ok_or_else(|| odd(found, &"its _id is not ROOM/ASSET"))?, parsed(found)?))
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

fn unwritable(why: bson::error::Error) -> StoreError {
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
        let ids: HashSet<_> = keys.map(|key| id(&key)).collect();
        assert_eq!(ids.len(), rooms.len() * assets.len());
    }
}
