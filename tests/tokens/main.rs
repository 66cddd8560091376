//! Player tokens: which keys are taken, and which tokens are refused with which reason.

mod jwks;
mod keys;
mod provider;
mod rotation;
mod signer;
mod wrong;
