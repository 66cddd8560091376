//! Stores that keep a whole asset, its counter and all its holders, in one document, which is written on the
//! condition that it is unchanged. Such a store is a [`DocumentBackend`], which makes it a
//! [`RecordStore`](super::optimistic::RecordStore).

mod backend;
mod outbox;
#[cfg(test)]
mod tests;

use std::{collections::HashSet, fmt::Display, str::FromStr};

use serde::{Deserialize, Deserializer, Serialize, Serializer, de};

#[cfg(any(test, feature = "momento"))]
pub(super) use self::outbox::in_turn;
#[cfg(any(test, feature = "mongodb"))]
pub(super) use self::outbox::waiting_of;
pub(super) use self::{
    backend::{DocumentBackend, Loaded},
    outbox::delete_events,
};
use super::{
    last_calls::LastCalls,
    optimistic::{Change, Counter, Ending, FIRST, Record, shown},
    outbox::AssetOutbox,
};
use crate::model::{AssetName, AssetState, Grant, Lease, Millis, PlayerName, Terms, Units};

/// An asset. As JSON it takes about 50 bytes per holder, 180 at most, about 80 bytes per waiting event, 250 at most, and a
/// few hundred bytes besides.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(super) struct Document {
    #[serde(with = "Numbers")]
    pub(super) counter: Counter,
    /// Ordered by revision.
    #[serde(default)]
    pub(super) holders: Vec<Holder>,
    #[serde(with = "as_text")]
    pub(super) changes: LastCalls,
    /// The waiting events.
    #[serde(default, skip_serializing_if = "AssetOutbox::is_empty", with = "as_texts")]
    pub(super) events: AssetOutbox,
    /// Whether the room was removed. Then there is no asset, and the document is kept for its events.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub(super) gone: bool,
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
    /// The grant's deadlines, as text.
    #[serde(rename = "l", default, skip_serializing_if = "Lease::is_none", with = "as_text")]
    pub(super) lease: Lease,
}

impl Document {
    /// The document after a change, with at most `backlog` events; `None`: the change has none.
    pub(super) fn after(before: Option<Self>, change: Change, backlog: Option<usize>) -> Self {
        let (mut holders, mut events) =
            before.map_or_else(Default::default, |before| (before.holders, before.events));
        if !change.goes_on() {
            holders.clear();
        }
        holders.retain(|holder| change.struck.iter().all(|struck| holder.revision != struck.revision));
        for leased in &change.leased {
            let holder = holders.iter_mut().find(|holder| holder.revision == leased.revision);
            holder.into_iter().for_each(|holder| holder.lease = leased.lease);
        }
        holders.extend(change.granted.into_iter().map(Holder::from));
        for event in change.events {
            events.push(event, backlog.unwrap_or(usize::MAX));
        }
        Self { counter: change.after, holders, changes: change.changes, events, gone: false }
    }

    /// The document after the room was removed; `None` if no event waits. MongoDB has an update for that.
    #[cfg(any(test, feature = "momento"))]
    pub(super) fn without_asset(self) -> Option<Self> {
        let counter = Counter { remaining: 0, held: 0, removed: true, terms: None, ..self.counter };
        let without = Self { counter, holders: Vec::new(), gone: true, ..self };
        (!without.events.is_empty()).then_some(without)
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
    pub(super) fn record(&self, players: &[PlayerName], at: Millis) -> Record {
        let asked: HashSet<_> = players.iter().collect();
        let theirs = self.holders.iter().filter(|holder| asked.contains(&holder.player));
        let now = self.counter.time_of_change(at);
        let ending = match self.counter.may_end_by(now) {
            true => Ending::of(self.holders.iter().map(Holder::grant), now),
            false => Ending::default(),
        };
        Record {
            counter: self.counter.clone(),
            first: self.page(None, FIRST + ending.due.len()),
            holding: theirs.map(|holder| (holder.player.clone(), holder.grant())).collect(),
            ending,
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
        Grant::leased(self.player.clone(), self.at, self.revision, self.lease)
    }
}

impl From<Grant> for Holder {
    fn from(Grant { player, granted_at: at, revision, lease, .. }: Grant) -> Self {
        Self { player, at, revision, lease }
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
    #[serde(default, skip_serializing_if = "Option::is_none", with = "boxed_as_text")]
    terms: Option<Box<Terms>>,
}

fn as_signed<S: Serializer>(number: &u64, serializer: S) -> Result<S::Ok, S::Error> {
    serializer.serialize_i64(number.cast_signed())
}

fn from_signed<'de, D: Deserializer<'de>>(deserializer: D) -> Result<u64, D::Error> {
    i64::deserialize(deserializer).map(i64::cast_unsigned)
}

/// Values that are serialized as their text.
mod as_text {
    use super::{Deserialize, Deserializer, Display, FromStr, Serializer, de};

    pub(super) fn serialize<T: Display, S: Serializer>(value: &T, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(value)
    }

    pub(super) fn deserialize<'de, T, D>(deserializer: D) -> Result<T, D::Error>
    where
        T: FromStr<Err: Display>,
        D: Deserializer<'de>,
    {
        String::deserialize(deserializer)?.parse().map_err(de::Error::custom)
    }
}

/// Events that are serialized as a list of their texts.
mod as_texts {
    use super::{AssetOutbox, Deserialize, Deserializer, Serializer, de};

    pub(super) fn serialize<S: Serializer>(events: &AssetOutbox, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_seq(events.iter().map(ToString::to_string))
    }

    pub(super) fn deserialize<'de, D: Deserializer<'de>>(deserializer: D) -> Result<AssetOutbox, D::Error> {
        let texts = Vec::<String>::deserialize(deserializer)?;
        texts.iter().map(|text| text.parse()).collect::<Result<_, _>>().map_err(de::Error::custom)
    }
}

mod boxed_as_text {
    use super::{Deserializer, Serializer, Terms, as_text};

    pub(super) fn serialize<S: Serializer>(
        terms: &Option<Box<Terms>>,
        serializer: S,
    ) -> Result<S::Ok, S::Error> {
        match terms {
            Some(terms) => serializer.collect_str(terms),
            None => serializer.serialize_none(),
        }
    }

    pub(super) fn deserialize<'de, D: Deserializer<'de>>(
        deserializer: D,
    ) -> Result<Option<Box<Terms>>, D::Error> {
        as_text::deserialize(deserializer).map(|terms| Some(Box::new(terms)))
    }
}
