use base64::{Engine, prelude::BASE64_URL_SAFE_NO_PAD};
use jsonwebtoken::DecodingKey;
use serde::Deserialize;
use serde_json::Value;

use super::super::{KeyId, TokenAlgorithm, TokenKey, keyring::Keyring, public_key};

/// The keys of a key set that verify tokens, and a line for each key that looks meant for tokens but is not usable.
pub(super) struct KeySet {
    pub(super) keys: Keyring,
    pub(super) skipped: Vec<String>,
}

/// Why a key is not used.
enum Skipped {
    /// Key sets have keys for other purposes.
    OtherPurpose,
    /// The operator should know.
    Unusable(String),
}

impl KeySet {
    /// Parses a JWK Set (RFC 7517).
    ///
    /// # Errors
    /// The text is none.
    pub(super) fn parse(json: &[u8]) -> Result<Self, String> {
        #[derive(Deserialize)]
        struct Jwks {
            keys: Vec<Value>,
        }
        let set: Jwks = serde_json::from_slice(json)
            .map_err(|_| "the answer is not a key set: {\"keys\":[...]}".to_owned())?;
        let (mut keys, mut skipped) = (Vec::<TokenKey>::new(), Vec::new());
        for (at, jwk) in set.keys.into_iter().enumerate() {
            match read(jwk) {
                Ok(key) if keys.iter().any(|known| known.id() == key.id()) => {
                    skipped.push(format!("key {}: its kid is there twice", at + 1));
                }
                Ok(key) => keys.push(key),
                Err(Skipped::OtherPurpose) => {}
                Err(Skipped::Unusable(why)) => skipped.push(format!("key {}: {why}", at + 1)),
            }
        }
        Ok(Self { keys: keys.into_iter().collect(), skipped })
    }
}

/// The members of a JWK that count here.
#[derive(Deserialize)]
struct Jwk {
    kty: String,
    #[serde(rename = "use")]
    purpose: Option<String>,
    key_ops: Option<Vec<String>>,
    alg: Option<String>,
    kid: Option<String>,
    crv: Option<String>,
    n: Option<String>,
    e: Option<String>,
    x: Option<String>,
    y: Option<String>,
}

fn read(jwk: Value) -> Result<TokenKey, Skipped> {
    let unusable = |why: &str| Skipped::Unusable(why.to_owned());
    let jwk: Jwk = serde_json::from_value(jwk).map_err(|_| unusable("it is not a JWK"))?;
    let for_tokens = jwk.purpose.as_deref().is_none_or(|purpose| purpose == "sig")
        && jwk.key_ops.as_ref().is_none_or(|operations| operations.iter().any(|one| one == "verify"));
    if !for_tokens {
        return Err(Skipped::OtherPurpose);
    }
    let (algorithm, key) = match (&*jwk.kty, jwk.crv.as_deref()) {
        ("RSA", _) => public_key::rsa(&bytes(jwk.n)?, &bytes(jwk.e)?),
        ("EC", Some("P-256")) => public_key::p256(&[&[4], &*bytes(jwk.x)?, &*bytes(jwk.y)?].concat()),
        ("OKP", Some("Ed25519")) => public_key::ed25519(&bytes(jwk.x)?),
        ("oct", _) => return Err(unusable("a key set is public, so a secret in it is none (kty oct)")),
        _ => return Err(Skipped::OtherPurpose),
    }
    .map_err(|error| Skipped::Unusable(error.to_string()))?;
    if jwk.alg.is_some_and(|alg| alg != algorithm.name()) {
        return Err(Skipped::OtherPurpose);
    }
    of_kid(jwk.kid.as_deref(), algorithm, key)
}

fn of_kid(kid: Option<&str>, algorithm: TokenAlgorithm, key: DecodingKey) -> Result<TokenKey, Skipped> {
    let id = kid.and_then(KeyId::of_key_set);
    let id = id.ok_or_else(|| Skipped::Unusable("it has no kid that is visible ASCII".to_owned()))?;
    Ok(TokenKey::of(id, algorithm, key))
}

fn bytes(base64: Option<String>) -> Result<Vec<u8>, Skipped> {
    let decoded = base64.and_then(|text| BASE64_URL_SAFE_NO_PAD.decode(text).ok());
    decoded.ok_or_else(|| Skipped::Unusable("a part of it is missing or not base64url".to_owned()))
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn parse(keys: &Value) -> KeySet {
        KeySet::parse(json!({ "keys": keys }).to_string().as_bytes()).unwrap()
    }

    fn text(bytes: &[u8]) -> String {
        BASE64_URL_SAFE_NO_PAD.encode(bytes)
    }

    #[test]
    fn the_type_of_a_key_decides_its_algorithm_and_alg_may_only_agree() {
        let rsa =
            |alg: Value| json!({"kty": "RSA", "kid": "r", "alg": alg, "n": text(&[0x80; 256]), "e": "AQAB"});
        let ec = json!({"kty": "EC", "kid": "e", "crv": "P-256", "x": text(&[1; 32]), "y": text(&[2; 32]), "x5c": ["MIIB"]});
        let ed = json!({"kty": "OKP", "kid": "o", "crv": "Ed25519", "x": text(&[3; 32]), "use": "sig"});
        let set = parse(&json!([rsa(json!("RS256")), ec, ed]));
        let algorithm = |kid| set.keys.get(kid).map(TokenKey::algorithm);
        assert_eq!(algorithm("r"), Some(TokenAlgorithm::RS256));
        assert_eq!(algorithm("e"), Some(TokenAlgorithm::ES256));
        assert_eq!(algorithm("o"), Some(TokenAlgorithm::EdDSA));
        assert!(set.skipped.is_empty(), "{:?}", set.skipped);
        assert!(parse(&json!([rsa(json!(null))])).keys.get("r").is_some());
        for other in ["RS512", "PS256", "HS256", "ES256"] {
            assert!(parse(&json!([rsa(json!(other))])).keys.get("r").is_none(), "{other}");
        }
    }

    #[test]
    fn keys_for_other_purposes_are_skipped_without_a_word() {
        let x = text(&[3; 32]);
        for jwk in [
            json!({"kty": "OKP", "kid": "k", "crv": "Ed25519", "x": x, "use": "enc"}),
            json!({"kty": "OKP", "kid": "k", "crv": "Ed25519", "x": x, "key_ops": ["encrypt"]}),
            json!({"kty": "OKP", "kid": "k", "crv": "X25519", "x": x}),
            json!({"kty": "EC", "kid": "k", "crv": "P-384", "x": x, "y": x}),
            json!({"kty": "AKP", "kid": "k"}),
        ] {
            let set = parse(&json!([jwk]));
            assert!(set.keys.get("k").is_none() && set.skipped.is_empty(), "{jwk}");
        }
    }

    #[test]
    fn keys_that_cannot_be_used_are_told() {
        let x = text(&[3; 32]);
        for (jwk, why) in [
            (json!({"kty": "oct", "kid": "k", "k": text(&[1; 64])}), "secret"),
            (json!({"kty": "OKP", "crv": "Ed25519", "x": x}), "no kid"),
            (json!({"kty": "OKP", "crv": "Ed25519", "x": x, "kid": "a\nb"}), "no kid"),
            (json!({"kty": "OKP", "crv": "Ed25519", "x": x, "kid": 7}), "not a JWK"),
            (json!({"kty": "OKP", "crv": "Ed25519", "x": "AA", "kid": "k"}), "damaged"),
            (json!({"kty": "OKP", "crv": "Ed25519", "kid": "k"}), "missing"),
            (json!({"kty": "RSA", "kid": "k", "n": text(&[0x80; 128]), "e": "AQAB"}), "1024 bits"),
            (json!({"kty": "RSA", "kid": "k", "n": text(&[0x80; 256]), "e": "AQ"}), "exponent"),
            (json!("key"), "not a JWK"),
        ] {
            let set = parse(&json!([jwk]));
            assert!(set.skipped.len() == 1 && set.skipped[0].contains(why), "{jwk}: {:?}", set.skipped);
        }
        let twice = parse(&json!([
            {"kty": "OKP", "crv": "Ed25519", "x": x, "kid": "k"}, {"kty": "OKP", "crv": "Ed25519", "x": x, "kid": "k"}
        ]));
        assert!(twice.keys.get("k").is_some() && twice.skipped[0].contains("twice"));
    }

    #[test]
    fn what_is_no_key_set_is_refused() {
        for text in ["", "[]", "{}", "{\"keys\":{}}", "<html>", "null"] {
            assert!(KeySet::parse(text.as_bytes()).is_err(), "{text}");
        }
        assert!(KeySet::parse(b"{\"keys\":[]}").is_ok());
    }
}
