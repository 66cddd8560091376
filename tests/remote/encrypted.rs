use std::{
    fs,
    path::Path,
    process::{Command, Stdio},
};

use tempfile::TempDir;

use crate::engines::{cannot_have, on_path};

/// The files, in PEM, of an authority and of what it vouches for.
pub struct Certificate {
    pub authority: String,
    pub certificate: String,
    pub key: String,
    _folder: TempDir,
}

impl Certificate {
    /// For localhost, for some days.
    pub fn good() -> Option<Self> {
        Self::good_for("2")
    }

    /// For localhost, until yesterday.
    pub fn expired() -> Option<Self> {
        Self::good_for("-1")
    }

    fn good_for(days: &str) -> Option<Self> {
        if on_path("openssl").is_none() {
            cannot_have("TLS", "apt-get install openssl");
            return None;
        }
        let folder = TempDir::new().unwrap();
        let file = |name: &str| folder.path().join(name).to_str().unwrap().to_owned();
        let key = "-newkey ec -pkeyopt ec_paramgen_curve:prime256v1 -nodes";
        openssl(
            folder.path(),
            &format!("req -x509 {key} -days 2 -subj /CN=authority -keyout ca.key -out ca.pem"),
        );
        openssl(folder.path(), &format!("req {key} -subj /CN=localhost -keyout key.pem -out asked.pem"));
        fs::write(file("names"), "subjectAltName=DNS:localhost\n").unwrap();
        let sign =
            "x509 -req -in asked.pem -CA ca.pem -CAkey ca.key -CAcreateserial -extfile names -out cert.pem";
        openssl(folder.path(), &format!("{sign} -days {days}"));
        let [authority, certificate, key] = ["ca.pem", "cert.pem", "key.pem"].map(file);
        Some(Self { authority, certificate, key, _folder: folder })
    }
}

fn openssl(folder: &Path, line: &str) {
    let ran = Command::new("openssl").args(line.split(' ')).current_dir(folder).stderr(Stdio::null()).status();
    assert!(ran.unwrap().success(), "openssl {line}");
}
