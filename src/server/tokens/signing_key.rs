use std::{
    fmt,
    time::{Duration, SystemTime, UNIX_EPOCH},
};

use jsonwebtoken::{EncodingKey, Header};
use serde::Serialize;

use super::{
    Action, InvalidTokenKey, KeyId, NamePattern, TokenAlgorithm,
    claims::AUDIENCE,
    key_file::{self, Content},
    ring_provider,
};
use crate::model::PlayerName;

/// A key that signs player tokens, for development: a secret, or a private key. Never shown.
pub struct SigningKey {
    id: KeyId,
    algorithm: TokenAlgorithm,
    key: EncodingKey,
}

/// What a new token says.
#[derive(Debug, Clone)]
pub struct TokenDraft {
    /// The player (`sub`).
    pub player: PlayerName,
    /// The name to show (`name`).
    pub display_name: Option<String>,
    /// The rooms; at least one, or the token is not taken.
    pub rooms: Vec<NamePattern>,
    /// What the player may do; `None` is the default of the server.
    pub can: Option<Vec<Action>>,
    /// The assets; `None` is all.
    pub assets: Option<Vec<NamePattern>>,
    /// How long the token lives.
    pub life: Duration,
}

#[derive(Serialize)]
struct Claims<'a> {
    iss: &'a str,
    aud: &'static str,
    sub: &'a PlayerName,
    #[serde(skip_serializing_if = "Option::is_none")]
    name: Option<&'a str>,
    iat: u64,
    exp: u64,
    arbiter: Arbiter,
}

#[derive(Serialize)]
struct Arbiter {
    rooms: Vec<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    can: Option<Vec<&'static str>>,
    #[serde(skip_serializing_if = "Option::is_none")]
    assets: Option<Vec<String>>,
}

impl SigningKey {
    /// Takes the content of a file: a secret of at least 32 bytes, or a PKCS #8 private key as PEM.
    ///
    /// # Errors
    /// [`InvalidTokenKey`] says what the content is, and what would be right.
    pub fn new(id: KeyId, content: &[u8]) -> Result<Self, InvalidTokenKey> {
        let content = key_file::read(content).map_err(|fault| match fault {
            InvalidTokenKey::Certificate | InvalidTokenKey::Pkcs1 => InvalidTokenKey::Public,
            fault => fault,
        })?;
        let (algorithm, key) = match content {
            Content::Secret(secret) => {
                let key = EncodingKey::from_secret(secret).map_err(|_| InvalidTokenKey::NotText)?;
                (TokenAlgorithm::HS256, key)
            }
            Content::Private(der) => private(&der).ok_or(InvalidTokenKey::OtherPrivate)?,
            Content::Public(_) => return Err(InvalidTokenKey::Public),
        };
        ring_provider::install();
        Ok(Self { id, algorithm, key })
    }

    /// Signs a token that is valid from now on.
    ///
    /// # Errors
    /// The key cannot sign.
    pub fn sign(&self, draft: &TokenDraft) -> Result<String, String> {
        let now = SystemTime::now().duration_since(UNIX_EPOCH).map_or(0, |now| now.as_secs());
        let texts = |patterns: &[NamePattern]| patterns.iter().map(ToString::to_string).collect();
        let claims = Claims {
            iss: self.id.as_str(),
            aud: AUDIENCE,
            sub: &draft.player,
            name: draft.display_name.as_deref(),
            iat: now,
            exp: now.saturating_add(draft.life.as_secs()),
            arbiter: Arbiter {
                rooms: texts(&draft.rooms),
                can: draft.can.as_ref().map(|can| can.iter().map(|action| action.word()).collect()),
                assets: draft.assets.as_deref().map(texts),
            },
        };
        let header = Header { kid: Some(self.id.as_str().to_owned()), ..Header::new(self.algorithm.of_jwt()) };
        jsonwebtoken::encode(&header, &claims, &self.key).map_err(|error| error.to_string())
    }
}

/// A PKCS #8 key of whichever algorithm it is for.
fn private(der: &[u8]) -> Option<(TokenAlgorithm, EncodingKey)> {
    let kinds = [
        (TokenAlgorithm::EdDSA, EncodingKey::from_ed_der(der)),
        (TokenAlgorithm::ES256, EncodingKey::from_ec_der(der)),
        (TokenAlgorithm::RS256, EncodingKey::from_rsa_der(der)),
    ];
    kinds.into_iter().find(|(algorithm, key)| ring_provider::signs(algorithm.of_jwt(), key))
}

impl fmt::Debug for SigningKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} ({}) ***", self.id, self.algorithm)
    }
}
