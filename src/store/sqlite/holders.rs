use rusqlite::{Connection, OptionalExtension, Result, Row, params};

use super::{
    asset::Asset,
    value::{name, number, parsed},
};
use crate::{
    model::{AssetName, Grant, Lease, Millis, NoLease, PlayerName, RoomName},
    store::{AssetKey, rules::Ending},
};

const REVISION: &str =
    "SELECT revision FROM holders WHERE room = ?1 AND player = ?2 AND asset = ?3 AND creation = ?4";
const OF: &str = "SELECT player, granted_at, revision, lease FROM holders
    WHERE room = ?1 AND player = ?2 AND asset = ?3 AND creation = ?4";
const DUE: &str = "SELECT player, granted_at, revision, lease FROM holders
    WHERE room = ?1 AND asset = ?2 AND lease IS NOT NULL AND lease < ?3 AND creation = ?4
    ORDER BY substr(lease, 1, 16), revision";
const NEXT: &str = "SELECT player, granted_at, revision, lease FROM holders
    WHERE room = ?1 AND asset = ?2 AND lease IS NOT NULL AND lease >= ?3 AND creation = ?4 ORDER BY lease LIMIT 1";
const SET_LEASE: &str =
    "UPDATE holders SET lease = ?5 WHERE room = ?1 AND player = ?2 AND asset = ?3 AND creation = ?4";
const INSERT: &str = "INSERT INTO holders (room, asset, player, granted_at, revision, creation, lease)
    VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7)";
const DELETE: &str = "DELETE FROM holders WHERE room = ?1 AND player = ?2 AND asset = ?3 AND creation = ?4";
const CLEAR: &str = "DELETE FROM holders WHERE room = ?1 AND asset = ?2";
const PAGE: &str = "SELECT player, granted_at, revision, lease FROM holders
    WHERE room = ?1 AND asset = ?2 AND revision >= ?3 AND creation = ?4 ORDER BY revision LIMIT ?5";
const HELD_BY: &str =
    "SELECT holders.asset, holders.revision FROM holders JOIN assets USING (room, asset, creation)
    WHERE room = ?1 AND player = ?2 AND NOT removed ORDER BY asset";

/// The revision of a player's grant, if the player holds the asset.
pub(super) fn revision(db: &Connection, asset: &Asset, player: &PlayerName) -> Result<Option<u64>> {
    db.prepare_cached(REVISION)?.query_row(place(asset, player), |row| number(row, 0)).optional()
}

pub(super) fn insert(db: &Connection, asset: &Asset, grant: &Grant) -> Result<()> {
    db.prepare_cached(INSERT)?.execute(params![
        asset.key.room.as_str(),
        asset.key.asset.as_str(),
        grant.player.as_str(),
        grant.granted_at.cast_signed(),
        grant.revision.cast_signed(),
        asset.counter.creation.cast_signed(),
        lease(grant),
    ])?;
    Ok(())
}

/// A player's grant.
pub(super) fn of(db: &Connection, asset: &Asset, player: &PlayerName) -> Result<Option<Grant>> {
    db.prepare_cached(OF)?.query_row(place(asset, player), grant).optional()
}

/// The grants that end by `now`, and the next one.
pub(super) fn ending(db: &Connection, asset: &Asset, now: Millis) -> Result<Ending> {
    let (room, name) = (asset.key.room.as_str(), asset.key.asset.as_str());
    let (after, creation) = (Lease::after(now), asset.counter.creation.cast_signed());
    let due = db
        .prepare_cached(DUE)?
        .query_map(params![room, name, after, creation], grant)?
        .collect::<Result<_>>()?;
    let next = db.prepare_cached(NEXT)?.query_row(params![room, name, after, creation], grant).optional()?;
    Ok(Ending { due, next: next.and_then(|grant| grant.lease.ends_at()) })
}

pub(super) fn set_lease(db: &Connection, asset: &Asset, grant: &Grant) -> Result<()> {
    let (room, player, name, creation) = place(asset, &grant.player);
    db.prepare_cached(SET_LEASE)?.execute(params![room, player, name, creation, lease(grant)]).map(drop)
}

/// The text of a grant's deadlines; NULL if it has none.
fn lease(grant: &Grant) -> Option<String> {
    (!grant.lease.is_none()).then(|| grant.lease.to_string())
}

pub(super) fn delete(db: &Connection, asset: &Asset, player: &PlayerName) -> Result<()> {
    db.prepare_cached(DELETE)?.execute(place(asset, player)).map(drop)
}

pub(super) fn clear(db: &Connection, asset: &Asset) -> Result<()> {
    db.prepare_cached(CLEAR)?.execute([asset.key.room.as_str(), asset.key.asset.as_str()]).map(drop)
}

/// At most `limit` grants from revision `from` on, ordered by revision.
pub(super) fn page(db: &Connection, asset: &Asset, from: u64, limit: usize) -> Result<Vec<Grant>> {
    let (from, limit) = (i64::try_from(from).unwrap_or(i64::MAX), i64::try_from(limit).unwrap_or(i64::MAX));
    let mut statement = db.prepare_cached(PAGE)?;
    let creation = asset.counter.creation.cast_signed();
    let rows = statement
        .query_map(params![asset.key.room.as_str(), asset.key.asset.as_str(), from, creation, limit], grant)?;
    rows.collect()
}

/// The assets a player holds in a room, ordered by name.
pub(super) fn held_by(db: &Connection, room: &RoomName, player: &PlayerName) -> Result<Vec<(AssetName, u64)>> {
    let mut statement = db.prepare_cached(HELD_BY)?;
    let rows =
        statement.query_map([room.as_str(), player.as_str()], |row| Ok((name(row, 0)?, number(row, 1)?)))?;
    rows.collect()
}

fn grant(row: &Row<'_>) -> Result<Grant> {
    let lease = parsed::<Lease, NoLease>(row, 3)?.unwrap_or(Lease::NONE);
    Ok(Grant::leased(name(row, 0)?, number(row, 1)?, number(row, 2)?, lease))
}

/// Where a player's grant of the asset is.
fn place<'a>(asset: &'a Asset, player: &'a PlayerName) -> (&'a str, &'a str, &'a str, i64) {
    let AssetKey { room, asset: name } = &asset.key;
    (room.as_str(), player.as_str(), name.as_str(), asset.counter.creation.cast_signed())
}
