//! A cluster: each room by way of one server, also when its slot moves and when its master dies.

use std::{slice::from_ref, time::Duration};

use asset_arbiter::model::RoomName;
use tokio::time::sleep;

use crate::{
    engines::{cluster::Cluster, redis},
    ground::{Node, room, rooms},
    server::redis_connections,
};

#[tokio::test]
async fn every_room_is_on_its_server_and_a_node_has_one_connection_to_each() {
    for engine in redis::all() {
        let cluster = Cluster::start(&engine, 3, 0).await;
        let (one, mut two) = (Node::start(&cluster.url()).await, Node::start(&cluster.url()).await);
        let rooms = rooms(300);
        two.subscribe(&rooms).await;
        let on_each = cluster.masters.iter().map(|master| {
            assert_eq!(redis_connections(master), 2, "one for each node");
            master.ask::<Vec<String>>(&["PUBSUB", "SHARDCHANNELS"]).len()
        });
        let on_each: Vec<_> = on_each.collect();
        assert!(on_each.iter().sum::<usize>() == 300 && on_each.iter().all(|&rooms| rooms > 50), "{on_each:?}");
        rooms.iter().for_each(|room| one.tell(room, 1));
        for _ in &rooms {
            two.hears().await;
        }
        assert!(two.is_quiet() && one.dropped() == 0, "{}", engine.name);
    }
}

/// Told again and again, as what is said while things move may be lost.
async fn is_heard_at_last(one: &Node, two: &mut Node, room: &RoomName, revision: u64) {
    let telling = async {
        loop {
            one.tell(room, revision);
            sleep(Duration::from_millis(20)).await;
        }
    };
    tokio::select! {
        () = telling => {}
        () = two.hears_at_last(room, revision) => {}
    }
}

#[tokio::test]
async fn a_room_is_followed_when_its_slot_moves() {
    for engine in redis::all() {
        let cluster = Cluster::start(&engine, 3, 0).await;
        let (one, mut two) = (Node::start(&cluster.url()).await, Node::start(&cluster.url()).await);
        let (arena, rooms) = (room("arena"), rooms(50));
        two.subscribe(&rooms).await;
        two.subscribe(from_ref(&arena)).await;
        let first = cluster.master_of("arena");
        for step in 0..4 {
            cluster.move_slot("arena", (first + step) % 3, (first + step + 1) % 3).await;
            two.reconnects().await;
            is_heard_at_last(&one, &mut two, &arena, step as u64 + 1).await;
        }
        for (n, room) in (100..).zip(&rooms) {
            is_heard_at_last(&one, &mut two, room, n).await;
        }
    }
}

#[tokio::test]
async fn a_room_is_followed_when_its_master_dies() {
    for engine in redis::all() {
        let mut cluster = Cluster::start(&engine, 3, 1).await;
        let (one, mut two) = (Node::start(&cluster.url()).await, Node::start(&cluster.url()).await);
        let arena = room("arena");
        two.subscribe(from_ref(&arena)).await;
        let dying = cluster.master_of("arena");
        cluster.masters[dying].process.kill();
        two.reconnects().await;
        is_heard_at_last(&one, &mut two, &arena, 7).await;
    }
}
