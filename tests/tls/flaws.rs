//! A certificate that cannot be served keeps the server from starting, in one line.

use std::{fs, process::Command};

use crate::{
    files::{Issued, Pair},
    name,
    support::Process,
};

async fn refused(flags: &[&str]) -> String {
    let said = Process::fails(flags, &[]).await;
    let checked = Command::new(Process::program()).arg("check-config").args(flags).output().unwrap();
    assert_eq!(checked.status.code(), Some(1));
    assert_eq!(String::from_utf8(checked.stderr).unwrap(), said, "check-config says the same");
    said
}

#[tokio::test]
async fn one_file_without_the_other_is_refused() {
    let pair = Pair::of(&Issued::for_days(30));
    let [cert_flag, cert, key_flag, key] = pair.flags();
    assert!(refused(&[cert_flag, cert]).await.contains("name its private key with --tls-key"));
    assert!(refused(&[key_flag, key]).await.contains("name its certificate chain with --tls-cert"));
}

#[tokio::test]
async fn a_file_that_is_missing_or_holds_something_else_is_named() {
    let issued = Issued::for_days(30);
    let broken =
        format!("{}\n-----END CERTIFICATE-----\n", issued.cert.lines().take(3).collect::<Vec<_>>().join("\n"));
    let encrypted = "-----BEGIN ENCRYPTED PRIVATE KEY-----\nMIGH\n-----END ENCRYPTED PRIVATE KEY-----\n";
    for (cert, key, part) in [
        (None, Some(&*issued.key), "cannot read --tls-cert"),
        (Some(&*issued.cert), None, "cannot read --tls-key"),
        (Some(""), Some(&issued.key), "holds no valid certificate"),
        (Some(&issued.key), Some(&issued.key), "holds no valid certificate"),
        (Some(&broken), Some(&issued.key), "holds no valid certificate"),
        (Some(&issued.cert), Some(""), "holds no private key"),
        (Some(&issued.cert), Some(&issued.cert), "holds no private key"),
        (
            Some(&issued.cert),
            Some("-----BEGIN PRIVATE KEY-----\nMIGH\n-----END PRIVATE KEY-----\n"),
            "kind of key",
        ),
        (Some(&issued.cert), Some(encrypted), "without a passphrase"),
    ] {
        let pair = Pair::of(&issued);
        for (path, content) in [(&pair.cert, cert), (&pair.key, key)] {
            match content {
                Some(content) => fs::write(path, content).unwrap(),
                None => fs::remove_file(path).unwrap(),
            }
        }
        let said = refused(&pair.flags()).await;
        let named =
            if part.contains("certificate") || part.contains("--tls-cert") { &pair.cert } else { &pair.key };
        assert!(said.contains(part) && said.contains(name(named)), "{part}: {said}");
    }
}

#[tokio::test]
async fn the_key_of_another_certificate_is_refused() {
    let pair = Pair::of(&Issued::for_days(30));
    pair.write_key(&Issued::for_days(30).key);
    let said = refused(&pair.flags()).await;
    assert!(said.contains("is not the key of the certificate"), "{said}");
    assert!(said.contains(name(&pair.cert)) && said.contains(name(&pair.key)), "{said}");
}

#[cfg(unix)]
#[tokio::test]
async fn a_key_that_others_may_read_is_warned_of_and_the_banner_says_https() {
    let pair = Pair::of(&Issued::for_days(30));
    fs::set_permissions(&pair.key, std::os::unix::fs::PermissionsExt::from_mode(0o644)).unwrap();
    let mut command = tokio::process::Command::new(Process::program());
    command.args(["--listen", "127.0.0.1:0", "--log-format", "json"]).args(pair.flags());
    command.stdout(std::process::Stdio::piped());
    let process = Process::spawn(command).await;
    process.will_log("chmod 600").await;
    let (address, url) = (process.address, format!("https://{}", process.address));
    assert!(process.lines().iter().any(|line| line.contains("listening") && line.contains(&url)), "{address}");
    process.terminate().await;
    let ended = process.ended().await;
    assert!(ended.stdout.contains(&format!("open   {url}\n")), "{}", ended.stdout);
}
