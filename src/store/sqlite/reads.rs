use rusqlite::Connection;

use super::{
    asset::Asset,
    error::{Decided, unknown},
    holders,
};
use crate::model::{AssetName, AssetState, Grant, PlayerName, RevisionRow, RoomName};

pub(super) fn asset(db: &Connection, room: &RoomName, name: &AssetName) -> Decided<AssetState> {
    let found = Asset::find(db, room, name)?.ok_or_else(|| unknown(name))?;
    Ok(found.state(db)?)
}

pub(super) fn snapshot(db: &Connection, room: &RoomName) -> Decided<Vec<AssetState>> {
    Asset::of_room(db, room)?.iter().map(|asset| Ok(asset.state(db)?)).collect()
}

pub(super) fn revisions(db: &Connection, room: &RoomName) -> Decided<Vec<RevisionRow>> {
    Ok(Asset::of_room(db, room)?.iter().map(Asset::row).collect())
}

pub(super) fn holders(
    db: &Connection,
    room: &RoomName,
    name: &AssetName,
    after_revision: Option<u64>,
    limit: usize,
) -> Decided<Vec<Grant>> {
    let found =
        Asset::find(db, room, name)?.filter(|found| !found.counter.removed).ok_or_else(|| unknown(name))?;
    let from = after_revision.map_or(0, |revision| revision.saturating_add(1));
    Ok(holders::page(db, &found, from, limit)?)
}

pub(super) fn held_by(db: &Connection, room: &RoomName, player: &PlayerName) -> Decided<Vec<(AssetName, u64)>> {
    Ok(holders::held_by(db, room, player)?)
}
