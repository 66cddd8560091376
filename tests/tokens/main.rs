//! Player tokens: which keys are taken, and which tokens are refused with which reason.

mod cost;
mod jwks;
mod keys;
mod provider;
mod recipes;
mod rotation;
mod signer;
mod wrong;
