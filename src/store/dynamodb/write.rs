use std::collections::HashMap;

use aws_sdk_dynamodb::types::{AttributeValue, Delete, Put, ReturnConsumedCapacity, TransactWriteItem};
use tokio::time::sleep;
use uuid::Uuid;

use super::{
    DynamoStore, Seen,
    client::{Deadline, pause},
    error::{DynamoError, Kind, Tried, of_transaction},
    expiry::{self, Expiry},
    holders::Holders,
    item::{AT, ENDED, EXPIRES_AT, GRANTED, Item, LEASE, ORIGIN, PK, PROBE, REVISION, Row, key, n, s},
    now, outbox,
};
use crate::{
    model::{Grant, limits::PROLONGED_PLAYERS},
    store::{AssetKey, Result, optimistic::Change},
};

/// Maximum number of items in one transaction.
pub(super) const ITEMS: usize = 100;

/// Seconds after which the service may delete a ping's item.
const PROBE_LIVES: u64 = 60;

/// The condition of a write.
#[derive(Debug, Clone)]
pub(super) struct Condition {
    pub(super) expression: String,
    pub(super) values: Option<HashMap<String, AttributeValue>>,
}

/// The items that a change writes besides the asset, in the same transaction.
#[derive(Default)]
struct Beside {
    puts: Vec<Item>,
    deletes: Vec<Item>,
}

impl DynamoStore {
    /// Writes a change if the asset is unchanged since it was read.
    pub(super) async fn change(&self, asset_key: &AssetKey, seen: Seen, change: Change) -> Result<bool> {
        let condition = Condition::as_seen(seen.row.as_ref());
        let ended = seen.row.as_ref().filter(|row| row.spilled && !change.goes_on());
        let ended = ended.map(|row| key(ENDED, &asset_key.life(&row.counter)));
        let ends = ended.is_some();
        let events = outbox::item(asset_key, &change.events);
        let (row, mut beside) = self.after(asset_key, seen, change);
        beside.puts.extend(ended.into_iter().chain(events));
        let written = if beside.puts.is_empty() && beside.deletes.is_empty() {
            self.put(row.item(asset_key), condition).await
        } else {
            self.transact(beside.actions(&self.url.table, row.item(asset_key), condition)?).await
        };
        if ends && written.is_ok() {
            self.sweeper.wake();
        }
        match written {
            Ok(()) => Ok(true),
            Err(error) if error.kind == Kind::Unmet => Ok(false),
            // The conflicting transaction has probably changed the asset: read again before writing.
            Err(error) if error.kind == Kind::Conflict => {
                sleep(pause(0)).await;
                Ok(false)
            }
            Err(error) => Err(error.into()),
        }
    }

    /// Maximum number of holders' items in one transaction. Besides, it contains the asset, the record of an incarnation that
    /// ended, and the events.
    pub(super) fn most_holders(&self) -> usize {
        ITEMS - 2 - usize::from(self.events_backlog.is_some())
    }

    /// Maximum number of grants that end in one change if some holders have items of their own. With
    /// [`PROLONGED_PLAYERS`] they fit into a transaction.
    pub(super) fn most_due(&self) -> usize {
        self.most_holders() - PROLONGED_PLAYERS
    }

    /// The asset's item after a change, and the holders' items to write with it.
    fn after(&self, asset_key: &AssetKey, seen: Seen, change: Change) -> (Row, Beside) {
        let (life, most, ttl) = (asset_key.life(&change.after), self.url.inline, self.url.room_ttl);
        // Nothing of an incarnation that ended is carried over.
        let Seen { row, next } = if change.goes_on() { seen } else { Seen::default() };
        let before = row.as_ref().is_some_and(|row| row.spilled);
        let covered_until = row.as_ref().and_then(|row| row.covered_until);
        let mut holders =
            row.map(|row| Holders::new(row.inline, row.counter.held as usize)).unwrap_or_default();
        for struck in &change.struck {
            holders.strike(struck);
        }
        holders.take_in(next, most, self.most_holders() - change.granted.len() - change.leased.len());
        for leased in change.leased {
            holders.lease(leased);
        }
        for grant in change.granted {
            holders.add(grant, most);
        }
        let spilled = before || !holders.puts.is_empty();
        let Expiry { expires_at, covered_until } =
            Expiry::after_change(now(), ttl, spilled, before, covered_until);
        let beside = Beside {
            puts: holders.puts.iter().map(|grant| self.holder(&life, grant)).collect(),
            deletes: holders.deletes.iter().map(|player| key(&life, player.as_str())).collect(),
        };
        let (counter, changes, inline) = (change.after, change.changes, holders.inline);
        (Row { counter, inline, changes, spilled, covered_until, expires_at }, beside)
    }

    fn holder(&self, life: &str, grant: &Grant) -> Item {
        let mut item = key(life, grant.player.as_str());
        item.insert(GRANTED.to_owned(), n(grant.revision));
        item.insert(AT.to_owned(), n(grant.granted_at));
        if !grant.lease.is_none() {
            item.insert(LEASE.to_owned(), s(grant.lease.to_string()));
        }
        if let Some(ttl) = self.url.room_ttl {
            item.insert(EXPIRES_AT.to_owned(), n(expiry::of_holder(now(), ttl)));
        }
        item
    }

    pub(super) async fn put(&self, item: Item, condition: Condition) -> Tried<()> {
        let answer = self.client.run(Deadline::new(), |sdk| {
            let request = sdk
                .put_item()
                .table_name(&self.url.table)
                .set_item(Some(item.clone()))
                .condition_expression(&condition.expression)
                .set_expression_attribute_values(condition.values.clone())
                .return_consumed_capacity(ReturnConsumedCapacity::Total);
            async { request.send().await.map_err(DynamoError::from) }
        });
        answer.await.map(|_| ())
    }

    /// Reads and writes like a change, on an item that belongs to no asset.
    pub(super) async fn probe(&self) -> Tried<()> {
        let key = key(PROBE, PROBE);
        self.get(key.clone(), None, Deadline::new()).await?;
        let mut item = key;
        item.insert(AT.to_owned(), n(now()));
        item.insert(EXPIRES_AT.to_owned(), n(now() + PROBE_LIVES));
        let condition = Condition { expression: format!("attribute_not_exists({REVISION})"), values: None };
        self.put(item, condition).await
    }

    /// Executes a transaction. A retry carries the same token, by which the service recognises it.
    pub(super) async fn transact(&self, actions: Vec<TransactWriteItem>) -> Tried<()> {
        let token = Uuid::new_v4().simple().to_string();
        let answer = self.client.run(Deadline::new(), |sdk| {
            let request = sdk
                .transact_write_items()
                .set_transact_items(Some(actions.clone()))
                .client_request_token(&token)
                .return_consumed_capacity(ReturnConsumedCapacity::Total);
            async { request.send().await.map_err(of_transaction) }
        });
        answer.await.map(|_| ())
    }
}

impl Condition {
    /// The condition that an attribute is still this text.
    pub(super) fn is(name: &str, text: &str) -> Self {
        let values = HashMap::from([(":seen".to_owned(), s(text))]);
        Self { expression: format!("{name} = :seen"), values: Some(values) }
    }

    pub(super) fn as_seen(row: Option<&Row>) -> Self {
        let Some(row) = row else {
            return Self { expression: format!("attribute_not_exists({PK})"), values: None };
        };
        let mut expression = format!("{REVISION} = :revision AND {ORIGIN} = :origin");
        let mut values = HashMap::from([
            (":revision".to_owned(), n(row.counter.revision)),
            (":origin".to_owned(), n(row.counter.origin)),
        ]);
        // A touch may have extended the asset's expiry meanwhile, which does not change the revision.
        if let Some(expires_at) = row.expires_at.filter(|_| row.is_over(now())) {
            expression += &format!(" AND {EXPIRES_AT} = :expires_at");
            values.insert(":expires_at".to_owned(), n(expires_at));
        }
        Self { expression, values: Some(values) }
    }
}

impl Beside {
    fn actions(self, table: &str, item: Item, condition: Condition) -> Tried<Vec<TransactWriteItem>> {
        let asset = Put::builder()
            .table_name(table)
            .set_item(Some(item))
            .condition_expression(condition.expression)
            .set_expression_attribute_values(condition.values)
            .build()?;
        let mut actions = vec![TransactWriteItem::builder().put(asset).build()];
        for item in self.puts {
            actions.push(put(table, item)?);
        }
        for key in self.deletes {
            let delete = Delete::builder().table_name(table).set_key(Some(key)).build()?;
            actions.push(TransactWriteItem::builder().delete(delete).build());
        }
        Ok(actions)
    }
}

/// A put as part of a transaction.
pub(super) fn put(table: &str, item: Item) -> Tried<TransactWriteItem> {
    let put = Put::builder().table_name(table).set_item(Some(item)).build()?;
    Ok(TransactWriteItem::builder().put(put).build())
}
