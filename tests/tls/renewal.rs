//! Certificates end, and are renewed while the server runs.

use std::fs;

use rustls::{CertificateError, Error as TlsError};

use crate::{
    client::Trust,
    files::{Issued, Pair},
    support::{Process, Server, eventually},
};

const EXPIRES: &str = "asset_arbiter_tls_certificate_expires_seconds";
const FAILURES: &str = "asset_arbiter_tls_reload_failures_total";

#[tokio::test]
async fn new_connections_get_the_new_certificate_and_old_ones_live_on() {
    let (old, new) = (Issued::for_days(20), Issued::for_days(60));
    let pair = Pair::of(&old);
    let server = Server::with(|setup| setup.settings.tls = Some(pair.load())).await;
    server.create("r", "sword", 1).await;
    let (old_trust, new_trust) = (Trust::of(&old.der), Trust::of(&new.der));
    let mut member = old_trust.join(server.address, "ann").await;
    assert_eq!(old_trust.metric(server.address, EXPIRES).await, old.expires);

    pair.write(&new);
    eventually(true, || async { new_trust.connect(server.address).await.is_ok() }).await;
    assert!(old_trust.connect(server.address).await.is_err(), "no session of the old one is resumed");
    assert!(member.gets("sword").await);
    assert_eq!(new_trust.metric(server.address, EXPIRES).await, new.expires);
    assert_eq!(new_trust.metric(server.address, FAILURES).await, 0, "the two files were taken as one change");

    pair.write_key("-----BEGIN PRIVATE KEY-----\nMIGH\n");
    eventually(1, || new_trust.metric(server.address, FAILURES)).await;
    pair.write_key(&old.key);
    eventually(2, || new_trust.metric(server.address, FAILURES)).await;
    assert_eq!(new_trust.metric(server.address, EXPIRES).await, new.expires, "it stays as it was");
    new_trust.join(server.address, "bob").await;
    assert!(member.gets("sword").await, "as long as it likes");
}

#[tokio::test]
async fn what_is_broken_is_told_in_one_line_and_what_is_replaced_is_told_too() {
    let old = Issued::for_days(20);
    let pair = Pair::of(&old);
    let process = Process::start(&pair.flags()).await;
    fs::remove_file(&pair.cert).unwrap();
    process.will_log("the TLS certificate stays as it was").await;
    let line = process.lines().into_iter().find(|line| line.contains("stays as it was")).unwrap();
    assert!(line.contains("--tls-cert") && line.contains(super::name(&pair.cert)), "{line}");
    pair.write(&Issued::for_days(60));
    process.will_log("the TLS certificate was read again").await;
    assert_eq!(process.count_logged("stays as it was"), 1, "{:?}", process.lines());
    process.end().await;
}

#[cfg(unix)]
#[tokio::test]
async fn a_hangup_reads_the_files_at_once_whether_they_changed_or_not() {
    let issued = Issued::for_days(30);
    let pair = Pair::of(&issued);
    let process = Process::start(&pair.flags()).await;
    let mut member = Trust::of(&issued.der).join(process.address, "ann").await;
    process.signal("HUP").await;
    process.will_log("the TLS certificate was read again").await;
    assert!(member.gets("sword").await);
    process.end().await;
}

#[tokio::test]
async fn an_expired_certificate_is_served_and_warned_of_and_clients_refuse_it() {
    for (days, words) in [(-1, "has expired"), (13, "expires soon")] {
        let issued = Issued::for_days(days);
        let pair = Pair::of(&issued);
        let process = Process::start(&pair.flags()).await;
        process.will_log(words).await;
        let connected = Trust::of(&issued.der).connect(process.address).await;
        match connected {
            Ok(_) => assert!(days > 0),
            Err(error) => {
                let error = error.get_ref().unwrap().downcast_ref::<TlsError>().unwrap();
                let TlsError::InvalidCertificate(why) = error else { panic!("{error}") };
                assert!(
                    matches!(why, CertificateError::Expired | CertificateError::ExpiredContext { .. }),
                    "{why}"
                );
            }
        }
        process.end().await;
    }
    let pair = Pair::of(&Issued::for_days(16));
    let process = Process::start(&pair.flags()).await;
    process.signal("TERM").await;
    let log = process.ended().await.log;
    assert!(!log.contains("expires soon") && !log.contains("has expired"), "{log}");
}
