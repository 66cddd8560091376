use std::{sync::Arc, time::Duration};

use parking_lot::RwLock;

use super::{
    KeyId, TokenError, TokenKey, claims,
    grants::Grants,
    keyring::Keyring,
    members::Members,
    unverified::{self, Unverified},
};
use crate::model::Millis;

/// What a server needs to verify tokens.
#[derive(Debug, Clone)]
pub struct TokenSettings {
    /// The keys that tokens name with `iss` (`--token-key`).
    pub keys: Vec<TokenKey>,
    /// The longest life of a token, from `iat` to `exp` (`--token-max-age`).
    pub max_age: Duration,
}

impl Default for TokenSettings {
    fn default() -> Self {
        Self { keys: Vec::new(), max_age: Duration::from_secs(24 * 3600) }
    }
}

/// Verifies player tokens.
#[derive(Debug)]
pub struct Tokens {
    keys: RwLock<Arc<Keyring>>,
    max_age: Duration,
}

impl Tokens {
    /// A verifier with these keys.
    #[must_use]
    pub fn new(settings: &TokenSettings) -> Arc<Self> {
        let keys = RwLock::new(Arc::new(settings.keys.iter().cloned().collect()));
        Arc::new(Self { keys, max_age: settings.max_age })
    }

    /// Replaces the keys of `--token-key`. Grants of tokens that an old key signed stay.
    pub fn reload(&self, keys: Vec<TokenKey>) {
        *self.keys.write() = Arc::new(keys.into_iter().collect());
    }

    /// Verifies a token at the time `now`: its shape, its key, its signature, and only then its claims.
    ///
    /// # Errors
    /// [`TokenError`] says what is wrong and what the client can do.
    pub async fn verify(&self, token: &str, now: Millis) -> Result<Grants, TokenError> {
        let token = Unverified::parse(token)?;
        let claims = Members::parse(&token.payload).map_err(|fault| unverified::describe("payload", fault))?;
        let iss = claims.text("iss").map_err(|_| TokenError::unsigned("the claim iss is not a string"))?;
        let keys = Arc::clone(&self.keys.read());
        let iss = iss.ok_or_else(|| TokenError::unsigned("the claim iss is missing: it names the key"))?;
        let key = keys.get(&iss).ok_or_else(|| unknown("iss", &iss))?;
        check_signature(&token, key)?;
        claims::read(&claims, key.id(), now, self.max_age)
    }
}

/// The key decides the algorithm. The token's own `alg` may only agree, because whoever makes up a token chooses it.
fn check_signature(token: &Unverified<'_>, key: &TokenKey) -> Result<(), TokenError> {
    let (id, algorithm) = (key.id(), key.algorithm());
    if token.algorithm != algorithm.name() {
        return Err(TokenError::unsigned(format!("the header's alg is not {algorithm}, the one of key {id}")));
    }
    if !key.verifies(token.message, token.signature) {
        return Err(TokenError::unsigned(format!("the signature is not one of key {id}")));
    }
    Ok(())
}

fn unknown(by: &str, id: &str) -> TokenError {
    let id = KeyId::parse(id).map(|id| format!(" {id}")).unwrap_or_default();
    TokenError::unsigned(format!("there is no key{id}, which the token names with {by}"))
}
