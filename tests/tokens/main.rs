//! Player tokens: which keys are taken, and which tokens are refused with which reason.

#![allow(clippy::unwrap_used, reason = "a test that cannot go on fails")]

mod cost;
mod jwks;
mod keys;
mod provider;
mod recipes;
mod rotation;
mod signer;
mod wrong;
