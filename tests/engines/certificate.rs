use std::{
    path::Path,
    process::{Command, Stdio},
};

use super::{cannot_have, on_path};

/// A certificate for localhost that vouches for itself, and its key.
pub fn certificate(folder: &Path) -> Option<[String; 2]> {
    let Some(openssl) = on_path("openssl") else {
        cannot_have("TLS", "apt-get install openssl");
        return None;
    };
    let files = ["cert.pem", "key.pem"].map(|file| folder.join(file).to_str().unwrap().to_owned());
    let made = Command::new(openssl)
        .args([
            "req",
            "-x509",
            "-newkey",
            "ec",
            "-pkeyopt",
            "ec_paramgen_curve:prime256v1",
            "-nodes",
            "-days",
            "2",
        ])
        .args(["-subj", "/CN=localhost", "-addext", "subjectAltName=DNS:localhost"])
        .args(["-addext", "basicConstraints=critical,CA:FALSE", "-out", &files[0], "-keyout", &files[1]])
        .stderr(Stdio::null())
        .status();
    assert!(made.unwrap().success());
    Some(files)
}
