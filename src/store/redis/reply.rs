use std::{str::FromStr, vec::IntoIter};

use redis::Value;

use super::error;
use crate::{
    model::{AssetName, AssetState, Grant, Lease, Millis, PlayerName, RevisionRow, Units},
    store::{Call, NodeId, Result, StoreError, StoreErrorKind, Verdict},
};

/// A script's answer after the first word.
pub(super) struct ScriptReply(IntoIter<Value>);

/// A script's refusal.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Refusal {
    Unknown,
    NotHeld,
    Conflict(u64),
    Limit,
}

impl ScriptReply {
    /// Parses a script's answer; `refused` turns a refusal into an error.
    pub(super) fn open(value: Value, refused: impl FnOnce(Refusal) -> StoreError) -> Result<Self> {
        let mut reply = Self::list(value)?;
        let refusal = match reply.text()?.as_str() {
            "ok" => return Ok(reply),
            "unknown" => Refusal::Unknown,
            "not_held" => Refusal::NotHeld,
            "conflict" => Refusal::Conflict(u64::try_from(reply.number()?).map_err(|_| odd())?),
            "limit" => Refusal::Limit,
            _ => return Err(odd()),
        };
        Err(refused(refusal))
    }

    fn list(value: Value) -> Result<Self> {
        match value {
            Value::Array(items) => Ok(Self(items.into_iter())),
            _ => Err(odd()),
        }
    }

    /// Parses the rest of a list, item by item.
    pub(super) fn all<T>(mut self, mut read: impl FnMut(&mut Self) -> Result<T>) -> Result<Vec<T>> {
        let mut all = Vec::with_capacity(self.0.len());
        while self.0.len() > 0 {
            all.push(read(&mut self)?);
        }
        Ok(all)
    }

    pub(super) fn flag(&mut self) -> Result<bool> {
        Ok(self.number()? != 0)
    }

    pub(super) fn name<T: FromStr>(&mut self) -> Result<T> {
        self.text()?.parse().map_err(|_| odd())
    }

    /// Parses a record and its first holders.
    pub(super) fn state(&mut self, asset: AssetName) -> Result<AssetState> {
        let record = self.record()?;
        let holders = self.text()?.split_whitespace().map(grant).collect::<Option<_>>().ok_or_else(odd)?;
        let row = record.row(asset);
        Ok(AssetState {
            asset: row.asset,
            units: record.units,
            remaining: row.remaining,
            revision: row.revision,
            held: row.held,
            holders,
            terms: None,
            removed: row.removed,
            origin: row.origin,
        })
    }

    /// Parses a record without holders.
    pub(super) fn row(&mut self, asset: AssetName) -> Result<RevisionRow> {
        Ok(self.record()?.row(asset))
    }

    pub(super) fn grants(&mut self) -> Result<Vec<Grant>> {
        self.inner()?.all(|list| grant(&list.text()?).ok_or_else(odd))
    }

    pub(super) fn verdicts(&mut self) -> Result<Vec<Verdict>> {
        self.inner()?.all(|list| {
            Ok(match list.number()? {
                0 => Verdict::SoldOut,
                held @ ..0 => Verdict::AlreadyHeld { revision: held.unsigned_abs(), until: None },
                granted => Verdict::Granted { revision: granted.unsigned_abs(), lease: Lease::NONE },
            })
        })
    }

    /// Parses the revision of `REVISION/AT`.
    pub(super) fn grant_revision(&mut self) -> Result<u64> {
        let text = self.text()?;
        let (revision, _) = text.split_once('/').ok_or_else(odd)?;
        revision.parse().map_err(|_| odd())
    }

    pub(super) fn inner(&mut self) -> Result<Self> {
        Self::list(self.next()?)
    }

    fn record(&mut self) -> Result<Record> {
        Record::parse(&self.text()?).ok_or_else(odd)
    }

    fn number(&mut self) -> Result<i64> {
        match self.next()? {
            Value::Int(number) => Ok(number),
            _ => Err(odd()),
        }
    }

    pub(super) fn text(&mut self) -> Result<String> {
        match self.next()? {
            Value::BulkString(bytes) => String::from_utf8(bytes).map_err(|_| odd()),
            _ => Err(odd()),
        }
    }

    fn next(&mut self) -> Result<Value> {
        self.0.next().ok_or_else(odd)
    }
}

/// `UNITS CREATED REMAINING REVISION live|removed NODE-SEQ`.
struct Record {
    units: Units,
    remaining: Units,
    revision: u64,
    removed: bool,
    origin: u64,
}

impl Record {
    fn parse(text: &str) -> Option<Self> {
        let mut words = text.split(' ');
        let units = words.next()?.parse().ok()?;
        let _created: Units = words.next()?.parse().ok()?;
        let remaining = words.next()?.parse().ok().filter(|remaining| *remaining <= units)?;
        let revision = words.next()?.parse().ok()?;
        let removed = match words.next()? {
            "live" => false,
            "removed" => true,
            _ => return None,
        };
        let (node, seq) = words.next()?.split_once('-')?;
        let number = |digits| u64::from_str_radix(digits, 16).ok();
        let origin = Call { node: NodeId(number(node)?), seq: number(seq)?, at: 0 }.origin();
        words.next().is_none().then_some(Self { units, remaining, revision, removed, origin })
    }

    fn row(&self, asset: AssetName) -> RevisionRow {
        let Self { units, remaining, revision, removed, origin } = *self;
        let held = if removed { 0 } else { units - remaining };
        RevisionRow { asset, revision, remaining, held, removed, origin }
    }
}

/// `asset/REVISION/AT/player`.
fn grant(member: &str) -> Option<Grant> {
    let mut parts = member.split('/').skip(1);
    let revision: u64 = parts.next()?.parse().ok()?;
    let granted_at: Millis = parts.next()?.parse().ok()?;
    let player = PlayerName::parse(parts.next()?).ok()?;
    Some(Grant::plain(player, granted_at, revision))
}

/// The keys hold data that is not ours. The script may have taken effect.
pub(super) fn odd() -> StoreError {
    error(
        StoreErrorKind::OutcomeUnknown,
        "the server's answer is not one of our scripts'; does something else use these keys?",
    )
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_record_says_what_is_held() {
        let row = Record::parse("5 3 1 9 live 00a0-07").unwrap().row("sword".parse().unwrap());
        assert_eq!((row.remaining, row.held, row.revision, row.removed, row.origin), (1, 4, 9, false, 0xa7));
        let row = Record::parse("5 3 0 10 removed 00a0-07").unwrap().row("sword".parse().unwrap());
        assert_eq!((row.remaining, row.held, row.revision, row.removed), (0, 0, 10, true));
    }

    #[test]
    fn what_is_no_record_is_not_taken_for_one() {
        assert!(Record::parse("1 1 1 0 live 7-1").is_some());
        for odd in [
            "",
            "1 1 1 0",
            "1 1 1 0 live",
            "1 1 2 0 live 7-1",
            "1 1 1 0 dead 7-1",
            "1 1 1 0 live 7",
            "1 1 1 0 live 7-x",
            "1 1 1 0 live 7-1 more",
            "-1 1 0 0 live 7-1",
        ] {
            assert!(Record::parse(odd).is_none(), "{odd}");
        }
    }

    #[test]
    fn a_grant_is_read_back() {
        let read = grant("sword/0000000000000012/1732/ann.b:c-d").unwrap();
        assert_eq!((read.revision, read.granted_at, read.player.as_str()), (12, 1732, "ann.b:c-d"));
        assert!(grant("sword/12").is_none());
    }
}
