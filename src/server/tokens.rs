//! Player tokens: JWTs that the game's own backend signs. The server verifies them; only the command line mints any, for
//! development.

mod algorithm;
mod key;
mod key_file;
mod key_id;
mod public_key;

mod claims;
mod error;
mod grants;
mod members;
mod unverified;

mod jwks;
mod keyring;
mod ring_provider;
mod verifier;

pub use algorithm::TokenAlgorithm;
pub use error::{TokenError, TokenErrorKind};
pub use grants::{Action, Grants};
pub use jwks::{InvalidJwksUrl, JwksUrl};
pub use key::{InvalidTokenKey, TokenKey};
pub use key_id::{InvalidKeyId, KeyId};
pub use verifier::{TokenSettings, Tokens};
