//! `rediss://`, by the program itself, as what it trusts is in its environment.

use crate::{
    engines::{process::free_port, redis},
    remote::{encrypted::Certificate, opening::ends_with_env},
    support::{Process, call},
};

#[tokio::test]
async fn what_is_trusted_is_talked_to_encrypted_and_what_is_not_is_refused() {
    let Some(engine) = redis::redis() else { return };
    let (Some(trusted), Some(other)) = (Certificate::good(), Certificate::good()) else { return };
    let Certificate { authority, certificate, key, .. } = &trusted;
    let port = free_port().to_string();
    let files = ["--tls-cert-file", certificate, "--tls-key-file", key, "--tls-auth-clients", "no"];
    let server = engine.start_with(&[&["--tls-port", &port][..], &files].concat());
    let store = format!("rediss://localhost:{port}");

    let trusting = Process::start_with_env(&["--store", &store], &[("SSL_CERT_FILE", authority)]).await;
    let answer = call(trusting.address, "PUT", "/v1/rooms/r/assets/sword", r#"{"units":1}"#).await;
    assert!(answer.starts_with("HTTP/1.1 201"), "{answer}");
    assert_eq!(server.ask::<usize>(&["DBSIZE"]), 3, "it is there");

    ends_with_env(&store, &[("SSL_CERT_FILE", &other.authority)], "invalid peer certificate").await;
}
