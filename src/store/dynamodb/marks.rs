//! Marks of rooms in which events may wait: an item each, in one partition.

use std::collections::HashMap;

use super::{
    DynamoStore,
    client::Deadline,
    error::Kind,
    item::{Fields, PK, SK, key, n, s},
    read::{Asked, query},
    write::Condition,
};
use crate::{
    model::{Millis, RoomName},
    store::{MARK_MS, Result},
};

/// The partition key of the marks. Room names contain no slash.
pub(super) const WAITING: &str = "/waiting";

/// The attribute with the time of a mark.
const MARKED: &str = "marked";

/// A mark is deleted when it is so many times older than the changes that it covers.
const KEPT: Millis = 3;

impl DynamoStore {
    /// Marks a room, unless a later mark is there.
    pub(super) async fn add_mark(&self, room: &RoomName, now: Millis) -> Result<()> {
        let mut item = key(WAITING, room.as_str());
        item.insert(MARKED.to_owned(), n(now));
        let expression = format!("attribute_not_exists({PK}) OR {MARKED} < :now");
        let values = Some(HashMap::from([(":now".to_owned(), n(now))]));
        match self.put(item, Condition { expression, values }).await {
            Err(error) if error.kind != Kind::Unmet => Err(error.into()),
            _ => Ok(()),
        }
    }

    /// At most `limit` marked rooms after `after`, ordered by name.
    pub(super) async fn marked_rooms(&self, after: Option<RoomName>, limit: usize) -> Result<Vec<RoomName>> {
        let after = after.as_ref().map_or(" ", RoomName::as_str);
        let values = HashMap::from([(":pk".to_owned(), s(WAITING)), (":after".to_owned(), s(after))]);
        let condition = format!("{PK} = :pk AND {SK} > :after");
        let asked = Asked { index: None, condition, values, shown: Some(SK), limit };
        let items = query(&self.client, &self.url.table, asked).await?;
        items.iter().map(|item| Fields(item).parsed(SK)).collect()
    }

    /// Deletes an old mark of a room in which nothing waits, unless another one is there meanwhile, and the room's lease.
    pub(super) async fn delete_old_mark(&self, room: &RoomName, now: Millis) -> Result<()> {
        let mark = key(WAITING, room.as_str());
        let Some(found) = self.get(mark.clone(), None, Deadline::new()).await? else { return Ok(()) };
        let marked: Millis = Fields(&found).number(MARKED)?;
        if now <= marked.saturating_add(KEPT * MARK_MS) {
            return Ok(());
        }
        self.delete_lease(room).await?;
        let expression = format!("{MARKED} = :marked");
        let values = Some(HashMap::from([(":marked".to_owned(), n(marked))]));
        match self.delete_item(mark, Condition { expression, values }).await {
            Err(error) if error.kind != Kind::Unmet => Err(error.into()),
            _ => Ok(()),
        }
    }
}
