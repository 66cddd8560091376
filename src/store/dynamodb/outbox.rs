//! Events: one item for those of one write, in a partition for each room, which is also that of its lease. Its sort key begins
//! with the asset and goes on with the origin and the revision of its first event, so that items sort in the order of the
//! changes. Neither they nor marks expire.

use std::collections::HashMap;

use async_trait::async_trait;
use aws_sdk_dynamodb::types::{Delete, Put, TransactWriteItem};
use futures::{StreamExt, TryStreamExt, stream};
use tokio::time::sleep;

use super::{
    DynamoStore, SIDE_BY_SIDE, TRIES,
    client::{Deadline, pause},
    error::{Kind, Tried},
    item::{Fields, Item, LEASE, PK, SK, key, s},
    read::{Asked, query},
    write::{Condition, ITEMS},
};
use crate::{
    model::{AssetEvent, AssetName, EventId, Millis, RoomName},
    store::{
        AssetKey, HistoryPage, Result,
        optimistic::{EventBackend, Waiting, restless},
    },
};

/// The partition key of the waiting events of a room, and of their lease. Room names contain no slash.
pub(super) fn partition(room: &RoomName) -> String {
    format!("/events/{room}")
}

/// The attribute with the texts of the events of one write, separated by spaces.
const EVENTS: &str = "events";

/// The sort key of a lease. Names contain no slash.
const LEASE_SK: &str = "/lease";

/// The events of one write, as far as they wait.
struct Stored {
    key: Item,
    asset: AssetName,
    /// The attribute as it was read.
    text: String,
    events: Vec<AssetEvent>,
}

/// The item of the events of a change; `None`: it has none.
pub(super) fn item(key: &AssetKey, events: &[AssetEvent]) -> Option<Item> {
    let first = events.first()?;
    let sk = format!("{}/{:016x}/{:016}", key.asset, first.origin, first.revision);
    Some(with_events(super::item::key(&partition(&key.room), &sk), events))
}

#[async_trait]
impl EventBackend for DynamoStore {
    async fn waiting(&self, room: &RoomName, turn: Option<&AssetName>, limit: usize) -> Result<Vec<Waiting>> {
        let mut stored = self.stored(room, (">=", &turn.map_or_else(|| " ".to_owned(), after)), limit).await?;
        if let Some(turn) = turn.filter(|_| stored.len() < limit) {
            let others = self.stored(room, ("<", &after(turn)), limit - stored.len()).await?;
            stored.extend(others);
        }
        let is_full = stored.len() >= limit;
        let mut waiting = Vec::<Waiting>::new();
        let mut assets = stored.chunk_by(|a, b| a.asset == b.asset).peekable();
        while let Some(of_asset) = assets.next() {
            let (asset, count) = (of_asset[0].asset.clone(), count(of_asset));
            let may_be_more = is_full && assets.peek().is_none();
            let events = if may_be_more || self.surplus(count) > 0 {
                self.merged(&AssetKey::new(room, &asset))
                    .await?
                    .into_iter()
                    .flat_map(|item| item.events)
                    .collect()
            } else {
                of_asset.iter().flat_map(|item| item.events.iter().cloned()).collect()
            };
            waiting.push((asset, events));
        }
        Ok(waiting)
    }

    /// Items of which some events are left are written again.
    async fn delete(&self, key: AssetKey, ids: Vec<&EventId>, now: Millis) -> Result<usize> {
        let mut deleted = None;
        for tried in 0..TRIES {
            let stored = self.merged(&key).await?;
            let is_asked = |event: &AssetEvent| ids.iter().any(|id| id.is_of(event));
            let found = stored.iter().flat_map(|item| &item.events).filter(|event| is_asked(event));
            let found: Vec<_> = found.cloned().collect();
            if deleted.is_none() && !found.is_empty() {
                self.add_history(&key, &found, now).await?;
            }
            // What was found at first is deleted when it is not found any more, whichever write did it.
            let deleted = *deleted.get_or_insert(found.len());
            if found.is_empty() {
                return Ok(deleted);
            }
            let touched = stored.into_iter().filter(|item| item.events.iter().any(is_asked));
            let writes = touched.map(|mut item| async move {
                item.events.retain(|event| !is_asked(event));
                self.put_back(item).await
            });
            let writes: Vec<_> = writes.collect();
            let done: Vec<bool> = stream::iter(writes).buffer_unordered(SIDE_BY_SIDE).try_collect().await?;
            if done.into_iter().all(|done| done) {
                return Ok(deleted);
            }
            sleep(pause(tried)).await;
        }
        Err(restless::<Self>(&key.room))
    }

    async fn add_history(&self, key: &AssetKey, events: &[AssetEvent], _now: Millis) -> Result<()> {
        let Some(limits) = self.history else { return Ok(()) };
        self.add_to_history(key, events, limits).await
    }

    async fn waiting_of(&self, key: &AssetKey) -> Result<Vec<AssetEvent>> {
        Ok(self.merged(key).await?.into_iter().flat_map(|item| item.events).collect())
    }

    async fn acknowledged(&self, key: &AssetKey, page: HistoryPage) -> Result<Vec<AssetEvent>> {
        let Some(limits) = self.history else { return Ok(Vec::new()) };
        self.page_of_history(key, page, limits).await
    }

    async fn forget_mark(&self, room: &RoomName, now: Millis) -> Result<()> {
        self.delete_old_mark(room, now).await
    }

    async fn lease(&self, room: &RoomName) -> Result<Option<String>> {
        let found = self.get(key(&partition(room), LEASE_SK), None, Deadline::new()).await?;
        found.map(|item| Fields(&item).text(LEASE).map(str::to_owned)).transpose()
    }

    async fn set_lease(&self, room: &RoomName, seen: Option<String>, lease: String) -> Result<bool> {
        let mut item = key(&partition(room), LEASE_SK);
        item.insert(LEASE.to_owned(), s(lease));
        let unchanged = seen.map_or_else(|| Condition::as_seen(None), |seen| Condition::is(LEASE, &seen));
        done(self.put(item, unchanged).await)
    }
}

impl DynamoStore {
    /// Deletes the lease of a room in which nothing waits and nobody changes anything.
    pub(super) async fn delete_lease(&self, room: &RoomName) -> Result<()> {
        let Some(seen) = self.lease(room).await? else { return Ok(()) };
        done(self.delete_item(key(&partition(room), LEASE_SK), Condition::is(LEASE, &seen)).await).map(drop)
    }

    /// Reads the first `limit` items of events of a room whose sort keys are on one side of a key.
    async fn stored(&self, room: &RoomName, (side, bound): (&str, &str), limit: usize) -> Result<Vec<Stored>> {
        let values = HashMap::from([(":pk".to_owned(), s(partition(room))), (":bound".to_owned(), s(bound))]);
        let condition = format!("{PK} = :pk AND {SK} {side} :bound");
        // The lease may be among them.
        let limit = limit.saturating_add(1);
        self.read_stored(Asked { index: None, condition, values, shown: None, limit }, limit - 1).await
    }

    async fn read_stored(&self, asked: Asked<'_>, limit: usize) -> Result<Vec<Stored>> {
        let items = query(&self.client, &self.url.table, asked).await?;
        let is_lease = |item: &Item| Fields(item).text(SK).is_ok_and(|sk| sk == LEASE_SK);
        items.into_iter().filter(|item| !is_lease(item)).take(limit).map(Stored::parse).collect()
    }

    /// Reads the events of an asset. If more than the backlog wait, the oldest are merged first.
    async fn merged(&self, asset_key: &AssetKey) -> Result<Vec<Stored>> {
        let values = HashMap::from([
            (":pk".to_owned(), s(partition(&asset_key.room))),
            (":first".to_owned(), s(format!("{}/", asset_key.asset))),
            (":last".to_owned(), s(after(&asset_key.asset))),
        ]);
        let condition = format!("{PK} = :pk AND {SK} BETWEEN :first AND :last");
        let limit = self.events_backlog.unwrap_or_default().saturating_add(ITEMS);
        let mut tried = 0;
        loop {
            let condition = condition.clone();
            let asked = Asked { index: None, condition, values: values.clone(), shown: None, limit };
            let stored = self.read_stored(asked, limit).await?;
            let surplus = self.surplus(count(&stored));
            tried += 1;
            // What is left is merged by a later call.
            if surplus == 0 || tried == TRIES {
                return Ok(stored);
            }
            let merged = self.transact(merge(&self.url.table, &stored, surplus)?).await;
            if !done(merged)? {
                sleep(pause(tried)).await;
            }
        }
    }

    fn surplus(&self, count: usize) -> usize {
        self.events_backlog.map_or(0, |backlog| count.saturating_sub(backlog.max(1)))
    }

    /// Writes an item with the events that are left, or deletes it. Returns `false`, without writing anything, if it has
    /// changed.
    async fn put_back(&self, item: Stored) -> Result<bool> {
        let unchanged = Condition::is(EVENTS, &item.text);
        let written = if item.events.is_empty() {
            self.delete_item(item.key, unchanged).await
        } else {
            self.put(with_events(item.key, &item.events), unchanged).await
        };
        done(written)
    }
}

/// Whether a conditional write took effect.
fn done(written: Tried<()>) -> Result<bool> {
    match written {
        Ok(()) => Ok(true),
        Err(error) if matches!(error.kind, Kind::Unmet | Kind::Conflict) => Ok(false),
        Err(error) => Err(error.into()),
    }
}

/// The first key after those of an asset: that of the character after "/".
fn after(asset: &AssetName) -> String {
    format!("{asset}0")
}

fn count(stored: &[Stored]) -> usize {
    stored.iter().map(|item| item.events.len()).sum()
}

fn with_events(mut item: Item, events: &[AssetEvent]) -> Item {
    let texts: Vec<_> = events.iter().map(AssetEvent::to_string).collect();
    item.insert(EVENTS.to_owned(), s(texts.join(" ")));
    item
}

/// Merges the oldest events, so that there are `surplus` fewer, as far as their items fit into a transaction.
fn merge(table: &str, stored: &[Stored], surplus: usize) -> Tried<Vec<TransactWriteItem>> {
    let (mut actions, mut left) = (Vec::new(), surplus + 1);
    let Some(oldest) = stored.first().and_then(|item| item.events.first()) else { return Ok(actions) };
    for item in stored.iter().take(ITEMS) {
        let unchanged = Condition::is(EVENTS, &item.text);
        let is_last = item.events.len() >= left || actions.len() + 1 == ITEMS;
        if !is_last {
            let delete = Delete::builder()
                .table_name(table)
                .set_key(Some(item.key.clone()))
                .condition_expression(unchanged.expression)
                .set_expression_attribute_values(unchanged.values);
            actions.push(TransactWriteItem::builder().delete(delete.build()?).build());
            left -= item.events.len();
            continue;
        }
        let (merged, kept) = item.events.split_at(left.min(item.events.len()));
        let events: Vec<_> = merged
            .last()
            .map(|newest| newest.merged_with(oldest))
            .into_iter()
            .chain(kept.iter().cloned())
            .collect();
        let put = Put::builder()
            .table_name(table)
            .set_item(Some(with_events(item.key.clone(), &events)))
            .condition_expression(unchanged.expression)
            .set_expression_attribute_values(unchanged.values);
        actions.push(TransactWriteItem::builder().put(put.build()?).build());
        break;
    }
    Ok(actions)
}

impl Stored {
    fn parse(item: Item) -> Result<Self> {
        let fields = Fields(&item);
        let text = fields.text(EVENTS)?.to_owned();
        let events = text.split(' ').map(|event| event.parse().map_err(|_| fields.odd(EVENTS)));
        let events = events.collect::<Result<_>>()?;
        let (asset, _) = fields.text(SK)?.split_once('/').ok_or_else(|| fields.odd(SK))?;
        let asset = asset.parse().map_err(|_| fields.odd(SK))?;
        Ok(Self { key: key(fields.text(PK)?, fields.text(SK)?), asset, text, events })
    }
}
