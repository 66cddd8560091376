use std::collections::HashMap;

use aws_sdk_dynamodb::types::{AttributeValue, KeysAndAttributes, ReturnConsumedCapacity};
use futures::future::{try_join, try_join_all};
use tokio::time::sleep;

use super::{
    DynamoStore, Seen, TRIES,
    client::{Deadline, pause},
    error,
    error::{DynamoError, Kind, Tried},
    item::{BY_GRANT, Fields, GRANTED, Item, ORIGIN, PK, REVISION, Row, SK, key, n, s},
    now,
};
use crate::{
    model::{AssetName, Grant, PlayerName},
    store::{
        AssetKey, Result, StoreError, StoreErrorKind,
        optimistic::{FIRST, Record},
    },
};

/// Maximum number of keys in one `BatchGetItem`.
const KEYS: usize = 100;

/// A query.
pub(super) struct Asked<'a> {
    pub(super) index: Option<&'a str>,
    pub(super) condition: String,
    pub(super) values: HashMap<String, AttributeValue>,
    /// The attributes to return; `None`: all.
    pub(super) shown: Option<&'a str>,
    pub(super) limit: usize,
}

impl DynamoStore {
    /// Reads an asset, and which of the players hold it, as one snapshot.
    pub(super) async fn record(
        &self,
        asset_key: &AssetKey,
        players: &[PlayerName],
    ) -> Result<(Option<Record>, Seen)> {
        let deadline = Deadline::new();
        for tried in 0..TRIES {
            let Some(row) = self.row(asset_key, deadline).await? else {
                return Ok((None, Seen { row: None, next: Vec::new() }));
            };
            if row.is_over(now()) {
                return Ok((None, Seen { row: Some(row), next: Vec::new() }));
            }
            let life = asset_key.life(&row.counter);
            let inside: HashMap<_, _> =
                row.inline.iter().map(|grant| (grant.player.clone(), grant.revision)).collect();
            if row.is_whole() {
                let record = recorded(&row, &[], inside);
                return Ok((Some(record), Seen { row: Some(row), next: Vec::new() }));
            }
            let others: Vec<_> = players.iter().filter(|player| !inside.contains_key(*player)).collect();
            let outside = self.look_up(&life, &others, deadline);
            let next = self.later(&life, 0, FIRST.saturating_sub(row.inline.len()));
            let (outside, next) = try_join(outside, next).await?;
            if self.is_still(asset_key, &row, deadline).await? {
                let record = recorded(&row, &next, inside.into_iter().chain(outside).collect());
                return Ok((Some(record), Seen { row: Some(row), next }));
            }
            sleep(pause(tried)).await;
        }
        Err(restless(&asset_key.asset))
    }

    /// Reads at most `limit` holders whose grant is newer than `after`; `None` if there is no asset.
    pub(super) async fn page(
        &self,
        asset_key: &AssetKey,
        after: Option<u64>,
        limit: usize,
    ) -> Result<Option<Vec<Grant>>> {
        for tried in 0..TRIES {
            let deadline = Deadline::new();
            let row = self.row(asset_key, deadline).await?;
            let Some(row) = row.filter(|row| !row.is_over(now()) && !row.counter.removed) else {
                return Ok(None);
            };
            let wanted = |grant: &&Grant| after.is_none_or(|after| grant.revision > after);
            let mut page: Vec<_> = row.inline.iter().filter(wanted).take(limit).cloned().collect();
            if row.is_whole() || page.len() == limit {
                return Ok(Some(page));
            }
            let life = asset_key.life(&row.counter);
            page.extend(self.later(&life, after.unwrap_or_default(), limit - page.len()).await?);
            if self.is_still(asset_key, &row, deadline).await? {
                return Ok(Some(page));
            }
            sleep(pause(tried)).await;
        }
        Err(restless(&asset_key.asset))
    }

    async fn row(&self, asset_key: &AssetKey, deadline: Deadline) -> Result<Option<Row>> {
        let item = self.get(asset_key.primary_key(), None, deadline).await?;
        item.map(|item| Row::parse(&item)).transpose()
    }

    /// Whether the asset is unchanged since it was read.
    async fn is_still(&self, asset_key: &AssetKey, row: &Row, deadline: Deadline) -> Result<bool> {
        let shown = format!("{REVISION}, {ORIGIN}");
        let Some(item) = self.get(asset_key.primary_key(), Some(shown), deadline).await? else {
            return Ok(false);
        };
        let fields = Fields(&item);
        let found = (fields.number(REVISION)?, fields.number(ORIGIN)?);
        Ok(found == (row.counter.revision, row.counter.origin))
    }

    pub(super) async fn get(
        &self,
        key: Item,
        shown: Option<String>,
        deadline: Deadline,
    ) -> Tried<Option<Item>> {
        let answer = self.client.run(deadline, |sdk| {
            let request = sdk
                .get_item()
                .table_name(&self.url.table)
                .set_key(Some(key.clone()))
                .set_projection_expression(shown.clone())
                .consistent_read(true)
                .return_consumed_capacity(ReturnConsumedCapacity::Total);
            async { request.send().await.map_err(DynamoError::from) }
        });
        Ok(answer.await?.item)
    }

    /// Reads which of the players have an item in an incarnation, with the revisions of their grants.
    async fn look_up(
        &self,
        life: &str,
        players: &[&PlayerName],
        deadline: Deadline,
    ) -> Result<Vec<(PlayerName, u64)>> {
        let parts = players.chunks(KEYS).map(|players| self.look_up_some(life, players, deadline));
        Ok(try_join_all(parts).await?.concat())
    }

    async fn look_up_some(
        &self,
        life: &str,
        players: &[&PlayerName],
        deadline: Deadline,
    ) -> Result<Vec<(PlayerName, u64)>> {
        let (mut found, mut tried) = (Vec::new(), 0);
        let mut keys: Vec<_> = players.iter().map(|player| key(life, player.as_str())).collect();
        loop {
            let asked = KeysAndAttributes::builder()
                .set_keys(Some(keys))
                .consistent_read(true)
                .projection_expression(format!("{SK}, {GRANTED}"))
                .build()
                .map_err(|odd| error(StoreErrorKind::Unavailable, odd.to_string()))?;
            let answer = self.client.run(deadline, |sdk| {
                let request = sdk
                    .batch_get_item()
                    .request_items(&self.url.table, asked.clone())
                    .return_consumed_capacity(ReturnConsumedCapacity::Total);
                async { request.send().await.map_err(DynamoError::from) }
            });
            let answer = answer.await?;
            for item in answer.responses.unwrap_or_default().into_values().flatten() {
                let fields = Fields(&item);
                found.push((fields.parsed(SK)?, fields.number(GRANTED)?));
            }
            let left = answer.unprocessed_keys.unwrap_or_default().into_values();
            keys = left.flat_map(|left| left.keys).collect();
            if keys.is_empty() {
                return Ok(found);
            }
            if deadline.is_over() {
                let why = "the service is too busy to look up every player in time";
                return Err(DynamoError::new(Kind::Busy, why).into());
            }
            sleep(pause(tried)).await;
            tried += 1;
        }
    }

    /// Reads at most `limit` holders with items of their own whose grant is newer than `after`.
    async fn later(&self, life: &str, after: u64, limit: usize) -> Result<Vec<Grant>> {
        let values = HashMap::from([(":pk".to_owned(), s(life)), (":after".to_owned(), n(after))]);
        let condition = format!("{PK} = :pk AND {GRANTED} > :after");
        let asked = Asked { index: Some(BY_GRANT), condition, values, shown: None, limit };
        let items = self.query(asked).await?;
        items.iter().map(|item| Fields(item).grant()).collect()
    }

    /// Runs a query over all its pages.
    pub(super) async fn query(&self, asked: Asked<'_>) -> Result<Vec<Item>> {
        let (mut found, mut from) = (Vec::new(), None);
        while found.len() < asked.limit {
            let left = i32::try_from(asked.limit - found.len()).ok();
            let answer = self.client.run(Deadline::new(), |sdk| {
                let request = sdk
                    .query()
                    .table_name(&self.url.table)
                    .set_index_name(asked.index.map(str::to_owned))
                    .key_condition_expression(&asked.condition)
                    .set_expression_attribute_values(Some(asked.values.clone()))
                    .set_projection_expression(asked.shown.map(str::to_owned))
                    .consistent_read(true)
                    .set_exclusive_start_key(from.clone())
                    .set_limit(left)
                    .return_consumed_capacity(ReturnConsumedCapacity::Total);
                async { request.send().await.map_err(DynamoError::from) }
            });
            let answer = answer.await?;
            found.extend(answer.items.unwrap_or_default());
            from = answer.last_evaluated_key.filter(|key| !key.is_empty());
            if from.is_none() {
                break;
            }
        }
        Ok(found)
    }
}

fn recorded(row: &Row, next: &[Grant], holding: HashMap<PlayerName, u64>) -> Record {
    let first = row.inline.iter().chain(next).take(FIRST).cloned().collect();
    Record { counter: row.counter.clone(), first, holding, changes: row.changes.clone() }
}

fn restless(asset: &AssetName) -> StoreError {
    error(StoreErrorKind::Unavailable, format!("asset {asset} is changed by others all the time"))
}
