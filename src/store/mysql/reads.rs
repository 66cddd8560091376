use std::{collections::HashMap, fmt::Display, iter};

use mysql_async::Row;

use super::{packet::SNAPSHOT, pool::Pool, pooled_conn::PooledConn, row::Cells};
use crate::{
    model::{AssetName, AssetState, Millis, PlayerName, RevisionRow, RoomName, limits::HOLDERS_SHOWN},
    store::{
        AssetKey, Result,
        optimistic::{Counter, Ending, Record, shown},
    },
};

/// The columns of a counter. Names are put into statements without escaping, because they contain no character
/// that could end a literal.
pub(super) const COUNTER: &str = "units, remaining, held, revision, origin, creation, created_units, removed";

/// Where the holders of an asset are. Those with deadlines have a table of their own, so that others have no more columns
/// and no more indexes because of them.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Holders {
    Plain,
    Leased,
}

/// Maximum number of assets whose holders are queried at once: a packet of about 20 KB.
const ASSETS_AT_ONCE: usize = 128;

/// The holders to read with an asset.
pub(super) enum Part<'a> {
    /// The first holders after a revision, or of all.
    First { after: Option<u64>, limit: usize },
    /// The holders among these players.
    Of(&'a [PlayerName]),
    /// The leased holders whose grants end first: at least those that a change at `at` ends, up to [`MOST_DUE`].
    Ending { at: Millis },
}

/// Maximum number of grants that end in one change.
pub(super) const MOST_DUE: usize = 64;

/// An asset as it was read.
pub(super) struct Found {
    pub(super) record: Record,
    /// When the room was last noted as used.
    pub(super) used_at: Option<Millis>,
}

impl Holders {
    pub(super) const ALL: [Self; 2] = [Self::Plain, Self::Leased];

    pub(super) fn of(counter: &Counter) -> Self {
        if counter.terms.is_none() { Self::Plain } else { Self::Leased }
    }

    pub(super) fn table(self) -> &'static str {
        match self {
            Self::Plain => "asset_arbiter_holders",
            Self::Leased => "asset_arbiter_leases",
        }
    }

    fn columns(self) -> &'static str {
        match self {
            Self::Plain => "player, revision, granted_at",
            Self::Leased => "player, revision, granted_at, lease",
        }
    }

    fn first(self, condition: &str, limit: usize) -> String {
        let (table, columns) = (self.table(), self.columns());
        format!(
            "SELECT {columns} FROM {table} FORCE INDEX (by_revision) WHERE {condition} ORDER BY revision LIMIT {limit}"
        )
    }
}

/// Reads an asset and some of its holders in one snapshot, without a lock. A following write uses the same
/// connection, because waiting for another one would give concurrent writers time to win.
pub(super) async fn find(
    pool: &Pool,
    key: &AssetKey,
    holders: Holders,
    parts: &[Part<'_>],
) -> Result<(Option<Found>, PooledConn)> {
    let (answers, conn) = pool.snapshot(&statements(key, holders, parts)).await?;
    Ok((found(answers, parts)?, conn))
}

/// Reads like [`find`], but locks the asset, so that it cannot change until the transaction on the connection
/// ends. Each statement sees the data committed by then, which does no harm because holders change only with
/// their asset. If the lock times out, the asset is read without it.
pub(super) async fn find_locked(
    pool: &Pool,
    key: &AssetKey,
    holders: Holders,
    parts: &[Part<'_>],
) -> Result<(Option<Found>, PooledConn)> {
    match pool.locked(&statements(key, holders, parts)).await {
        Ok((answers, conn)) => Ok((found(answers, parts)?, conn)),
        Err(error) if error.is_lock_wait() => find(pool, key, holders, parts).await,
        Err(error) => Err(error.into()),
    }
}

/// Parses the answers to [`statements`].
fn found(answers: Vec<Vec<Row>>, parts: &[Part<'_>]) -> Result<Option<Found>> {
    let mut answers = answers.into_iter();
    let Some(row) = answers.next().and_then(|mut rows| rows.pop()) else { return Ok(None) };
    let mut cells = Cells::of(row);
    let (counter, changes) = (cells.counter()?, cells.text("changes")?);
    let used_at = cells.perhaps_number("used_at")?;
    let ending = Ending::default();
    let mut record = Record { counter, first: Vec::new(), holding: HashMap::new(), ending, changes };
    if !record.counter.removed {
        for (part, rows) in parts.iter().zip(answers) {
            let grants = rows.into_iter().map(|row| Cells::of(row).grant()).collect::<Result<Vec<_>>>()?;
            match part {
                Part::First { .. } => record.first = grants,
                Part::Of(_) => {
                    record.holding = grants.into_iter().map(|grant| (grant.player.clone(), grant)).collect();
                }
                Part::Ending { at } => {
                    let now = record.counter.time_of_change(*at);
                    if record.counter.may_end_by(now) {
                        record.ending = Ending::of(grants.into_iter(), now).first(MOST_DUE);
                    }
                }
            }
        }
    }
    Ok(Some(Found { record, used_at }))
}

/// One statement for the asset, and one for each part.
fn statements(key: &AssetKey, holders: Holders, parts: &[Part<'_>]) -> Vec<String> {
    let (place, room) = (place(key), &key.room);
    let of = |column: &str| format!("{column} = (SELECT {column} FROM asset_arbiter_assets WHERE {place})");
    // Each engine treats both subqueries as constants and looks the key up directly.
    let life = format!("{} AND {}", of("origin"), of("creation"));
    let record = format!(
        "SELECT {COUNTER}, terms, changes, (SELECT used_at FROM asset_arbiter_rooms WHERE room = '{room}') \
         FROM asset_arbiter_assets WHERE {place}"
    );
    let (table, columns) = (holders.table(), holders.columns());
    let part = |part: &Part<'_>| match part {
        Part::First { after, limit } => {
            let after = after.map_or_else(String::new, |after| format!(" AND revision > {after}"));
            holders.first(&format!("{life}{after}"), *limit)
        }
        // No player was requested.
        Part::Of([]) => "SELECT 0 FROM DUAL WHERE FALSE".to_owned(),
        Part::Of(players) => format!(
            "SELECT {columns} FROM {table} FORCE INDEX (PRIMARY) WHERE {life} AND player IN ({})",
            quoted(*players)
        ),
        Part::Ending { .. } => format!(
            "SELECT {columns} FROM {table} FORCE INDEX (by_end) WHERE {life} AND ends_at IS NOT NULL \
             ORDER BY ends_at, revision LIMIT {}",
            MOST_DUE + 1
        ),
    };
    iter::once(record).chain(parts.iter().map(part)).collect()
}

/// The condition that a row is of an asset.
pub(super) fn place(AssetKey { room, asset }: &AssetKey) -> String {
    format!("room = '{room}' AND asset = '{asset}'")
}

pub(super) fn quoted(items: impl IntoIterator<Item: Display>) -> String {
    items.into_iter().map(|item| format!("'{item}'")).collect::<Vec<_>>().join(", ")
}

/// Every asset of a room without holders, ordered by name.
pub(super) async fn revisions(pool: &Pool, room: &RoomName) -> Result<Vec<RevisionRow>> {
    let counters = pool.read(&of_room(room, "NULL")).await?.into_iter().map(Cells::of).map(named);
    counters.map(|named| named.map(|(asset, counter)| counter.row(&asset))).collect()
}

pub(super) async fn held_by(
    pool: &Pool,
    room: &RoomName,
    player: &PlayerName,
) -> Result<Vec<(AssetName, u64)>> {
    let held = Holders::ALL.map(|holders| {
        let (table, leased) = (holders.table(), holders == Holders::Leased);
        format!(
            "SELECT a.asset, h.revision FROM asset_arbiter_assets a STRAIGHT_JOIN {table} h \
             FORCE INDEX (PRIMARY) ON h.origin = a.origin AND h.creation = a.creation AND h.player = '{player}' \
             WHERE a.room = '{room}' AND NOT a.removed AND (a.terms IS NOT NULL) = {leased}"
        )
    });
    let rows = pool.read(&held.join(" UNION ALL ")).await?.into_iter().map(Cells::of);
    rows.map(|mut cells| Ok((cells.text("asset")?, cells.number("revision")?))).collect()
}

/// Every asset of a room with its first holders, in one snapshot.
pub(super) async fn snapshot(pool: &Pool, room: &RoomName) -> Result<Vec<AssetState>> {
    let mut conn = pool.checkout().await?;
    let begun = conn.begin(&format!("{SNAPSHOT}; {}", of_room(room, "terms"))).await?;
    let rows = begun.into_iter().flat_map(|answer| answer.rows);
    let assets = rows.map(Cells::of).map(named).collect::<Result<Vec<_>>>()?;
    let mut firsts = vec![Vec::new(); assets.len()];
    let held: Vec<_> = (0..assets.len()).filter(|&place| assets[place].1.held > 0).collect();
    for places in held.chunks(ASSETS_AT_ONCE) {
        let first = |&place: &usize| {
            let counter = &assets[place].1;
            let Counter { origin, creation, .. } = counter;
            let life = format!("origin = {origin} AND creation = {creation}");
            Holders::of(counter).first(&life, HOLDERS_SHOWN)
        };
        let packet = places.iter().map(first).collect::<Vec<_>>().join("; ");
        for (&place, answer) in places.iter().zip(conn.begin(&packet).await?) {
            let grants = answer.rows.into_iter().map(|row| Cells::of(row).grant());
            firsts[place] = grants.collect::<Result<Vec<_>>>()?;
        }
    }
    conn.ask("COMMIT").await?;
    let states = assets.iter().zip(firsts).map(|((asset, counter), first)| shown(counter, asset, &first));
    Ok(states.collect())
}

fn of_room(room: &RoomName, terms: &str) -> String {
    format!("SELECT asset, {COUNTER}, {terms} FROM asset_arbiter_assets WHERE room = '{room}' ORDER BY asset")
}

fn named(mut cells: Cells) -> Result<(AssetName, Counter)> {
    Ok((cells.text("asset")?, cells.counter()?))
}
