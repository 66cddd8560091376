//! Player tokens: which keys are taken, and which tokens are refused with which reason.

mod keys;
mod rotation;
mod signer;
mod wrong;
