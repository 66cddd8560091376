//! Rooms that nobody uses go, whole.

use std::time::Duration;

use tokio::time::sleep;

use crate::{
    conformance::ground::{Ground, Node, asset, players},
    engines::redis::Server,
    ground::servers,
    remote::{
        expiring,
        expiry::{an_unused_room_goes_whole_and_a_touched_one_stays, the_url_goes_before_the_flag},
        store,
    },
    replicas::calls,
};

/// What each key of the server has left to live, in milliseconds; -1: for ever.
fn left(server: &Server) -> Vec<i64> {
    let keys: Vec<String> = server.ask(&["KEYS", "*"]);
    keys.iter().map(|key| server.ask(&["PTTL", key])).collect()
}

#[tokio::test]
async fn a_room_nobody_uses_goes_whole_and_one_that_is_kept_stays() {
    for server in servers() {
        let store = expiring(&server.url(), Duration::from_millis(800)).await;
        an_unused_room_goes_whole_and_a_touched_one_stays(&store).await;
        assert_eq!(left(&server).len(), 4, "the keys of one room");
    }
}

#[tokio::test]
async fn all_keys_of_a_room_expire_at_one_time_however_they_came_and_went() {
    for server in servers() {
        let ground = Ground::new(expiring(&server.url(), Duration::from_secs(100)).await);
        let (node, sword, [ann]) = (Node::new(), asset("sword"), players(["ann"]));
        let whole = |when: &str| {
            let left = left(&server);
            assert!(left.iter().all(|left| (99_000..=100_000).contains(left)), "{when}: {left:?}");
            let (least, most) = (left.iter().min().unwrap(), left.iter().max().unwrap());
            assert!(most - least < 100, "{when}: {left:?}");
        };
        ground.create(node.next(), &sword, 1).await;
        whole("created");
        for _ in 0..3 {
            ground.select(node.next(), &sword, std::slice::from_ref(&ann)).await;
            whole("granted");
            ground.release(node.next(), &sword, &ann).await;
            whole("released: the grants' key is gone, and comes again");
        }
        ground.remove(node.next(), &sword).await;
        whole("removed");
        let sold_out = ground.sibling("-b");
        sold_out.create(node.next(), &sword, 1).await;
        let before = calls(&server, "pexpire");
        for _ in 0..100 {
            sold_out.select(node.next(), &sword, &players(["ann", "bob"])).await;
        }
        let more = calls(&server, "pexpire") - before;
        assert!(more <= 4, "{more} renewals of 4 keys for 100 calls within a second");
    }
}

#[tokio::test]
async fn what_the_url_says_goes_before_what_the_flag_says() {
    the_url_goes_before_the_flag("redis://127.0.0.1");
}

#[tokio::test]
async fn a_time_to_live_that_is_changed_or_taken_back_holds_for_rooms_there_are() {
    for server in servers() {
        let ground = Ground::new(expiring(&server.url(), Duration::from_secs(1000)).await);
        let (node, sword) = (Node::new(), asset("sword"));
        ground.create(node.next(), &sword, 1).await;
        ground.select(node.next(), &sword, &players(["ann"])).await;
        let now = node.next().at;
        let shorter = expiring(&server.url(), Duration::from_secs(100)).await;
        shorter.touch(&ground.room, now).await.unwrap();
        assert!(left(&server).iter().all(|left| (1..=100_000).contains(left)), "{:?}", left(&server));
        let for_ever = store(&server.url()).await;
        for_ever.touch(&ground.room, now).await.unwrap();
        assert_eq!(left(&server), [-1; 4]);
        sleep(Duration::from_millis(1)).await;
        assert_eq!(ground.state(&sword).await.held, 1);
    }
}
