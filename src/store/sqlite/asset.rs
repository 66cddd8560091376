use rusqlite::{Connection, Error, OptionalExtension, Result, Row, params};

use super::{
    error::{Decided, unknown},
    holders, outbox,
    value::{name, number, parsed},
};
use crate::{
    model::{
        AssetEvent, AssetState, Grant, Millis, NewAsset, NoTerms, PlayerName, RevisionRow, RoomName, Terms,
        limits::HOLDERS_SHOWN,
    },
    store::{
        AssetKey, Call,
        rules::{self, Counter, Ending},
    },
};

const FIND: &str =
    "SELECT asset, units, remaining, held, revision, creation, created_units, removed, origin, terms FROM assets
    WHERE room = ?1 AND asset = ?2";
const OF_ROOM: &str =
    "SELECT asset, units, remaining, held, revision, creation, created_units, removed, origin, terms FROM assets
    WHERE room = ?1 ORDER BY asset";
const INSERT: &str =
    "INSERT INTO assets (room, asset, units, remaining, held, revision, creation, created_units, origin, terms)
    VALUES (?1, ?2, ?3, ?3, 0, 0, 0, ?3, ?4, ?5)";
const UPDATE: &str = "UPDATE assets SET units = ?3, remaining = ?4, held = ?5, revision = ?6, creation = ?7,
    created_units = ?8, removed = ?9, terms = ?10 WHERE room = ?1 AND asset = ?2";

/// One row of `assets`. Changes to holders are written at once, changes to the row by [`Self::save`].
#[derive(Debug)]
pub(super) struct Asset {
    pub(super) key: AssetKey,
    pub(super) counter: Counter,
}

/// An asset under decision.
pub(super) struct Draft<'a> {
    pub(super) db: &'a Connection,
    pub(super) asset: Asset,
    pub(super) events_backlog: Option<usize>,
}

impl Asset {
    pub(super) fn find(db: &Connection, key: &AssetKey) -> Result<Option<Self>> {
        db.prepare_cached(FIND)?
            .query_row([key.room.as_str(), key.asset.as_str()], |row| Self::read(row, &key.room))
            .optional()
    }

    /// As [`Self::find`], for a call that needs the asset.
    pub(super) fn found(db: &Connection, key: &AssetKey) -> Decided<Self> {
        Self::find(db, key)?.ok_or_else(|| unknown(&key.asset))
    }

    /// Every asset of a room, ordered by name.
    pub(super) fn of_room(db: &Connection, room: &RoomName) -> Result<Vec<Self>> {
        let mut statement = db.prepare_cached(OF_ROOM)?;
        let rows = statement.query_map([room.as_str()], |row| Self::read(row, room))?;
        rows.collect()
    }

    /// Creates an asset in an existing room.
    pub(super) fn make(db: &Connection, key: &AssetKey, new: &NewAsset, call: Call) -> Result<Self> {
        let counter = Counter::new(new, call.origin(), call.at);
        let (room, asset, origin) = (key.room.as_str(), key.asset.as_str(), counter.origin.cast_signed());
        db.prepare_cached(INSERT)?.execute(params![room, asset, counter.units, origin, text(&counter)])?;
        Ok(Self { key: key.clone(), counter })
    }

    pub(super) fn save(&self, db: &Connection) -> Result<()> {
        let Counter { units, remaining, held, revision, creation, created_units, removed, .. } = &self.counter;
        db.prepare_cached(UPDATE)?.execute(params![
            self.key.room.as_str(),
            self.key.asset.as_str(),
            units,
            remaining,
            held,
            revision.cast_signed(),
            creation.cast_signed(),
            created_units,
            removed,
            text(&self.counter),
        ])?;
        Ok(())
    }

    pub(super) fn state(&self, db: &Connection) -> Result<AssetState> {
        let holders = match self.counter.held {
            0 => Vec::new(),
            _ => holders::page(db, self, self.counter.creation, HOLDERS_SHOWN)?,
        };
        Ok(self.counter.state(&self.key.asset, holders))
    }

    pub(super) fn row(&self) -> RevisionRow {
        self.counter.row(&self.key.asset)
    }

    fn read(row: &Row<'_>, room: &RoomName) -> Result<Self> {
        let counter = Counter {
            units: row.get(1)?,
            remaining: row.get(2)?,
            held: row.get(3)?,
            revision: number(row, 4)?,
            creation: number(row, 5)?,
            created_units: row.get(6)?,
            removed: row.get(7)?,
            origin: number(row, 8)?,
            terms: parsed::<Terms, NoTerms>(row, 9)?.map(Box::new),
        };
        Ok(Self { key: AssetKey { room: room.clone(), asset: name(row, 0)? }, counter })
    }
}

fn text(counter: &Counter) -> Option<String> {
    counter.terms.as_ref().map(ToString::to_string)
}

impl rules::Asset for Draft<'_> {
    type Error = Error;

    fn counter(&mut self) -> &mut Counter {
        &mut self.asset.counter
    }

    fn granted_at(&mut self, player: &PlayerName) -> Result<Option<u64>> {
        holders::revision(self.db, &self.asset, player)
    }

    fn grant(&mut self, player: &PlayerName) -> Result<Option<Grant>> {
        holders::of(self.db, &self.asset, player)
    }

    fn ending(&mut self, now: Millis) -> Result<Ending> {
        holders::ending(self.db, &self.asset, now)
    }

    fn add_holder(&mut self, grant: Grant) -> Result<()> {
        holders::insert(self.db, &self.asset, &grant)
    }

    fn set_lease(&mut self, grant: &Grant) -> Result<()> {
        holders::set_lease(self.db, &self.asset, grant)
    }

    fn remove_holder(&mut self, grant: &Grant) -> Result<()> {
        holders::delete(self.db, &self.asset, &grant.player)
    }

    fn clear_holders(&mut self) -> Result<()> {
        holders::clear(self.db, &self.asset)
    }

    fn keeps_events(&self) -> bool {
        self.events_backlog.is_some()
    }

    fn keep_event(&mut self, event: AssetEvent) -> Result<()> {
        let Some(backlog) = self.events_backlog else { return Ok(()) };
        outbox::append(self.db, &self.asset.key, &event, backlog)
    }
}
