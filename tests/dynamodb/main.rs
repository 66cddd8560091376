//! The DynamoDB store on stand-ins for the service: AWS's own DynamoDB Local, and Dynoxide; with the faults a network
//! and the service have.

#![cfg(feature = "dynamodb")]
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
mod busy;
mod contract;
mod earlier;
mod emptied;
mod events;
mod expiry;
mod ground;
mod holders;
mod network;
mod opening;
mod units;
