//! Servers that stop, die and come back in the middle of things.

use std::{collections::BTreeSet, slice::from_ref, time::Duration};

use tokio::time::{Instant, sleep};

use crate::{
    engines::eventually,
    ground::{AT_ONCE, Node, room, rooms},
    server::{Server, servers},
};

/// Messages that wait while a server is away, at most.
const WAITING: u64 = 16_384;
/// Those that may be on their way when it stops, at most.
const ON_THEIR_WAY: u64 = 512;

/// In mid-air: connections stay open, and nobody answers.
async fn stop(server: &mut Server) {
    server.process().pause();
    // The signal takes a moment.
    sleep(Duration::from_millis(50)).await;
}

#[tokio::test]
async fn after_a_restart_all_rooms_are_heard_again_and_it_is_said() {
    for mut server in servers() {
        let (one, mut two) = (Node::start(&server.url()).await, Node::start(&server.url()).await);
        let rooms = rooms(1000);
        two.subscribe(&rooms).await;
        for away in [0, 700] {
            server.process().kill();
            sleep(Duration::from_millis(away)).await;
            server.restart();
            assert_eq!(two.reconnects().await, 0, "{}", server.url());
            rooms.iter().for_each(|room| one.tell(room, 7));
            two.hears_all(&rooms).await;
            assert!(two.is_quiet(), "it was said once");
        }
    }
}

#[tokio::test]
async fn nobody_waits_for_a_server_that_is_away_and_a_late_subscription_is_said() {
    for mut server in servers() {
        let (one, mut two) = (Node::start(&server.url()).await, Node::start(&server.url()).await);
        let (arena, left) = (room("arena"), room("left"));
        server.process().kill();
        eventually("it to be noticed", async || two.bus.ping().await.err()).await;
        for room in [&arena, &left] {
            let since = Instant::now();
            let error = two.bus.subscribe(room).await.unwrap_err();
            assert!(since.elapsed() < AT_ONCE, "{:?}", since.elapsed());
            assert!(!error.is_hopeless(), "{error}");
        }
        two.bus.unsubscribe(&left);
        server.restart();
        two.reconnects().await;
        one.tell(&left, 1);
        one.tell(&arena, 2);
        assert_eq!(two.hears().await, (arena, 2), "{}", server.url());
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn publishing_never_waits_and_the_oldest_are_dropped() {
    for mut server in servers() {
        let (one, arena) = (Node::start(&server.url()).await, room("arena"));
        let listener = server.listen("arena");
        eventually("it to listen", async || listener.is_there().then_some(())).await;
        stop(&mut server).await;
        let (mut all, mut slowest) = (0, Duration::ZERO);
        // However much the system's own buffers take.
        while one.dropped() < 1000 {
            for _ in 0..1000 {
                all += 1;
                let since = Instant::now();
                one.tell(&arena, all);
                slowest = slowest.max(since.elapsed());
            }
            sleep(Duration::from_millis(1)).await;
        }
        assert!(slowest < AT_ONCE, "{slowest:?}");
        let kept = all - one.dropped() - one.count("published_total");
        assert!((WAITING..=WAITING + ON_THEIR_WAY).contains(&kept), "{}: {kept} of {all}", server.url());

        server.process().resume();
        let newest = async || (listener.revisions().last() == Some(&all)).then_some(());
        eventually("the newest to arrive", newest).await;
        let heard: BTreeSet<_> = listener.revisions().into_iter().collect();
        assert!(
            (all - WAITING + 1..=all).all(|revision| heard.contains(&revision)),
            "the newest are all there"
        );
        assert!(heard.len() as u64 <= all - 1000, "{}: {} of {all}", server.url(), heard.len());
        let counted = async || (one.count("published_total") + one.dropped() == all).then_some(());
        eventually("each to be counted", counted).await;
    }
}

#[tokio::test]
async fn a_server_that_stops_for_long_is_given_up_and_found_again() {
    for mut server in servers() {
        let (one, mut two) = (Node::start(&server.url()).await, Node::start(&server.url()).await);
        let (arena, late) = (room("arena"), room("late"));
        two.subscribe(from_ref(&arena)).await;
        stop(&mut server).await;
        let since = Instant::now();
        let error = two.bus.subscribe(&late).await.unwrap_err();
        assert!(since.elapsed() < Duration::from_secs(2), "{error}");
        sleep(Duration::from_secs(3)).await;
        server.process().resume();
        two.reconnects().await;
        one.tell(&arena, 1);
        one.tell(&late, 2);
        two.hears_at_last(&arena, 1).await;
        two.hears_at_last(&late, 2).await;
        assert_eq!(server.connections().await, 2, "{}", server.url());
    }
}
