use std::{
    fs,
    path::PathBuf,
    time::{Duration, SystemTime},
};

use asset_arbiter::server::Certificate;
use rcgen::{CertificateParams, KeyPair, date_time_ymd};
use rustls::pki_types::CertificateDer;
use tempfile::TempDir;

/// A certificate for `localhost`, signed by itself, and its key.
pub(crate) struct Issued {
    pub(crate) der: CertificateDer<'static>,
    pub(crate) cert: String,
    pub(crate) key: String,
    pub(crate) expires: u64,
}

impl Issued {
    /// It expires after so many days; before now if they are negative.
    pub(crate) fn for_days(days: i64) -> Self {
        let now = SystemTime::now().duration_since(SystemTime::UNIX_EPOCH).unwrap().as_secs();
        let expires = now.checked_add_signed(days * 24 * 3600).unwrap();
        let key = KeyPair::generate().unwrap();
        let mut params = CertificateParams::new(["localhost".to_owned()]).unwrap();
        params.not_before = date_time_ymd(2020, 1, 1);
        params.not_after = date_time_ymd(1970, 1, 1) + Duration::from_secs(expires);
        let cert = params.self_signed(&key).unwrap();
        Self { der: cert.der().clone(), cert: cert.pem(), key: key.serialize_pem(), expires }
    }
}

/// The two files of a server.
pub(crate) struct Pair {
    _folder: TempDir,
    pub(crate) cert: PathBuf,
    pub(crate) key: PathBuf,
}

impl Pair {
    pub(crate) fn of(issued: &Issued) -> Self {
        let folder = TempDir::new().unwrap();
        let pair =
            Self { cert: folder.path().join("cert.pem"), key: folder.path().join("key.pem"), _folder: folder };
        pair.write(issued);
        pair
    }

    pub(crate) fn write(&self, issued: &Issued) {
        fs::write(&self.cert, &issued.cert).unwrap();
        self.write_key(&issued.key);
    }

    pub(crate) fn write_key(&self, key: &str) {
        fs::write(&self.key, key).unwrap();
        #[cfg(unix)]
        fs::set_permissions(&self.key, std::os::unix::fs::PermissionsExt::from_mode(0o600)).unwrap();
    }

    pub(crate) fn load(&self) -> Certificate {
        Certificate::load(&self.cert, &self.key).unwrap()
    }

    pub(crate) fn flags(&self) -> [&str; 4] {
        ["--tls-cert", super::name(&self.cert), "--tls-key", super::name(&self.key)]
    }
}
