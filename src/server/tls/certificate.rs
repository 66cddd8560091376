use std::{
    fmt,
    fs::{self, File},
    io::{self, Read},
    path::{Path, PathBuf},
    sync::Arc,
};

use rustls::{
    Error as TlsError, ServerConfig,
    crypto::ring,
    pki_types::{CertificateDer, PrivateKeyDer, pem::PemObject},
};

use crate::model::limits::CERTIFICATE_BYTES;

/// A certificate chain and its key, as read from two PEM files.
#[derive(Clone)]
pub struct Certificate {
    pub(super) files: Arc<Files>,
    /// The files as they were just before they were read.
    pub(super) stamp: Stamp,
    pub(super) config: Arc<ServerConfig>,
    /// The `notAfter` of the first certificate, in seconds of Unix time and as text.
    pub(super) expires: i64,
    pub(super) expires_text: String,
}

/// Why a certificate cannot be served.
#[derive(Debug, thiserror::Error)]
pub enum CertificateError {
    /// A file cannot be read.
    #[error("cannot read {flag} {}: {source}; name a PEM file that this user can read", path.display())]
    Unreadable {
        /// `--tls-cert` or `--tls-key`.
        flag: &'static str,
        /// The file.
        path: PathBuf,
        /// Why it cannot be read.
        source: io::Error,
    },
    /// A file's content is not usable.
    #[error("{flag} {}: {why}", path.display())]
    Unusable {
        /// `--tls-cert` or `--tls-key`.
        flag: &'static str,
        /// The file.
        path: PathBuf,
        /// What is wrong, and what would be right.
        why: String,
    },
    /// Each file is usable, but not with the other.
    #[error("--tls-key {} is not the key of the certificate in --tls-cert {}: name the key it was issued for", key.display(), cert.display())]
    Mismatch {
        /// The certificate's file.
        cert: PathBuf,
        /// The key's file.
        key: PathBuf,
    },
}

const CERT: &str = "--tls-cert";
const KEY: &str = "--tls-key";

impl Certificate {
    /// Reads a chain, the server's own certificate first, and its private key.
    ///
    /// # Errors
    /// [`CertificateError`] names the file and what would be right.
    pub fn load(cert: &Path, key: &Path) -> Result<Self, CertificateError> {
        let files = Arc::new(Files { cert: cert.to_owned(), key: key.to_owned() });
        let stamp = files.stamp();
        let chain = chain(cert)?;
        let (expires, expires_text) = expiry(&chain[0]).map_err(|why| unusable(CERT, cert, why))?;
        let config = config(chain, private_key(key)?).map_err(|error| match error {
            TlsError::InconsistentKeys(_) => {
                CertificateError::Mismatch { cert: cert.to_owned(), key: key.to_owned() }
            }
            TlsError::InvalidCertificate(_) => unusable(CERT, cert, BROKEN_CERTIFICATE),
            _ => unusable(KEY, key, "this kind of key is not supported; take ECDSA (P-256, P-384), Ed25519 or RSA of 2048 bits or more"),
        })?;
        Ok(Self { files, stamp, config: Arc::new(config), expires, expires_text })
    }

    /// The two files: the chain's and the key's.
    #[must_use]
    pub fn files(&self) -> (&Path, &Path) {
        (&self.files.cert, &self.files.key)
    }
}

/// Without the key.
impl fmt::Debug for Certificate {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Certificate").field("files", &self.files).field("expires", &self.expires_text).finish()
    }
}

/// Where the certificate comes from.
#[derive(Debug)]
pub(super) struct Files {
    pub(super) cert: PathBuf,
    pub(super) key: PathBuf,
}

impl Files {
    /// What tells a changed file from the file before.
    pub(super) fn stamp(&self) -> Stamp {
        Stamp([&self.cert, &self.key].map(|path| fs::metadata(path).ok().map(|found| of(&found))))
    }
}

/// The state of both files. A file that cannot be read has none.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(super) struct Stamp([Option<FileStamp>; 2]);

/// Modification time, length and inode.
type FileStamp = (Option<std::time::SystemTime>, u64, u64);

#[cfg(test)]
impl Stamp {
    pub(super) fn of(length: u64) -> Self {
        Self([Some((None, length, 0)), None])
    }
}

fn of(found: &fs::Metadata) -> FileStamp {
    #[cfg(unix)]
    let inode = std::os::unix::fs::MetadataExt::ino(found);
    #[cfg(not(unix))]
    let inode = 0;
    (found.modified().ok(), found.len(), inode)
}

const BROKEN_CERTIFICATE: &str =
    "it holds no valid certificate; write the PEM chain, the server's own certificate first";

fn chain(path: &Path) -> Result<Vec<CertificateDer<'static>>, CertificateError> {
    let pem = read(CERT, path)?;
    let chain: Result<Vec<_>, _> = CertificateDer::pem_slice_iter(&pem).collect();
    match chain {
        Ok(chain) if !chain.is_empty() => Ok(chain),
        _ => Err(unusable(CERT, path, BROKEN_CERTIFICATE)),
    }
}

fn private_key(path: &Path) -> Result<PrivateKeyDer<'static>, CertificateError> {
    let pem = read(KEY, path)?;
    PrivateKeyDer::from_pem_slice(&pem).map_err(|_| {
        let encrypted = String::from_utf8_lossy(&pem).contains("ENCRYPTED");
        let why = if encrypted {
            "the key is encrypted; write it without a passphrase (openssl pkey -in FILE -out FILE)"
        } else {
            "it holds no private key; write one in PEM, such as -----BEGIN PRIVATE KEY-----"
        };
        unusable(KEY, path, why)
    })
}

fn read(flag: &'static str, path: &Path) -> Result<Vec<u8>, CertificateError> {
    let mut bytes = Vec::new();
    let read = File::open(path).and_then(|file| file.take(CERTIFICATE_BYTES + 1).read_to_end(&mut bytes));
    read.map_err(|source| CertificateError::Unreadable { flag, path: path.to_owned(), source })?;
    if bytes.len() as u64 > CERTIFICATE_BYTES {
        return Err(unusable(flag, path, format!("it is larger than {CERTIFICATE_BYTES} bytes; write PEM")));
    }
    Ok(bytes)
}

fn unusable(flag: &'static str, path: &Path, why: impl Into<String>) -> CertificateError {
    CertificateError::Unusable { flag, path: path.to_owned(), why: why.into() }
}

fn expiry(leaf: &CertificateDer<'_>) -> Result<(i64, String), &'static str> {
    let (_, leaf) = x509_parser::parse_x509_certificate(leaf).map_err(|_| BROKEN_CERTIFICATE)?;
    let not_after = leaf.validity().not_after;
    Ok((not_after.timestamp(), not_after.to_string()))
}

/// TLS 1.2 and 1.3 with forward secrecy and authenticated encryption alone, which is all that rustls has and what Mozilla
/// calls intermediate. HTTP/1.1 is the one protocol of the port. Tickets resume sessions without memory of them here;
/// their keys go with the certificate, so nobody resumes on a certificate that was replaced.
fn config(chain: Vec<CertificateDer<'static>>, key: PrivateKeyDer<'static>) -> Result<ServerConfig, TlsError> {
    let mut config = ServerConfig::builder_with_provider(Arc::new(ring::default_provider()))
        .with_safe_default_protocol_versions()?
        .with_no_client_auth()
        .with_single_cert(chain, key)?;
    config.alpn_protocols = vec![b"http/1.1".to_vec()];
    config.ticketer = ring::Ticketer::new()?;
    Ok(config)
}
