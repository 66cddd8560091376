use serde::{Deserialize, Serialize};

use super::{Millis, RoomName};

/// What a node tells other nodes of its deliveries to the webhook, so that they attempt no more than one node would.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum WebhookNews {
    /// A delivery failed.
    Failed {
        /// Whose events it had.
        room: RoomName,
        /// The failures in a row of this room, this one included.
        failures: u32,
        /// Milliseconds until the next attempt.
        retry_ms: Millis,
        /// The first failure after the endpoint's last success, in Unix milliseconds.
        failing_since: Millis,
    },
    /// Deliveries succeed. Told now and then.
    Delivered,
    /// Nothing is delivered until an operator resumes the endpoint.
    Paused {
        /// Why.
        reason: PauseReason,
        /// Since when, in Unix milliseconds.
        since: Millis,
    },
    /// An operator resumed the endpoint.
    Resumed,
}

/// Why nothing is delivered.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum PauseReason {
    /// The endpoint answered 410 Gone.
    Gone,
    /// No delivery succeeded for days.
    Failing,
}
