use std::{collections::HashMap, sync::Arc, time::Duration};

use tokio::{sync::Notify, time::sleep};
use tokio_util::task::AbortOnDropHandle;

use super::{
    batch,
    client::Client,
    error::Tried,
    item::{ENDED, Fields, Item, PK, SK, key, s},
    now,
    read::{Asked, query},
    revocations,
    url::DynamoUrl,
};
use crate::store::StoreError;

/// Deletes, in the background, the holders' items of ended incarnations, and ended revocations. The items do not
/// count any more and only take up space. If a node stops early, the next node that starts or ends an incarnation
/// does the rest.
pub(super) struct Sweeper {
    wake: Arc<Notify>,
    _task: AbortOnDropHandle<()>,
}

struct Task {
    client: Arc<Client>,
    url: Arc<DynamoUrl>,
}

/// Maximum number of items read before they are deleted.
const PAGE: usize = 500;
/// The pause after an error.
const REST: Duration = Duration::from_secs(5);

impl Sweeper {
    pub(super) fn start(client: Arc<Client>, url: Arc<DynamoUrl>) -> Self {
        let wake = Arc::new(Notify::new());
        let (task, notice) = (Task { client, url }, Arc::clone(&wake));
        let task = tokio::spawn(async move {
            loop {
                if let Err(error) = task.sweep().await {
                    tracing::debug!(%error, "what is left of former holders is not deleted yet");
                    sleep(REST).await;
                } else {
                    notice.notified().await;
                }
            }
        });
        Self { wake, _task: AbortOnDropHandle::new(task) }
    }

    /// Wakes the task after an incarnation ended or a revocation was added.
    pub(super) fn wake(&self) {
        self.wake.notify_one();
    }
}

impl Task {
    /// Deletes until no ended revocation is left and no ended incarnation is recorded.
    async fn sweep(&self) -> Result<(), StoreError> {
        loop {
            let ended = revocations::ended(&self.client, &self.url.table, now() * 1000, PAGE).await?;
            if ended.is_empty() {
                break;
            }
            self.delete(ended).await?;
        }
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

    async fn page(&self, pk: &str) -> Tried<Vec<Item>> {
        let values = HashMap::from([(":pk".to_owned(), s(pk))]);
        let (condition, shown) = (format!("{PK} = :pk"), format!("{PK}, {SK}"));
        let asked = Asked { index: None, condition, values, shown: Some(&shown), limit: PAGE };
        query(&self.client, &self.url.table, asked).await
    }

    async fn delete(&self, keys: Vec<Item>) -> Tried<()> {
        batch::write(&self.client, &self.url.table, batch::deletions(keys)?).await
    }
}
