//! Player tokens for tests, signed by a key that a server is given.

use std::time::{SystemTime, UNIX_EPOCH};

use asset_arbiter::server::{TokenKey, TokenSettings};
use base64::{Engine, prelude::BASE64_URL_SAFE_NO_PAD as BASE64};
use ring::hmac;
use serde_json::{Value, json};

pub(crate) const SECRET: &[u8] = b"a-secret-of-more-than-thirty-two-bytes";

/// What a server needs to verify the tokens of this module.
pub(crate) fn settings() -> TokenSettings {
    let key = TokenKey::new("key-1".parse().unwrap(), SECRET).unwrap();
    TokenSettings { keys: vec![key], ..TokenSettings::default() }
}

/// The same for a process, as a value of `--token-key`. The file lives as long as its folder.
pub(crate) fn key_file() -> (tempfile::TempDir, String) {
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("key");
    std::fs::write(&file, SECRET).unwrap();
    let value = format!("key-1={}", file.display());
    (folder, value)
}

/// A token for the room `r` that lives ten minutes.
pub(crate) fn token(player: &str) -> String {
    token_with(player, json!({}))
}

/// The same with these claims instead.
pub(crate) fn token_with(player: &str, other: Value) -> String {
    let now = now();
    let mut claims = json!({
        "iss": "key-1", "aud": "asset-arbiter", "sub": player, "iat": now, "exp": now + 600,
        "arbiter": {"rooms": ["r"]}
    });
    claims.as_object_mut().unwrap().extend(other.as_object().unwrap().clone());
    let message = format!("{}.{}", BASE64.encode(r#"{"alg":"HS256"}"#), BASE64.encode(claims.to_string()));
    let signature = hmac::sign(&hmac::Key::new(hmac::HMAC_SHA256, SECRET), message.as_bytes());
    format!("{message}.{}", BASE64.encode(signature))
}

/// A token for the room `r` that allows only these actions.
pub(crate) fn token_that_can(player: &str, actions: &[&str]) -> String {
    token_with(player, json!({"arbiter": {"rooms": ["r"], "can": actions}}))
}

/// The header line that shows a credential.
pub(crate) fn bearer(credential: &str) -> String {
    format!("Authorization: Bearer {credential}\r\n")
}

/// In Unix seconds.
pub(crate) fn now() -> u64 {
    SystemTime::now().duration_since(UNIX_EPOCH).unwrap().as_secs()
}
