//! The MySQL store on real servers: MariaDB and TiDB; with the faults a network and a server have.

#![cfg(feature = "mysql")]
#![allow(clippy::unwrap_used, reason = "a panic is how a test fails")]

#[path = "../conformance/mod.rs"]
mod conformance;
#[path = "../engines/mod.rs"]
mod engines;
#[path = "../linearizability/mod.rs"]
mod linearizability;
#[path = "../remote/mod.rs"]
mod remote;
#[path = "../support/mod.rs"]
mod support;

mod backend;
mod contract;
mod deadlines;
mod emptied;
mod encrypted;
mod events;
mod expiry;
mod ground;
mod network;
mod opening;
mod outages;
mod widened;
