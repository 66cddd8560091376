//! Messages between nodes. Delivery is at most once and unordered: the store is authoritative, the bus only a
//! hint.

mod drivers;
#[cfg(any(feature = "redis", feature = "nats"))]
mod envelope;
mod error;
#[cfg(all(feature = "test-util", any(feature = "redis", feature = "nats")))]
pub(crate) mod fuzzing;
mod heartbeat;
#[cfg(any(feature = "redis", feature = "nats"))]
mod inbox;
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
pub use heartbeat::{GivenName, GivenNames, Heartbeat, Players};
pub use local::LocalBus;
use serde::{Deserialize, Serialize};
use tokio::sync::mpsc;

use crate::model::{Event, PlayerName, Revocation, RoomName, WebhookNews};

/// Carries messages between the nodes that serve a room.
#[async_trait]
pub trait Bus: Send + Sync + 'static {
    /// Whether the bus connects to other nodes at all.
    fn reaches_other_nodes(&self) -> bool;

    /// Sends a message to the other nodes of a room. Never blocks; a full outgoing buffer drops its oldest
    /// message.
    fn publish(&self, room: &RoomName, message: &BusMessage);

    /// Subscribes to the messages of this room. Waits for the server's confirmation, because joins depend on
    /// it, but for a second at most, and not at all while the server is known to be unreachable.
    ///
    /// # Errors
    /// [`BusError`] if the subscription is not confirmed. The room stays wanted: it is subscribed to as soon as
    /// possible, and then [`Incoming::Reconnected`] is delivered.
    async fn subscribe(&self, room: &RoomName) -> Result<(), BusError>;

    /// Unsubscribes from the messages of this room. Does not block.
    fn unsubscribe(&self, room: &RoomName);

    /// The receiver of incoming messages. `None` after the first call.
    fn incoming(&self) -> Option<mpsc::Receiver<Incoming>>;

    /// Whether the servers are reachable.
    ///
    /// # Errors
    /// [`BusError`] says why not, and whether the error may be temporary.
    async fn ping(&self) -> Result<(), BusError> {
        Ok(())
    }
}

/// A message between nodes about a room.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum BusMessage {
    /// An asset changed.
    Event(Event),
    /// The room was removed.
    RoomRemoved,
    /// Which players are connected to one node.
    Heartbeat(Heartbeat),
    /// A node has just begun to follow the room and requests a heartbeat from every other node.
    WhoIsHere,
    /// An operator removed a player from the room: end its connections.
    Kick {
        /// The player.
        player: PlayerName,
    },
    /// A player has this connection (`--same-player`). Whoever has another of that player decides which of the two ends.
    Connected {
        /// The player.
        player: PlayerName,
        /// The connection.
        connection: ConnectionId,
        /// How long ago the player joined with it, in milliseconds.
        age_ms: u64,
    },
    /// The node that has this connection ends it (`--same-player`).
    Disconnect(ConnectionId),
    /// Tokens were revoked. Of all rooms ([`RoomName::all_rooms`]).
    Revoked(Revocation),
    /// What a node did that delivers events. Of all rooms.
    Webhook(WebhookNews),
}

/// Names a connection in a room among all nodes.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct ConnectionId {
    /// Its node.
    pub node: u64,
    /// Its number on the node. The later one is higher.
    pub number: u64,
}

/// A message with its room, or the report that messages may be missing.
#[derive(Debug, Clone)]
pub enum Incoming {
    /// A message arrived.
    Message(RoomName, BusMessage),
    /// Messages may be missing, for example after a reconnect or because the arbiter was too slow: compare
    /// every active room with the store.
    Reconnected,
}
