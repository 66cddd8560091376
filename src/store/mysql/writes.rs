use super::{pool::Pool, pooled_conn::PooledConn, reads::COUNTER, rooms, transaction::Transaction};
use crate::{
    model::{Grant, Millis},
    store::{
        AssetKey, Result,
        optimistic::{Change, Counter},
    },
};

/// Writes a change if the asset is unchanged since it was read. Otherwise returns `false`.
pub(super) async fn write(
    conn: &mut PooledConn,
    key: &AssetKey,
    used_at: Option<Millis>,
    change: &Change,
) -> Result<bool> {
    let before = &change.before;
    // Before the asset, because the removal of a room locks them in this order, too.
    let noted = match before {
        None => Some(rooms::enter(&key.room, change.at)),
        Some(_) => rooms::used(&key.room, change.at, used_at),
    };
    let claim = before.as_ref().map_or_else(|| insert(key, change), |before| update(key, before, change));
    let mut transaction = Transaction::new(noted, claim);
    transaction.stop_unless_changed(1);
    holders(&mut transaction, change);
    Ok(transaction.run(conn).await? == Some(1))
}

/// Makes the same writes as a change, in a room with an invalid name, and undoes them in the same transaction.
pub(super) async fn probe(pool: &Pool) -> Result<()> {
    let (room, origin) = (format!("~{:016x}", fastrand::u64(..)), fastrand::u64(..));
    let life = format!("origin = {origin} AND creation = 0");
    pool.read(&format!("SELECT revision FROM asset_arbiter_assets WHERE room = '{room}'")).await?;
    let noted =
        format!("INSERT INTO asset_arbiter_rooms (room, used_at) VALUES ('{room}', {})", Millis::MAX / 2);
    let claim = format!(
        "INSERT INTO asset_arbiter_assets (room, asset, {COUNTER}, changes) \
         VALUES ('{room}', '~', 1, 1, 0, 0, {origin}, 0, 1, 0, '')"
    );
    let mut transaction = Transaction::new(Some(noted), claim);
    transaction.stop_unless_changed(1);
    transaction.change(1, format!("UPDATE asset_arbiter_assets SET revision = 1 WHERE room = '{room}'"));
    let row = format!("({origin}, 0, '~', 1, 0)");
    for statement in [
        format!(
            "INSERT INTO asset_arbiter_holders (origin, creation, player, revision, granted_at) VALUES {row}"
        ),
        format!("INSERT INTO asset_arbiter_leftovers (origin, creation) VALUES ({origin}, 0)"),
        format!("DELETE FROM asset_arbiter_leftovers WHERE {life}"),
        format!("DELETE FROM asset_arbiter_holders WHERE {life}"),
        format!("DELETE FROM asset_arbiter_assets WHERE room = '{room}'"),
        format!("DELETE FROM asset_arbiter_rooms WHERE room = '{room}'"),
    ] {
        transaction.change(1, statement);
    }
    transaction.run(&mut pool.checkout().await?).await.map(|_| ())
}

fn insert(AssetKey { room, asset }: &AssetKey, Change { after, changes, .. }: &Change) -> String {
    let values = values(after);
    format!(
        "INSERT INTO asset_arbiter_assets (room, asset, {COUNTER}, changes) \
         VALUES ('{room}', '{asset}', {}, '{changes}')",
        values.map(|(_, value)| value.to_string()).join(", ")
    )
}

fn update(AssetKey { room, asset }: &AssetKey, before: &Counter, change: &Change) -> String {
    let values = values(&change.after).map(|(column, value)| format!("{column} = {value}")).join(", ");
    format!(
        "UPDATE asset_arbiter_assets SET {values}, changes = '{}' \
         WHERE room = '{room}' AND asset = '{asset}' AND origin = {} AND revision = {}",
        change.changes, before.origin, before.revision
    )
}

fn values(counter: &Counter) -> [(&'static str, u64); 8] {
    [
        ("units", counter.units.into()),
        ("remaining", counter.remaining.into()),
        ("held", counter.held.into()),
        ("revision", counter.revision),
        ("origin", counter.origin),
        ("creation", counter.creation),
        ("created_units", counter.created_units.into()),
        ("removed", counter.removed.into()),
    ]
}

/// The incarnation that a change ends, if it leaves holders behind.
pub(super) fn ended(change: &Change) -> Option<&Counter> {
    change.before.as_ref().filter(|before| before.held > 0 && !change.goes_on())
}

/// Adds the statements that change the holders.
fn holders(transaction: &mut Transaction, change: &Change) {
    let Counter { origin, creation, .. } = &change.after;
    for Grant { player, .. } in &change.struck {
        let delete = format!(
            "DELETE FROM asset_arbiter_holders \
             WHERE origin = {origin} AND creation = {creation} AND player = '{player}'"
        );
        transaction.change(1, delete);
    }
    if !change.granted.is_empty() {
        let row = |Grant { player, revision, granted_at, .. }: &Grant| {
            format!("({origin}, {creation}, '{player}', {revision}, {granted_at})")
        };
        let insert = format!(
            "INSERT INTO asset_arbiter_holders (origin, creation, player, revision, granted_at) VALUES {}",
            change.granted.iter().map(row).collect::<Vec<_>>().join(", ")
        );
        transaction.change(change.granted.len(), insert);
    }
    if let Some(Counter { origin, creation, .. }) = ended(change) {
        let insert =
            format!("INSERT INTO asset_arbiter_leftovers (origin, creation) VALUES ({origin}, {creation})");
        transaction.change(1, insert);
    }
}
