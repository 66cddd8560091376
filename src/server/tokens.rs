//! Player tokens: JWTs that the game's own backend signs. The server verifies them; only the command line mints any, for
//! development. `docs/tokens.md` describes them.

mod algorithm;
mod key;
mod key_file;
mod key_id;
mod public_key;
mod verified;

mod claims;
mod error;
mod grants;
mod members;
mod pattern;
mod unverified;

mod jwks;
mod keyring;
mod ring_provider;
mod verifier;

mod new_key;
mod signing_key;

pub use algorithm::TokenAlgorithm;
pub use error::{TokenError, TokenErrorKind};
pub use grants::{Action, Grants};
pub use jwks::{InvalidJwksUrl, JwksUrl};
pub use key::{InvalidTokenKey, TokenKey};
pub use key_id::{InvalidKeyId, KeyId};
pub use new_key::NewKey;
pub use pattern::{InvalidPattern, NamePattern};
pub use signing_key::{SigningKey, TokenDraft};
pub use verifier::{TokenSettings, Tokens};
