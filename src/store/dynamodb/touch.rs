use std::{collections::HashMap, time::Duration};

use aws_sdk_dynamodb::types::ReturnConsumedCapacity;
use futures::{StreamExt, TryStreamExt, stream};

use super::{
    DynamoStore, SIDE_BY_SIDE,
    client::Deadline,
    error::{DynamoError, Kind},
    expiry,
    item::{COVERED_UNTIL, CREATION, EXPIRES_AT, Fields, Item, ORIGIN, PK, SK, SPILLED, key, life, n, s},
    read::{Asked, query},
};
use crate::{
    model::{AssetName, RoomName},
    store::{AssetKey, Result, StoreError},
};

/// An update that extends an item's expiry.
struct Prolonged {
    key: Item,
    condition: String,
    update: String,
    values: Vec<(&'static str, u64)>,
}

impl DynamoStore {
    /// Extends the expiry of a room that is in use.
    pub(super) async fn prolong(&self, room: &RoomName, now: u64) -> Result<()> {
        let Some(ttl) = self.url.room_ttl else { return Ok(()) };
        let shown = [SK, ORIGIN, CREATION, SPILLED, COVERED_UNTIL, EXPIRES_AT].join(", ");
        let items = self.room(room, Some(&shown)).await?;
        let assets = items.into_iter().map(|item| self.prolong_asset(room, item, now, ttl));
        stream::iter(assets).buffer_unordered(SIDE_BY_SIDE).try_collect().await
    }

    /// Extends the holders' items first, so that none expires before its asset.
    async fn prolong_asset(&self, room: &RoomName, item: Item, now: u64, ttl: Duration) -> Result<()> {
        let fields = Fields(&item);
        let expires_at = fields.optional_number(EXPIRES_AT)?;
        if expires_at.is_some_and(|at| at <= now) || !expiry::is_due(expires_at, now, ttl) {
            return Ok(());
        }
        let asset: AssetName = fields.parsed(SK)?;
        let (origin, creation) = (fields.number(ORIGIN)?, fields.number(CREATION)?);
        let later = expiry::of_asset(now, ttl);
        let covered = fields.optional_number::<u64>(COVERED_UNTIL)?;
        let mut prolonged = Prolonged {
            key: AssetKey::new(room, &asset).primary_key(),
            condition: format!("{ORIGIN} = :origin AND {CREATION} = :creation"),
            update: format!("SET {EXPIRES_AT} = :later"),
            values: vec![(":origin", origin), (":creation", creation), (":later", later)],
        };
        // An asset that expired meanwhile must not reappear, because a reader may have found it gone.
        if expires_at.is_some() {
            prolonged.condition += &format!(" AND {EXPIRES_AT} > :now");
            prolonged.values.push((":now", now));
        }
        if !fields.is(SPILLED) {
            prolonged.condition += &format!(" AND attribute_not_exists({SPILLED})");
        } else if covered.is_none_or(|covered| covered < later) {
            self.prolong_holders(&life(room, &asset, origin, creation), expiry::of_holder(now, ttl)).await?;
            prolonged.update += &format!(", {COVERED_UNTIL} = :covered");
            prolonged.values.push((":covered", expiry::covered(now, ttl)));
        }
        self.update(prolonged).await
    }

    async fn prolong_holders(&self, life: &str, later: u64) -> Result<()> {
        let values = HashMap::from([(":pk".to_owned(), s(life))]);
        let condition = format!("{PK} = :pk");
        let asked = Asked { index: None, condition, values, shown: Some(SK), limit: usize::MAX };
        let items = query(&self.client, &self.url.table, asked).await?;
        let holders = items.into_iter().map(|item| async move {
            let prolonged = Prolonged {
                key: key(life, Fields(&item).text(SK)?),
                condition: format!("attribute_exists({PK})"),
                update: format!("SET {EXPIRES_AT} = :later"),
                values: vec![(":later", later)],
            };
            self.update(prolonged).await
        });
        let done: Vec<()> = stream::iter(holders).buffer_unordered(SIDE_BY_SIDE).try_collect().await?;
        tracing::debug!(life, holders = done.len(), "holders expire later");
        Ok(())
    }

    /// Updates an item. An item that has changed or is gone is left as it is.
    async fn update(&self, Prolonged { key, condition, update, values }: Prolonged) -> Result<()> {
        let values: HashMap<_, _> =
            values.into_iter().map(|(name, value)| (name.to_owned(), n(value))).collect();
        let answer = self.client.run(Deadline::new(), |sdk| {
            let request = sdk
                .update_item()
                .table_name(&self.url.table)
                .set_key(Some(key.clone()))
                .condition_expression(&condition)
                .update_expression(&update)
                .set_expression_attribute_values(Some(values.clone()))
                .return_consumed_capacity(ReturnConsumedCapacity::Total);
            async { request.send().await.map_err(DynamoError::from) }
        });
        match answer.await {
            Ok(_) => Ok(()),
            Err(error) if matches!(error.kind, Kind::Unmet | Kind::Conflict) => Ok(()),
            Err(error) => Err(StoreError::from(error)),
        }
    }
}
