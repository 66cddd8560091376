//! Revocations: one set, of whose elements each is a revocation's JSON.

use super::{Cache, error::MomentoError, item, url::LONGEST_TTL};
use crate::{
    model::{Millis, Revocation},
    store::{Result, optimistic::Backend, revocation},
};

impl Cache {
    /// Removes those that have ended and adds a revocation.
    pub(super) async fn add_revocation(&self, revocation: &Revocation, now: Millis) -> Result<()> {
        let text = revocation::text(Self::NAME, revocation)?;
        let mut ended = Vec::new();
        for name in self.revocation_texts().await? {
            if revocation::parse(Self::NAME, &name)?.until <= now {
                ended.push(String::from_utf8_lossy(&name).into_owned());
            }
        }
        if !ended.is_empty() {
            let gone = self.client.take_out(item::revocations_key(), ended).await;
            gone.map_err(MomentoError::of_read)?;
        }
        let added = self.client.add(item::revocations_key(), vec![text], LONGEST_TTL).await;
        added.map_err(MomentoError::of_write)
    }

    /// Reads the revocations that have not ended. Now and then it restarts the set's time to live, which a revocation
    /// may outlast.
    pub(super) async fn live_revocations(&self, now: Millis) -> Result<Vec<Revocation>> {
        let live = revocation::parse_all(Self::NAME, self.revocation_texts().await?, now)?;
        if let Some(any) = live.first().filter(|_| !self.revocations_kept.has(&())) {
            let text = revocation::text(Self::NAME, any)?;
            let kept = self.client.add(item::revocations_key(), vec![text], LONGEST_TTL).await;
            kept.map_err(MomentoError::of_read)?;
            self.revocations_kept.note(());
        }
        Ok(live)
    }

    async fn revocation_texts(&self) -> Result<Vec<Vec<u8>>> {
        self.client.names(item::revocations_key()).await.map_err(MomentoError::of_read)
    }
}
