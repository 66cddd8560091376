//! The events that were acknowledged, an item each, in a partition for each asset. The sort key is the beginning of the event's
//! text, so that items sort in the order of the changes.

use std::collections::HashMap;

use super::{
    DynamoStore, batch,
    item::{EXPIRES_AT, Fields, Item, PK, SK, key, n, s},
    now,
    read::{Asked, query},
};
use crate::{
    model::{AssetEvent, Millis},
    store::{AssetKey, HistoryLimits, HistoryPage, Result},
};

/// The attribute with the text of an event.
const EVENT: &str = "event";

/// The partition key of the history of an asset. No room and no life of an asset has it, because names contain no slash.
pub(super) fn partition(AssetKey { room, asset }: &AssetKey) -> String {
    format!("/history/{room}/{asset}")
}

impl DynamoStore {
    /// Adds events of an asset, and now and then deletes those that are too old or beyond the most that it may have.
    pub(super) async fn add_to_history(
        &self,
        asset_key: &AssetKey,
        events: &[AssetEvent],
        limits: HistoryLimits,
    ) -> Result<()> {
        let (pk, age) = (partition(asset_key), limits.age.as_millis() as Millis);
        let item = |event: &AssetEvent| {
            let mut item = key(&pk, &event.id(&asset_key.room, &asset_key.asset).prefix());
            item.insert(EVENT.to_owned(), s(event.to_string()));
            item.insert(EXPIRES_AT.to_owned(), n(event.at.saturating_add(age).div_ceil(1000)));
            item
        };
        batch::write(&self.client, &self.url.table, batch::puts(events.iter().map(item))?).await?;
        if limits.counts_now(events.len()) {
            self.trim_history(&pk, limits.events).await?;
        }
        Ok(())
    }

    pub(super) async fn page_of_history(
        &self,
        asset_key: &AssetKey,
        page: HistoryPage,
        limits: HistoryLimits,
    ) -> Result<Vec<AssetEvent>> {
        let (pk, too_old) = (partition(asset_key), limits.too_old(page.now));
        let (mut found, mut bound) = (Vec::new(), page.bound());
        // Items that are too old stay for some days at most, before all others.
        while found.len() < page.limit {
            let items = self.history_after(&pk, &bound, None, page.limit).await?;
            let Some(last) = items.last() else { break };
            Fields(last).text(SK)?.clone_into(&mut bound);
            let is_last = items.len() < page.limit;
            for item in &items {
                let event = Fields(item).parsed::<AssetEvent>(EVENT)?;
                found.extend((event.at > too_old).then_some(event));
            }
            if is_last {
                break;
            }
        }
        Ok(found)
    }

    /// Deletes what has expired, and the oldest so that `most` are left.
    async fn trim_history(&self, pk: &str, most: usize) -> Result<()> {
        let shown = format!("{PK}, {SK}, {EXPIRES_AT}");
        let mut items = self.history_after(pk, "", Some(&shown), usize::MAX).await?;
        let surplus = items.len().saturating_sub(most);
        let mut place = 0;
        items.retain(|item| {
            let is_over = Fields(item).number::<u64>(EXPIRES_AT).is_ok_and(|at| at <= now());
            place += 1;
            place <= surplus || is_over
        });
        for item in &mut items {
            item.remove(EXPIRES_AT);
        }
        Ok(batch::write(&self.client, &self.url.table, batch::deletions(items)?).await?)
    }

    async fn history_after(
        &self,
        pk: &str,
        bound: &str,
        shown: Option<&str>,
        limit: usize,
    ) -> Result<Vec<Item>> {
        // No key is empty.
        let bound = if bound.is_empty() { " " } else { bound };
        let values = HashMap::from([(":pk".to_owned(), s(pk)), (":after".to_owned(), s(bound))]);
        let condition = format!("{PK} = :pk AND {SK} > :after");
        let asked = Asked { index: None, condition, values, shown, limit };
        Ok(query(&self.client, &self.url.table, asked).await?)
    }
}
