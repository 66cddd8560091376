//! The attributes of assets and holders, and conversions from and to their values.

use std::collections::HashMap;

use aws_sdk_dynamodb::types::AttributeValue;

use super::error;
use crate::{
    model::{AssetName, Grant, Lease, PlayerName, RoomName},
    store::{AssetKey, Result, StoreErrorKind, last_calls::LastCalls, optimistic::Counter},
};

/// The table's partition key: a room for its assets, an incarnation for its holders, or a key that begins with `/`.
pub(super) const PK: &str = "pk";
/// The table's sort key: an asset, a player, an incarnation, an event, a revocation or a room.
pub(super) const SK: &str = "sk";
/// The revision of a holder's grant. The index [`BY_GRANT`] sorts an incarnation's holders by it; no other
/// items have it.
pub(super) const GRANTED: &str = "granted";
pub(super) const BY_GRANT: &str = "by_grant";
pub(super) const AT: &str = "at";
/// Unix seconds after which the service may delete the item.
pub(super) const EXPIRES_AT: &str = "expires_at";
pub(super) const REVISION: &str = "revision";
pub(super) const ORIGIN: &str = "origin";
pub(super) const CREATION: &str = "creation";
/// Set if holders of this incarnation have, or had, items of their own.
pub(super) const SPILLED: &str = "spilled";
/// Unix seconds until which none of those items expires.
pub(super) const COVERED_UNTIL: &str = "covered_until";
pub(super) const REMAINING: &str = "remaining";
pub(super) const HELD: &str = "held";
pub(super) const REMOVED: &str = "removed";
const UNITS: &str = "units";
const CREATED_UNITS: &str = "created_units";
/// The deadlines of a holder's grant, or who has taken the events of a room.
pub(super) const LEASE: &str = "lease";
const TERMS: &str = "terms";
const HOLDERS: &str = "holders";
const CHANGES: &str = "changes";

/// The partition key of the incarnations that ended and may still have holders' items. Room names contain no
/// `/`.
pub(super) const ENDED: &str = "/ended";

/// The partition key of the revocations. Room names contain no `/`.
pub(super) const REVOCATIONS: &str = "/revocations";

/// The key of the item that a ping writes. Room names contain no `/`.
pub(super) const PROBE: &str = "/probe";

pub(super) type Item = HashMap<String, AttributeValue>;

/// An asset's item.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Row {
    pub(super) counter: Counter,
    /// The first holders by revision, up to some number. Later ones have items of their own.
    pub(super) inline: Vec<Grant>,
    pub(super) changes: LastCalls,
    pub(super) spilled: bool,
    pub(super) covered_until: Option<u64>,
    pub(super) expires_at: Option<u64>,
}

impl AssetKey {
    pub(super) fn primary_key(&self) -> Item {
        key(self.room.as_str(), self.asset.as_str())
    }

    /// The partition key of the holders of `counter`'s incarnation. A later incarnation of the same name has
    /// another key, so leftovers of this one never count.
    pub(super) fn life(&self, counter: &Counter) -> String {
        life(&self.room, &self.asset, counter.origin, counter.creation)
    }
}

pub(super) fn life(room: &RoomName, asset: &AssetName, origin: u64, creation: u64) -> String {
    format!("{room}/{asset}/{origin:016x}.{creation:x}")
}

impl Row {
    pub(super) fn parse(item: &Item) -> Result<Self> {
        let fields = Fields(item);
        let removed = fields.is(REMOVED);
        Ok(Self {
            counter: Counter {
                units: fields.number(UNITS)?,
                remaining: fields.number(REMAINING)?,
                held: fields.number(HELD)?,
                revision: fields.number(REVISION)?,
                origin: fields.number(ORIGIN)?,
                creation: fields.number(CREATION)?,
                created_units: fields.number(CREATED_UNITS)?,
                removed,
                terms: fields.optional(TERMS)?.map(Box::new),
            },
            // Earlier versions could leave holders in a tombstone.
            inline: if removed { Vec::new() } else { fields.holders()? },
            changes: fields.text(CHANGES)?.parse().map_err(|_| fields.odd(CHANGES))?,
            spilled: fields.is(SPILLED),
            covered_until: fields.optional_number(COVERED_UNTIL)?,
            expires_at: fields.optional_number(EXPIRES_AT)?,
        })
    }

    pub(super) fn item(&self, asset_key: &AssetKey) -> Item {
        let Counter { units, remaining, held, revision, origin, creation, created_units, removed, ref terms } =
            self.counter;
        let mut item = asset_key.primary_key();
        let mut put = |name: &str, value| item.insert(name.to_owned(), value);
        put(UNITS, n(units));
        put(REMAINING, n(remaining));
        put(HELD, n(held));
        put(REVISION, n(revision));
        put(ORIGIN, n(origin));
        put(CREATION, n(creation));
        put(CREATED_UNITS, n(created_units));
        put(CHANGES, s(self.changes.to_string()));
        if !self.inline.is_empty() {
            put(HOLDERS, s(written(&self.inline)));
        }
        if let Some(terms) = terms {
            put(TERMS, s(terms.to_string()));
        }
        for (name, value) in [(COVERED_UNTIL, self.covered_until), (EXPIRES_AT, self.expires_at)] {
            if let Some(seconds) = value {
                put(name, n(seconds));
            }
        }
        for (name, value) in [(REMOVED, removed), (SPILLED, self.spilled)] {
            if value {
                put(name, AttributeValue::Bool(true));
            }
        }
        item
    }

    /// Whether the item has expired, although the service may not have deleted it yet.
    pub(super) fn is_over(&self, now: u64) -> bool {
        self.expires_at.is_some_and(|expires_at| expires_at <= now)
    }

    /// Whether all holders are inline.
    pub(super) fn is_whole(&self) -> bool {
        self.inline.len() >= self.counter.held as usize
    }
}

/// Reads an item's attributes. Errors name the invalid attribute.
pub(super) struct Fields<'a>(pub(super) &'a Item);

impl Fields<'_> {
    pub(super) fn text(&self, name: &str) -> Result<&str> {
        let text = self.0.get(name).and_then(|value| value.as_s().ok());
        text.map(String::as_str).ok_or_else(|| self.odd(name))
    }

    pub(super) fn parsed<T: std::str::FromStr>(&self, name: &str) -> Result<T> {
        self.text(name)?.parse().map_err(|_| self.odd(name))
    }

    /// Parses an attribute that may be absent.
    fn optional<T: std::str::FromStr>(&self, name: &str) -> Result<Option<T>> {
        self.0.contains_key(name).then(|| self.parsed(name)).transpose()
    }

    pub(super) fn number<T: std::str::FromStr>(&self, name: &str) -> Result<T> {
        self.optional_number(name)?.ok_or_else(|| self.odd(name))
    }

    pub(super) fn optional_number<T: std::str::FromStr>(&self, name: &str) -> Result<Option<T>> {
        let Some(value) = self.0.get(name) else { return Ok(None) };
        let number = value.as_n().ok().and_then(|number| number.parse().ok());
        number.map(Some).ok_or_else(|| self.odd(name))
    }

    pub(super) fn is(&self, name: &str) -> bool {
        self.0.get(name).and_then(|value| value.as_bool().ok()).is_some_and(|value| *value)
    }

    /// Reads a holder, from its item or from the index.
    pub(super) fn grant(&self) -> Result<Grant> {
        let lease = self.optional(LEASE)?.unwrap_or_default();
        Ok(Grant::leased(self.parsed(SK)?, self.number(AT)?, self.number(GRANTED)?, lease))
    }

    fn holders(&self) -> Result<Vec<Grant>> {
        if !self.0.contains_key(HOLDERS) {
            return Ok(Vec::new());
        }
        let text = self.text(HOLDERS)?;
        text.split_ascii_whitespace().map(|one| holder(one).ok_or_else(|| self.odd(HOLDERS))).collect()
    }

    pub(super) fn odd(&self, name: &str) -> crate::store::StoreError {
        let key = |name| self.0.get(name).and_then(|value| value.as_s().ok()).map_or("?", String::as_str);
        let message = format!("the item {} {} has an odd {name}: was it written by others?", key(PK), key(SK));
        error(StoreErrorKind::Unavailable, message)
    }
}

/// Formats holders as `PLAYER/REVISION/AT`, separated by spaces. A grant with deadlines goes on with `/LEASE`.
fn written(holders: &[Grant]) -> String {
    let one = |Grant { player, revision, granted_at, lease, .. }: &Grant| match lease.is_none() {
        true => format!("{player}/{revision}/{granted_at}"),
        false => format!("{player}/{revision}/{granted_at}/{lease}"),
    };
    holders.iter().map(one).collect::<Vec<_>>().join(" ")
}

fn holder(text: &str) -> Option<Grant> {
    let mut parts = text.splitn(4, '/');
    let player: PlayerName = parts.next()?.parse().ok()?;
    let (revision, granted_at) = (parts.next()?.parse().ok()?, parts.next()?.parse().ok()?);
    let lease = parts.next().map_or(Ok(Lease::NONE), str::parse).ok()?;
    Some(Grant::leased(player, granted_at, revision, lease))
}

pub(super) fn key(pk: &str, sk: &str) -> Item {
    HashMap::from([(PK.to_owned(), s(pk)), (SK.to_owned(), s(sk))])
}

pub(super) fn s(text: impl Into<String>) -> AttributeValue {
    AttributeValue::S(text.into())
}

pub(super) fn n(number: impl ToString) -> AttributeValue {
    AttributeValue::N(number.to_string())
}

#[cfg(test)]
mod tests {
    use std::collections::HashSet;

    use super::{
        super::{marks::WAITING, outbox::partition},
        *,
    };
    use crate::model::{
        Asset, AssetOptions, EndReason, Ended, Player, Room, Terms, alike,
        limits::{ENDS_KEPT_IN_COOLDOWN, LEASE_MS, RESERVED_PLAYERS},
    };

    fn row() -> Row {
        let counter = Counter {
            units: u32::MAX,
            remaining: 1,
            held: 2,
            revision: u64::MAX,
            origin: u64::MAX,
            creation: 3,
            created_units: 4,
            removed: false,
            terms: Terms::of_new(&AssetOptions { hold_ms: Some(1), ..AssetOptions::NONE }, 2),
        };
        let lease = Lease { until: Some(7), present_until: Some(8), is_hold: true };
        let grant = |player: &str, revision, lease| Grant::leased(player.parse().unwrap(), 9, revision, lease);
        Row {
            counter,
            inline: vec![grant("ann:-_.", 1, lease), grant("B", u64::MAX, Lease::NONE)],
            changes: "1:2".parse().unwrap(),
            spilled: true,
            covered_until: Some(1),
            expires_at: Some(2),
        }
    }

    #[test]
    fn a_tombstone_that_lists_holders_has_none() {
        let mut left = row();
        left.counter.removed = true;
        let key = AssetKey::new(&"arena".parse().unwrap(), &"sword".parse().unwrap());
        let read = Row::parse(&left.item(&key)).unwrap();
        assert_eq!(read, Row { inline: Vec::new(), ..left });
    }

    #[test]
    fn no_two_items_share_a_key() {
        let revocation = (REVOCATIONS.to_owned(), String::new());
        let mut keys = HashSet::from([(PROBE.to_owned(), PROBE.to_owned()), revocation]);
        for room in alike::<Room>(3) {
            assert!(keys.insert((WAITING.to_owned(), room.to_string())), "the mark of {room}");
            assert!(keys.insert((partition(&room), "/lease".to_owned())), "the lease of {room}");
            for asset in alike::<Asset>(3) {
                assert!(keys.insert((room.to_string(), asset.to_string())), "the asset {room} {asset}");
                assert!(keys.insert((partition(&room), format!("{asset}/"))), "its events, {room} {asset}");
                for (origin, creation) in [(0, 0), (0, 16), (1, 0)] {
                    let life = life(&room, &asset, origin, creation);
                    assert!(keys.insert((ENDED.to_owned(), life.clone())), "its end, {life}");
                    assert!(keys.insert((life.clone(), asset.to_string())), "a holder of {life}");
                }
            }
        }
        // The longest keys that the service takes have 2048 and 1024 bytes.
        let longest = "x".repeat(64);
        let life = life(&longest.parse().unwrap(), &longest.parse().unwrap(), u64::MAX, u64::MAX);
        assert!(life.len() <= 1024, "{life}");
    }

    /// An item has at most 400 KB, and `?inline=` is at most 1000. Times have 13 digits until the year 2286.
    #[test]
    fn the_longest_names_fit_into_an_item() {
        let player = |n: usize| format!("{n:~>128}").parse::<PlayerName>().unwrap();
        let (at, number) = (9_999_999_999_999, u32::MAX);
        let lease = Lease { until: Some(at), present_until: Some(at), is_hold: true };
        let mut full = row();
        full.inline = (0..1000).map(|n| Grant::plain(player(n), u64::MAX, u64::MAX)).collect();
        full.counter.terms = None;
        let size = |row: &Row| size(&row.item(&AssetKey::new(&"r".parse().unwrap(), &"a".parse().unwrap())));
        assert!((150_000..180_000).contains(&size(&full)), "{} bytes", size(&full));

        full.inline = (0..1000).map(|n| Grant::leased(player(n), at, number.into(), lease)).collect();
        let reserved_for = (0..RESERVED_PLAYERS).map(player).collect();
        let options = AssetOptions {
            hold_ms: Some(LEASE_MS),
            for_ms: Some(LEASE_MS),
            reserved_for,
            ..AssetOptions::NONE
        };
        let mut terms = Terms::of_new(&options, at).unwrap();
        let end = |n| Ended {
            player: player(n),
            grant: number.into(),
            granted_at: at,
            revision: number.into(),
            remaining: number,
            at,
            reason: EndReason::Left,
        };
        terms.ends = (0..ENDS_KEPT_IN_COOLDOWN).map(end).collect();
        full.counter.terms = Some(terms);
        assert!((390_000..400 * 1024).contains(&size(&full)), "{} bytes", size(&full));
    }

    /// The bytes of all names and values, as the service counts them, but for numbers, which it counts as fewer.
    fn size(item: &Item) -> usize {
        let value = |value: &AttributeValue| match value {
            AttributeValue::S(text) | AttributeValue::N(text) => text.len(),
            _ => 1,
        };
        item.iter().map(|(name, attribute)| name.len() + value(attribute)).sum()
    }

    #[test]
    fn a_holder_is_read_back_whatever_its_name() {
        for player in alike::<Player>(2) {
            for until in [None, Some(11)] {
                let lease = Lease { until, ..Lease::NONE };
                let grant = Grant::leased(player.clone(), 9, 7, lease);
                assert_eq!(holder(&written(std::slice::from_ref(&grant))), Some(grant));
            }
        }
    }

    #[test]
    fn an_item_says_what_the_row_is() {
        let asset_key = AssetKey { room: "lobby".parse().unwrap(), asset: "sword".parse().unwrap() };
        let full = row();
        let counter = Counter { removed: false, terms: None, ..full.counter.clone() };
        let bare = Row {
            counter,
            inline: Vec::new(),
            changes: "".parse().unwrap(),
            spilled: false,
            covered_until: None,
            expires_at: None,
        };
        for row in [full, bare] {
            assert_eq!(Row::parse(&row.item(&asset_key)).unwrap(), row);
        }
        assert_eq!(asset_key.life(&row().counter), "lobby/sword/ffffffffffffffff.3");
    }

    #[test]
    fn what_others_wrote_is_named() {
        let good = row().item(&AssetKey { room: "lobby".parse().unwrap(), asset: "sword".parse().unwrap() });
        for (name, value) in [
            (UNITS, s("4")),
            (UNITS, n(-1)),
            (HELD, n(u64::MAX)),
            (HOLDERS, s("ann/1")),
            (HOLDERS, s("a b/1/1")),
            (HOLDERS, s("ann/1/1/x")),
            (HOLDERS, n(1)),
            (TERMS, s("x")),
            (CHANGES, s("x")),
            (EXPIRES_AT, s("soon")),
        ] {
            let mut item = good.clone();
            item.insert(name.to_owned(), value);
            let said = Row::parse(&item).expect_err(name).to_string();
            assert!(said.contains(name) && said.contains("lobby sword"), "{said}");
        }
        assert!(Row::parse(&Item::new()).is_err());
    }
}
