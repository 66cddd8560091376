use asset_arbiter::server::{KeyId, TokenAlgorithm, TokenKey};
use base64::{Engine, prelude::BASE64_STANDARD};

use crate::signer::{SECRET, SIGNERS, id, key_file};

fn refusal(content: &[u8]) -> String {
    TokenKey::new(id("k"), content).expect_err("this key is not to be used").to_string()
}

#[test]
fn the_type_of_a_key_decides_its_algorithm() {
    let algorithms = SIGNERS.map(|signer| signer.key("k").algorithm());
    use TokenAlgorithm::{ES256, EdDSA, HS256, RS256};
    assert_eq!(algorithms, [HS256, ES256, EdDSA, RS256]);
    assert_eq!(SIGNERS.map(|signer| signer.key("k").is_secret()), [true, false, false, false]);
}

#[test]
fn a_pem_file_may_have_a_comment_and_other_line_ends() {
    let key = String::from_utf8(key_file("p256.public.pem")).unwrap();
    for content in [format!("the game's key\n{key}"), key.replace('\n', "\r\n"), format!("\n\n{key}\n")] {
        assert!(TokenKey::new(id("k"), content.as_bytes()).is_ok(), "{content}");
    }
}

#[test]
fn a_refused_key_is_told_what_would_be_right() {
    for (file, expected) in [
        ("p256.private.pem", "private key"),
        ("p256.sec1.private.pem", "private key"),
        ("ed25519.private.pem", "-pubout"),
        ("rsa.private.pem", "public one"),
        ("certificate.pem", "certificate"),
        ("p384.public.pem", "P-384"),
        ("ed448.public.pem", "Ed448"),
        ("rsa1024.public.pem", "1024 bits"),
        ("rsa.pkcs1.pem", "PKCS #1"),
    ] {
        let refusal = refusal(&key_file(file));
        assert!(refusal.contains(expected), "{file}: {refusal}");
    }
    let two = [key_file("p256.public.pem"), key_file("ed25519.public.pem")].concat();
    for (content, expected) in [
        (two, "2 keys"),
        (b"-----BEGIN PUBLIC KEY-----\nMFkw\n-----END PUBLIC KEY-----\n".to_vec(), "damaged"),
        (b"-----BEGIN PUBLIC KEY-----\nnonsense".to_vec(), "damaged"),
        (
            b"-----BEGIN CERTIFICATE REQUEST-----\nMFkw\n-----END CERTIFICATE REQUEST-----\n".to_vec(),
            "no public key",
        ),
    ] {
        let refusal = refusal(&content);
        assert!(refusal.contains(expected), "{expected}: {refusal}");
    }
}

#[test]
fn a_secret_has_at_least_32_bytes_after_white_space_is_removed() {
    assert!(TokenKey::new(id("k"), &[b'x'; 32]).is_ok());
    assert!(TokenKey::new(id("k"), format!("\n {SECRET}\r\n").as_bytes()).is_ok());
    for (content, expected) in [
        (vec![b'x'; 31], "31 bytes"),
        (format!("  {}\n", "x".repeat(31)).into_bytes(), "31 bytes"),
        (Vec::new(), "0 bytes"),
        (b"two words of more than thirty-two bytes".to_vec(), "without spaces"),
        (vec![0xff; 64], "visible ASCII"),
    ] {
        let refusal = refusal(&content);
        assert!(refusal.contains(expected), "{expected}: {refusal}");
    }
}

#[test]
fn what_everybody_may_know_is_no_secret() {
    let der = pem::parse(key_file("p256.public.pem")).unwrap().into_contents();
    assert!(refusal(BASE64_STANDARD.encode(der).as_bytes()).contains("public key without its lines"));
    let jwk = br#"{"kty":"OKP","crv":"Ed25519","x":"NNLLC2S2yS-PHNf9NVaeUwIxNkZYfZvvUUGusoZOJ8k"}"#;
    assert!(refusal(jwk).contains("JWK"));
}

#[test]
fn an_id_is_1_to_64_safe_characters() {
    for good in ["a", "key-1", "prod:2026_11.a", &"x".repeat(64)] {
        assert!(KeyId::parse(good).is_ok(), "{good}");
    }
    for bad in ["", "a b", "a/b", "../x", "é", "a=b", &"x".repeat(65)] {
        assert!(KeyId::parse(bad).is_err(), "{bad}");
    }
}

#[test]
fn keys_and_the_reasons_why_they_are_refused_show_no_secret() {
    for signer in SIGNERS {
        let key = signer.key("key-1");
        assert_eq!(format!("{key:?}"), format!("key-1 ({}) ***", signer.alg()));
    }
    let shown = |content: &[u8]| format!("{0} {0:?}", TokenKey::new(id("k"), content).unwrap_err());
    for secret in
        ["hunter2", "hunter2 hunter2 hunter2 hunter2 hunter2", "{hunter2hunter2hunter2hunter2hunter2}"]
    {
        assert!(!shown(secret.as_bytes()).contains("hunter2"));
    }
    for file in ["p256.private.pem", "rsa.private.pem", "p256.sec1.private.pem"] {
        let (shown, text) = (shown(&key_file(file)), String::from_utf8(key_file(file)).unwrap());
        assert!(text.lines().filter(|line| !line.starts_with("--")).all(|line| !shown.contains(line)));
    }
}
