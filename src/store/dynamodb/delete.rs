use std::collections::HashMap;

use aws_sdk_dynamodb::types::{AttributeValue, Delete, ReturnConsumedCapacity, TransactWriteItem};
use futures::{StreamExt, TryStreamExt, stream};
use tokio::time::sleep;

use super::{
    DynamoStore, SIDE_BY_SIDE, TRIES,
    client::{Deadline, pause},
    error,
    error::{DynamoError, Kind, Tried},
    item::{CREATION, ENDED, Fields, Item, ORIGIN, Row, SK, SPILLED, key, n},
    write::{Condition, put},
};
use crate::{
    model::{AssetName, RoomName},
    store::{AssetKey, Result, StoreErrorKind},
};

impl DynamoStore {
    /// Deletes every asset of a room.
    pub(super) async fn end_room(&self, room: &RoomName) -> Result<()> {
        for tried in 0..TRIES {
            let mut found = Vec::<(AssetName, Row)>::new();
            for item in self.room(room, None).await? {
                found.push((Fields(&item).parsed(SK)?, Row::parse(&item)?));
            }
            let spilled = found.iter().any(|(_, row)| row.spilled);
            let ends = found
                .into_iter()
                .map(|(asset, row)| async move { self.end(&AssetKey::new(room, &asset), &row).await });
            let ended: Vec<_> = stream::iter(ends).buffer_unordered(SIDE_BY_SIDE).try_collect().await?;
            if spilled {
                self.sweeper.wake();
            }
            if ended.into_iter().all(|ended| ended) {
                return Ok(());
            }
            sleep(pause(tried)).await;
        }
        Err(error(StoreErrorKind::OutcomeUnknown, format!("room {room} is changed by others all the time")))
    }

    /// Deletes an asset and, in the same transaction, records that its holders' items are to be deleted.
    /// Returns `false` if the asset has changed, or has such items now.
    async fn end(&self, asset_key: &AssetKey, row: &Row) -> Result<bool> {
        let condition = Condition::to_end(row);
        let ended = if row.spilled {
            self.transact(self.end_and_note(asset_key, row, condition)?).await
        } else {
            self.delete_item(asset_key.primary_key(), condition).await
        };
        match ended {
            Ok(()) => Ok(true),
            Err(error) if matches!(error.kind, Kind::Unmet | Kind::Conflict) => Ok(false),
            Err(error) => Err(error.into()),
        }
    }

    pub(super) async fn delete_item(&self, key: Item, condition: Condition) -> Tried<()> {
        let answer = self.client.run(Deadline::new(), |sdk| {
            let request = sdk
                .delete_item()
                .table_name(&self.url.table)
                .set_key(Some(key.clone()))
                .condition_expression(&condition.expression)
                .set_expression_attribute_values(condition.values.clone())
                .return_consumed_capacity(ReturnConsumedCapacity::Total);
            async { request.send().await.map_err(DynamoError::from) }
        });
        answer.await.map(|_| ())
    }

    fn end_and_note(
        &self,
        asset_key: &AssetKey,
        row: &Row,
        condition: Condition,
    ) -> Tried<Vec<TransactWriteItem>> {
        let asset = Delete::builder()
            .table_name(&self.url.table)
            .set_key(Some(asset_key.primary_key()))
            .condition_expression(condition.expression)
            .set_expression_attribute_values(condition.values)
            .build()?;
        let note = put(&self.url.table, key(ENDED, &asset_key.life(&row.counter)))?;
        Ok(vec![TransactWriteItem::builder().delete(asset).build(), note])
    }
}

impl Condition {
    /// The condition that the asset is the same and, if holders' items are to be recorded, in the same
    /// incarnation. A late request finds another origin.
    fn to_end(row: &Row) -> Self {
        let mut values = HashMap::from([(":origin".to_owned(), n(row.counter.origin))]);
        let expression = if row.spilled {
            values.insert(":creation".to_owned(), n(row.counter.creation));
            values.insert(":spilled".to_owned(), AttributeValue::Bool(true));
            format!("{ORIGIN} = :origin AND {CREATION} = :creation AND {SPILLED} = :spilled")
        } else {
            format!("{ORIGIN} = :origin AND attribute_not_exists({SPILLED})")
        };
        Self { expression, values: Some(values) }
    }
}
