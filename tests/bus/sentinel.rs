//! Sentinels tell which server is the primary, and which one is after it.

use std::slice::from_ref;

use crate::{
    engines::redis,
    ground::{Node, room},
};

#[tokio::test]
async fn rooms_go_with_the_primary() {
    for engine in redis::all() {
        let (mut primary, _replica) = engine.start_pair().await;
        let sentinel = engine.start_sentinel("main", &primary).await;
        let url = format!("redis+sentinel://127.0.0.1:1,127.0.0.1:{}/main", sentinel.port);
        let (one, mut two) = (Node::start(&url).await, Node::start(&url).await);
        let arena = room("arena");
        two.subscribe(from_ref(&arena)).await;
        one.tell(&arena, 1);
        assert_eq!(two.hears().await, (arena.clone(), 1), "{}", engine.name);

        primary.process.kill();
        two.reconnects().await;
        one.tell(&arena, 2);
        two.hears_at_last(&arena, 2).await;
    }
}
