//! Revocations: an item each, in one partition. The sort key begins with the end, so that a read finds those that have
//! not ended, and the sweeper the others.

use std::collections::HashMap;

use super::{
    DynamoStore,
    client::Client,
    error::{Kind, Tried},
    item::{EXPIRES_AT, Fields, Item, PK, REVOCATIONS, SK, key, n, s},
    read::{Asked, query},
    write::Condition,
};
use crate::{
    model::{Millis, Revocation},
    store::{Result, optimistic::Backend, revocation},
};

impl DynamoStore {
    /// Adds a revocation, unless it is there.
    pub(super) async fn add_revocation(&self, revocation: &Revocation) -> Result<()> {
        let text = revocation::text(Self::NAME, revocation)?;
        let mut item = key(REVOCATIONS, &format!("{:020}/{text}", revocation.until));
        item.insert(EXPIRES_AT.to_owned(), n(revocation.until.div_ceil(1000)));
        match self.put(item, Condition::as_seen(None)).await {
            Ok(()) => {}
            Err(error) if error.kind == Kind::Unmet => {}
            Err(error) => return Err(error.into()),
        }
        self.sweeper.wake();
        Ok(())
    }

    pub(super) async fn live_revocations(&self, now: Millis) -> Result<Vec<Revocation>> {
        let items = asked(&self.client, &self.url.table, ">=", now, usize::MAX).await?;
        let keys = items.iter().map(|item| Fields(item).text(SK).map(str::to_owned));
        let keys = keys.collect::<Result<Vec<_>>>()?;
        let texts = keys.iter().map(|key| key.split_once('/').unwrap_or_default().1);
        revocation::parse_all(Self::NAME, texts, now)
    }
}

/// The keys of at most `limit` revocations that have ended at `now`.
pub(super) async fn ended(client: &Client, table: &str, now: Millis, limit: usize) -> Tried<Vec<Item>> {
    asked(client, table, "<", now, limit).await
}

/// The keys of the revocations on one side of the first that ends after `now`.
async fn asked(client: &Client, table: &str, side: &str, now: Millis, limit: usize) -> Tried<Vec<Item>> {
    let first = format!("{:020}", now.saturating_add(1));
    let values = HashMap::from([(":pk".to_owned(), s(REVOCATIONS)), (":first".to_owned(), s(first))]);
    let condition = format!("{PK} = :pk AND {SK} {side} :first");
    let shown = format!("{PK}, {SK}");
    query(client, table, Asked { index: None, condition, values, shown: Some(&shown), limit }).await
}
