//! The matrix of signals: what each does to a server with a member.

use std::fs;

use super::{
    file, serve,
    support::{Client, Ended, Process},
};

async fn with_a_member() -> (Process, Client) {
    let server = serve(&["--listen", "127.0.0.1:0"], &[]).await;
    let member = server.join("ann").await;
    (server, member)
}

#[tokio::test]
async fn what_asks_to_stop_closes_each_member_with_4100_and_ends_with_0() {
    for signals in ["INT", "QUIT", "TERM", "TERM HUP", "HUP TERM"] {
        let (server, mut member) = with_a_member().await;
        for signal in signals.split(' ') {
            server.signal(signal).await;
        }
        assert_eq!(member.closed().await.code, 4100, "{signals}");
        drop(member);
        let Ended { code, log, .. } = server.ended().await;
        assert_eq!(code, Some(0), "{signals}: {log}");
    }
}

#[tokio::test]
async fn what_asks_for_nothing_does_nothing() {
    let (server, mut member) = with_a_member().await;
    for signal in ["USR1", "USR2", "PIPE", "ALRM", "HUP", "HUP"] {
        server.signal(signal).await;
        assert!(member.gets("sword").await, "{signal}");
        assert!(server.get("/healthz").await.starts_with("HTTP/1.1 200 "), "{signal}");
    }
    server.terminate().await;
    assert_eq!(member.closed().await.code, 4100);
    drop(member);
    assert_eq!(server.ended().await.code, Some(0));
}

async fn debug_lines(server: &Process) -> usize {
    // A connection that is cut in the middle of a head is a line at debug.
    let garbage = super::support::ask(server.address, "garbage\r\n\r\n").await;
    assert!(garbage.starts_with("HTTP/1.1 400 "), "{garbage}");
    server.count_logged("connection ended")
}

#[tokio::test]
async fn a_hangup_reads_the_log_level_of_the_file_again() {
    let (_folder, path) = file("log-level = 'info'\n");
    let server = serve(&["--listen", "127.0.0.1:0", "--config", &path], &[]).await;
    assert_eq!(debug_lines(&server).await, 0);
    fs::write(&path, "log-level = 'info,asset_arbiter=debug'\n").unwrap();
    server.signal("HUP").await;
    server.will_log("the log level was read again").await;
    debug_lines(&server).await;
    server.will_log("connection ended").await;
    for (content, part) in [
        ("log-level = 'infoo'\n", "write one of off, error"),
        ("log-level = ['info']\nlog-level = 'a'\n", "TOML parse error at line 2"),
    ] {
        fs::write(&path, content).unwrap();
        server.signal("HUP").await;
        server.will_log(part).await;
        let line = server.lines().into_iter().find(|line| line.contains(part)).unwrap();
        assert!(line.contains("the log level stays as it was") && line.contains("config.toml"), "{line}");
    }
    fs::remove_file(&path).unwrap();
    server.signal("HUP").await;
    server.will_log("cannot read --config").await;
    assert!(server.join("ann").await.gets("sword").await);
    server.end().await;
}

#[tokio::test]
async fn a_log_level_that_is_not_of_the_file_stays() {
    let (_folder, path) = file("log-level = 'error'\n");
    for (flags, env) in [(&["--log-level", "info"][..], &[][..]), (&[], &[("ASSET_ARBITER_LOG_LEVEL", "info")])]
    {
        let flags = [&["--listen", "127.0.0.1:0", "--config", &path], flags].concat();
        let server = serve(&flags, env).await;
        for hangups in 1..=2 {
            server.signal("HUP").await;
            let counted = async || server.count_logged("SIGHUP: reading again") >= hangups;
            super::support::eventually(true, counted).await;
        }
        assert!(!server.has_logged("the log level was read again"), "{:?}", server.lines());
        server.end().await;
    }
}
