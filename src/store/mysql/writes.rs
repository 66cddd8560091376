use super::{lease::Lease, reads::COUNTER, rooms, trouble::Trouble};
use crate::{
    model::{AssetName, Grant, Millis, RoomName},
    store::{
        Result,
        versioned::{Change, Counter},
    },
};

/// A whole transaction, sent as one packet: no lock ever waits for us, and a client that is gone in the middle of it leaves
/// all of it or nothing.
pub(super) struct Transaction {
    statements: Vec<String>,
    /// The number of the statement that decides.
    claim: usize,
}

/// TiDB would try without locks first, which is no use where everyone wants the same row; the others see a comment.
pub(super) const BEGIN: &str = "BEGIN /*T! PESSIMISTIC */";

impl Transaction {
    /// Begins with what may be done in any case, and one statement that says by how many rows it changed how it went.
    pub(super) fn new(before: impl IntoIterator<Item = String>, claim: String) -> Self {
        let mut statements: Vec<_> = before.into_iter().collect();
        statements.push(claim);
        Self { claim: statements.len() - 1, statements }
    }

    /// Right after the claim: it must have changed one row, else nothing is done.
    pub(super) fn unless_claimed_stop(&mut self) {
        self.stop_unless_changed(1);
    }

    /// A statement that changes so many rows; else nothing is done.
    pub(super) fn change(&mut self, rows: usize, statement: String) {
        self.any(statement);
        self.stop_unless_changed(rows);
    }

    /// A statement that changes any number of rows.
    pub(super) fn any(&mut self, statement: String) {
        self.statements.push(statement);
    }

    /// The row is there already, so that trying to make it again ends the packet, whatever mode the server is in.
    /// Nothing else would: a statement that an operator kills at the wrong moment may pass for one that found nothing.
    fn stop_unless_changed(&mut self, rows: usize) {
        self.any(format!(
            "INSERT INTO asset_arbiter_schema (version) SELECT 1 FROM DUAL WHERE NOT (ROW_COUNT() <=> {rows})"
        ));
    }

    /// How many rows the claim changed. `None`: another transaction came first, and this one did nothing.
    pub(super) async fn run(mut self, lease: &mut Lease) -> Result<Option<u64>> {
        if !lease.is_open() {
            self.statements.insert(0, BEGIN.to_owned());
            self.claim += 1;
        }
        let commit = self.statements.len();
        self.statements.push("COMMIT".to_owned());
        match lease.ask(&self.statements.join(";\n")).await {
            Ok(answers) => Ok(answers.get(self.claim).map(|answer| answer.affected)),
            Err(trouble) => {
                if matches!(trouble, Trouble::Refused { .. }) {
                    // If it does not work out the connection is closed, which comes to the same.
                    drop(lease.ask("ROLLBACK").await);
                }
                trouble.of_transaction(commit).map(|()| None)
            }
        }
    }
}

/// Writes a change if the asset is as it was read. `false`: it is not.
pub(super) async fn write(
    lease: &mut Lease,
    room: &RoomName,
    asset: &AssetName,
    used_at: Option<Millis>,
    change: &Change,
) -> Result<bool> {
    let before = &change.before;
    // Before the asset: who removes a room locks them in this order, too.
    let noted = match before {
        None => Some(rooms::enter(room, change.at)),
        Some(_) => rooms::used(room, change.at, used_at),
    };
    let claim = before
        .as_ref()
        .map_or_else(|| insert(room, asset, change), |before| update(room, asset, before, change));
    let mut transaction = Transaction::new(noted, claim);
    transaction.unless_claimed_stop();
    holders(&mut transaction, change);
    Ok(transaction.run(lease).await? == Some(1))
}

fn insert(room: &RoomName, asset: &AssetName, Change { after, changes, .. }: &Change) -> String {
    let values = values(after);
    format!(
        "INSERT INTO asset_arbiter_assets (room, asset, {COUNTER}, changes) \
         VALUES ('{room}', '{asset}', {}, '{changes}')",
        values.map(|(_, value)| value.to_string()).join(", ")
    )
}

fn update(room: &RoomName, asset: &AssetName, before: &Counter, change: &Change) -> String {
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

/// What becomes of the holders.
fn holders(transaction: &mut Transaction, change: &Change) {
    let Counter { origin, creation, .. } = &change.after;
    if let Some(Grant { player, .. }) = &change.struck {
        let delete = format!(
            "DELETE FROM asset_arbiter_holders \
             WHERE origin = {origin} AND creation = {creation} AND player = '{player}'"
        );
        transaction.change(1, delete);
    }
    if !change.granted.is_empty() {
        let row = |Grant { player, revision, granted_at }: &Grant| {
            format!("({origin}, {creation}, '{player}', {revision}, {granted_at})")
        };
        let insert = format!(
            "INSERT INTO asset_arbiter_holders (origin, creation, player, revision, granted_at) VALUES {}",
            change.granted.iter().map(row).collect::<Vec<_>>().join(", ")
        );
        transaction.change(change.granted.len(), insert);
    }
    if change.after.removed && change.before.as_ref().is_some_and(|before| before.held > 0) {
        let insert =
            format!("INSERT INTO asset_arbiter_leftovers (origin, creation) VALUES ({origin}, {creation})");
        transaction.change(1, insert);
    }
}
