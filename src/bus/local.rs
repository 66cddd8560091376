use std::sync::Arc;

use async_trait::async_trait;
use tokio::sync::mpsc;

use super::{Bus, BusError, BusMessage, Driver, Incoming};
use crate::model::RoomName;

/// One node alone: there is nobody to tell.
#[derive(Debug, Default)]
pub struct LocalBus;

pub(super) const DRIVER: Driver = Driver {
    schemes: &["local"],
    example: "local:",
    summary: "one node alone, or many that learn from a shared store by resync only",
    of_a_store: None,
    open,
};

fn open(url: &str) -> Result<Arc<dyn Bus>, BusError> {
    match url {
        "local:" => Ok(Arc::new(LocalBus)),
        _ => Err(BusError::new("local", format!("takes no parameters: write local:, not {url}"))),
    }
}

#[async_trait]
impl Bus for LocalBus {
    fn reaches_other_nodes(&self) -> bool {
        false
    }

    fn publish(&self, _room: &RoomName, _message: &BusMessage) {}

    async fn subscribe(&self, _room: &RoomName) -> Result<(), BusError> {
        Ok(())
    }

    fn unsubscribe(&self, _room: &RoomName) {}

    fn incoming(&self) -> Option<mpsc::Receiver<Incoming>> {
        None
    }
}
