use super::{
    outbox::Append,
    pool::Pool,
    pooled_conn::PooledConn,
    reads::{COUNTER, Holders, place, quoted},
    rooms,
    transaction::Transaction,
};
use crate::{
    model::{Grant, Millis},
    store::{
        AssetKey, Result,
        optimistic::{Change, Counter},
    },
};

/// Writes a change and its events if the asset is unchanged since it was read. Otherwise returns `false`.
pub(super) async fn write(
    conn: &mut PooledConn,
    key: &AssetKey,
    used_at: Option<Millis>,
    change: &Change,
    append: &Append,
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
    append.add_to(&mut transaction, key);
    Ok(transaction.run(conn).await? == Some(1))
}

/// Makes the same writes as a change, in a room with an invalid name, and undoes them in the same transaction.
pub(super) async fn probe(pool: &Pool, keeps_events: bool) -> Result<()> {
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
    if keeps_events {
        transaction.change(
            1,
            format!("INSERT INTO asset_arbiter_events (room, asset, event) VALUES ('{room}', '~', '~')"),
        );
        transaction.change(1, format!("DELETE FROM asset_arbiter_events WHERE room = '{room}'"));
    }
    transaction.run(&mut pool.checkout().await?).await.map(|_| ())
}

fn insert(AssetKey { room, asset }: &AssetKey, Change { after, changes, .. }: &Change) -> String {
    let numbers = values(after).map(|(_, value)| value.to_string()).join(", ");
    let (column, terms) = match &after.terms {
        Some(terms) => (", terms", format!(", '{terms}'")),
        None => ("", String::new()),
    };
    format!(
        "INSERT INTO asset_arbiter_assets (room, asset, {COUNTER}, changes{column}) \
         VALUES ('{room}', '{asset}', {numbers}, '{changes}'{terms})"
    )
}

/// Finds the asset by its name, as a reader that locks it does: another index would be locked in another order.
fn update(key: &AssetKey, before: &Counter, change: &Change) -> String {
    let values = values(&change.after).map(|(column, value)| format!("{column} = {value}")).join(", ");
    let terms = match (&before.terms, &change.after.terms) {
        (_, Some(terms)) => format!(", terms = '{terms}'"),
        (Some(_), None) => ", terms = NULL".to_owned(),
        (None, None) => String::new(),
    };
    format!(
        "UPDATE asset_arbiter_assets FORCE INDEX (PRIMARY) SET {values}, changes = '{}'{terms} \
         WHERE {} AND origin = {} AND revision = {}",
        change.changes,
        place(key),
        before.origin,
        before.revision
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
    let holders = Holders::of(&change.after);
    // A row with another lease replaces the one before.
    let old: Vec<_> = change.struck.iter().chain(&change.leased).map(|grant| &grant.player).collect();
    if !old.is_empty() {
        let delete = format!(
            "DELETE FROM {} WHERE origin = {origin} AND creation = {creation} AND player IN ({})",
            holders.table(),
            quoted(old.iter().copied())
        );
        transaction.change(old.len(), delete);
    }
    let new: Vec<_> = change.leased.iter().chain(&change.granted).collect();
    if !new.is_empty() {
        transaction.change(new.len(), insert_holders(holders, &change.after, &new));
    }
    if let Some(Counter { origin, creation, .. }) = ended(change) {
        let insert =
            format!("INSERT INTO asset_arbiter_leftovers (origin, creation) VALUES ({origin}, {creation})");
        transaction.change(1, insert);
    }
}

fn insert_holders(holders: Holders, Counter { origin, creation, .. }: &Counter, grants: &[&Grant]) -> String {
    let more = if holders == Holders::Leased { ", ends_at, lease" } else { "" };
    let row = |Grant { player, revision, granted_at, lease, .. }: &&Grant| {
        let ends_at = lease.ends_at().map_or_else(|| "NULL".to_owned(), |at| at.to_string());
        let more = if holders == Holders::Leased { format!(", {ends_at}, '{lease}'") } else { String::new() };
        format!("({origin}, {creation}, '{player}', {revision}, {granted_at}{more})")
    };
    format!(
        "INSERT INTO {} (origin, creation, player, revision, granted_at{more}) VALUES {}",
        holders.table(),
        grants.iter().map(row).collect::<Vec<_>>().join(", ")
    )
}
