//! Player tokens: which keys are taken, and which tokens are refused with which reason.

#![allow(clippy::unwrap_used, reason = "a test that cannot go on fails")]

mod cost;
mod jwks;
mod keys;
#[cfg(feature = "bots")]
mod long;
mod provider;
mod recipes;
mod rotation;
mod signer;
#[cfg(feature = "bots")]
#[path = "../support/mod.rs"]
mod support;
mod wrong;
