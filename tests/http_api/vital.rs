//! What the process cannot live without.

use tokio::io::AsyncWriteExt;

use super::{
    server::{Answer, Server},
    support::soon,
};

#[tokio::test]
async fn what_must_not_end_and_does_ends_the_server_and_its_health() {
    let server = Server::start().await;
    let head = b"GET /healthz HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n";
    let mut slow = server.connect().await;
    slow.write_all(&head[..10]).await.unwrap();
    assert_eq!(server.get("/healthz").await.status, 200);

    server.arbiter.vital().fail("the disk is gone".to_owned());
    slow.write_all(&head[10..]).await.unwrap();
    let answer = Answer::read(&mut slow).await;
    assert_eq!(answer.status, 503, "{}", answer.body);
    assert!(answer.body.contains("the disk is gone"), "{}", answer.body);
    assert_eq!(server.arbiter.vital().failure().as_deref(), Some("the disk is gone"));
    soon("its end", server.ended()).await;
}
