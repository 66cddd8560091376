//! How nodes tell each other what happened. At most once, no order promised: the store is the truth, the
//! bus a hint.

mod drivers;
#[cfg(any(feature = "redis", feature = "nats"))]
mod envelope;
mod error;
mod heartbeat;
#[cfg(any(feature = "redis", feature = "nats"))]
mod inbox;
#[cfg(any(feature = "redis", feature = "nats"))]
mod local;
#[cfg(feature = "nats")]
mod nats;
#[cfg(any(feature = "redis", feature = "nats"))]
mod outbox;
#[cfg(feature = "redis")]
mod redis;

use async_trait::async_trait;
pub use drivers::{DRIVERS, Driver, SWITCHED_OFF, check, open};
pub use error::BusError;
pub use heartbeat::{Heartbeat, Players};
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

    /// From now on messages of this room arrive. Waits for a server to say so, for a second at most, and not at all
    /// for one that is known to be away: whoever joins waits for this.
    ///
    /// # Errors
    /// [`BusError`] when it is not known to be so. The room stays wanted all the same: it is subscribed to as soon as
    /// that can be, and then [`Incoming::Reconnected`] is said.
    async fn subscribe(&self, room: &RoomName) -> Result<(), BusError>;

    /// Messages of this room need not arrive any more. Does not block.
    fn unsubscribe(&self, room: &RoomName);

    /// What arrives; handed out once.
    fn incoming(&self) -> Option<mpsc::Receiver<Incoming>>;

    /// Whether its servers can be reached.
    ///
    /// # Errors
    /// [`BusError`] says why not, and whether that can mend by itself.
    async fn ping(&self) -> Result<(), BusError> {
        Ok(())
    }
}

/// What nodes tell each other about a room.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum BusMessage {
    /// An asset changed.
    Event(Event),
    /// The room was removed.
    RoomRemoved,
    /// Who is here by way of one node.
    Heartbeat(Heartbeat),
    /// A node has just begun to follow the room: a heartbeat of every other is wanted now.
    WhoIsHere,
}

/// A message and the room it is about, or the news that the bus was away and messages may be missing.
#[derive(Debug, Clone)]
pub enum Incoming {
    /// A message arrived.
    Message(RoomName, BusMessage),
    /// Messages may be missing, as after a connection came back or when the arbiter was too slow for them: compare
    /// every active room with the store.
    Reconnected,
}
