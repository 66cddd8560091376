//! How the process begins, what it says, and how it ends.

use std::{io::Write, net::TcpStream, process::Stdio};

use tokio::process::Command;

use super::{
    serve,
    support::{Ended, Process, ask},
};

#[tokio::test]
async fn it_says_where_it_listens_and_ends_well_on_a_signal() {
    for signal in ["TERM", "INT"] {
        let server = serve(&["--listen", "127.0.0.1:0"], &[]).await;
        assert!(server.get("/healthz").await.starts_with("HTTP/1.1 200 "));
        let address = server.address;
        server.signal(signal).await;
        let Ended { code, stdout, log } = server.ended().await;
        assert_eq!(code, Some(0), "{log}");
        assert!(stdout.contains(&format!("open   http://{address}\n")), "{stdout}");
        assert!(
            stdout.contains("store  memory:\n  awards exactly once; ") && stdout.contains("bus    local:\n"),
            "{stdout}"
        );
        assert!(!stdout.contains("unsafe"), "{stdout}");
    }
}

#[tokio::test]
async fn a_second_signal_ends_it_at_once() {
    let server = serve(&["--listen", "127.0.0.1:0", "--drain-timeout", "1h"], &[]).await;
    let mut stuck = TcpStream::connect(server.address).unwrap();
    stuck.write_all(b"GET /healthz HTTP/1.1\r\nHo").unwrap();
    assert!(
        server.get("/healthz").await.starts_with("HTTP/1.1 200 "),
        "the stuck one was accepted before this one"
    );
    server.terminate().await;
    server.will_log("draining").await;
    server.terminate().await;
    assert_eq!(server.ended().await.code, Some(1));
}

#[tokio::test]
async fn what_is_unsafe_is_said_at_the_start() {
    let server = serve(&["serve", "--listen", "0.0.0.0:0", "--insecure"], &[]).await;
    server.terminate().await;
    let stdout = server.ended().await.stdout;
    assert!(stdout.contains("unsafe everyone who reaches this address may play"), "{stdout}");
    assert!(stdout.contains("no admin key"), "{stdout}");
}

#[tokio::test]
async fn no_secret_reaches_the_log() {
    let env = [("ASSET_ARBITER_ADMIN_KEY", "hunter2-key")];
    let server = serve(&["--listen", "127.0.0.1:0", "--log-level", "trace"], &env).await;
    let put = "PUT /v1/rooms/r/assets/a?token=hunter2-query HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\
               Authorization: Bearer hunter2-key\r\nContent-Length: 11\r\n\r\n{\"units\":1}";
    assert!(ask(server.address, put).await.starts_with("HTTP/1.1 400 "), "no path takes a token");
    assert!(ask(server.address, put.replace("?token=hunter2-query", "")).await.starts_with("HTTP/1.1 201 "));
    server.terminate().await;
    let Ended { code, stdout, log } = server.ended().await;
    assert_eq!(code, Some(0));
    assert!(log.contains("TRACE") || log.contains("DEBUG") || log.contains("INFO"), "there is a log: {log}");
    assert!(!stdout.contains("hunter2") && !log.contains("hunter2"), "{log}");
}

#[tokio::test]
async fn running_out_of_files_is_survived() {
    let binary = env!("CARGO_BIN_EXE_asset-arbiter");
    let mut command = Command::new("sh");
    let script = format!("ulimit -n 40; exec '{binary}' --listen 127.0.0.1:0 --log-format json");
    command.args(["-c", &script]).env_clear().stdout(Stdio::null());
    let server = Process::spawn(command).await;
    let connections: Vec<_> = (0..100).filter_map(|_| TcpStream::connect(server.address).ok()).collect();
    assert!(connections.len() > 40, "the backlog takes more than there are files: {}", connections.len());
    server.will_log("cannot accept connections").await;
    drop(connections);
    assert_ne!(server.metric("asset_arbiter_accept_errors_total").await, 0);
    server.end().await;
}
