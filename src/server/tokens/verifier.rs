use std::{sync::Arc, time::Duration};

use parking_lot::RwLock;
use tokio_util::task::AbortOnDropHandle;

use super::{
    JwksUrl, KeyId, TokenError, TokenKey, claims,
    grants::Grants,
    jwks::Jwks,
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
    /// Where the key set is from which tokens name a key with `kid` (`--token-jwks`).
    pub jwks: Option<JwksUrl>,
    /// The longest life of a token, from `iat` to `exp` (`--token-max-age`).
    pub max_age: Duration,
}

impl TokenSettings {
    /// Whether players need tokens.
    #[must_use]
    pub fn are_used(&self) -> bool {
        !self.keys.is_empty() || self.jwks.is_some()
    }
}

impl Default for TokenSettings {
    fn default() -> Self {
        Self { keys: Vec::new(), jwks: None, max_age: Duration::from_secs(24 * 3600) }
    }
}

/// Verifies player tokens.
#[derive(Debug)]
pub struct Tokens {
    keys: RwLock<Arc<Keyring>>,
    jwks: Option<Arc<Jwks>>,
    max_age: Duration,
    /// Fetches the key set.
    _keep_fresh: Option<AbortOnDropHandle<()>>,
}

impl Tokens {
    /// A verifier with these keys. With a key set it begins to fetch it; it works without waiting for it.
    ///
    /// # Panics
    /// There is a key set, and no tokio runtime.
    #[must_use]
    pub fn new(settings: &TokenSettings) -> Arc<Self> {
        let jwks = settings.jwks.clone().map(|url| Arc::new(Jwks::new(url)));
        let keep_fresh = jwks.as_ref().map(|jwks| tokio::spawn(Arc::clone(jwks).keep_fresh()));
        Arc::new(Self {
            keys: RwLock::new(Arc::new(settings.keys.iter().cloned().collect())),
            jwks,
            max_age: settings.max_age,
            _keep_fresh: keep_fresh.map(AbortOnDropHandle::new),
        })
    }

    /// Replaces the keys of `--token-key`. Grants of tokens that an old key signed stay.
    pub fn reload(&self, keys: Vec<TokenKey>) {
        *self.keys.write() = Arc::new(keys.into_iter().collect());
    }

    /// Verifies a token at the time `now`: its shape, its key, its signature, and only then its claims. Waits only for
    /// the key set, if the token names a key that is not in it.
    ///
    /// # Errors
    /// [`TokenError`] says what is wrong and what the client can do.
    pub async fn verify(&self, token: &str, now: Millis) -> Result<Grants, TokenError> {
        let token = Unverified::parse(token)?;
        let claims = Members::parse(&token.payload).map_err(|fault| unverified::describe("payload", fault))?;
        let iss = claims.text("iss").map_err(|_| TokenError::unsigned("the claim iss is not a string"))?;
        let key = self.key(iss.as_deref(), token.kid.as_deref()).await?;
        check_signature(&token, &key)?;
        claims::read(&claims, key.id(), now, self.max_age)
    }

    /// The key that the token names: with `iss` one of `--token-key`, else with `kid` one of the key set.
    async fn key(&self, iss: Option<&str>, kid: Option<&str>) -> Result<TokenKey, TokenError> {
        if let Some(key) = iss.and_then(|iss| self.keys.read().get(iss).cloned()) {
            return Ok(key);
        }
        let Some(jwks) = &self.jwks else {
            let iss = iss.ok_or_else(|| TokenError::unsigned("the claim iss is missing: it names the key"))?;
            return Err(unknown("iss", iss));
        };
        let kid =
            kid.ok_or_else(|| TokenError::unsigned("the header has no kid: it names the key of the key set"))?;
        if let Some(key) = jwks.keys().get(kid) {
            return Ok(key.clone());
        }
        let fetched = jwks.refetch().await;
        match jwks.keys().get(kid) {
            Some(key) => Ok(key.clone()),
            None if fetched => Err(unknown("kid", kid)),
            // It may be a new one.
            None => Err(TokenError::keys_away()),
        }
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
