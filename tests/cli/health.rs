//! The command `health` finds the server by the configuration that the server has.

use std::net::SocketAddr;

use tokio::{
    io::{AsyncReadExt, AsyncWriteExt},
    net::TcpListener,
};

use super::{
    complaint, file, run, serve,
    support::{WEB, other_server},
    text,
};

/// Asks with these flags and variables: whether all is well, and the line.
fn health(args: &[&str], env: &[(&str, &str)]) -> (bool, String) {
    let output = run(&[&["health"], args].concat(), env);
    let (code, said) = (output.status.code(), [text(&output.stdout), text(&output.stderr)].concat());
    assert_eq!(said.lines().count(), 1, "{args:?}: {said}");
    assert!(code == Some(0) || code == Some(1) && said.starts_with("error: "), "{args:?}: {code:?} {said}");
    (code == Some(0), said)
}

#[tokio::test]
async fn health_asks_where_the_server_listens() {
    let server = serve(&["--listen", "127.0.0.1:0"], &[]).await;
    let (address, port) = (server.address.to_string(), server.address.port());
    let (_folder, path) = file(&format!("listen = '{address}'\n"));
    let well = (true, format!("http://{address}/healthz is well\n"));
    assert_eq!(health(&["--listen", &address], &[]), well);
    assert_eq!(health(&[], &[("ASSET_ARBITER_LISTEN", &address)]), well);
    assert_eq!(health(&["--config", &path], &[]), well);
    assert_eq!(
        health(&["--ready", "--config", &path], &[]),
        (true, format!("http://{address}/readyz is ready\n"))
    );
    assert_eq!(health(&["--listen", &format!("0.0.0.0:{port}"), "--insecure"], &[]), well, "at loopback");
    server.end().await;
    let (is_well, said) = health(&["--listen", &address], &[]);
    assert!(!is_well && said.contains("cannot connect"), "{said}");
}

#[tokio::test]
async fn health_asks_a_server_at_every_address_at_loopback() {
    for everywhere in ["0.0.0.0:0", "[::]:0"] {
        let server = serve(&["--listen", everywhere, "--insecure"], &[]).await;
        let (is_well, said) = health(&["--listen", &server.address.to_string()], &[]);
        assert!(is_well && (said.contains("//127.0.0.1:") || said.contains("//[::1]:")), "{said}");
        server.end().await;
    }
}

/// A server that says one thing to whoever asks.
async fn answering(answer: &'static [u8]) -> SocketAddr {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = listener.local_addr().unwrap();
    tokio::spawn(async move {
        let (mut stream, _) = listener.accept().await.unwrap();
        assert!(stream.read(&mut [0; 4096]).await.unwrap() > 0);
        stream.write_all(answer).await.unwrap();
    });
    address
}

#[cfg(feature = "redis")]
#[tokio::test]
async fn a_server_that_waits_for_its_store_is_well_and_not_ready() {
    // A port without a server: it was bound a moment ago.
    let nobody = TcpListener::bind("127.0.0.1:0").await.unwrap().local_addr().unwrap();
    let server = serve(&["--listen", "127.0.0.1:0", "--store", &format!("redis://{nobody}")], &[]).await;
    let address = server.address.to_string();
    assert!(health(&["--listen", &address], &[]).0);
    let (is_ready, said) = health(&["--listen", &address, "--ready"], &[]);
    assert!(!is_ready && said.contains("/readyz: it answers 503 Service Unavailable: "), "{said}");
    server.end().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn health_says_what_is_wrong_with_a_server() {
    const ILL: &[u8] = b"HTTP/1.1 503 Service Unavailable\r\ncontent-length: 57\r\n\r\n\
        {\"code\":\"store_unavailable\",\"message\":\"the upkeep ended\"}";
    for (answer, words) in [
        (ILL, "503 Service Unavailable: the upkeep ended"),
        (WEB, "400"),
        (b"SSH-2.0\r\n\r\n", "no HTTP answer"),
    ] {
        let address = answering(answer).await.to_string();
        let (is_well, said) = health(&["--listen", &address], &[]);
        assert!(!is_well && said.contains(words), "{words}: {said}");
    }
    let greeting = other_server(b"SSH-2.0\r\n\r\n").await.to_string();
    let (is_well, said) = health(&["--listen", &greeting], &[]);
    assert!(!is_well && said.contains("no HTTP answer"), "{said}");
    let silent = other_server(b"").await.to_string();
    let (is_well, said) = health(&["--listen", &silent], &[]);
    assert!(!is_well && said.contains("no answer within 2s"), "{said}");
}

#[test]
fn health_needs_a_configuration_that_says_where() {
    for (args, env, words) in [
        (&["health", "--listen", "127.0.0.1:0"][..], &[][..], "port 0"),
        (&["health"], &[("ASSET_ARBITER_PORT", "80")], "ASSET_ARBITER_PORT: unknown variable"),
        (&["health", "--config", "/no/such/file"], &[], "cannot read --config"),
    ] {
        let (code, said) = complaint(args, env);
        assert!(code == 1 && said.contains(words), "{code}: {said}");
    }
}
