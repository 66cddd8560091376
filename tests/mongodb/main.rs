//! The MongoDB store on a real server.

#![cfg(feature = "mongodb")]
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

mod contract;
mod earlier;
mod emptied;
mod encrypted;
mod events;
mod expiry;
mod ground;
mod limits;
mod network;
mod opening;
mod outages;
