//! A server that lost what it had answered: the node notices, tells everyone, and creates no more by itself.

use asset_arbiter::model::ServerMessage;

use crate::{
    engines::{cluster::Cluster, redis, redis::IN_MEMORY},
    ground::{engines, servers},
    remote::emptied::{Made, is_noticed_and_nothing_is_given_away_twice, shown},
    support::Process,
};

#[tokio::test]
async fn a_server_that_came_back_with_less_is_noticed_and_announced() {
    let Some(engine) = redis::redis() else { return };
    let mut server = engine.start_with(&IN_MEMORY);
    let flags = ["--store", &server.url(), "--auto-create", "2", "--resync-interval", "100ms"];
    let node = Process::start(&flags).await;
    let (mut ann, mut bob) = (node.join("ann").await, node.join("bob").await);
    assert!(ann.gets("sword").await);
    server.ask::<()>(&["SAVE"]);
    assert!(bob.gets("sword").await);
    server.restart();
    let assets = ann.hear_until(shown).await;
    assert_eq!((assets[0].revision, assets[0].held, assets[0].remaining), (1, 1, 1), "as it was saved");
    let again = bob.selects("sword").await;
    assert!(matches!(again, ServerMessage::Selection { granted: true, revision: 2, .. }), "{again:?}");
}

#[tokio::test]
async fn what_was_given_away_is_not_made_again_on_a_server_that_was_flushed() {
    for server in servers() {
        let flush = async || server.ask::<()>(&["FLUSHALL"]);
        is_noticed_and_nothing_is_given_away_twice(&server.url(), Made::BySelect, flush).await;
    }
}

#[tokio::test]
async fn what_was_given_away_is_not_made_again_on_a_server_that_came_back_empty() {
    for engine in engines() {
        let mut server = engine.start_with(&IN_MEMORY);
        let url = server.url();
        is_noticed_and_nothing_is_given_away_twice(&url, Made::BySelect, async || server.restart()).await;
    }
}

#[tokio::test]
async fn what_was_given_away_is_not_made_again_when_its_keys_are_deleted() {
    for server in servers() {
        let delete = async || {
            for key in server.ask::<Vec<String>>(&["KEYS", "*"]) {
                server.ask::<()>(&["DEL", &key]);
            }
        };
        is_noticed_and_nothing_is_given_away_twice(&server.url(), Made::BySelect, delete).await;
    }
}

/// As when an empty replica takes a master's place.
#[tokio::test]
async fn what_was_given_away_is_not_made_again_on_a_master_of_a_cluster_that_was_flushed() {
    let Some(engine) = redis::redis() else { return };
    let cluster = Cluster::start(&engine, 3, 0).await;
    let flush = async || cluster.masters[cluster.master_of("r")].ask::<()>(&["FLUSHALL"]);
    is_noticed_and_nothing_is_given_away_twice(&cluster.url(), Made::BySelect, flush).await;
}
