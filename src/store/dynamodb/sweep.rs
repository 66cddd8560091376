use std::{collections::HashMap, sync::Arc, time::Duration};

use aws_sdk_dynamodb::types::{DeleteRequest, ReturnConsumedCapacity, WriteRequest};
use tokio::{sync::Notify, task::AbortHandle, time::sleep};

use super::{
    item::{ENDED, Fields, Item, PK, SK, key, s},
    link::{Deadline, Link, pause},
    target::Target,
    trouble::{Kind, Trouble},
};
use crate::store::StoreError;

/// Deletes, in the background, the items of holders whose life of an asset ended. They do not count any more, they only
/// take up room. What one node leaves undone the next one does that starts or ends a life.
pub(super) struct Sweep {
    wake: Arc<Notify>,
    task: AbortHandle,
}

struct Broom {
    link: Arc<Link>,
    target: Arc<Target>,
}

/// Items in one `BatchWriteItem`.
const ITEMS: usize = 25;
/// Items that are looked up before they are deleted.
const PAGE: i32 = 500;
/// After trouble.
const REST: Duration = Duration::from_secs(5);

impl Sweep {
    pub(super) fn start(link: Arc<Link>, target: Arc<Target>) -> Self {
        let wake = Arc::new(Notify::new());
        let (broom, notice) = (Broom { link, target }, Arc::clone(&wake));
        let task = tokio::spawn(async move {
            loop {
                if let Err(error) = broom.sweep().await {
                    tracing::debug!(%error, "what is left of former holders is not deleted yet");
                    sleep(REST).await;
                } else {
                    notice.notified().await;
                }
            }
        });
        Self { wake, task: task.abort_handle() }
    }

    /// A life ended.
    pub(super) fn wake(&self) {
        self.wake.notify_one();
    }
}

impl Drop for Sweep {
    fn drop(&mut self) {
        self.task.abort();
    }
}

impl Broom {
    /// Deletes until nothing is noted.
    async fn sweep(&self) -> Result<(), StoreError> {
        loop {
            let notes = self.page(ENDED).await?;
            if notes.is_empty() {
                return Ok(());
            }
            for note in &notes {
                let fields = Fields(note);
                let life = fields.text(SK)?;
                loop {
                    let holders = self.page(life).await?;
                    if holders.is_empty() {
                        break;
                    }
                    self.delete(holders).await?;
                }
                self.delete(vec![key(ENDED, life)]).await?;
            }
        }
    }

    async fn page(&self, pk: &str) -> Result<Vec<Item>, Trouble> {
        let answer = self.link.run(Deadline::new(), |client| {
            let request = client
                .query()
                .table_name(&self.target.table)
                .key_condition_expression(format!("{PK} = :pk"))
                .expression_attribute_values(":pk", s(pk))
                .projection_expression(format!("{PK}, {SK}"))
                .consistent_read(true)
                .limit(PAGE)
                .return_consumed_capacity(ReturnConsumedCapacity::Total);
            async { request.send().await.map_err(Trouble::from) }
        });
        Ok(answer.await?.items.unwrap_or_default())
    }

    async fn delete(&self, keys: Vec<Item>) -> Result<(), Trouble> {
        for keys in keys.chunks(ITEMS) {
            let (mut left, mut tried, deadline) = (requests(keys)?, 0, Deadline::new());
            while !left.is_empty() {
                if tried > 0 {
                    sleep(pause(tried)).await;
                }
                if deadline.is_over() {
                    return Err(Trouble::new(Kind::Busy, "the service is too busy to delete it"));
                }
                let answer = self.link.run(deadline, |client| {
                    let request = client
                        .batch_write_item()
                        .request_items(&self.target.table, left.clone())
                        .return_consumed_capacity(ReturnConsumedCapacity::Total);
                    async { request.send().await.map_err(Trouble::from) }
                });
                let unprocessed: HashMap<_, _> = answer.await?.unprocessed_items.unwrap_or_default();
                left = unprocessed.into_values().flatten().collect();
                tried += 1;
            }
        }
        Ok(())
    }
}

fn requests(keys: &[Item]) -> Result<Vec<WriteRequest>, Trouble> {
    let one = |key: &Item| {
        let delete = DeleteRequest::builder().set_key(Some(key.clone())).build();
        delete.map(|delete| WriteRequest::builder().delete_request(delete).build())
    };
    let requests: Result<_, _> = keys.iter().map(one).collect();
    requests.map_err(|odd| Trouble::new(Kind::Refused, odd.to_string()))
}
