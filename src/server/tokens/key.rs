use std::{fmt, sync::Arc};

use jsonwebtoken::{DecodingKey, crypto};

use super::{
    KeyId, TokenAlgorithm,
    key_file::{self, Content},
    public_key, ring_provider,
    verified::Verified,
};

pub use super::key_file::InvalidTokenKey;

/// A key that verifies player tokens, with its id and its one algorithm. Never shown.
#[derive(Clone)]
pub struct TokenKey {
    id: KeyId,
    algorithm: TokenAlgorithm,
    key: DecodingKey,
    verified: Arc<Verified>,
}

impl TokenKey {
    /// Takes the content of a key file: a secret of at least 32 bytes for HS256, or a PEM public key. Its type decides
    /// the algorithm: P-256 is ES256, Ed25519 is EdDSA, RSA of at least 2048 bits is RS256.
    ///
    /// # Errors
    /// [`InvalidTokenKey`] says what the content is, and what would be right.
    pub fn new(id: KeyId, content: &[u8]) -> Result<Self, InvalidTokenKey> {
        let content = key_file::read(content).map_err(|fault| match fault {
            InvalidTokenKey::NotPkcs8 => InvalidTokenKey::Private,
            fault => fault,
        })?;
        let (algorithm, key) = match content {
            Content::Secret(secret) => {
                let key = DecodingKey::from_secret(secret).map_err(|_| InvalidTokenKey::NotText)?;
                (TokenAlgorithm::HS256, key)
            }
            Content::Public(der) => public_key::from_der(&der)?,
            Content::Private(_) => return Err(InvalidTokenKey::Private),
        };
        Ok(Self::of(id, algorithm, key))
    }

    pub(super) fn of(id: KeyId, algorithm: TokenAlgorithm, key: DecodingKey) -> Self {
        ring_provider::install();
        Self { id, algorithm, key, verified: Arc::default() }
    }

    /// The key's id.
    #[must_use]
    pub fn id(&self) -> &KeyId {
        &self.id
    }

    /// The one algorithm of the key.
    #[must_use]
    pub fn algorithm(&self) -> TokenAlgorithm {
        self.algorithm
    }

    /// Whether the key can sign, too, so that nobody else may read it.
    #[must_use]
    pub fn is_secret(&self) -> bool {
        self.algorithm == TokenAlgorithm::HS256
    }

    /// Whether `signature`, in base64url, is this key's signature of `message`.
    pub(super) fn verifies(&self, message: &str, signature: &str) -> bool {
        let verify = || {
            let verified = crypto::verify(signature, message.as_bytes(), &self.key, self.algorithm.of_jwt());
            verified.unwrap_or(false)
        };
        match self.algorithm {
            // As cheap as the digest that would spare it.
            TokenAlgorithm::HS256 => verify(),
            _ => self.verified.or_verify(message, signature, verify),
        }
    }
}

impl fmt::Debug for TokenKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} ({}) ***", self.id, self.algorithm)
    }
}
