use jsonwebtoken::DecodingKey;
use spki::{
    ObjectIdentifier, SubjectPublicKeyInfoRef,
    der::{Decode, Reader, SliceReader, asn1::UintRef},
};

use super::{TokenAlgorithm, key::InvalidTokenKey};

pub(super) const EC: ObjectIdentifier = ObjectIdentifier::new_unwrap("1.2.840.10045.2.1");
const RSA: ObjectIdentifier = ObjectIdentifier::new_unwrap("1.2.840.113549.1.1.1");
pub(super) const ED25519: ObjectIdentifier = ObjectIdentifier::new_unwrap("1.3.101.112");
pub(super) const P256: ObjectIdentifier = ObjectIdentifier::new_unwrap("1.2.840.10045.3.1.7");
/// Curves and kinds of keys that people have and tokens are not signed with here.
const OTHER: [(&str, &str); 7] = [
    ("1.3.132.0.34", "P-384"),
    ("1.3.132.0.35", "P-521"),
    ("1.3.132.0.10", "secp256k1"),
    ("1.3.101.113", "Ed448"),
    ("1.3.101.110", "X25519 (key agreement)"),
    ("1.2.840.10040.4.1", "DSA"),
    ("1.2.840.113549.1.1.10", "RSA-PSS (PS256)"),
];
/// Bytes of a point on P-256, uncompressed: a marker and two coordinates.
const P256_POINT: usize = 65;
const ED25519_POINT: usize = 32;

/// A public key from its DER, with its algorithm.
pub(super) fn from_der(der: &[u8]) -> Result<(TokenAlgorithm, DecodingKey), InvalidTokenKey> {
    let info = SubjectPublicKeyInfoRef::try_from(der).map_err(|_| InvalidTokenKey::Damaged)?;
    let bytes = info.subject_public_key.as_bytes().ok_or(InvalidTokenKey::Damaged)?;
    match info.algorithm.oid {
        EC => match info.algorithm.parameters_oid() {
            Ok(P256) => p256(bytes),
            Ok(curve) => Err(InvalidTokenKey::Curve(known(&curve).unwrap_or("another curve"))),
            Err(_) => Err(InvalidTokenKey::Curve("a curve without a name")),
        },
        ED25519 => ed25519(bytes),
        RSA => {
            let (n, e) = rsa_components(bytes).map_err(|_| InvalidTokenKey::Damaged)?;
            rsa(n, e)
        }
        other => Err(InvalidTokenKey::OtherKey(known(&other).map_or_else(|| other.to_string(), str::to_owned))),
    }
}

/// A point on P-256, uncompressed.
pub(super) fn p256(point: &[u8]) -> Result<(TokenAlgorithm, DecodingKey), InvalidTokenKey> {
    if point.len() != P256_POINT || point[0] != 4 {
        return Err(InvalidTokenKey::Curve("P-256 with a compressed point"));
    }
    Ok((TokenAlgorithm::ES256, DecodingKey::from_ec_der(point)))
}

/// A point of Ed25519.
pub(super) fn ed25519(point: &[u8]) -> Result<(TokenAlgorithm, DecodingKey), InvalidTokenKey> {
    if point.len() != ED25519_POINT {
        return Err(InvalidTokenKey::Damaged);
    }
    Ok((TokenAlgorithm::EdDSA, DecodingKey::from_ed_der(point)))
}

/// An RSA key of its modulus and exponent, big-endian. The bounds are those of `ring`, which would refuse every token of
/// another key.
pub(super) fn rsa(n: &[u8], e: &[u8]) -> Result<(TokenAlgorithm, DecodingKey), InvalidTokenKey> {
    let (n, e) = (without_zeros(n), without_zeros(e));
    let bits = n.len() * 8 - n.first().map_or(0, |first| first.leading_zeros() as usize);
    if !(2048..=8192).contains(&bits) {
        return Err(InvalidTokenKey::RsaBits(bits));
    }
    let exponent = (e.len() <= 5).then(|| e.iter().fold(0, |sum, byte| sum << 8 | u64::from(*byte)));
    if !exponent.is_some_and(|e| e % 2 == 1 && (3..1 << 33).contains(&e)) {
        return Err(InvalidTokenKey::RsaExponent);
    }
    Ok((TokenAlgorithm::RS256, DecodingKey::from_rsa_raw_components(n, e)))
}

/// The modulus and the exponent of a PKCS #1 `RSAPublicKey`.
fn rsa_components(der: &[u8]) -> spki::der::Result<(&[u8], &[u8])> {
    let mut reader = SliceReader::new(der)?;
    let components = reader.sequence(|fields| {
        let (n, e) = (UintRef::decode(fields)?, UintRef::decode(fields)?);
        Ok::<_, spki::der::Error>((n.as_bytes(), e.as_bytes()))
    })?;
    reader.finish()?;
    Ok(components)
}

fn known(oid: &ObjectIdentifier) -> Option<&'static str> {
    let oid = oid.to_string();
    OTHER.iter().find(|(known, _)| *known == oid).map(|(_, name)| *name)
}

fn without_zeros(number: &[u8]) -> &[u8] {
    let zeros = number.iter().take_while(|byte| **byte == 0).count();
    &number[zeros..]
}
