//! Where events wait.

use ::mongodb::bson::{Document as Bare, RawDocumentBuf, doc};
use async_trait::async_trait;

use super::{
    MongoBackend,
    bson::{self, LEASES, lease_id},
    client::Doing,
    date, now,
};
use crate::{
    model::{AssetEvent, AssetName, EventId, Millis, RoomName},
    store::{
        AssetKey, HistoryPage, Result,
        document::{delete_events, waiting_of},
        optimistic::{EventBackend, Waiting},
    },
};

/// Milliseconds after which the server deletes a lease that nobody changes: longer than a lease and a call last.
const LEASE_LIVES_MS: Millis = 600_000;

#[async_trait]
impl EventBackend for MongoBackend {
    /// Reads those of the assets after `turn` and, if these are fewer than `limit`, those of the others.
    async fn waiting(&self, room: &RoomName, turn: Option<&AssetName>, limit: usize) -> Result<Vec<Waiting>> {
        let Some(turn) = turn.map(|turn| format!("{room}/{turn}")) else {
            return self.events_where(doc! { "waiting": room.as_str() }, limit).await;
        };
        let after = doc! { "waiting": room.as_str(), "_id": { "$gt": &turn } };
        let mut found = self.events_where(after, limit).await?;
        let enough = found.iter().map(|(_, events)| events.iter().count()).sum::<usize>() >= limit;
        if !enough {
            let others = doc! { "waiting": room.as_str(), "_id": { "$lte": turn } };
            found.extend(self.events_where(others, limit).await?);
        }
        Ok(found)
    }

    async fn delete(&self, key: AssetKey, ids: Vec<&EventId>, now: Millis) -> Result<usize> {
        delete_events(self, &key, &ids, now).await
    }

    async fn add_history(&self, key: &AssetKey, events: &[AssetEvent], _now: Millis) -> Result<()> {
        let Some(limits) = self.history else { return Ok(()) };
        self.add_to_history(key, events, limits).await
    }

    async fn waiting_of(&self, key: &AssetKey) -> Result<Vec<AssetEvent>> {
        waiting_of(self, key).await
    }

    async fn acknowledged(&self, key: &AssetKey, page: HistoryPage) -> Result<Vec<AssetEvent>> {
        self.page_of_history(key, page).await
    }

    async fn lease(&self, room: &RoomName) -> Result<Option<String>> {
        self.client.find(&lease_id(room)).await?.map(|found| bson::lease(&found)).transpose()
    }

    async fn set_lease(&self, room: &RoomName, seen: Option<String>, lease: String) -> Result<bool> {
        let (collection, id) = (self.client.collection().await?, lease_id(room));
        let expires_at = date(now() + LEASE_LIVES_MS);
        self.is_written(match seen {
            Some(seen) => {
                let new = doc! { "$set": { "lease": lease, "expires_at": expires_at } };
                let set = collection.update_one(doc! { "_id": id, "lease": seen }, new);
                self.client.answer(Doing::Writing, set).await.map(|set| set.matched_count)
            }
            None => {
                let new = doc! { "_id": id, "room": LEASES, "lease": lease, "expires_at": expires_at };
                let new = RawDocumentBuf::try_from(new).map_err(bson::unwritable)?;
                self.client.answer(Doing::Writing, collection.insert_one(new)).await.map(|_| 1)
            }
        })
    }
}

impl MongoBackend {
    /// At most `limit` rooms after `after` in which events wait, ordered by name.
    pub(super) async fn rooms_with_events(
        &self,
        after: Option<RoomName>,
        limit: usize,
    ) -> Result<Vec<RoomName>> {
        let after = after.as_ref().map_or("", RoomName::as_str);
        let limit = i64::try_from(limit).unwrap_or(i64::MAX);
        let stages = [
            doc! { "$match": { "waiting": { "$gt": after } } },
            doc! { "$group": { "_id": "$waiting" } },
            doc! { "$sort": { "_id": 1 } },
            doc! { "$limit": limit },
        ];
        self.client.aggregate(stages).await?.iter().map(|found| bson::room(found)).collect()
    }

    /// The first `limit` events of each of at most `limit` assets, ordered by asset.
    async fn events_where(&self, filter: Bare, limit: usize) -> Result<Vec<Waiting>> {
        let most = i32::try_from(limit).unwrap_or(i32::MAX);
        let fields = doc! { "events": { "$slice": most }, "holders": 0, "changes": 0 };
        let found = self.client.find_first(filter, fields, limit).await?;
        found.iter().map(|found| bson::waiting(found)).collect()
    }
}
