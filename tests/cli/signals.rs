//! The matrix of signals: what each does to a server with a member.

use super::{
    serve,
    support::{Client, Ended, Process},
};

async fn with_a_member() -> (Process, Client) {
    let server = serve(&["--listen", "127.0.0.1:0"], &[]).await;
    let member = server.join("ann").await;
    (server, member)
}

/// A hangup besides another signal cuts nothing.
#[tokio::test]
async fn what_asks_to_stop_closes_each_member_with_4100_and_ends_with_0() {
    for signals in ["HUP", "INT", "QUIT", "TERM", "TERM HUP", "HUP TERM", "HUP HUP"] {
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
    for signal in ["USR1", "USR2", "PIPE", "ALRM"] {
        server.signal(signal).await;
        assert!(member.gets("sword").await, "{signal}");
        assert!(server.get("/healthz").await.starts_with("HTTP/1.1 200 "), "{signal}");
    }
    server.terminate().await;
    assert_eq!(member.closed().await.code, 4100);
    drop(member);
    assert_eq!(server.ended().await.code, Some(0));
}
