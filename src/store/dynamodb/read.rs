use std::{
    collections::{HashMap, HashSet},
    slice::from_ref,
};

use async_trait::async_trait;
use aws_sdk_dynamodb::types::{AttributeValue, KeysAndAttributes, ReturnConsumedCapacity, Select};
use futures::{
    StreamExt, TryStreamExt,
    future::{try_join, try_join_all},
    stream,
};
use tokio::time::sleep;

use super::{
    DynamoStore, SIDE_BY_SIDE, Seen, TRIES,
    client::{Client, Deadline, pause},
    error,
    error::{DynamoError, Kind, Tried},
    item::{
        BY_GRANT, EXPIRES_AT, Fields, GRANTED, HELD, Item, ORIGIN, PK, REMAINING, REMOVED, REVISION, Row, SK,
        key, n, s,
    },
    now,
};
use crate::{
    model::{AssetName, AssetState, Grant, Millis, PlayerName, RevisionRow, RoomName, limits::HOLDERS_SHOWN},
    store::{
        AssetKey, Result, StoreError, StoreErrorKind,
        optimistic::{Change, Counter, Ending, FIRST, Record, RecordStore, shown},
    },
};

/// Maximum number of keys in one `BatchGetItem`.
const KEYS: usize = 100;

/// The time of a read: no grant ends by it.
const NO_CHANGE: Millis = 0;

/// A query.
pub(super) struct Asked<'a> {
    /// The index to query instead of the table, and whether to read what it does not have from the table.
    pub(super) index: Option<(&'a str, Select)>,
    pub(super) condition: String,
    pub(super) values: HashMap<String, AttributeValue>,
    /// The attributes to return; `None`: all.
    pub(super) shown: Option<&'a str>,
    pub(super) limit: usize,
}

/// Holders with items of their own.
struct Outside {
    /// At least those who were asked for.
    found: Vec<Grant>,
    /// The first by revision.
    next: Vec<Grant>,
    /// Those of the asset that are due, and when the next one ends.
    ending: Ending,
}

#[async_trait]
impl RecordStore for DynamoStore {
    type Seen = Seen;

    async fn read(
        &self,
        asset_key: &AssetKey,
        players: &[PlayerName],
        at: Millis,
    ) -> Result<(Option<Record>, Seen)> {
        let deadline = Deadline::new();
        for tried in 0..TRIES {
            let Some(row) = self.row(asset_key, deadline).await? else {
                return Ok((None, Seen { row: None, next: Vec::new() }));
            };
            if row.is_over(now()) {
                return Ok((None, Seen { row: Some(row), next: Vec::new() }));
            }
            if row.is_whole() {
                let ending = ending(&row, &row.inline, usize::MAX, at);
                let record = recorded(&row, &[], &[], ending);
                return Ok((Some(record), Seen { row: Some(row), next: Vec::new() }));
            }
            let Outside { found, next, ending } =
                self.outside(&asset_key.life(&row.counter), &row, players, at, deadline).await?;
            if self.is_still(asset_key, &row, deadline).await? {
                if row.counter.may_end_by(row.counter.time_of_change(at)) {
                    self.next_ends.note(&row.counter, &ending);
                }
                let record = recorded(&row, &found, &next, ending);
                return Ok((Some(record), Seen { row: Some(row), next }));
            }
            sleep(pause(tried)).await;
        }
        Err(restless(&asset_key.asset))
    }

    async fn write(&self, key: &AssetKey, seen: Seen, change: Change) -> Result<bool> {
        self.change(key, seen, change).await
    }

    async fn asset(&self, key: &AssetKey) -> Result<Option<AssetState>> {
        let (record, _) = self.read(key, &[], NO_CHANGE).await?;
        Ok(record.map(|record| record.state(&key.asset)))
    }

    async fn snapshot(&self, room: &RoomName) -> Result<Vec<AssetState>> {
        let rows = self.rows(room).await?;
        let states = rows.into_iter().map(|(asset, row)| async move {
            if row.is_whole() || row.inline.len() >= HOLDERS_SHOWN {
                return Ok(Some(shown(&row.counter, &asset, &row.inline)));
            }
            let (record, _) = self.read(&AssetKey::new(room, &asset), &[], NO_CHANGE).await?;
            Ok::<_, StoreError>(record.map(|record| record.state(&asset)))
        });
        let states: Vec<_> = stream::iter(states).buffered(SIDE_BY_SIDE).try_collect().await?;
        // Sorted already, because the service sorts names by their bytes, as we do.
        Ok(states.into_iter().flatten().collect())
    }

    async fn revisions(&self, room: &RoomName) -> Result<Vec<RevisionRow>> {
        let shown = [SK, ORIGIN, REVISION, REMAINING, HELD, REMOVED, EXPIRES_AT].join(", ");
        let (items, now) = (self.room(room, Some(&shown)).await?, now());
        let mut rows = Vec::with_capacity(items.len());
        for item in &items {
            let fields = Fields(item);
            if fields.optional_number(EXPIRES_AT)?.is_none_or(|at: u64| at > now) {
                rows.push(RevisionRow {
                    asset: fields.parsed(SK)?,
                    revision: fields.number(REVISION)?,
                    remaining: fields.number(REMAINING)?,
                    held: fields.number(HELD)?,
                    removed: fields.is(REMOVED),
                    origin: fields.number(ORIGIN)?,
                });
            }
        }
        Ok(rows)
    }

    async fn holders(&self, key: &AssetKey, after: Option<u64>, limit: usize) -> Result<Option<Vec<Grant>>> {
        for tried in 0..TRIES {
            let deadline = Deadline::new();
            let row = self.row(key, deadline).await?;
            let Some(row) = row.filter(|row| !row.is_over(now()) && !row.counter.removed) else {
                return Ok(None);
            };
            let wanted = |grant: &&Grant| after.is_none_or(|after| grant.revision > after);
            let mut page: Vec<_> = row.inline.iter().filter(wanted).take(limit).cloned().collect();
            if row.is_whole() || page.len() == limit {
                return Ok(Some(page));
            }
            let life = key.life(&row.counter);
            let after = after.unwrap_or_default();
            page.extend(self.later(&life, &row.counter, after, limit - page.len()).await?);
            if self.is_still(key, &row, deadline).await? {
                return Ok(Some(page));
            }
            sleep(pause(tried)).await;
        }
        Err(restless(&key.asset))
    }

    async fn held_by(&self, room: &RoomName, player: &PlayerName) -> Result<Vec<(AssetName, u64)>> {
        let rows = self.rows(room).await?;
        let held = rows.into_iter().map(|(asset, row)| async move {
            let inside = row.inline.iter().find(|grant| grant.player == *player).map(|grant| grant.revision);
            if inside.is_some() || row.is_whole() {
                return Ok(inside.map(|revision| (asset, revision)));
            }
            let (record, _) = self.read(&AssetKey::new(room, &asset), from_ref(player), NO_CHANGE).await?;
            let revision = record.and_then(|record| record.holding.get(player).map(|grant| grant.revision));
            Ok::<_, StoreError>(revision.map(|revision| (asset, revision)))
        });
        let held: Vec<_> = stream::iter(held).buffered(SIDE_BY_SIDE).try_collect().await?;
        Ok(held.into_iter().flatten().collect())
    }
}

impl DynamoStore {
    /// Reads every asset of a room that has not expired.
    async fn rows(&self, room: &RoomName) -> Result<Vec<(AssetName, Row)>> {
        let (items, now) = (self.room(room, None).await?, now());
        let mut rows = Vec::with_capacity(items.len());
        for item in &items {
            let row = Row::parse(item)?;
            if !row.is_over(now) {
                rows.push((Fields(item).parsed(SK)?, row));
            }
        }
        Ok(rows)
    }

    /// Reads the items of a room's assets, including expired ones.
    pub(super) async fn room(&self, room: &RoomName, shown: Option<&str>) -> Result<Vec<Item>> {
        let values = HashMap::from([(":pk".to_owned(), s(room.as_str()))]);
        let asked = Asked { index: None, condition: format!("{PK} = :pk"), values, shown, limit: usize::MAX };
        Ok(query(&self.client, &self.url.table, asked).await?)
    }

    async fn row(&self, asset_key: &AssetKey, deadline: Deadline) -> Result<Option<Row>> {
        let item = self.get(asset_key.primary_key(), None, deadline).await?;
        item.map(|item| Row::parse(&item)).transpose()
    }

    /// Whether the asset is unchanged since it was read.
    async fn is_still(&self, asset_key: &AssetKey, row: &Row, deadline: Deadline) -> Result<bool> {
        let shown = format!("{REVISION}, {ORIGIN}");
        let Some(item) = self.get(asset_key.primary_key(), Some(&shown), deadline).await? else {
            return Ok(false);
        };
        let fields = Fields(&item);
        let found = (fields.number(REVISION)?, fields.number(ORIGIN)?);
        Ok(found == (row.counter.revision, row.counter.origin))
    }

    pub(super) async fn get(&self, key: Item, shown: Option<&str>, deadline: Deadline) -> Tried<Option<Item>> {
        let answer = self.client.run(deadline, |sdk| {
            let request = sdk
                .get_item()
                .table_name(&self.url.table)
                .set_key(Some(key.clone()))
                .set_projection_expression(shown.map(str::to_owned))
                .consistent_read(true)
                .return_consumed_capacity(ReturnConsumedCapacity::Total);
            async { request.send().await.map_err(DynamoError::from) }
        });
        Ok(answer.await?.item)
    }

    /// Reads holders with items of their own.
    async fn outside(
        &self,
        life: &str,
        row: &Row,
        players: &[PlayerName],
        at: Millis,
        deadline: Deadline,
    ) -> Result<Outside> {
        let (next, now) = (FIRST.saturating_sub(row.inline.len()), row.counter.time_of_change(at));
        let none_due = match row.counter.may_end_by(now) {
            true => self.next_ends.none_due(&row.counter, now),
            false => Some(Ending::default()),
        };
        let Some(none_due) = none_due else {
            let mut found = self.all(life).await?;
            let ending = ending(row, row.inline.iter().chain(&found), self.most_due(), at);
            found.sort_unstable_by_key(|grant| grant.revision);
            let next = found.iter().take(next + ending.due.len()).cloned().collect();
            return Ok(Outside { found, next, ending });
        };
        let inside: HashSet<_> = row.inline.iter().map(|grant| &grant.player).collect();
        let others: Vec<_> = players.iter().filter(|player| !inside.contains(player)).collect();
        let found = try_join_all(others.chunks(KEYS).map(|players| self.look_up(life, players, deadline)));
        let (found, next) = try_join(found, self.later(life, &row.counter, 0, next)).await?;
        Ok(Outside { found: found.concat(), next, ending: none_due })
    }

    /// Reads all holders with items of their own.
    async fn all(&self, life: &str) -> Result<Vec<Grant>> {
        let values = HashMap::from([(":pk".to_owned(), s(life))]);
        let asked =
            Asked { index: None, condition: format!("{PK} = :pk"), values, shown: None, limit: usize::MAX };
        let items = query(&self.client, &self.url.table, asked).await?;
        items.iter().map(|item| Fields(item).grant()).collect()
    }

    /// Reads which of at most [`KEYS`] players have an item in an incarnation, with their grants.
    async fn look_up(&self, life: &str, players: &[&PlayerName], deadline: Deadline) -> Result<Vec<Grant>> {
        let (mut found, mut tried) = (Vec::new(), 0);
        let mut keys: Vec<_> = players.iter().map(|player| key(life, player.as_str())).collect();
        loop {
            let asked = KeysAndAttributes::builder()
                .set_keys(Some(keys))
                .consistent_read(true)
                .build()
                .map_err(DynamoError::from)?;
            let answer = self.client.run(deadline, |sdk| {
                let request = sdk
                    .batch_get_item()
                    .request_items(&self.url.table, asked.clone())
                    .return_consumed_capacity(ReturnConsumedCapacity::Total);
                async { request.send().await.map_err(DynamoError::from) }
            });
            let answer = answer.await?;
            for item in answer.responses.unwrap_or_default().into_values().flatten() {
                found.push(Fields(&item).grant()?);
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
    async fn later(&self, life: &str, counter: &Counter, after: u64, limit: usize) -> Result<Vec<Grant>> {
        let values = HashMap::from([(":pk".to_owned(), s(life)), (":after".to_owned(), n(after))]);
        let condition = format!("{PK} = :pk AND {GRANTED} > :after");
        // The index has no deadlines: each change of one would cost another write.
        let select = match counter.terms {
            Some(_) => Select::AllAttributes,
            None => Select::AllProjectedAttributes,
        };
        let asked = Asked { index: Some((BY_GRANT, select)), condition, values, shown: None, limit };
        let items = query(&self.client, &self.url.table, asked).await?;
        items.iter().map(|item| Fields(item).grant()).collect()
    }
}

/// Runs a query over all its pages.
pub(super) async fn query(client: &Client, table: &str, asked: Asked<'_>) -> Tried<Vec<Item>> {
    let (mut found, mut from) = (Vec::new(), None);
    while found.len() < asked.limit {
        let left = i32::try_from(asked.limit - found.len()).ok();
        let answer = client.run(Deadline::new(), |sdk| {
            let request = sdk
                .query()
                .table_name(table)
                .set_index_name(asked.index.as_ref().map(|(index, _)| (*index).to_owned()))
                .set_select(asked.index.as_ref().map(|(_, select)| select.clone()))
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

/// The grants due at `at`, at most `most`, of all holders.
fn ending<'a>(row: &Row, holders: impl IntoIterator<Item = &'a Grant>, most: usize, at: Millis) -> Ending {
    let now = row.counter.time_of_change(at);
    match row.counter.may_end_by(now) {
        true => Ending::of(holders.into_iter().cloned(), now).first(most),
        false => Ending::default(),
    }
}

/// The record of an asset, with holders that were `found` and the `next` after those inside.
fn recorded(row: &Row, found: &[Grant], next: &[Grant], ending: Ending) -> Record {
    let first = row.inline.iter().chain(next).take(FIRST + ending.due.len()).cloned().collect();
    let holding = row.inline.iter().chain(found).map(|grant| (grant.player.clone(), grant.clone())).collect();
    Record { counter: row.counter.clone(), first, holding, ending, changes: row.changes.clone() }
}

fn restless(asset: &AssetName) -> StoreError {
    error(StoreErrorKind::Unavailable, format!("asset {asset} is changed by others all the time"))
}
