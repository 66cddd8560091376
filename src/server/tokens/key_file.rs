use base64::{Engine, prelude::BASE64_STANDARD};
use spki::SubjectPublicKeyInfoRef;

use crate::model::limits::TOKEN_SECRET_LEN;

/// What a key file has.
pub(super) enum Content<'a> {
    /// The bytes that HS256 takes.
    Secret(&'a [u8]),
    /// A public key: the DER of a `SubjectPublicKeyInfo`.
    Public(Vec<u8>),
    /// A private key: the DER of PKCS #8.
    Private(Vec<u8>),
}

/// What is wrong with a key file.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[allow(missing_docs)]
pub enum InvalidTokenKey {
    #[error(
        "this secret has {0} bytes; HS256 needs at least {TOKEN_SECRET_LEN}, such as of: openssl rand -base64 48"
    )]
    Short(usize),
    #[error(
        "this is neither a PEM file nor a secret; a secret is one line of visible ASCII characters without spaces"
    )]
    NotText,
    #[error(
        "this is a private key, which only the signer needs; give the public one: openssl pkey -in FILE -pubout"
    )]
    Private,
    #[error("this is public; tokens are signed with the private key or the secret")]
    Public,
    #[error("this private key is none on P-256, of Ed25519, or of RSA with 2048 to 4096 bits")]
    OtherPrivate,
    #[error(
        "this is a private key that is not PKCS #8; convert it: openssl pkcs8 -topk8 -nocrypt -in FILE -out NEW"
    )]
    NotPkcs8,
    #[error("this is a certificate; give its public key: openssl x509 -in FILE -noout -pubkey")]
    Certificate,
    #[error("this PEM file has no public key; the right one begins with -----BEGIN PUBLIC KEY-----")]
    OtherPem,
    #[error(
        "this PKCS #1 public key does not say what it is; convert it: openssl rsa -RSAPublicKey_in -in FILE -pubout"
    )]
    Pkcs1,
    #[error("this PEM file has {0} keys; give one")]
    Several(usize),
    #[error("this PEM file is damaged")]
    Damaged,
    #[error("this is a JWK; give a PEM public key, or serve a key set and name it with --token-jwks")]
    Jwk,
    #[error("this is a public key without its lines -----BEGIN PUBLIC KEY----- and -----END PUBLIC KEY-----")]
    BarePublic,
    #[error("this is a key on {0}; ES256 needs one on P-256 (prime256v1)")]
    Curve(&'static str),
    #[error("this is an RSA key of {0} bits; RS256 needs 2048 to 8192")]
    RsaBits(usize),
    #[error("this RSA key has an exponent that is not odd, from 3 to 2^33")]
    RsaExponent,
    #[error("this is a key for {0}; tokens are signed with P-256 (ES256), Ed25519 (EdDSA) or RSA (RS256)")]
    OtherKey(String),
}

/// Tells secrets from PEM files.
pub(super) fn read(content: &[u8]) -> Result<Content<'_>, InvalidTokenKey> {
    const PEM: &[u8] = b"-----BEGIN ";
    if content.windows(PEM.len()).any(|window| window == PEM) {
        return read_pem(content);
    }
    let secret = content.trim_ascii();
    if secret.starts_with(b"{") {
        return Err(InvalidTokenKey::Jwk);
    }
    // What everybody may know is no secret.
    if BASE64_STANDARD.decode(secret).is_ok_and(|der| SubjectPublicKeyInfoRef::try_from(&*der).is_ok()) {
        return Err(InvalidTokenKey::BarePublic);
    }
    if !secret.iter().all(u8::is_ascii_graphic) {
        return Err(InvalidTokenKey::NotText);
    }
    if secret.len() < TOKEN_SECRET_LEN {
        return Err(InvalidTokenKey::Short(secret.len()));
    }
    Ok(Content::Secret(secret))
}

fn read_pem(content: &[u8]) -> Result<Content<'static>, InvalidTokenKey> {
    let blocks = pem::parse_many(content).map_err(|_| InvalidTokenKey::Damaged)?;
    if let Some(private) = blocks.iter().find(|block| block.tag().ends_with("PRIVATE KEY")) {
        let pkcs8 = private.tag() == "PRIVATE KEY";
        return if pkcs8 {
            Ok(Content::Private(private.contents().to_vec()))
        } else {
            Err(InvalidTokenKey::NotPkcs8)
        };
    }
    let block = match &*blocks {
        [] => return Err(InvalidTokenKey::Damaged),
        [block] => block,
        several => return Err(InvalidTokenKey::Several(several.len())),
    };
    match block.tag() {
        "PUBLIC KEY" => Ok(Content::Public(block.contents().to_vec())),
        "CERTIFICATE" | "X509 CERTIFICATE" | "TRUSTED CERTIFICATE" => Err(InvalidTokenKey::Certificate),
        "RSA PUBLIC KEY" => Err(InvalidTokenKey::Pkcs1),
        _ => Err(InvalidTokenKey::OtherPem),
    }
}
