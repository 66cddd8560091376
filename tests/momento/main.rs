//! The Momento store on a fake of Momento (see `engines/momento.rs` for what that cannot show), with faults of the
//! network and of the cache.

#![cfg(feature = "momento")]
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
mod events;
mod expiry;
mod ground;
mod limits;
mod network;
mod opening;
mod repeats;
mod rooms;
