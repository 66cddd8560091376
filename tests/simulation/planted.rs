//! Bugs put in where a node meets its store or its bus, to see that they show.

use std::{collections::BTreeMap, sync::Arc};

use asset_arbiter::{
    bus::{Bus, BusError, BusMessage, Incoming},
    model::{AssetName, Event, RoomName},
};
use async_trait::async_trait;
use parking_lot::Mutex;
use tokio::sync::mpsc;

use crate::linearizability::flawed::Flaw;

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Planted {
    /// An event that is known already is applied again, for whatever revision it has.
    SkipsTheRevisionCheck,
    /// A select whose reply was lost is denied.
    DeniesLostReplies,
    /// The store forgets `{node, seq}` of selects: a repeat takes effect, too.
    ForgetsSelects,
    /// The same of releases.
    ForgetsReleases,
    /// The same of restocks.
    ForgetsRestocks,
    /// No room is ever compared with the store.
    NeverResyncs,
    /// A select makes an asset that is missing, also one that was there.
    MakesAnewWhatIsMissing,
    /// The unit of a grant that ended comes back twice.
    EndsTwice,
    /// A select does not end first what is over.
    ForgetsToEnd,
    /// Players who left are prolonged, too.
    ProlongsEverybody,
}

impl Planted {
    pub fn flaw_of_the_store(self) -> Option<Flaw> {
        match self {
            Self::ForgetsSelects => Some(Flaw::ForgetsSelects),
            Self::ForgetsReleases => Some(Flaw::ForgetsReleases),
            Self::ForgetsRestocks => Some(Flaw::RestocksTwice),
            Self::EndsTwice => Some(Flaw::EndsTwice),
            Self::ForgetsToEnd => Some(Flaw::ForgetsToEnd),
            Self::ProlongsEverybody => Some(Flaw::ProlongsEverybody),
            _ => None,
        }
    }
}

/// Makes an event that came before look as if it was the next, which is what a node without a check would
/// take it for.
pub struct Unchecked {
    inner: Arc<dyn Bus>,
    newest: Arc<Newest>,
}

/// The newest revision of each asset that this node told or was told.
#[derive(Default)]
struct Newest(Mutex<BTreeMap<AssetName, u64>>);

impl Unchecked {
    pub fn new(inner: Arc<dyn Bus>) -> Self {
        Self { inner, newest: Arc::default() }
    }
}

impl Newest {
    fn note(&self, event: &Event) {
        let mut newest = self.0.lock();
        let known = newest.entry(event.asset.clone()).or_default();
        *known = event.revision.max(*known);
    }

    fn renumber(&self, mut news: Incoming) -> Incoming {
        if let Incoming::Message(_, BusMessage::Event(event)) = &mut news {
            let known = self.0.lock().get(&event.asset).copied();
            if let Some(known) = known.filter(|&known| event.revision <= known) {
                event.revision = known + 1;
            }
            self.note(event);
        }
        news
    }
}

#[async_trait]
impl Bus for Unchecked {
    fn reaches_other_nodes(&self) -> bool {
        self.inner.reaches_other_nodes()
    }

    fn publish(&self, room: &RoomName, message: &BusMessage) {
        if let BusMessage::Event(event) = message {
            self.newest.note(event);
        }
        self.inner.publish(room, message);
    }

    async fn subscribe(&self, room: &RoomName) -> Result<(), BusError> {
        self.inner.subscribe(room).await
    }

    fn unsubscribe(&self, room: &RoomName) {
        self.inner.unsubscribe(room);
    }

    fn incoming(&self) -> Option<mpsc::Receiver<Incoming>> {
        let mut inner = self.inner.incoming()?;
        let (sender, receiver) = mpsc::channel(inner.max_capacity());
        let newest = Arc::clone(&self.newest);
        tokio::spawn(async move {
            while let Some(news) = inner.recv().await {
                if sender.send(newest.renumber(news)).await.is_err() {
                    return;
                }
            }
        });
        Some(receiver)
    }
}
