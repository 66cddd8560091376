use rusqlite::{Connection, OptionalExtension, Result, Row, params};

use super::{
    holders,
    value::{name, number},
};
use crate::{
    model::{AssetName, AssetState, Millis, PlayerName, RevisionRow, RoomName, Units, limits::HOLDERS_SHOWN},
    store::Verdict,
};

const FIND: &str =
    "SELECT asset, units, remaining, held, revision, creation, created_units, removed, origin FROM assets
    WHERE room = ?1 AND asset = ?2";
const OF_ROOM: &str =
    "SELECT asset, units, remaining, held, revision, creation, created_units, removed, origin FROM assets
    WHERE room = ?1 ORDER BY asset";
const INSERT: &str =
    "INSERT INTO assets (room, asset, units, remaining, held, revision, creation, created_units, origin)
    VALUES (?1, ?2, ?3, ?3, 0, 0, 0, ?3, ?4)";
const UPDATE: &str = "UPDATE assets SET units = ?3, remaining = ?4, held = ?5, revision = ?6, creation = ?7,
    created_units = ?8, removed = ?9 WHERE room = ?1 AND asset = ?2";

/// One row of `assets`. Changes to holders are written at once, changes to the row by [`Self::save`].
#[derive(Debug)]
pub(super) struct Asset {
    pub(super) room: RoomName,
    pub(super) name: AssetName,
    units: Units,
    remaining: Units,
    pub(super) held: Units,
    pub(super) revision: u64,
    /// The revision at which the current incarnation began.
    pub(super) creation: u64,
    pub(super) created_units: Units,
    pub(super) removed: bool,
    origin: u64,
}

impl Asset {
    pub(super) fn find(db: &Connection, room: &RoomName, asset: &AssetName) -> Result<Option<Self>> {
        db.prepare_cached(FIND)?
            .query_row([room.as_str(), asset.as_str()], |row| Self::read(row, room))
            .optional()
    }

    /// Every asset of a room, ordered by name.
    pub(super) fn of_room(db: &Connection, room: &RoomName) -> Result<Vec<Self>> {
        let mut statement = db.prepare_cached(OF_ROOM)?;
        let rows = statement.query_map([room.as_str()], |row| Self::read(row, room))?;
        rows.collect()
    }

    /// Creates an asset in an existing room.
    pub(super) fn make(
        db: &Connection,
        room: &RoomName,
        name: &AssetName,
        units: Units,
        origin: u64,
    ) -> Result<Self> {
        let values = params![room.as_str(), name.as_str(), units, origin.cast_signed()];
        db.prepare_cached(INSERT)?.execute(values)?;
        Ok(Self {
            room: room.clone(),
            name: name.clone(),
            units,
            remaining: units,
            held: 0,
            revision: 0,
            creation: 0,
            created_units: units,
            removed: false,
            origin,
        })
    }

    /// Decides for one player, or only looks the player up.
    pub(super) fn decide(
        &mut self,
        db: &Connection,
        player: &PlayerName,
        at: Millis,
        look_up_only: bool,
    ) -> Result<Verdict> {
        if let Some(revision) = holders::revision(db, self, player)? {
            return Ok(Verdict::AlreadyHeld { revision });
        }
        if look_up_only || self.remaining == 0 {
            return Ok(Verdict::SoldOut);
        }
        self.remaining -= 1;
        self.held += 1;
        self.revision += 1;
        holders::insert(db, self, player, at)?;
        Ok(Verdict::Granted { revision: self.revision })
    }

    /// Deletes a holder. Returns whether the player held the asset.
    pub(super) fn strike(&mut self, db: &Connection, player: &PlayerName) -> Result<bool> {
        let struck = holders::strike(db, self, player)?;
        if struck {
            self.remaining += 1;
            self.held -= 1;
            self.revision += 1;
        }
        Ok(struck)
    }

    /// Adds units. Returns false if the sum would overflow.
    pub(super) fn add(&mut self, n: Units) -> bool {
        let Some(units) = self.units.checked_add(n) else { return false };
        self.units = units;
        self.remaining += n;
        self.revision += 1;
        true
    }

    pub(super) fn remove(&mut self, db: &Connection) -> Result<()> {
        holders::clear(db, self)?;
        self.revision += 1;
        self.removed = true;
        (self.remaining, self.held) = (0, 0);
        Ok(())
    }

    /// Begins a new incarnation.
    pub(super) fn revive(&mut self, units: Units) {
        self.revision += 1;
        self.creation = self.revision;
        self.removed = false;
        (self.units, self.remaining, self.created_units) = (units, units, units);
    }

    pub(super) fn save(&self, db: &Connection) -> Result<()> {
        db.prepare_cached(UPDATE)?.execute(params![
            self.room.as_str(),
            self.name.as_str(),
            self.units,
            self.remaining,
            self.held,
            self.revision.cast_signed(),
            self.creation.cast_signed(),
            self.created_units,
            self.removed,
        ])?;
        Ok(())
    }

    pub(super) fn state(&self, db: &Connection) -> Result<AssetState> {
        let holders =
            if self.held == 0 { Vec::new() } else { holders::page(db, self, self.creation, HOLDERS_SHOWN)? };
        let RevisionRow { asset, revision, remaining, held, removed, origin } = self.row();
        Ok(AssetState { asset, units: self.units, remaining, revision, held, holders, removed, origin })
    }

    pub(super) fn row(&self) -> RevisionRow {
        RevisionRow {
            asset: self.name.clone(),
            revision: self.revision,
            remaining: self.remaining,
            held: self.held,
            removed: self.removed,
            origin: self.origin,
        }
    }

    fn read(row: &Row<'_>, room: &RoomName) -> Result<Self> {
        Ok(Self {
            room: room.clone(),
            name: name(row, 0)?,
            units: row.get(1)?,
            remaining: row.get(2)?,
            held: row.get(3)?,
            revision: number(row, 4)?,
            creation: number(row, 5)?,
            created_units: row.get(6)?,
            removed: row.get(7)?,
            origin: number(row, 8)?,
        })
    }
}
