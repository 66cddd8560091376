use asset_arbiter::server::{TokenErrorKind, TokenSettings, Tokens};
use base64::{Engine, prelude::BASE64_URL_SAFE_NO_PAD as BASE64};
use proptest::prelude::*;
use serde_json::{Value, json};

use crate::signer::{NOW, SECRET, SIGNERS, Signer, claims, hmac_of, key_file, tokens, verify};

const HEADER: &str = r#"{"alg":"ES256"}"#;

/// Checks that the token is refused as invalid for this reason, and that no error shows the token or a secret.
async fn refused(token: &str, expected: &str) {
    refused_as(TokenErrorKind::Invalid, token, expected).await;
}

async fn refused_as(kind: TokenErrorKind, token: &str, expected: &str) {
    let error = verify(&tokens(), token).await.expect_err(expected);
    assert!(error.kind() == kind && error.to_string().contains(expected), "{expected}: {error}");
    let shown = format!("{error} {error:?} {}", error.for_client());
    assert!(!shown.contains(SECRET));
    for part in token.split('.').filter(|part| part.len() > 12) {
        assert!(!shown.contains(part) && !shown.contains(&part[..12]), "{shown}");
    }
}

/// Signs claims that were changed.
fn changed(change: impl FnOnce(&mut Value)) -> String {
    let mut claims = claims("ES256");
    change(&mut claims);
    Signer::Es256.token(&claims)
}

/// Signs claims without one of them.
fn without(claim: &str) -> String {
    changed(|claims| drop(claims.as_object_mut().unwrap().remove(claim)))
}

/// Signs claims of which one is written like this.
fn written(claim: &str, json: &str) -> String {
    let claims = claims("ES256").to_string();
    let (_, rest) = claims.split_once(&format!("\"{claim}\":")).unwrap();
    let end = rest.find([',', '}']).unwrap();
    let old = format!("\"{claim}\":{}", &rest[..end]);
    Signer::Es256.sign(HEADER, &claims.replace(&old, &format!("\"{claim}\":{json}")))
}

#[tokio::test]
async fn what_is_no_token_is_refused() {
    let good = Signer::Es256.token(&claims("ES256"));
    refused("", "three parts").await;
    refused("a.b", "three parts").await;
    refused(&format!("{good}.x"), "three parts").await;
    refused("..", "JSON object").await;
    refused(&"x".repeat(1 << 20), "8192 bytes").await;
    refused(&format!("{good}{}", "A".repeat(9000)), "8192 bytes").await;
    let parts: Vec<_> = good.split('.').collect();
    refused(&format!("{}=.{}.{}", parts[0], parts[1], parts[2]), "header is not base64url").await;
    refused(&format!("{}.{}==.{}", parts[0], parts[1], parts[2]), "payload is not base64url").await;
    refused(&format!("{}.{}+/.{}", parts[0], parts[1], parts[2]), "payload is not base64url").await;
    refused(&format!("{}\n.{}.{}", parts[0], parts[1], parts[2]), "header is not base64url").await;
    refused(&format!("{}.{}.{}", BASE64.encode("[]"), parts[1], parts[2]), "header is not a JSON object").await;
    refused(&Signer::Es256.sign(HEADER, "null"), "payload is not a JSON object").await;
}

#[tokio::test]
async fn a_bomb_of_nested_json_is_refused_before_its_signature_is_verified() {
    let bomb = format!("{{\"a\":{}{}}}", "[".repeat(2500), "]".repeat(2500));
    let unsigned =
        |header: &str, claims: &str| format!("{}.{}.x", BASE64.encode(header), BASE64.encode(claims));
    refused(&unsigned(&bomb, "{}"), "header nests").await;
    refused(&unsigned(HEADER, &bomb), "payload nests").await;
    refused(
        &changed(|claims| claims["arbiter"]["rooms"] = serde_json::from_str(&nested(20)).unwrap()),
        "nests",
    )
    .await;
}

fn nested(levels: usize) -> String {
    format!("{}{}", "[".repeat(levels), "]".repeat(levels))
}

#[tokio::test]
async fn the_header_chooses_neither_the_algorithm_nor_the_key() {
    let claims = claims("ES256").to_string();
    let es256 = |header: &str| Signer::Es256.sign(header, &claims);
    for alg in ["none", "None", "NONE", "HS256", "ES384", "es256", ""] {
        refused(&es256(&json!({"alg": alg}).to_string()), "alg is not ES256").await;
    }
    refused(&format!("{}.{}.", BASE64.encode(r#"{"alg":"none"}"#), BASE64.encode(&claims)), "alg is not ES256")
        .await;
    refused(&es256("{}"), "no alg").await;
    refused(&es256(r#"{"alg":7}"#), "alg is not a string").await;
    refused(&es256(r#"{"alg":"ES256","alg":"ES256"}"#), "header has a member twice").await;
    refused(&es256(r#"{"alg":"ES256","typ":"JWE"}"#), "typ").await;
    refused(&es256(r#"{"alg":"ES256","crit":["exp"]}"#), "crit").await;
    refused(&es256(r#"{"alg":"ES256","crit":["b64"],"b64":true}"#), "crit").await;
    for typ in ["JWT", "jwt", "at+jwt", "AT+JWT"] {
        assert!(verify(&tokens(), &es256(&json!({"alg": "ES256", "typ": typ}).to_string())).await.is_ok());
    }
}

/// The classic: a token signed by HMAC with the bytes of the public key, which everybody knows.
#[tokio::test]
async fn a_public_key_is_never_taken_for_a_secret() {
    for (key, file) in
        [("ES256", "p256.public.pem"), ("RS256", "rsa.public.pem"), ("EdDSA", "ed25519.public.pem")]
    {
        let pem = key_file(file);
        let der = pem::parse(&pem).unwrap().into_contents();
        for secret in [&pem[..], pem.trim_ascii(), &der] {
            for alg in ["HS256", key] {
                let header = json!({"alg": alg}).to_string();
                let message = format!("{}.{}", BASE64.encode(header), BASE64.encode(claims(key).to_string()));
                let token = format!("{message}.{}", BASE64.encode(hmac_of(secret, message.as_bytes())));
                refused(&token, if alg == key { "signature" } else { "alg is not" }).await;
            }
        }
    }
}

#[tokio::test]
async fn a_key_or_an_address_in_the_header_is_never_used() {
    let x = BASE64.encode([7; 32]);
    for header in [
        json!({"alg": "EdDSA", "jwk": {"kty": "OKP", "crv": "Ed25519", "x": x}}),
        json!({"alg": "EdDSA", "jku": "https://evil.example/keys", "kid": "evil"}),
        json!({"alg": "EdDSA", "x5u": "https://evil.example/cert", "x5c": ["MIIB"]}),
        json!({"alg": "EdDSA", "kid": "../../../dev/null"}),
    ] {
        let token = Signer::EdDsa.sign(&header.to_string(), &claims("ES256").to_string());
        refused(&token, "alg is not ES256").await;
        let token = Signer::EdDsa.sign(&header.to_string(), &claims("EdDSA").to_string());
        assert!(verify(&tokens(), &token).await.is_ok(), "the key of iss decides: {header}");
        let token = Signer::EdDsa.sign(&header.to_string(), &claims("EdDSA").to_string());
        let forged = format!("{}.{}", token.rsplit_once('.').unwrap().0, BASE64.encode([7; 64]));
        refused(&forged, "signature is not one of key EdDSA").await;
    }
}

#[tokio::test]
async fn a_token_of_an_unknown_or_another_key_is_refused() {
    refused(&Signer::Es256.token(&claims("gone")), "no key gone").await;
    refused(&Signer::Es256.token(&claims("../../etc/passwd")), "there is no key, which").await;
    refused(&Signer::Es256.token(&claims("")), "there is no key, which").await;
    refused(&without("iss"), "iss is missing").await;
    refused(&changed(|claims| claims["iss"] = json!(["ES256"])), "iss is not a string").await;
    let header = r#"{"alg":"HS256"}"#;
    let others = Signer::EdDsa.sign(header, &claims("HS256").to_string());
    refused(&others, "signature is not one of key HS256").await;
    let mut keys = vec![Signer::Hs256.key("a")];
    keys.push(asset_arbiter::server::TokenKey::new("b".parse().unwrap(), &[b'b'; 40]).unwrap());
    let tokens = Tokens::new(&TokenSettings { keys, ..TokenSettings::default() });
    assert!(verify(&tokens, &Signer::Hs256.token(&claims("a"))).await.is_ok());
    let error = verify(&tokens, &Signer::Hs256.token(&claims("b"))).await.unwrap_err();
    assert!(error.to_string().contains("not one of key b"), "signed with a, and says b: {error}");
}

#[tokio::test]
async fn a_changed_signature_is_refused() {
    for signer in SIGNERS {
        let good = signer.token(&claims(signer.alg()));
        let (message, signature) = good.rsplit_once('.').unwrap();
        let bytes = BASE64.decode(signature).unwrap();
        let of_another = signer.signature(b"another payload");
        for wrong in [
            &[][..],
            &bytes[..bytes.len() - 1],
            &[&bytes[..], &[0]].concat(),
            &of_another,
            &vec![0; bytes.len()],
        ] {
            refused(&format!("{message}.{}", BASE64.encode(wrong)), "signature is not one of key").await;
        }
        for at in 0..bytes.len() {
            let mut flipped = bytes.clone();
            flipped[at] ^= 1;
            let token = format!("{message}.{}", BASE64.encode(flipped));
            assert!(verify(&tokens(), &token).await.is_err(), "{signer:?}: byte {at}");
        }
        refused(&format!("{message}.{signature}="), "signature is not one of key").await;
    }
}

/// 64 bytes take 86 characters of base64, whose last has 4 bits of no byte.
#[tokio::test]
async fn bits_of_base64_that_stand_for_nothing_are_not_ignored() {
    const ALPHABET: &[u8] = b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_";
    let good = Signer::EdDsa.token(&claims("EdDSA"));
    let (start, last) = good.split_at(good.len() - 1);
    let value = ALPHABET.iter().position(|c| *c == last.as_bytes()[0]).unwrap();
    assert!(verify(&tokens(), &good).await.is_ok());
    refused(&format!("{start}{}", char::from(ALPHABET[value ^ 1])), "signature is not one of key").await;
}

#[tokio::test]
async fn another_payload_under_the_same_signature_is_refused() {
    for signer in SIGNERS {
        let good = signer.token(&claims(signer.alg()));
        let parts: Vec<_> = good.split('.').collect();
        let mut claims = claims(signer.alg());
        claims["sub"] = "bob".into();
        let forged = format!("{}.{}.{}", parts[0], BASE64.encode(claims.to_string()), parts[2]);
        refused(&forged, "signature is not one of key").await;
    }
}

#[tokio::test]
async fn claims_that_are_missing_are_named() {
    for claim in ["aud", "sub", "iat", "exp", "arbiter"] {
        refused(&without(claim), &format!("claim {claim} is missing")).await;
    }
    refused(&changed(|claims| claims["arbiter"] = json!({})), "arbiter.rooms is missing").await;
}

#[tokio::test]
async fn a_token_for_another_audience_is_refused() {
    for aud in [
        json!("other"),
        json!(["a", "b"]),
        json!([]),
        json!(7),
        json!(null),
        json!("Asset-Arbiter"),
        json!([["asset-arbiter"]]),
    ] {
        refused(&changed(|claims| claims["aud"] = aud), "claim aud is not asset-arbiter").await;
    }
}

#[tokio::test]
async fn times_are_checked() {
    refused(&changed(|claims| claims["nbf"] = json!(NOW + 61)), "nbf is in the future").await;
    let in_future = changed(|claims| (claims["iat"], claims["exp"]) = (json!(NOW + 61), json!(NOW + 600)));
    refused(&in_future, "iat is in the future").await;
    refused(&changed(|claims| claims["exp"] = json!(NOW - 1)), "exp is not after iat").await;
    refused(&changed(|claims| claims["exp"] = json!(NOW)), "exp is not after iat").await;
    refused(&changed(|claims| claims["exp"] = json!(NOW + 24 * 3600 + 1)), "more than").await;
    refused(&changed(|claims| claims["exp"] = json!((NOW + 600) * 1000)), "exp is no time").await;
    for wrong in ["1e400", "-1", "\"1795000600\"", "null", "true", "1e12", "-1e400"] {
        for claim in ["iat", "exp"] {
            refused(&written(claim, wrong), &format!("claim {claim} is no time")).await;
        }
    }
    refused(&written("exp", "NaN"), "payload is not a JSON object").await;
    refused(&written("exp", "Infinity"), "payload is not a JSON object").await;
}

#[tokio::test]
async fn a_token_whose_time_is_over_is_told_from_a_wrong_one() {
    let old = |claims: &mut Value| (claims["iat"], claims["exp"]) = (json!(NOW - 600), json!(NOW - 60));
    refused_as(TokenErrorKind::Expired, &changed(old), "expired").await;
    let wrong_too = changed(|claims| {
        old(claims);
        claims["arbiter"]["rooms"] = json!([]);
    });
    refused(&wrong_too, "names no room").await;
}

#[tokio::test]
async fn a_player_has_a_players_name() {
    for sub in [json!(""), json!(".."), json!("ann b"), json!("ann/b"), json!("x".repeat(129))] {
        refused(&changed(|claims| claims["sub"] = sub), "sub is no player's name").await;
    }
    refused(&changed(|claims| claims["sub"] = json!(17)), "sub is not a string").await;
}

#[tokio::test]
async fn grants_that_this_server_cannot_keep_are_refused() {
    let arbiter = |arbiter: Value| changed(|claims| claims["arbiter"] = arbiter);
    for (wrong, expected) in [
        (json!("arena"), "arbiter is not an object"),
        (json!(null), "arbiter is not an object"),
        (json!({"rooms": []}), "names no room"),
        (json!({"rooms": "arena"}), "arbiter.rooms is not a list"),
        (json!({"rooms": [1]}), "arbiter.rooms is not a list"),
        (json!({"rooms": ["a*b"]}), "item of arbiter.rooms"),
        (json!({"rooms": ["a b"]}), "item of arbiter.rooms"),
        (json!({"rooms": vec!["a"; 65]}), "more than 64"),
        (json!({"rooms": ["a"], "can": ["select", "create"]}), "arbiter.can has \"create\""),
        (json!({"rooms": ["a"], "can": ["Select"]}), "arbiter.can has a word"),
        (json!({"rooms": ["a"], "can": "select"}), "arbiter.can is not a list"),
        (json!({"rooms": ["a"], "can": null}), "arbiter.can is not a list"),
        (json!({"rooms": ["a"], "assets": null}), "arbiter.assets is not a list"),
        (json!({"rooms": ["a"], "assets": ["l**"]}), "item of arbiter.assets"),
        (json!({"rooms": ["a"], "max_selects": 3}), "arbiter has \"max_selects\""),
        (json!({"rooms": ["a"], "": 3}), "arbiter has a word"),
    ] {
        refused(&arbiter(wrong), expected).await;
    }
    refused(&changed(|claims| claims["jti"] = json!("x".repeat(129))), "jti").await;
    refused(&changed(|claims| claims["jti"] = json!(7)), "jti is not a string").await;
    refused(&changed(|claims| claims["name"] = json!(["Ann"])), "name is not a string").await;
}

#[tokio::test]
async fn a_claim_that_is_there_twice_is_refused() {
    let claims = claims("ES256").to_string();
    for (from, to, expected) in [
        ("\"sub\":\"ann\"", "\"sub\":\"ann\",\"sub\":\"bob\"", "payload has a member twice"),
        ("\"sub\":\"ann\"", "\"sub\":\"ann\",\"s\\u0075b\":\"bob\"", "payload has a member twice"),
        ("\"sub\":\"ann\"", "\"sub\":\"ann\",\"x\":1,\"x\":1", "payload has a member twice"),
        ("\"rooms\":", "\"rooms\":[\"*\"],\"rooms\":", "arbiter has a member twice"),
    ] {
        assert!(claims.contains(from));
        refused(&Signer::Es256.sign(HEADER, &claims.replace(from, to)), expected).await;
    }
}

/// Whoever cannot sign learns nothing from trying: neither which keys there are, nor how far a token came.
#[tokio::test]
async fn a_client_that_cannot_sign_hears_one_sentence() {
    let good = Signer::Es256.token(&claims("ES256"));
    let mut heard = Vec::new();
    for token in [
        "",
        "a.b.c",
        &Signer::Es256.token(&claims("gone")),
        &Signer::EdDsa.token(&claims("ES256")),
        &good[..good.len() - 2],
    ] {
        heard.push(verify(&tokens(), token).await.unwrap_err().for_client().to_owned());
    }
    heard.dedup();
    assert_eq!(heard.len(), 1, "{heard:?}");
    let error = verify(&tokens(), &without("exp")).await.unwrap_err();
    assert_eq!(error.for_client(), "the claim exp is missing", "the signer's own clients hear what to mend");
}

fn outcome(token: &str) -> bool {
    let runtime = tokio::runtime::Builder::new_current_thread().build().unwrap();
    runtime.block_on(verify(&tokens(), token)).is_ok()
}

proptest! {
    #[test]
    fn no_text_makes_it_panic(token in ".{0,300}") {
        prop_assert!(!outcome(&token));
    }

    #[test]
    fn no_bytes_in_its_parts_make_it_panic(header: Vec<u8>, claims: Vec<u8>, signature: Vec<u8>) {
        let token = format!("{}.{}.{}", BASE64.encode(header), BASE64.encode(claims), BASE64.encode(signature));
        prop_assert!(!outcome(&token));
    }

    #[test]
    fn no_changed_byte_of_signed_claims_makes_it_panic(at in 0_usize..200, byte: u8) {
        let mut claims = claims("ES256").to_string().into_bytes();
        let at = at % claims.len();
        claims[at] = byte;
        let message = format!("{}.{}", BASE64.encode(HEADER), BASE64.encode(claims));
        let signature = BASE64.encode(Signer::Es256.signature(message.as_bytes()));
        outcome(&format!("{message}.{signature}"));
    }

    #[test]
    fn no_changed_character_of_a_token_is_overlooked(at in 0_usize..400, character in "[A-Za-z0-9_.-]") {
        let good = Signer::EdDsa.token(&claims("EdDSA"));
        let at = at % good.len();
        let changed = format!("{}{character}{}", &good[..at], &good[at + 1..]);
        prop_assert_eq!(outcome(&changed), changed == good);
    }
}
