use std::{str::FromStr, vec::IntoIter};

use redis::Value;

use super::error;
use crate::{
    model::{AssetEvent, AssetName, AssetState, Grant, Lease, Millis, PlayerName, RevisionRow, Terms, Units},
    store::{Result, StoreError, StoreErrorKind, Verdict},
};

/// A script's answer after the first word.
pub(super) struct ScriptReply(IntoIter<Value>);

/// A script's refusal.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Refusal {
    Unknown,
    NotHeld,
    /// With a number, and the terms of the asset if that matters.
    Conflict(u64, Option<Box<Terms>>),
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
            "conflict" => {
                let number = u64::try_from(reply.number()?).map_err(|_| odd())?;
                let terms = (reply.0.len() > 0).then(|| reply.parsed().map(Box::new)).transpose()?;
                Refusal::Conflict(number, terms)
            }
            "limit" => Refusal::Limit,
            _ => return Err(odd()),
        };
        Err(refused(refusal))
    }

    pub(super) fn list(value: Value) -> Result<Self> {
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

    pub(super) fn parsed<T: FromStr>(&mut self) -> Result<T> {
        self.text()?.parse().map_err(|_| odd())
    }

    /// Parses a record and its first holders.
    pub(super) fn state(&mut self, asset: AssetName) -> Result<AssetState> {
        let record = self.record()?;
        let holders = self.text()?.split_whitespace().map(grant).collect::<Option<_>>().ok_or_else(odd)?;
        let RevisionRow { asset, revision, remaining, held, removed, origin } = record.row(asset);
        let Record { units, terms, .. } = record;
        Ok(AssetState { asset, units, remaining, revision, held, holders, terms, removed, origin })
    }

    /// Parses a record without holders.
    pub(super) fn row(&mut self, asset: AssetName) -> Result<RevisionRow> {
        Ok(self.record()?.row(asset))
    }

    pub(super) fn grants(&mut self) -> Result<Vec<Grant>> {
        self.inner()?.all(|list| grant(&list.text()?).ok_or_else(odd))
    }

    pub(super) fn verdicts(&mut self) -> Result<Vec<Verdict>> {
        self.inner()?.all(|list| match list.next()? {
            Value::Int(0) => Ok(Verdict::SoldOut),
            Value::Int(held @ ..0) => Ok(Verdict::AlreadyHeld { revision: held.unsigned_abs(), until: None }),
            Value::Int(granted) => {
                Ok(Verdict::Granted { revision: granted.unsigned_abs(), lease: Lease::NONE })
            }
            Value::BulkString(text) => std::str::from_utf8(&text).ok().and_then(verdict).ok_or_else(odd),
            _ => Err(odd()),
        })
    }

    /// Parses a player's grant `REVISION/AT[/LEASE]`, or an empty text.
    pub(super) fn grant_of(&mut self, player: &PlayerName) -> Result<Option<Grant>> {
        let text = self.text()?;
        let read = |(revision, at, lease)| Grant::leased(player.clone(), at, revision, lease);
        (!text.is_empty()).then(|| held(&text).map(read).ok_or_else(odd)).transpose()
    }

    /// Parses the revision of `REVISION/AT[/LEASE]`.
    pub(super) fn grant_revision(&mut self) -> Result<u64> {
        let text = self.text()?;
        let (revision, _) = text.split_once('/').ok_or_else(odd)?;
        revision.parse().map_err(|_| odd())
    }

    pub(super) fn events(&mut self) -> Result<Vec<(AssetName, AssetEvent)>> {
        self.inner()?.all(|list| event(&list.text()?).ok_or_else(odd))
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

/// The server's answer to `TIME`: seconds, and microseconds of the next.
pub(super) fn time(value: Value) -> Result<Millis> {
    let mut parts = ScriptReply::list(value)?;
    let mut number = || parts.text()?.parse::<Millis>().map_err(|_| odd());
    let (seconds, micros) = (number()?, number()?);
    Ok(seconds.saturating_mul(1000).saturating_add(micros / 1000))
}

/// `UNITS CREATED REMAINING REVISION live|removed ORIGIN-0[ TERMS]`, with `NODE-SEQ` in versions before events.
struct Record {
    units: Units,
    remaining: Units,
    revision: u64,
    removed: bool,
    origin: u64,
    terms: Option<Box<Terms>>,
}

impl Record {
    fn parse(text: &str) -> Option<Self> {
        let mut words = text.splitn(7, ' ');
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
        let origin = number(node)?.wrapping_add(number(seq)?);
        let terms = words.next().map(|terms| terms.parse().map(Box::new)).transpose().ok()?;
        Some(Self { units, remaining, revision, removed, origin, terms })
    }

    fn row(&self, asset: AssetName) -> RevisionRow {
        let Self { units, remaining, revision, removed, origin, .. } = *self;
        let held = if removed { 0 } else { units - remaining };
        RevisionRow { asset, revision, remaining, held, removed, origin }
    }
}

/// `asset/REVISION/AT/player[/LEASE]`.
fn grant(text: &str) -> Option<Grant> {
    let mut parts = text.splitn(5, '/').skip(1);
    let revision = parts.next()?.parse().ok()?;
    let granted_at = parts.next()?.parse().ok()?;
    let player = parts.next()?.parse().ok()?;
    Some(Grant::leased(player, granted_at, revision, lease(parts.next())?))
}

/// `asset/EVENT`.
fn event(text: &str) -> Option<(AssetName, AssetEvent)> {
    let (asset, event) = text.split_once('/')?;
    Some((asset.parse().ok()?, event.parse().ok()?))
}

/// `REVISION/AT[/LEASE]`.
fn held(text: &str) -> Option<(u64, Millis, Lease)> {
    let mut parts = text.splitn(3, '/');
    Some((parts.next()?.parse().ok()?, parts.next()?.parse().ok()?, lease(parts.next())?))
}

fn lease(text: Option<&str>) -> Option<Lease> {
    text.map_or(Some(Lease::NONE), |text| text.parse().ok())
}

/// The verdict of an asset with options, as `select.lua` says.
fn verdict(text: &str) -> Option<Verdict> {
    let (kind, rest) = text.split_at_checked(1)?;
    Some(match kind {
        "r" => Verdict::Reserved { retry_after: rest.parse().ok()? },
        "c" => Verdict::Cooldown { retry_after: rest.parse().ok()? },
        "+" | "-" => match held(rest)? {
            (revision, _, lease) if kind == "+" => Verdict::Granted { revision, lease },
            (revision, _, lease) => Verdict::AlreadyHeld { revision, until: lease.until },
        },
        _ => return None,
    })
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
    fn the_origin_of_an_earlier_version_is_the_sum_of_node_and_sequence_number() {
        let origin = |words| Record::parse(&format!("1 1 1 0 live {words}")).unwrap().origin;
        assert_eq!(origin("00000000000000ab-0"), 0xab);
        assert_eq!(origin("fffffffffffffffe-0000000000000005"), 3);
    }

    #[test]
    fn a_record_says_what_is_held() {
        let row = Record::parse("5 3 1 9 live 00a0-07").unwrap().row("sword".parse().unwrap());
        assert_eq!((row.remaining, row.held, row.revision, row.removed, row.origin), (1, 4, 9, false, 0xa7));
        let row = Record::parse("5 3 0 10 removed 00a0-07").unwrap().row("sword".parse().unwrap());
        assert_eq!((row.remaining, row.held, row.revision, row.removed), (0, 0, 10, true));
    }

    #[test]
    fn what_is_no_record_is_not_taken_for_one() {
        assert_eq!(Record::parse("1 1 1 0 live 7-1").unwrap().terms, None, "as before there were options");
        let timed = Record::parse("1 1 1 0 live 7-1 9 - - - - , 5 6 -").unwrap().terms.unwrap();
        assert_eq!((timed.options.hold_ms, timed.created_at, timed.changed_at), (Some(9), 5, 6));
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
        assert!(read.lease.is_none());
        let lease = Lease { until: Some(90), present_until: None, is_hold: true };
        let read = grant("sword/0000000000000012/1732/ann/0000000000000090/90/-/h").unwrap();
        assert_eq!((read.player.as_str(), read.lease), ("ann", lease));
        assert_eq!(held("0000000000000012/1732/0000000000000090/90/-/h"), Some((12, 1732, lease)));
        assert_eq!(held("0000000000000012/1732"), Some((12, 1732, Lease::NONE)));
        for odd in ["sword/12", "sword/12/1732/ann/", "sword/12/1732/ann/x", "sword/12/1732/a b"] {
            assert!(grant(odd).is_none(), "{odd}");
        }
    }

    #[test]
    fn an_event_is_read_back() {
        let text = "00000000000000ab/0000000000000012/12/granted/1795000000000/3/2////ann";
        let (asset, read) = event(&format!("sword/{text}")).unwrap();
        assert_eq!((asset.as_str(), read.to_string().as_str()), ("sword", text));
        for odd in ["", "sword", "sword/", text, "a b/00000000000000ab/0000000000000012/12/reset/7/3/2////"] {
            assert!(event(odd).is_none(), "{odd}");
        }
    }

    #[test]
    fn a_verdict_of_an_asset_with_options_is_read() {
        let lease = Lease { until: Some(90), present_until: Some(80), is_hold: false };
        let granted = Verdict::Granted { revision: 12, lease };
        assert_eq!(verdict("+0000000000000012/7/0000000000000080/90/80/c"), Some(granted));
        let already = Verdict::AlreadyHeld { revision: 12, until: Some(90) };
        assert_eq!(verdict("-0000000000000012/7/0000000000000080/90/80/c"), Some(already));
        assert_eq!(verdict("-12/7"), Some(Verdict::AlreadyHeld { revision: 12, until: None }));
        assert_eq!(verdict("r60"), Some(Verdict::Reserved { retry_after: 60 }));
        assert_eq!(verdict("c7"), Some(Verdict::Cooldown { retry_after: 7 }));
        for odd in ["", "r", "c-1", "12/7", "+12", "é"] {
            assert_eq!(verdict(odd), None, "{odd}");
        }
    }
}
