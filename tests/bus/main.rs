//! The buses on real servers: Redis, Valkey, clusters and sentinels of them, NATS; with every fault a network and a
//! server have.

#![allow(clippy::unwrap_used, reason = "a panic is how a test fails")]

#[allow(dead_code, unreachable_pub, reason = "each test binary uses its part")]
#[path = "../remote/encrypted.rs"]
mod encrypted;
#[path = "../engines/mod.rs"]
mod engines;
#[path = "../support/mod.rs"]
mod support;

mod cluster;
mod contract;
mod ground;
mod nodes;
mod opening;
mod outages;
mod revocations;
mod sentinel;
mod server;
