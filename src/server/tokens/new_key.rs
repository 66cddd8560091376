use base64::{Engine, prelude::BASE64_STANDARD};
use pem::{EncodeConfig, LineEnding, Pem};
use ring::{
    rand::{SecureRandom, SystemRandom},
    signature::{ECDSA_P256_SHA256_FIXED_SIGNING, EcdsaKeyPair, Ed25519KeyPair, KeyPair},
};
use spki::{
    AlgorithmIdentifier, ObjectIdentifier, SubjectPublicKeyInfo,
    der::{
        Encode,
        asn1::{AnyRef, BitStringRef},
    },
};

use super::{
    TokenAlgorithm,
    public_key::{EC, ED25519, P256},
};

/// Bytes of a new secret, before base64.
const SECRET_BYTES: usize = 48;
/// What precedes the 32 bytes of an Ed25519 private key in PKCS #8. `ring` writes version 2 of it, which OpenSSL cannot
/// read.
const ED25519_PKCS8: [u8; 16] = [0x30, 0x2e, 2, 1, 0, 0x30, 5, 6, 3, 0x2b, 0x65, 0x70, 4, 0x22, 4, 0x20];

/// A new key for development, as the contents of its files.
pub struct NewKey {
    /// What signs: a secret, or a PEM private key.
    pub private: String,
    /// The PEM public key, which verifies. A secret has none.
    pub public: Option<String>,
}

impl NewKey {
    /// Makes a key from the random numbers of the operating system.
    ///
    /// # Errors
    /// There are none, or the algorithm is RS256, for which OpenSSL makes keys.
    pub fn generate(algorithm: TokenAlgorithm) -> Result<Self, String> {
        let random = SystemRandom::new();
        let failed = |_| "the system has no random numbers".to_owned();
        match algorithm {
            TokenAlgorithm::HS256 => {
                let mut secret = [0; SECRET_BYTES];
                random.fill(&mut secret).map_err(failed)?;
                Ok(Self { private: BASE64_STANDARD.encode(secret) + "\n", public: None })
            }
            TokenAlgorithm::ES256 => {
                let signing = &ECDSA_P256_SHA256_FIXED_SIGNING;
                let der = EcdsaKeyPair::generate_pkcs8(signing, &random).map_err(failed)?;
                let pair =
                    EcdsaKeyPair::from_pkcs8(signing, der.as_ref(), &random).map_err(|e| e.to_string())?;
                Self::of(der.as_ref().to_vec(), EC, Some(&P256), pair.public_key().as_ref())
            }
            TokenAlgorithm::EdDSA => {
                let mut seed = [0; 32];
                random.fill(&mut seed).map_err(failed)?;
                let pair = Ed25519KeyPair::from_seed_unchecked(&seed).map_err(|error| error.to_string())?;
                Self::of([&ED25519_PKCS8[..], &seed].concat(), ED25519, None, pair.public_key().as_ref())
            }
            TokenAlgorithm::RS256 => Err("make an RSA key with: openssl genrsa 2048".to_owned()),
        }
    }

    fn of(
        private: Vec<u8>,
        oid: ObjectIdentifier,
        parameters: Option<&ObjectIdentifier>,
        point: &[u8],
    ) -> Result<Self, String> {
        let subject_public_key = BitStringRef::from_bytes(point).map_err(|error| error.to_string())?;
        let parameters = parameters.map(AnyRef::from);
        let info =
            SubjectPublicKeyInfo { algorithm: AlgorithmIdentifier { oid, parameters }, subject_public_key };
        let public = info.to_der().map_err(|error| error.to_string())?;
        Ok(Self { private: encode("PRIVATE KEY", private), public: Some(encode("PUBLIC KEY", public)) })
    }
}

fn encode(tag: &str, der: Vec<u8>) -> String {
    pem::encode_config(&Pem::new(tag, der), EncodeConfig::new().set_line_ending(LineEnding::LF))
}
