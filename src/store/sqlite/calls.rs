use rusqlite::{Connection, OptionalExtension, Result, params};

use super::{asset::Asset, value::number};
use crate::{model::limits::REMEMBERED_NODES, store::Call};

const LAST: &str = "SELECT seq, changed FROM calls WHERE room = ?1 AND asset = ?2 AND node = ?3";
const RECORD: &str = "INSERT INTO calls (room, asset, node, seq, changed, place)
    VALUES (?1, ?2, ?3, ?4, ?5, (SELECT coalesce(max(place), 0) + 1 FROM calls WHERE room = ?1 AND asset = ?2))
    ON CONFLICT DO UPDATE SET seq = excluded.seq, changed = excluded.changed, place = excluded.place";
const FORGET: &str = "DELETE FROM calls WHERE room = ?1 AND asset = ?2 AND place <=
    (SELECT place FROM calls WHERE room = ?1 AND asset = ?2 ORDER BY place DESC LIMIT 1 OFFSET ?3)";

/// Whether this call (or a later one of the node) was answered before, and if so, whether it changed anything.
pub(super) fn answered(db: &Connection, asset: &Asset, call: Call) -> Result<Option<bool>> {
    let key = [asset.room.as_str(), asset.name.as_str(), &call.node.to_string()];
    let last: Option<(u64, bool)> =
        db.prepare_cached(LAST)?.query_row(key, |row| Ok((number(row, 0)?, row.get(1)?))).optional()?;
    Ok(last.and_then(|(seq, changed)| (call.seq <= seq).then_some(changed)))
}

/// Remembers the call as its node's last, and forgets the nodes that are not among the newest.
pub(super) fn record(db: &Connection, asset: &Asset, call: Call, changed: bool) -> Result<()> {
    let (room, name) = (asset.room.as_str(), asset.name.as_str());
    let (node, seq) = (call.node.to_string(), call.seq.cast_signed());
    db.prepare_cached(RECORD)?.execute(params![room, name, node, seq, changed])?;
    db.prepare_cached(FORGET)?.execute(params![room, name, REMEMBERED_NODES as i64])?;
    Ok(())
}
