//! What every bus does.

use std::{slice::from_ref, time::Duration};

use asset_arbiter::bus::{BusMessage, Incoming};
use tokio::time::sleep;

use crate::{
    engines::eventually,
    ground::{Node, room, rooms},
    server::servers,
};

/// Long enough for what was said to arrive.
const A_MOMENT: Duration = Duration::from_millis(50);

#[tokio::test]
async fn nodes_hear_their_rooms_and_no_others() {
    for server in servers() {
        let url = server.url();
        let [mut one, mut two, mut three] =
            [Node::start(&url).await, Node::start(&url).await, Node::start(&url).await];
        let (arena, other) = (room("arena"), room("..a:b-c_d."));
        one.subscribe(from_ref(&arena)).await;
        two.subscribe(from_ref(&arena)).await;
        three.subscribe(from_ref(&other)).await;
        one.tell(&arena, 1);
        one.tell(&other, 2);
        two.bus.publish(&arena, &BusMessage::RoomRemoved);
        assert_eq!(two.hears().await, (arena.clone(), 1), "{url}");
        assert_eq!(three.hears().await, (other, 2), "{url}");
        let first = one.next().await;
        assert!(
            matches!(&first, Incoming::Message(room, BusMessage::RoomRemoved) if *room == arena),
            "{first:?}"
        );
        sleep(A_MOMENT).await;
        assert!(one.is_quiet() && two.is_quiet() && three.is_quiet(), "nobody hears itself or another room");
        assert_eq!((one.count("published_total"), one.count("received_total"), one.dropped()), (2, 1, 0));
    }
}

#[tokio::test]
async fn installations_with_prefixes_of_their_own_do_not_hear_each_other() {
    for server in servers() {
        let of = |prefix| format!("{}?prefix={prefix}", server.url());
        let red = Node::start(&of("red")).await;
        let (mut red_too, mut blue) = (Node::start(&of("red")).await, Node::start(&of("blue")).await);
        let arena = room("arena");
        red_too.subscribe(from_ref(&arena)).await;
        blue.subscribe(from_ref(&arena)).await;
        red.tell(&arena, 1);
        assert_eq!(red_too.hears().await, (arena, 1));
        sleep(A_MOMENT).await;
        assert!(blue.is_quiet(), "{}", server.url());
    }
}

#[tokio::test]
async fn a_thousand_rooms_share_one_connection() {
    for server in servers() {
        let (one, mut two) = (Node::start(&server.url()).await, Node::start(&server.url()).await);
        let rooms = rooms(1000);
        two.subscribe(&rooms).await;
        assert_eq!(server.connections().await, 2, "{}: one for each node", server.url());
        rooms.iter().for_each(|room| one.tell(room, 7));
        two.hears_all(&rooms).await;
        assert!(two.is_quiet());
        assert_eq!((one.count("published_total"), two.count("received_total")), (1000, 1000));
    }
}

#[tokio::test]
async fn a_room_that_was_left_is_not_heard_until_it_is_entered_again() {
    for server in servers() {
        let (one, mut two) = (Node::start(&server.url()).await, Node::start(&server.url()).await);
        let (left, kept) = (room("left"), room("kept"));
        two.subscribe(&[left.clone(), kept.clone()]).await;
        two.bus.unsubscribe(&left);
        two.subscribe(&[room("last")]).await;
        one.tell(&left, 1);
        one.tell(&kept, 2);
        assert_eq!(two.hears().await, (kept, 2), "{}", server.url());
        two.subscribe(from_ref(&left)).await;
        one.tell(&left, 3);
        assert_eq!(two.hears().await, (left, 3));
    }
}

/// As when members come and go all the time.
#[tokio::test]
async fn what_was_wanted_last_counts() {
    for server in servers() {
        let (one, mut two) = (Node::start(&server.url()).await, Node::start(&server.url()).await);
        let (arena, last) = (room("arena"), room("last"));
        for _ in 0..20 {
            two.subscribe(from_ref(&arena)).await;
            two.bus.unsubscribe(&arena);
        }
        two.subscribe(&[arena.clone(), last.clone()]).await;
        one.tell(&arena, 1);
        assert_eq!(two.hears().await, (arena.clone(), 1), "{}", server.url());
        two.bus.unsubscribe(&arena);
        two.subscribe(from_ref(&last)).await;
        one.tell(&arena, 2);
        one.tell(&last, 3);
        assert_eq!(two.hears().await, (last, 3));
    }
}

#[tokio::test]
async fn what_cannot_be_read_is_counted_and_harmless() {
    for server in servers() {
        let (one, mut two) = (Node::start(&server.url()).await, Node::start(&server.url()).await);
        let arena = room("arena");
        two.subscribe(from_ref(&arena)).await;
        let long = format!("{{\"from\":\"x\",\"message\":\"room_removed\"}}{}", " ".repeat(200_000));
        for text in ["", "hello", "{\"from\":\"x\",\"message\":\"unheard_of\"}", &long] {
            server.say("arena", text);
        }
        eventually("all to be counted", async || (two.count("unreadable_total") == 4).then_some(())).await;
        one.tell(&arena, 1);
        assert_eq!(two.hears().await, (arena, 1), "{}", server.url());
    }
}

#[tokio::test]
async fn a_bus_that_is_dropped_leaves_no_connection() {
    for server in servers() {
        let mut nodes = Vec::new();
        for _ in 0..5 {
            let node = Node::start(&server.url()).await;
            node.subscribe(&rooms(10)).await;
            nodes.push(node);
        }
        assert_eq!(server.connections().await, 5);
        drop(nodes);
        eventually("them to be gone", async || (server.connections().await == 0).then_some(())).await;
    }
}
