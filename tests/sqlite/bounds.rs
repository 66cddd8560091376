use std::{pin::Pin, sync::Arc, task::Poll, time::Instant};

use asset_arbiter::store::{Result, StoreErrorKind};
use futures::{Future, future::join_all, poll};

use crate::{
    conformance::ground::{Ground, Node, asset, granted, players, refusal, room},
    full::ready_again,
    neighbour::Neighbour,
    temp_db::TempDb,
};

/// Makes so many calls at once, of which `most` may wait: the others are refused at once, and whoever waits is answered.
async fn at_most<'a, T>(
    most: usize,
    calls: usize,
    call: impl Fn() -> Pin<Box<dyn Future<Output = Result<T>> + Send + 'a>>,
    meanwhile: impl FnOnce(),
) {
    let (mut refused, mut waiting) = (Vec::new(), Vec::new());
    for _ in 0..calls {
        let mut call = call();
        match poll!(&mut call) {
            Poll::Ready(answer) => refused.extend(answer.err()),
            Poll::Pending => waiting.push(call),
        }
    }
    meanwhile();
    assert!((1..=calls - most).contains(&refused.len()), "{most} wait: {} were refused", refused.len());
    assert!(refused.iter().all(|error| error.kind() == StoreErrorKind::Unavailable));
    assert!(join_all(waiting).await.iter().all(Result::is_ok), "who waits is answered");
}

#[tokio::test]
async fn changes_wait_in_a_bounded_queue() {
    let db_file = TempDb::quick();
    let store = db_file.open();
    let (ground, node, sword) = (Ground::new(Arc::clone(&store)), Node::new(), asset("sword"));
    ground.create(node.next(), &sword, 1).await;
    let neighbour = Neighbour::of(&db_file);
    neighbour.lock();
    let now = node.next().at;
    at_most(32_768, 33_000, || store.touch(&ground.room, now), || neighbour.unlock()).await;
    assert_eq!(ground.select(node.next(), &sword, &players(["ann"])).await.verdicts, [granted(1)]);
}

#[tokio::test]
async fn reads_wait_in_a_bounded_queue() {
    let db_file = TempDb::quick();
    let store = db_file.open();
    let lobby = room("lobby");
    at_most(8192, 9000, || store.revisions(&lobby), || ()).await;
    store.ping().await.unwrap();
}

/// Someone who locks the file for long keeps the store from working, but everyone is told, and nothing breaks.
#[tokio::test]
async fn a_locked_file_is_unavailable_to_all_who_wait() {
    let db_file = TempDb::quick();
    let store = db_file.open();
    let (ground, node, sword) = (Ground::new(Arc::clone(&store)), Node::new(), asset("sword"));
    ground.create(node.next(), &sword, 5).await;
    let neighbour = Neighbour::of(&db_file);
    neighbour.lock();
    let (key, ann, begun) = (ground.key(&sword), players(["ann"]), Instant::now());
    let asks = (0..20).map(|_| store.select(node.next(), &key, &ann, None));
    for answer in join_all(asks).await {
        assert_eq!(refusal(answer), StoreErrorKind::Unavailable);
    }
    assert!(begun.elapsed().as_secs() < 5, "not one after the other");
    assert_eq!(ground.state(&sword).await.held, 0, "reading goes on");
    neighbour.unlock();
    assert_eq!(ground.select(node.next(), &sword, &ann).await.verdicts, [granted(1)]);
}

/// Nor does that keep it from starting: what is there can be read, and it is ready when changes work.
#[tokio::test]
async fn a_start_on_a_locked_file_is_ready_later() {
    let db_file = TempDb::quick();
    let (ground, node, sword) = (Ground::new(db_file.open()), Node::new(), asset("sword"));
    ground.create(node.next(), &sword, 5).await;
    ground.store.close().await.unwrap();
    let neighbour = Neighbour::of(&db_file);
    neighbour.lock();
    let ground = Ground { store: db_file.open(), ..ground };
    assert!(ground.store.status().unwrap_err().message().contains("locked"));
    assert_eq!(ground.state(&sword).await.held, 0);
    neighbour.unlock();
    ready_again(&ground).await;
    assert_eq!(ground.select(node.next(), &sword, &players(["ann"])).await.verdicts, [granted(1)]);
}
