//! `rediss://`, by the program itself, as what it trusts is in its environment.

use tokio::process::Command;

use crate::{
    engines::{process::free_port, redis},
    remote::{encrypted::Certificate, opening::ends_with_env},
    support::{Process, ask},
};

#[tokio::test]
async fn what_is_trusted_is_talked_to_encrypted_and_what_is_not_is_refused() {
    let Some(engine) = redis::redis() else { return };
    let (Some(trusted), Some(other)) = (Certificate::good(), Certificate::good()) else { return };
    let Certificate { authority, certificate, key, .. } = &trusted;
    let port = free_port().to_string();
    let tls = [
        "--tls-port",
        &port,
        "--tls-cert-file",
        certificate,
        "--tls-key-file",
        key,
        "--tls-auth-clients",
        "no",
    ];
    let server = engine.start_with(&tls);
    let store = format!("rediss://localhost:{port}");

    let mut trusting = Command::new(Process::program());
    trusting.env("SSL_CERT_FILE", authority);
    let trusting = Process::launch(trusting, "127.0.0.1:0", &["--store", &store]).await;
    let body = "{\"units\":1}";
    let put = format!(
        "PUT /v1/rooms/r/assets/sword HTTP/1.1\r\nHost: x\r\nContent-Type: application/json\r\n\
         Connection: close\r\nContent-Length: {}\r\n\r\n{body}",
        body.len()
    );
    let answer = ask(trusting.address, put).await;
    assert!(answer.starts_with("HTTP/1.1 201"), "{answer}");
    assert_eq!(server.ask::<usize>(&["DBSIZE"]), 3, "it is there");

    ends_with_env(&store, &[("SSL_CERT_FILE", &other.authority)], "invalid peer certificate").await;
}
