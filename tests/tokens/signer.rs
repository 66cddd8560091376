//! A signer that can also sign nonsense. It shares no code with the server.

use std::{fs, path::PathBuf};

use asset_arbiter::server::{Grants, KeyId, TokenError, TokenKey, TokenSettings, Tokens};
use base64::{Engine, prelude::BASE64_URL_SAFE_NO_PAD as BASE64};
use ring::{hmac, rand::SystemRandom, signature};
use serde_json::{Value, json};

/// The time of every test, in Unix seconds.
pub(crate) const NOW: u64 = 1_795_000_000;
pub(crate) const SECRET: &str = "a-secret-of-more-than-thirty-two-bytes";

/// Everything that a token can be signed with. Each has a key whose id is its name.
pub(crate) const SIGNERS: [Signer; 4] = [Signer::Hs256, Signer::Es256, Signer::EdDsa, Signer::Rs256];

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Signer {
    Hs256,
    Es256,
    EdDsa,
    Rs256,
}

impl Signer {
    pub(crate) fn alg(self) -> &'static str {
        match self {
            Self::Hs256 => "HS256",
            Self::Es256 => "ES256",
            Self::EdDsa => "EdDSA",
            Self::Rs256 => "RS256",
        }
    }

    /// What the server is given of this signer's key.
    pub(crate) fn key_file(self) -> Vec<u8> {
        match self {
            Self::Hs256 => SECRET.into(),
            Self::Es256 => key_file("p256.public.pem"),
            Self::EdDsa => key_file("ed25519.public.pem"),
            Self::Rs256 => key_file("rsa.public.pem"),
        }
    }

    pub(crate) fn key(self, id: &str) -> TokenKey {
        TokenKey::new(id.parse().unwrap(), &self.key_file()).unwrap()
    }

    /// A token of this header and these claims, as they are written.
    pub(crate) fn sign(self, header: &str, claims: &str) -> String {
        let message = format!("{}.{}", BASE64.encode(header), BASE64.encode(claims));
        let signature = BASE64.encode(self.signature(message.as_bytes()));
        format!("{message}.{signature}")
    }

    /// A token of these claims with the usual header.
    pub(crate) fn token(self, claims: &Value) -> String {
        self.sign(&json!({"alg": self.alg(), "typ": "JWT"}).to_string(), &claims.to_string())
    }

    pub(crate) fn signature(self, message: &[u8]) -> Vec<u8> {
        let random = SystemRandom::new();
        match self {
            Self::Hs256 => hmac_of(SECRET.as_bytes(), message),
            Self::Es256 => {
                let algorithm = &signature::ECDSA_P256_SHA256_FIXED_SIGNING;
                let pair = signature::EcdsaKeyPair::from_pkcs8(algorithm, &der("p256.private.pem"), &random);
                pair.unwrap().sign(&random, message).unwrap().as_ref().to_vec()
            }
            Self::EdDsa => {
                let pair = signature::Ed25519KeyPair::from_pkcs8_maybe_unchecked(&der("ed25519.private.pem"));
                pair.unwrap().sign(message).as_ref().to_vec()
            }
            Self::Rs256 => {
                let pair = signature::RsaKeyPair::from_pkcs8(&der("rsa.private.pem")).unwrap();
                let mut bytes = vec![0; pair.public().modulus_len()];
                pair.sign(&signature::RSA_PKCS1_SHA256, &random, message, &mut bytes).unwrap();
                bytes
            }
        }
    }
}

pub(crate) fn hmac_of(secret: &[u8], message: &[u8]) -> Vec<u8> {
    hmac::sign(&hmac::Key::new(hmac::HMAC_SHA256, secret), message).as_ref().to_vec()
}

/// Claims of a token of ann's for ten minutes, signed by the key `iss`.
pub(crate) fn claims(iss: &str) -> Value {
    json!({
        "iss": iss, "aud": "asset-arbiter", "sub": "ann", "iat": NOW, "exp": NOW + 600,
        "arbiter": {"rooms": ["arena", "match-*"]}
    })
}

/// A verifier that knows the key of every signer; the ids are `HS256`, `ES256`, `EdDSA` and `RS256`.
pub(crate) fn tokens() -> std::sync::Arc<Tokens> {
    let keys = SIGNERS.map(|signer| signer.key(signer.alg())).to_vec();
    Tokens::new(&TokenSettings { keys, ..TokenSettings::default() })
}

pub(crate) async fn verify(tokens: &Tokens, token: &str) -> Result<Grants, TokenError> {
    tokens.verify(token, NOW * 1000).await
}

pub(crate) fn key_file(name: &str) -> Vec<u8> {
    let path = PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("tests/tokens/keys").join(name);
    fs::read(&path).unwrap_or_else(|error| panic!("{}: {error}", path.display()))
}

fn der(name: &str) -> Vec<u8> {
    pem::parse(key_file(name)).unwrap().into_contents()
}

pub(crate) fn id(text: &str) -> KeyId {
    text.parse().unwrap()
}
