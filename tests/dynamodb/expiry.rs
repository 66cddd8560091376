//! Rooms that nobody uses go, whole.

use std::time::{Duration, SystemTime, UNIX_EPOCH};

use crate::{
    conformance::ground::{Ground, Node, asset, players, team},
    engines::dynamodb::{self, Server},
    ground::{WAYS, servers},
    remote::{
        expiry::{FLAG, TTLS, an_unused_room_goes_whole_and_a_touched_one_stays},
        store, store_with,
    },
};

/// In how many seconds each item may be deleted.
async fn left(server: &Server) -> Vec<u64> {
    let now = SystemTime::now().duration_since(UNIX_EPOCH).unwrap().as_secs();
    let number = |at: &str| at.parse::<u64>().unwrap() - now;
    let mut left: Vec<_> =
        server.items().await.iter().filter_map(|item| item["expires_at"]["N"].as_str().map(number)).collect();
    left.sort_unstable();
    left
}

#[tokio::test]
async fn a_room_nobody_uses_goes_whole_and_one_that_is_kept_stays() {
    for engine in dynamodb::all() {
        for (options, _) in WAYS {
            let server = engine.start().await;
            let store = store(&(server.url() + options + "&ttl=2s")).await;
            let [unused, _] = an_unused_room_goes_whole_and_a_touched_one_stays(&store).await;
            let (node, sword, both) = (Node::new(), asset("sword"), players(["ann", "bob"]));
            assert_eq!(unused.revisions().await, [], "{options}");
            assert!(unused.held_by(&both[0]).await.is_empty(), "{options}");
            // Whatever the service has not deleted yet is not in the way.
            unused.create(node.next(), &sword, 1).await;
            let anew = unused.select(node.next(), &sword, &both[1..]).await;
            assert_eq!((anew.state.revision, anew.state.held), (1, 1), "{options}");
        }
    }
}

#[tokio::test]
async fn no_holder_goes_before_its_asset() {
    for server in servers().await {
        let ground = Ground::new(store(&(server.url() + "&inline=0&ttl=1000s")).await);
        let (node, sword) = (Node::new(), asset("sword"));
        ground.create(node.next(), &sword, 3).await;
        ground.select(node.next(), &sword, &team("p", 2)).await;
        let [own, holder, other] = left(&server).await[..] else { panic!("an asset and two holders") };
        assert!((1240..=1250).contains(&own) && (3740..=3750).contains(&holder) && holder <= other);

        let now = node.next().at;
        let later = |seconds: u64| now + seconds * 1000;
        let keep = async |at| ground.store.touch(&ground.room, at).await.unwrap();
        keep(later(100)).await;
        assert!(left(&server).await[0] <= 1250, "it was written a moment ago");
        keep(later(1000)).await;
        assert!((2240..=2250).contains(&left(&server).await[0]), "{:?}", left(&server).await);
        assert!(left(&server).await[1] <= 3750, "holders last long enough");
        keep(later(2000)).await;
        let [own, holder, _] = left(&server).await[..] else { panic!("an asset and two holders") };
        assert!((3240..=3250).contains(&own) && (5740..=5750).contains(&holder), "{own} {holder}");
    }
}

#[tokio::test]
async fn what_the_url_says_goes_before_what_the_flag_says() {
    let Some(engine) = dynamodb::dynoxide() else { return };
    for ((option, room_ttl), lasts) in TTLS.into_iter().zip([Some(120..=125), None, Some(1240..=1250)]) {
        let server = engine.start().await;
        let store = store_with(&format!("{}&{option}", server.url()), FLAG).await;
        assert_eq!(store.room_ttl(), room_ttl.map(Duration::from_secs), "{option}");
        Ground::new(store).create(Node::new().next(), &asset("sword"), 1).await;
        match (left(&server).await.first(), lasts) {
            (Some(left), Some(lasts)) => assert!(lasts.contains(left), "{option}: {left}"),
            (left, lasts) => assert!(left.is_none() && lasts.is_none(), "{option}: {left:?}"),
        }
    }
}
