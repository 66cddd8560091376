//! Decides, for browser games and bots, who gets the asset: exactly once, under faults, over WebSocket.
//!
//! The layers, top to bottom; a file imports only from layers below its own (`tests/tidy.rs` holds us to it):
//! [`server`] and [`bots`] speak the wire, [`arbiter`] holds the rules, [`store`] and [`bus`] hold the
//! drivers (which share what is in `link`), [`model`] holds the words that all of them use. `ARCHITECTURE.md` is the map.

pub mod model;

#[cfg(any(feature = "redis", feature = "nats", feature = "mysql"))]
mod link;

pub mod bus;
pub mod store;

pub mod arbiter;

pub mod bots;
pub mod server;

/// What every store is put through, for those that only unit tests can make.
#[cfg(test)]
#[path = "../tests/conformance/mod.rs"]
mod conformance;
#[cfg(test)]
#[path = "../tests/linearizability/mod.rs"]
mod linearizability;
#[cfg(test)]
extern crate self as asset_arbiter;
