//! Stores that keep a whole asset, its counter and all its holders, in one document, which is written on the
//! condition that it is unchanged. Such a store is a [`DocumentBackend`], which makes it a
//! [`RecordStore`](super::optimistic::RecordStore).

mod backend;
#[cfg(test)]
mod tests;

use std::collections::HashSet;

use serde::{Deserialize, Deserializer, Serialize, Serializer, de};

pub(super) use self::backend::{DocumentBackend, Loaded};
use super::{
    last_calls::LastCalls,
    optimistic::{Change, Counter, FIRST, Record, shown},
};
use crate::model::{AssetName, AssetState, Grant, Millis, PlayerName, Units};

/// An asset. As JSON it takes about 50 bytes per holder, 180 at most, and a few hundred bytes besides.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(super) struct Document {
    #[serde(with = "Numbers")]
    pub(super) counter: Counter,
    /// Ordered by revision.
    #[serde(default)]
    pub(super) holders: Vec<Holder>,
    #[serde(serialize_with = "as_text", deserialize_with = "from_text")]
    pub(super) changes: LastCalls,
}

/// One holder. The field names are short because there are many holders.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(super) struct Holder {
    #[serde(rename = "p")]
    pub(super) player: PlayerName,
    /// When the unit was granted.
    #[serde(rename = "t")]
    pub(super) at: Millis,
    /// The grant's revision.
    #[serde(rename = "r")]
    pub(super) revision: u64,
}

impl Document {
    /// The document after a change.
    pub(super) fn after(before: Option<Self>, change: Change) -> Self {
        let mut holders = before.filter(|_| change.goes_on()).map_or_else(Vec::new, |before| before.holders);
        if let Some(struck) = change.struck {
            holders.retain(|holder| holder.revision != struck.revision);
        }
        holders.extend(change.granted.into_iter().map(Holder::from));
        Self { counter: change.after, holders, changes: change.changes }
    }

    /// Validates the document, which contains only the first `most` holders.
    ///
    /// # Errors
    /// What is inconsistent: another program wrote the document.
    pub(super) fn sound(self, most: usize) -> Result<Self, &'static str> {
        let Counter { units, remaining, held, revision, creation, removed, .. } = self.counter;
        let newest = self.holders.last().map_or(creation, |holder| holder.revision);
        let oldest = self.holders.first().map_or(revision, |holder| holder.revision);
        if removed && (remaining, held) != (0, 0) {
            Err("it is removed, and yet there are units or holders")
        } else if !removed && units.checked_sub(held) != Some(remaining) {
            Err("what remains is not what there is without what is held")
        } else if self.holders.len() != most.min(held as usize) {
            Err("there are more or fewer holders than it counts")
        } else if !self.holders.is_sorted_by(|a, b| a.revision < b.revision) {
            Err("its holders are not in the order of their revisions")
        } else if creation > revision || newest > revision || oldest < creation {
            Err("a holder is newer or older than it")
        } else {
            Ok(self)
        }
    }

    /// The record to decide on for these `players`.
    pub(super) fn record(&self, players: &[PlayerName]) -> Record {
        let asked: HashSet<_> = players.iter().collect();
        let theirs = self.holders.iter().filter(|holder| asked.contains(&holder.player));
        Record {
            counter: self.counter.clone(),
            first: self.page(None, FIRST),
            holding: theirs.map(|holder| (holder.player.clone(), holder.revision)).collect(),
            changes: self.changes.clone(),
        }
    }

    pub(super) fn state(&self, asset: &AssetName) -> AssetState {
        shown(&self.counter, asset, &self.page(None, FIRST))
    }

    /// At most `limit` holders whose grant is newer than a revision, ordered by revision.
    pub(super) fn page(&self, after_revision: Option<u64>, limit: usize) -> Vec<Grant> {
        let older = |holder: &Holder| after_revision.is_some_and(|revision| holder.revision <= revision);
        let begin = self.holders.partition_point(older);
        self.holders[begin..].iter().take(limit).map(Holder::grant).collect()
    }

    /// The revision of a player's grant.
    pub(super) fn held_by(&self, player: &PlayerName) -> Option<u64> {
        self.holders.iter().find(|holder| holder.player == *player).map(|holder| holder.revision)
    }
}

impl Holder {
    fn grant(&self) -> Grant {
        Grant { player: self.player.clone(), granted_at: self.at, revision: self.revision }
    }
}

impl From<Grant> for Holder {
    fn from(Grant { player, granted_at: at, revision }: Grant) -> Self {
        Self { player, at, revision }
    }
}

/// The serialized fields of a counter.
#[derive(Serialize, Deserialize)]
#[serde(remote = "Counter")]
struct Numbers {
    units: Units,
    remaining: Units,
    held: Units,
    revision: u64,
    /// Serialized as signed, because some stores only have signed integers.
    #[serde(serialize_with = "as_signed", deserialize_with = "from_signed")]
    origin: u64,
    creation: u64,
    created_units: Units,
    removed: bool,
}

fn as_signed<S: Serializer>(number: &u64, serializer: S) -> Result<S::Ok, S::Error> {
    serializer.serialize_i64(number.cast_signed())
}

fn from_signed<'de, D: Deserializer<'de>>(deserializer: D) -> Result<u64, D::Error> {
    i64::deserialize(deserializer).map(i64::cast_unsigned)
}

fn as_text<S: Serializer>(changes: &LastCalls, serializer: S) -> Result<S::Ok, S::Error> {
    serializer.collect_str(changes)
}

fn from_text<'de, D: Deserializer<'de>>(deserializer: D) -> Result<LastCalls, D::Error> {
    String::deserialize(deserializer)?.parse().map_err(de::Error::custom)
}
