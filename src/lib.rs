//! Decides, for browser games and bots, who gets an asset: exactly once, under faults, over WebSocket.
//!
//! The layers, top to bottom; a file imports only from the layers below its own (`tests/tidy.rs` checks this):
//! [`server`] and [`bots`] implement the protocol, [`arbiter`] the rules, [`store`] and [`bus`] the drivers (with
//! shared code in `link`), [`model`] the types that all layers use. `ARCHITECTURE.md` gives the overview.

#![warn(clippy::mod_module_files)]

pub mod model;

#[cfg(any(
    feature = "dynamodb",
    feature = "momento",
    feature = "mongodb",
    feature = "mysql",
    feature = "nats",
    feature = "redis"
))]
// Builds with few drivers leave some of it unused.
#[cfg_attr(not(feature = "full"), allow(dead_code, unused_imports))]
mod link;

pub mod bus;
pub mod store;

pub mod arbiter;

#[cfg(feature = "bots")]
pub mod bots;
pub mod server;

#[cfg(feature = "test-util")]
pub mod fuzzing;

/// The conformance suite, for stores that only unit tests can create.
#[cfg(test)]
#[path = "../tests/conformance/mod.rs"]
mod conformance;
#[cfg(test)]
#[path = "../tests/linearizability/mod.rs"]
mod linearizability;
#[cfg(test)]
extern crate self as asset_arbiter;
