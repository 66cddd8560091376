//! `rediss://`, by the program itself, as what it trusts is in its environment.

use std::{
    fs,
    io::{Read, Write},
    net::{SocketAddr, TcpStream},
    path::Path,
};

use serde_json::Value;
use tempfile::TempDir;

use crate::{
    engines::{eventually, process, process::Process, redis},
    remote::{encrypted::Certificate, opening::ends_with_env},
};

/// The program over a store, and what it said where it listens.
async fn serve(store: &str, trusted: &str, folder: &Path) -> (Process, SocketAddr) {
    let own = ["--listen", "127.0.0.1:0", "--log-format", "json", "--store", store];
    let args = [&format!("SSL_CERT_FILE={trusted}"), env!("CARGO_BIN_EXE_asset-arbiter")];
    let args: Vec<_> = args.into_iter().chain(own).map(str::to_owned).collect();
    let process = Process::start(Path::new("/usr/bin/env"), &args, folder);
    let listening = async || {
        let output = fs::read_to_string(folder.join("output")).ok()?;
        let lines = output.lines().filter_map(|line| serde_json::from_str::<Value>(line).ok());
        let line = lines.into_iter().find(|line| line["message"] == "listening")?;
        line["address"].as_str()?.parse().ok()
    };
    (process, eventually("the program to listen", listening).await)
}

fn http(address: SocketAddr, request: &str) -> String {
    let mut stream = TcpStream::connect(address).unwrap();
    stream.write_all(request.as_bytes()).unwrap();
    let mut answer = String::new();
    stream.read_to_string(&mut answer).unwrap();
    answer
}

#[tokio::test]
async fn what_is_trusted_is_talked_to_encrypted_and_what_is_not_is_refused() {
    let Some(engine) = redis::redis() else { return };
    let (Some(trusted), Some(other)) = (Certificate::good(), Certificate::good()) else { return };
    let Certificate { authority, certificate, key, .. } = &trusted;
    let port = process::free_port().to_string();
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

    let trusting = TempDir::new().unwrap();
    let (_running, address) = serve(&store, authority, trusting.path()).await;
    let body = "{\"units\":1}";
    let put = format!(
        "PUT /v1/rooms/r/assets/sword HTTP/1.1\r\nhost: x\r\ncontent-type: application/json\r\n\
         connection: close\r\ncontent-length: {}\r\n\r\n{body}",
        body.len()
    );
    let answer = http(address, &put);
    assert!(answer.starts_with("HTTP/1.1 201"), "{answer}");
    assert_eq!(server.ask::<usize>(&["DBSIZE"]), 3, "it is there");

    ends_with_env(&store, &[("SSL_CERT_FILE", &other.authority)], "invalid peer certificate").await;
}
