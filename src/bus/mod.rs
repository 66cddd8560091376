//! How nodes tell each other what happened. At most once, no order promised: the store is the truth, the
//! bus a hint.

mod local;

use std::sync::Arc;

use async_trait::async_trait;
pub use local::LocalBus;
use serde::{Deserialize, Serialize};
use tokio::sync::mpsc;

use crate::model::{Event, RoomName};

/// Carries messages between the nodes that serve a room.
#[async_trait]
pub trait Bus: Send + Sync + 'static {
    /// Whether it reaches other nodes at all.
    fn reaches_other_nodes(&self) -> bool;

    /// Hands a message to the other nodes of a room. Never blocks; a full outgoing buffer drops the oldest.
    fn publish(&self, room: &RoomName, message: &BusMessage);

    /// From now on messages of this room arrive.
    ///
    /// # Errors
    /// [`BusError`] when the bus cannot be reached.
    async fn subscribe(&self, room: &RoomName) -> Result<(), BusError>;

    /// Messages of this room need not arrive any more.
    fn unsubscribe(&self, room: &RoomName);

    /// What arrives; handed out once.
    fn incoming(&self) -> Option<mpsc::Receiver<Incoming>>;
}

/// What nodes tell each other about a room.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum BusMessage {
    /// An asset changed.
    Event(Event),
    /// The room was removed.
    RoomRemoved,
}

/// A message and the room it is about, or the news that the bus was away and messages may be missing.
#[derive(Debug, Clone)]
pub enum Incoming {
    /// A message arrived.
    Message(RoomName, BusMessage),
    /// The connection came back: compare every active room with the store.
    Reconnected,
}

/// The bus cannot be reached.
#[derive(Debug, thiserror::Error)]
#[error("bus {bus}: {message}")]
pub struct BusError {
    /// Which.
    pub bus: &'static str,
    /// What was wrong.
    pub message: String,
}

/// One kind of bus.
pub struct Driver {
    /// URL schemes it takes, without the colon.
    pub schemes: &'static [&'static str],
    /// One URL to show in help texts.
    pub example: &'static str,
    /// One line for help texts.
    pub summary: &'static str,
    open: fn(&str) -> Result<Arc<dyn Bus>, BusError>,
}

/// Every driver of this build.
pub const DRIVERS: &[Driver] = &[local::DRIVER];

/// Opens the bus a URL names.
///
/// # Errors
/// [`BusError`] names an unknown scheme and those there are, or what the driver could not do.
pub fn open(url: &str) -> Result<Arc<dyn Bus>, BusError> {
    let scheme = url.split_once(':').map_or(url, |(scheme, _)| scheme);
    let Some(driver) = DRIVERS.iter().find(|driver| driver.schemes.contains(&scheme)) else {
        let known: Vec<_> = DRIVERS.iter().map(|driver| driver.example).collect();
        let message = format!("no bus has the scheme {scheme:?}; this build has {}", known.join(", "));
        return Err(BusError { bus: "bus", message });
    };
    (driver.open)(url)
}
