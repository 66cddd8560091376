//! What every store passes, unchanged, on each kind of server; also behind faults made up and real.

use std::{net::SocketAddr, panic::AssertUnwindSafe, sync::Arc, time::Duration};

use asset_arbiter::{
    model::{AssetOptions, EndReason, Grant, NewAsset, Units},
    store::Store,
};
use futures::FutureExt;

use crate::{
    conformance::{
        flawed::{Flaw, Flawed},
        ground::{Ground, Node, already, asset, granted, players},
        likeness::{answers_as_the_rules_do, remembers_ends_as_the_rules_do},
        suite,
    },
    engines::{cluster::Cluster, redis},
    ground::{FEW, engines, servers, share_of},
    remote::{
        clocks,
        contract::{keeps_the_contract, revocation, revocations_outlast_their_node},
        network, store,
    },
};

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_server_of_every_kind_keeps_the_contract() {
    for engine in engines() {
        let server = engine.start();
        keeps_the_contract(&store(&server.url()).await, share_of(&engine)).await;
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_cluster_keeps_the_contract() {
    let Some(engine) = redis::redis() else { return };
    let cluster = Cluster::start(&engine, 3, 0).await;
    keeps_the_contract(&store(&cluster.url()).await, FEW).await;
}

/// Redis decides in a script, which cannot share the rules of the other stores.
#[tokio::test]
async fn the_scripts_answer_as_the_rules_do() {
    for server in servers() {
        let store = store(&server.url()).await;
        answers_as_the_rules_do(&store, 50).await;
        remembers_ends_as_the_rules_do(&store).await;
    }
}

#[tokio::test]
async fn a_difference_between_the_scripts_and_the_rules_is_found() {
    for server in servers() {
        let scripts = store(&server.url()).await;
        for flaw in [
            Flaw::Oversells,
            Flaw::RevivesRemoved,
            Flaw::IgnoresConditions,
            Flaw::ReleasesAnything,
            Flaw::IgnoresRetakes,
            Flaw::OverlooksAPlayer,
        ] {
            let planted: Arc<dyn Store> = Arc::new(Flawed::new(Arc::clone(&scripts), flaw));
            let played = AssertUnwindSafe(answers_as_the_rules_do(&planted, 20)).catch_unwind().await;
            assert!(played.is_err(), "{flaw:?} is not found");
        }
    }
}

#[tokio::test]
async fn stores_of_different_prefixes_share_a_server_and_nothing_else() {
    for server in servers() {
        let one = Ground::new(store(&format!("{}?prefix=one%3A", server.url())).await);
        let other = store(&format!("{}?prefix=", server.url())).await;
        let (sword, node) = (asset("sword"), Node::new());
        let other = Ground { store: other, room: one.room.clone() };
        for ground in [&one, &other] {
            assert!(ground.create(node.next(), &sword, 1).await.created);
            assert_eq!(ground.select(node.next(), &sword, &players(["ann"])).await.verdicts, [granted(1)]);
        }
        other.store.remove_room(&other.room).await.unwrap();
        assert_eq!(one.state(&sword).await.held, 1);
        let keys: Vec<String> = server.ask(&["KEYS", "*"]);
        let begin = format!("one:{{{}}}:", one.room);
        assert!(keys.len() == 4 && keys.iter().all(|key| key.starts_with(&begin)), "{keys:?}");
    }
}

#[tokio::test]
async fn revocations_outlast_their_node_and_those_that_end_are_deleted() {
    for server in servers() {
        revocations_outlast_their_node(&server.url()).await;
        let (store, later) = (store(&server.url()).await, revocation("bob"));
        store.revoke(&later, later.until - 1).await.unwrap();
        assert_eq!(server.ask::<Vec<String>>(&["KEYS", "*"]), ["asset-arbiter:{~}:revocations"]);
        assert_eq!(server.ask::<usize>(&["ZCARD", "asset-arbiter:{~}:revocations"]), 1);
    }
}

/// Lua's numbers are doubles.
#[tokio::test]
async fn revisions_are_exact_up_to_2_to_the_53() {
    for server in servers() {
        let ground = Ground::new(store(&server.url()).await);
        let (sword, node, [ann, bob]) = (asset("sword"), Node::new(), players(["ann", "bob"]));
        let (almost, most) = ((1 << 53) - 2_u64, u64::from(Units::MAX));
        ground.create(node.next(), &sword, Units::MAX).await;
        let record = format!("{most} {most} {most} {almost} live 7-1");
        server.ask::<()>(&["HSET", &format!("asset-arbiter:{{{}}}:assets", ground.room), "sword", &record]);
        let selected = ground.select(node.next(), &sword, &[ann.clone(), bob.clone()]).await;
        assert_eq!(selected.verdicts, [granted(almost + 1), granted(almost + 2)]);
        assert_eq!(ground.select(node.next(), &sword, &[bob]).await.verdicts, [already(1 << 53)]);
        let page = ground.store.holders(&ground.key(&sword), Some(almost + 1), 9).await.unwrap();
        assert_eq!(page.len(), 1);
        let state = ground.select(node.next(), &sword, &[ann]).await.into_inner().state;
        assert_eq!((state.revision, state.remaining), (1 << 53, Units::MAX - 2));
    }
}

/// What was stored before there were options is a plain text without them.
#[tokio::test]
async fn records_and_grants_of_earlier_versions_are_read() {
    for server in servers() {
        let ground = Ground::new(store(&server.url()).await);
        let (sword, node, [ann, bob]) = (asset("sword"), Node::new(), players(["ann", "bob"]));
        let put = |key: &str, field: &str, value: &str| {
            server.ask::<()>(&["HSET", &format!("asset-arbiter:{{{}}}:{key}", ground.room), field, value]);
        };
        put("assets", "sword", "3 2 2 7 live 00000000000000a0-0000000000000007");
        put("assets", "bow", "1 1 0 2 removed 00000000000000a0-0000000000000008");
        put("holders", "sword/ann", "0000000000000007/1732");
        put("holders", "sword/", "sword/0000000000000007/1732/ann");
        let grants = format!("asset-arbiter:{{{}}}:grants", ground.room);
        server.ask::<()>(&["ZADD", &grants, "0", "sword/0000000000000007/1732/ann"]);
        let grant = Grant::plain(ann.clone(), 1732, 7);
        let state = ground.state(&sword).await;
        assert_eq!((state.units, state.held, state.revision, state.terms), (3, 1, 7, None));
        assert_eq!((state.origin, &state.holders), (0xa7, &vec![grant.clone()]));
        assert_eq!(ground.holders(&sword).await, std::slice::from_ref(&grant));
        assert_eq!(ground.held_by(&ann).await, [(sword.clone(), 7)]);
        assert_eq!(ground.revisions().await.iter().map(|row| row.revision).collect::<Vec<_>>(), [2, 7]);
        let both = [ann.clone(), bob];
        assert_eq!(ground.select(node.next(), &sword, &both).await.verdicts, [already(7), granted(8)]);
        let confirmed = ground.store.confirm(node.next(), &ground.key(&sword), &ann, false).await.unwrap();
        assert_eq!((confirmed.changed, &confirmed.grant), (false, &Some(grant)));
        assert_eq!(ground.release(node.next(), &sword, &ann).await.held, 1);
        assert!(!ground.create(node.next(), &sword, 2).await.created);
        assert!(ground.create(node.next(), &asset("bow"), 2).await.created);
    }
}

#[tokio::test]
async fn a_conflict_names_the_options_of_the_creation() {
    for server in servers() {
        let ground = Ground::new(store(&server.url()).await);
        let (node, key) = (Node::new(), ground.key(&asset("sword")));
        let options = AssetOptions { hold_ms: Some(100), ..AssetOptions::NONE };
        ground.store.create(node.next(), &key, &NewAsset { units: 2, options }).await.unwrap();
        let refused = ground.store.create(node.next(), &key, &NewAsset::plain(2)).await.unwrap_err();
        let said = r#"asset sword was created with the options {"hold_ms":100}, not {}"#;
        assert!(refused.to_string().contains(said), "{refused}");
    }
}

/// The sorted set has two members for a grant that ends.
#[tokio::test]
async fn nothing_is_left_of_grants_that_ended() {
    for server in servers() {
        let ground = Ground::new(store(&server.url()).await);
        let (sword, node, both) = (asset("sword"), Node::new(), players(["ann", "bob"]));
        let key = ground.key(&sword);
        let [holders, grants] =
            ["holders", "grants"].map(|key| format!("asset-arbiter:{{{}}}:{key}", ground.room));
        let members = || server.ask::<usize>(&["ZCARD", &grants]);
        let options = AssetOptions { hold_ms: Some(100), leave_ms: Some(50), ..AssetOptions::NONE };
        ground.store.create(node.at(1000), &key, &NewAsset { units: 2, options }).await.unwrap();
        let select = async |at| ground.select(node.at(at), &sword, &both).await.into_inner().state;
        assert_eq!((select(1000).await.held, members()), (2, 4));
        ground.store.prolong(node.at(1010), &key, &both).await.unwrap();
        ground.store.confirm(node.at(1020), &key, &both[0], false).await.unwrap();
        assert_eq!(members(), 4, "the ends have moved");
        ground.store.release(node.at(1030), &key, &both[1], EndReason::Released).await.unwrap();
        assert_eq!(members(), 2);
        assert_eq!(ground.store.expire(node.at(1060), &key).await.unwrap().held, 0);
        assert_eq!(members(), 0);
        assert_eq!((select(1060).await.held, members()), (2, 4));
        ground.store.reset(node.at(1070), &key).await.unwrap();
        assert_eq!((members(), select(1080).await.held), (0, 2));
        // As if the server had lost half of it. An end that nobody has does not keep the next from being found.
        server.ask::<()>(&["HDEL", &holders, "sword/ann"]);
        ground.store.expire(node.at(1130), &key).await.unwrap();
        assert_eq!(server.ask::<Vec<String>>(&["ZRANGE", &grants, "0", "-1"]).len(), 1, "ann's grant alone");
        ground.store.remove_asset(node.at(1140), &key).await.unwrap();
        assert_eq!(members(), 0);
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn with_replicas_to_wait_for_the_contract_is_kept() {
    let Some(engine) = redis::redis() else { return };
    let cluster = Cluster::start(&engine, 1, 1).await;
    let store = store(&format!("{}?wait=1", cluster.url())).await;
    suite(|| Arc::clone(&store)).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn the_promise_is_kept_over_a_rough_network() {
    for server in servers() {
        let target = SocketAddr::from(([127, 0, 0, 1], server.port));
        network::the_promise_is_kept_over_a_rough_network(target, |address| format!("redis://{address}"), 20)
            .await;
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn clocks_that_differ_are_noticed() {
    for server in servers() {
        clocks::that_differ_are_noticed(&server.url(), Duration::ZERO).await;
    }
}
