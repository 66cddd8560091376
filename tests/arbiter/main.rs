//! The arbiter's promises, over a store that goes wrong by plan, in virtual time.

#![allow(clippy::unwrap_used, reason = "a test panics")]

mod decisions;
mod faults;
mod idle_rooms;
mod leases;
mod missing;
mod net;
mod order;
mod outbox;
mod overview;
mod presence;
mod removal;
mod reset;
mod resync;
mod revocations;
mod rooms;
mod same_player;
mod snapshots;
mod world;
