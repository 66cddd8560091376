use std::fmt::Write;

use super::{pool::Pool, row::Cells};
use crate::{
    model::{AssetName, AssetState, Grant, Millis, PlayerName, RevisionRow, RoomName, limits::HOLDERS_SHOWN},
    store::{
        Result,
        versioned::{Changes, Counter, Record},
    },
};

/// The columns of a counter. Names stand in statements as they are: none has a character that could end a literal.
pub(super) const COUNTER: &str = "units, remaining, held, revision, origin, creation, created_units, removed";
const HOLDER: &str = "player, revision, granted_at";

/// Assets whose holders are asked for at once: a packet of about 30 KB.
const ASSETS_AT_ONCE: usize = 128;

/// Holders that are read with an asset.
pub(super) enum Part<'a> {
    /// The first after a revision, or of all.
    First { after: Option<u64>, limit: usize },
    /// Those of these players who hold it.
    Of(&'a [PlayerName]),
}

/// An asset as it was read.
pub(super) struct Found {
    pub(super) record: Record,
    /// When its room was last noted to be in use.
    pub(super) used_at: Option<Millis>,
}

/// Reads an asset and holders of it as of one moment: it is one statement, and takes no lock.
pub(super) async fn find(
    pool: &Pool,
    room: &RoomName,
    asset: &AssetName,
    parts: &[Part<'_>],
) -> Result<Option<Found>> {
    let mut found = None;
    let mut grants = [Vec::new(), Vec::new()];
    for row in pool.read(&find_statement(room, asset, parts)).await? {
        let mut cells = Cells::of(row);
        match cells.number("part")? {
            0_usize => {
                let grant_columns = 3;
                cells.skip(grant_columns);
                let (counter, changes) = (cells.counter()?, cells.text::<Changes>("changes")?);
                found = Some((counter, changes, cells.perhaps_number("used_at")?));
            }
            part => grants[usize::from(part > 1)].push(cells.grant()?),
        }
    }
    Ok(found.map(|(counter, changes, used_at)| {
        let grants = if counter.removed { Default::default() } else { grants };
        Found { record: record(counter, changes, grants), used_at }
    }))
}

fn record(counter: Counter, changes: Changes, [mut first, asked]: [Vec<Grant>; 2]) -> Record {
    first.sort_unstable_by_key(|grant| grant.revision);
    let holding = asked.into_iter().map(|grant| (grant.player, grant.revision)).collect();
    Record { counter, first, holding, changes }
}

/// Which part of the statement a row is of comes first in it: 0 for the asset, 1 for its first holders, 2 for those asked
/// about.
fn find_statement(room: &RoomName, asset: &AssetName, parts: &[Part<'_>]) -> String {
    let place = format!("room = '{room}' AND asset = '{asset}'");
    let of = |column: &str| format!("{column} = (SELECT {column} FROM asset_arbiter_assets WHERE {place})");
    // Both are constants to each engine, so that it goes straight to the key.
    let life = format!("{} AND {}", of("origin"), of("creation"));
    let mut statement = format!(
        "SELECT 0 AS part, NULL AS player, NULL AS revision_of, NULL AS granted_at, {COUNTER}, changes, \
         (SELECT used_at FROM asset_arbiter_rooms WHERE room = '{room}') AS used_at \
         FROM asset_arbiter_assets WHERE {place}"
    );
    let mut add = |part: u8, key: &str, condition: String| {
        let nothing = "NULL, ".repeat(9);
        let _ = write!(
            statement,
            " UNION ALL (SELECT {part}, {HOLDER}, {nothing}NULL FROM asset_arbiter_holders FORCE INDEX ({key}) \
             WHERE {life} AND {condition})"
        );
    };
    for part in parts {
        match part {
            Part::First { after, limit } => {
                let after = after.map_or_else(|| "TRUE".to_owned(), |after| format!("revision > {after}"));
                add(1, "by_revision", format!("{after} ORDER BY revision LIMIT {limit}"));
            }
            Part::Of([]) => {}
            Part::Of(players) => add(2, "PRIMARY", format!("player IN ({})", quoted(players))),
        }
    }
    statement
}

fn quoted(players: &[PlayerName]) -> String {
    players.iter().map(|player| format!("'{player}'")).collect::<Vec<_>>().join(", ")
}

/// By name.
pub(super) async fn revisions(pool: &Pool, room: &RoomName) -> Result<Vec<RevisionRow>> {
    let counters = pool.read(&of_room(room)).await?.into_iter().map(Cells::of).map(named);
    counters.map(|named| named.map(|(asset, counter)| counter.row(&asset))).collect()
}

pub(super) async fn held_by(
    pool: &Pool,
    room: &RoomName,
    player: &PlayerName,
) -> Result<Vec<(AssetName, u64)>> {
    let statement = format!(
        "SELECT a.asset, h.revision FROM asset_arbiter_assets a STRAIGHT_JOIN asset_arbiter_holders h \
         FORCE INDEX (PRIMARY) ON h.origin = a.origin AND h.creation = a.creation AND h.player = '{player}' \
         WHERE a.room = '{room}' AND NOT a.removed"
    );
    let rows = pool.read(&statement).await?.into_iter().map(Cells::of);
    rows.map(|mut cells| Ok((cells.text("asset")?, cells.number("revision")?))).collect()
}

/// Every asset of a room, with its first holders, as of one moment: several statements on one snapshot.
pub(super) async fn snapshot(pool: &Pool, room: &RoomName) -> Result<Vec<AssetState>> {
    let mut lease = pool.lease().await?;
    let begin = format!(
        "SET TRANSACTION ISOLATION LEVEL REPEATABLE READ; START TRANSACTION WITH CONSISTENT SNAPSHOT; {}",
        of_room(room)
    );
    let rows = lease.begin(&begin).await?.into_iter().flat_map(|answer| answer.rows);
    let assets = rows.map(Cells::of).map(named).collect::<Result<Vec<_>>>()?;
    let mut firsts = vec![Vec::new(); assets.len()];
    for statement in first_statements(&assets) {
        for row in lease.begin(&statement).await?.into_iter().flat_map(|a| a.rows) {
            let mut cells = Cells::of(row);
            let place: usize = cells.number("place")?;
            firsts.get_mut(place).into_iter().try_for_each(|first: &mut Vec<_>| {
                first.push(cells.grant()?);
                Result::Ok(())
            })?;
        }
    }
    lease.ask("COMMIT").await?;
    let states = assets.into_iter().zip(firsts).map(|((asset, counter), mut first)| {
        first.sort_unstable_by_key(|grant| grant.revision);
        counter.state(&asset, &first)
    });
    Ok(states.collect())
}

/// The first holders of each that has some, each with the place of its asset.
fn first_statements(assets: &[(AssetName, Counter)]) -> Vec<String> {
    let held = assets.iter().enumerate().filter(|(_, (_, counter))| counter.held > 0);
    let one = |(place, (_, Counter { origin, creation, .. })): (usize, &(AssetName, Counter))| {
        format!(
            "(SELECT {place}, {HOLDER} FROM asset_arbiter_holders FORCE INDEX (by_revision) \
             WHERE origin = {origin} AND creation = {creation} ORDER BY revision LIMIT {HOLDERS_SHOWN})"
        )
    };
    let all: Vec<_> = held.map(one).collect();
    all.chunks(ASSETS_AT_ONCE).map(|some| some.join(" UNION ALL ")).collect()
}

fn of_room(room: &RoomName) -> String {
    format!("SELECT asset, {COUNTER} FROM asset_arbiter_assets WHERE room = '{room}' ORDER BY asset")
}

fn named(mut cells: Cells) -> Result<(AssetName, Counter)> {
    Ok((cells.text("asset")?, cells.counter()?))
}
