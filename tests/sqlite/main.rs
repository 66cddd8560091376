//! The SQLite store: the contract over real files, and what only a file can show.

#![cfg(all(unix, feature = "sqlite"))]
#![allow(clippy::unwrap_used, reason = "a panic is how a test fails")]

#[cfg(feature = "bots")]
#[path = "../remote/backend.rs"]
#[allow(unreachable_pub, reason = "shared with suites that make it public")]
mod backend;
#[path = "../conformance/mod.rs"]
mod conformance;
#[path = "../remote/emptied.rs"]
#[allow(unreachable_pub, reason = "shared with suites that make it public")]
mod emptied;
#[path = "../remote/killed_holds.rs"]
#[allow(unreachable_pub, reason = "shared with suites that make it public")]
mod killed_holds;
#[cfg(feature = "bots")]
#[path = "../remote/receiver.rs"]
#[allow(unreachable_pub, reason = "shared with suites that make it public")]
mod receiver;
#[path = "../support/mod.rs"]
mod support;
#[cfg(feature = "bots")]
#[path = "../remote/table.rs"]
#[allow(unreachable_pub, reason = "shared with suites that make it public")]
mod table;

mod backup;
mod bounds;
mod child;
mod closing;
mod contract;
#[cfg(feature = "bots")]
mod credited;
mod durable;
mod full;
mod group;
mod in_step;
mod kill;
mod kill_holds;
mod names;
mod neighbour;
mod refused;
mod shell;
mod swapped;
mod temp_db;
