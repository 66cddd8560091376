use std::{collections::HashMap, slice::from_ref};

use futures::{StreamExt, TryStreamExt, stream};

use super::{
    DynamoStore, SIDE_BY_SIDE,
    item::{EXPIRES_AT, Fields, HELD, Item, ORIGIN, PK, REMAINING, REMOVED, REVISION, Row, SK, s},
    now,
    read::Asked,
};
use crate::{
    model::{AssetName, AssetState, PlayerName, RevisionRow, RoomName, limits::HOLDERS_SHOWN},
    store::{AssetKey, Result, StoreError, optimistic::shown},
};

impl DynamoStore {
    pub(super) async fn states(&self, room: &RoomName) -> Result<Vec<AssetState>> {
        let rows = self.rows(room).await?;
        let states = rows.into_iter().map(|(asset, row)| async move {
            if row.is_whole() || row.inline.len() >= HOLDERS_SHOWN {
                return Ok(Some(shown(&row.counter, &asset, &row.inline)));
            }
            let (record, _) = self.record(&AssetKey::new(room, &asset), &[]).await?;
            Ok::<_, StoreError>(record.map(|record| record.state(&asset)))
        });
        let states: Vec<_> = stream::iter(states).buffered(SIDE_BY_SIDE).try_collect().await?;
        // Sorted already, because the service sorts names by their bytes, as we do.
        Ok(states.into_iter().flatten().collect())
    }

    pub(super) async fn revision_rows(&self, room: &RoomName) -> Result<Vec<RevisionRow>> {
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

    pub(super) async fn held(&self, room: &RoomName, player: &PlayerName) -> Result<Vec<(AssetName, u64)>> {
        let rows = self.rows(room).await?;
        let held = rows.into_iter().map(|(asset, row)| async move {
            let inside = row.inline.iter().find(|grant| grant.player == *player).map(|grant| grant.revision);
            if inside.is_some() || row.is_whole() {
                return Ok(inside.map(|revision| (asset, revision)));
            }
            let (record, _) = self.record(&AssetKey::new(room, &asset), from_ref(player)).await?;
            let revision = record.and_then(|record| record.holding.get(player).copied());
            Ok::<_, StoreError>(revision.map(|revision| (asset, revision)))
        });
        let held: Vec<_> = stream::iter(held).buffered(SIDE_BY_SIDE).try_collect().await?;
        Ok(held.into_iter().flatten().collect())
    }

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
        self.query(asked).await
    }
}
