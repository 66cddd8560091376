use std::sync::Arc;

use async_trait::async_trait;
use tokio::sync::mpsc;

use super::{Bus, BusError, BusMessage, Driver, Incoming};
use crate::model::{RoomName, without_secrets};

/// The bus of a single node, which sends nothing.
#[derive(Debug, Default)]
pub struct LocalBus;

pub(super) const DRIVER: Driver = Driver {
    schemes: &["local"],
    example: "local:",
    summary: "one node alone, or many that learn from a shared store by resync only",
    of_a_store: None,
    check,
    open,
};

fn open(url: &str) -> Result<Arc<dyn Bus>, BusError> {
    check(url)?;
    Ok(Arc::new(LocalBus))
}

fn check(url: &str) -> Result<(), BusError> {
    let shown = without_secrets(url);
    let why = || BusError::new("local", format!("takes no parameters: write local:, not {shown:?}"));
    (url == "local:").then_some(()).ok_or_else(why)
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
