//! The Redis store on real servers: Redis, Valkey, a cluster; with every fault a network and a server have.

#![cfg(feature = "redis")]
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
mod cluster;
mod contract;
mod encrypted;
mod events;
mod expiry;
mod ground;
mod histories;
mod kill_holds;
mod network;
mod opening;
mod outages;
mod race;
mod refusals;
mod regression;
mod replicas;
mod reset;
mod sentinel;
