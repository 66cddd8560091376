//! What the process cannot live without.

use std::{future::pending, sync::Arc};

use asset_arbiter::{
    arbiter::{Arbiter, Config},
    bus,
    server::{App, Metrics, Settings, listen, serve},
    store::MemoryStore,
};
use tokio::{io::AsyncWriteExt, net::TcpStream, time::timeout};

use super::server::{Answer, PATIENCE};

#[tokio::test]
async fn what_must_not_end_and_does_ends_the_server_and_its_health() {
    let store = Arc::new(MemoryStore::new(None));
    let arbiter = Arbiter::start(Config::default(), store, bus::open("local:").unwrap(), 1);
    let listener = listen("127.0.0.1:0".parse().unwrap()).unwrap();
    let address = listener.local_addr().unwrap();
    let app = App::new(Settings::default(), Arc::clone(&arbiter), Metrics::new());
    let served = tokio::spawn(serve(listener, app, pending()));

    let head = format!("GET /healthz HTTP/1.1\r\nHost: {address}\r\nConnection: close\r\n\r\n");
    let mut slow = TcpStream::connect(address).await.unwrap();
    slow.write_all(&head.as_bytes()[..10]).await.unwrap();
    let mut quick = TcpStream::connect(address).await.unwrap();
    quick.write_all(head.as_bytes()).await.unwrap();
    assert_eq!(Answer::read(&mut quick).await.status, 200);

    arbiter.vital().fail("the disk is gone".to_owned());
    slow.write_all(&head.as_bytes()[10..]).await.unwrap();
    let answer = Answer::read(&mut slow).await;
    assert_eq!(answer.status, 503, "{}", answer.body);
    assert!(answer.body.contains("the disk is gone"), "{}", answer.body);
    timeout(PATIENCE, served).await.expect("it ends").unwrap();
    assert_eq!(arbiter.vital().failure().as_deref(), Some("the disk is gone"));
}
