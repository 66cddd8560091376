use rusqlite::{Connection, Result, Row, params};

use super::{
    asset::Asset,
    value::{number, outcome, word},
};
use crate::{
    model::limits::REMEMBERED_NODES,
    store::{Call, rules::Outcome},
};

/// How many calls that changed nothing are remembered, over all assets: as many as fit into the writer's queue.
/// A call is forgotten only after more other calls than happen within any caller's deadline. About 10 MB.
const DENIALS: i64 = 32_768;

const LAST: &str = "SELECT seq, NULL FROM calls WHERE room = ?1 AND asset = ?2 AND node = ?3
    UNION ALL SELECT seq, outcome FROM denials WHERE room = ?1 AND asset = ?2 AND node = ?3";
const RECORD: &str = "INSERT INTO calls (room, asset, node, seq, place)
    VALUES (?1, ?2, ?3, ?4, (SELECT coalesce(max(place), 0) + 1 FROM calls WHERE room = ?1 AND asset = ?2))
    ON CONFLICT DO UPDATE SET seq = excluded.seq, place = excluded.place";
const FORGET: &str = "DELETE FROM calls WHERE room = ?1 AND asset = ?2 AND place <=
    (SELECT place FROM calls WHERE room = ?1 AND asset = ?2 ORDER BY place DESC LIMIT 1 OFFSET ?3)";
const DENY: &str = "REPLACE INTO denials (room, asset, node, seq, outcome) VALUES (?1, ?2, ?3, ?4, ?5)";
const FORGET_DENIALS: &str = "DELETE FROM denials WHERE place <= ?1";

/// The outcome of this call, or of a later one of its node, if the call was executed before.
pub(super) fn answered(db: &Connection, asset: &Asset, call: Call) -> Result<Option<Outcome>> {
    let key = [asset.key.room.as_str(), asset.key.asset.as_str(), &call.node.to_string()];
    let mut statement = db.prepare_cached(LAST)?;
    let made = statement.query_map(key, read)?.collect::<Result<Vec<_>>>()?;
    let last = made.into_iter().max_by_key(|(seq, _)| *seq);
    Ok(last.and_then(|(seq, outcome)| (call.seq <= seq).then_some(outcome)))
}

/// Remembers the call as its node's last: on disk if it changed something, in memory if not.
pub(super) fn record(db: &Connection, asset: &Asset, call: Call, outcome: Outcome) -> Result<()> {
    let (room, name) = (asset.key.room.as_str(), asset.key.asset.as_str());
    let (node, seq) = (call.node.to_string(), call.seq.cast_signed());
    if outcome == Outcome::Changed {
        db.prepare_cached(RECORD)?.execute(params![room, name, node, seq])?;
        db.prepare_cached(FORGET)?.execute(params![room, name, REMEMBERED_NODES as i64])?;
    } else {
        let place = db.prepare_cached(DENY)?.insert(params![room, name, node, seq, word(outcome)])?;
        db.prepare_cached(FORGET_DENIALS)?.execute([place - DENIALS])?;
    }
    Ok(())
}

fn read(row: &Row<'_>) -> Result<(u64, Outcome)> {
    Ok((number(row, 0)?, outcome(row, 1)?))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::model::NewAsset;
    use crate::store::{
        AssetKey, NodeId, StoreErrorKind,
        sqlite::{claim::Claim, rooms, schema},
    };

    fn call(node: u64, seq: u64) -> Call {
        Call { node: NodeId(node), seq, at: 0, by: None }
    }

    fn with_asset(look: impl FnOnce(&Connection, &Asset) -> Result<()>) {
        let folder = tempfile::tempdir().unwrap();
        let claim = Claim::of(&format!("sqlite:{}", folder.path().join("game.db").display())).unwrap();
        let db = schema::open_to_write(&claim).unwrap();
        let key = AssetKey { room: "lobby".parse().unwrap(), asset: "sword".parse().unwrap() };
        rooms::enter(&db, &key.room, 0).unwrap();
        let asset = Asset::make(&db, &key, &NewAsset::plain(1), call(0, 0)).unwrap();
        look(&db, &asset).unwrap();
    }

    #[test]
    fn the_newest_call_of_a_node_counts_wherever_it_is_kept() {
        with_asset(|db, asset| {
            let refused = Outcome::Refused(StoreErrorKind::NotHeld);
            record(db, asset, call(7, 1), Outcome::Changed)?;
            record(db, asset, call(7, u64::MAX - 1), refused)?;
            assert_eq!(answered(db, asset, call(7, 1))?, Some(refused), "a later one was made");
            assert_eq!(answered(db, asset, call(7, u64::MAX))?, None);
            record(db, asset, call(7, u64::MAX), Outcome::Changed)?;
            assert_eq!(answered(db, asset, call(7, u64::MAX))?, Some(Outcome::Changed));
            assert_eq!(answered(db, asset, call(8, 1))?, None);
            Ok(())
        });
    }

    #[test]
    fn what_is_rolled_back_was_not_made() {
        with_asset(|db, asset| {
            db.execute_batch("BEGIN IMMEDIATE; SAVEPOINT change")?;
            record(db, asset, call(7, 1), Outcome::Unchanged)?;
            db.execute_batch("RELEASE change; SAVEPOINT change")?;
            record(db, asset, call(7, 2), Outcome::Unchanged)?;
            db.execute_batch("ROLLBACK TO change; RELEASE change")?;
            assert_eq!(answered(db, asset, call(7, 2))?, None);
            assert_eq!(answered(db, asset, call(7, 1))?, Some(Outcome::Unchanged));
            db.execute_batch("ROLLBACK")?;
            assert_eq!(answered(db, asset, call(7, 1))?, None);
            Ok(())
        });
    }

    #[test]
    fn denials_have_a_bound_and_go_with_their_room() {
        with_asset(|db, asset| {
            let count = || db.query_row("SELECT count(*) FROM denials", [], |row| row.get::<_, i64>(0));
            let newest = DENIALS.unsigned_abs() + 9;
            for node in 0..=newest {
                record(db, asset, call(node, 1), Outcome::Unchanged)?;
            }
            assert_eq!(count()?, DENIALS);
            assert_eq!(answered(db, asset, call(9, 1))?, None, "the oldest are forgotten");
            for node in [10, newest] {
                assert_eq!(answered(db, asset, call(node, 1))?, Some(Outcome::Unchanged));
            }
            rooms::remove(db, &asset.key.room)?;
            assert_eq!(count()?, 0);
            Ok(())
        });
    }
}
