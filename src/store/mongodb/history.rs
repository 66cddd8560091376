//! The events that were acknowledged, a document each, which the server deletes when it is too old.

use ::mongodb::bson::{RawDocumentBuf, doc};

use super::{
    MongoBackend,
    bson::{self, HISTORY, history_of},
    client::Doing,
    date,
};
use crate::{
    model::{AssetEvent, Millis},
    store::{AssetKey, HistoryLimits, HistoryPage, Result},
};

impl MongoBackend {
    /// Adds events of an asset, and now and then deletes its oldest beyond the most that it may have.
    pub(super) async fn add_to_history(
        &self,
        key: &AssetKey,
        events: &[AssetEvent],
        limits: HistoryLimits,
    ) -> Result<()> {
        let (begin, age) = (history_of(key), limits.age.as_millis() as Millis);
        let document = |event: &AssetEvent| {
            let id = format!("{begin}{}", event.id(&key.room, &key.asset).prefix());
            let expires_at = date(event.at.saturating_add(age));
            let document =
                doc! { "_id": id, "room": HISTORY, "event": event.to_string(), "expires_at": expires_at };
            RawDocumentBuf::try_from(document).map_err(bson::unwritable)
        };
        self.client.insert_all(events.iter().map(document).collect::<Result<_>>()?).await?;
        if limits.counts_now(events.len()) {
            self.delete_surplus(key, limits.events).await?;
        }
        Ok(())
    }

    pub(super) async fn page_of_history(&self, key: &AssetKey, page: HistoryPage) -> Result<Vec<AssetEvent>> {
        let after = format!("{}{}", history_of(key), page.bound());
        let ids = doc! { "$gt": after, "$lt": end_of(key) };
        let young = doc! { "_id": ids, "expires_at": { "$gt": date(page.now) } };
        let found = self.client.find_first(young, doc! { "event": 1 }, page.limit).await?;
        found.iter().map(|found| bson::event(found)).collect()
    }

    /// Deletes the oldest events of an asset, so that `most` are left.
    async fn delete_surplus(&self, key: &AssetKey, most: usize) -> Result<()> {
        let of_asset = doc! { "$gt": history_of(key), "$lt": end_of(key) };
        let Some(newest) = self.client.id_before_last(doc! { "_id": of_asset }, most).await? else {
            return Ok(());
        };
        let surplus = doc! { "_id": { "$gt": history_of(key), "$lte": newest } };
        let deleted = self.client.collection().await?.delete_many(surplus);
        let deleted = self.client.answer(Doing::Writing, deleted).await;
        deleted.map(|_| ()).map_err(|error| self.client.said(error))
    }
}

/// The end of the ids of an asset: the character after "/" takes the place of the last one.
fn end_of(key: &AssetKey) -> String {
    format!("{HISTORY}/{}/{}0", key.room, key.asset)
}
