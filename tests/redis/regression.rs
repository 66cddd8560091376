//! A server that lost what it had answered: the arbiter notices, tells everyone, and creates no more by itself.

use std::{future::poll_fn, sync::Arc, time::Duration};

use asset_arbiter::{
    arbiter::{Arbiter, Config, Join, Member, Ready},
    bus,
    model::{AssetState, ErrorCode, ServerMessage},
    store::Store,
};
use tokio::time::timeout;

use crate::{
    conformance::ground::{asset, player, room},
    engines::{PATIENCE, cluster::Cluster, redis, redis::IN_MEMORY},
    ground::engines,
    remote::{
        emptied::{Made, is_noticed_and_nothing_is_given_away_twice},
        store,
    },
};

const UNITS: u32 = 2;

/// A member that hears and answers like the server layer would.
struct Client(Member);

impl Client {
    async fn join(arbiter: &Arc<Arbiter>, name: &str) -> Self {
        let join = Join {
            room: room("arena"),
            player: Some(player(name)),
            resume: None,
            session: "s".to_owned(),
            ping_interval_ms: 1000,
        };
        Self(arbiter.join(join).await.expect("joined"))
    }

    /// What `wanted` makes of the first message it takes.
    async fn hear<T>(&mut self, wanted: impl Fn(ServerMessage) -> Option<T>) -> T {
        let hearing = async {
            loop {
                let mut ready = Ready::default();
                self.0.take(&mut ready);
                let frames =
                    ready.frames.iter().map(|frame| serde_json::from_slice(frame.payload()).expect("a frame"));
                if let Some(found) = ready.replies.into_iter().chain(frames).find_map(&wanted) {
                    return found;
                }
                poll_fn(|cx| self.0.mailbox().poll_woken(cx)).await;
            }
        };
        timeout(PATIENCE, hearing).await.expect("it is told in time")
    }
}

fn arbiter(store: Arc<dyn Store>) -> Arc<Arbiter> {
    let config =
        Config { auto_create: Some(UNITS), resync_interval: Duration::from_millis(100), ..Config::default() };
    Arbiter::start(config, store, bus::open("local:").unwrap(), fastrand::u64(..))
}

fn snapshot(message: ServerMessage) -> Option<Vec<AssetState>> {
    match message {
        ServerMessage::Snapshot { assets, .. } => Some(assets),
        _ => None,
    }
}

#[tokio::test]
async fn a_flushed_server_is_noticed_announced_and_not_filled_again_by_itself() {
    for engine in engines() {
        let server = engine.start();
        let arbiter = arbiter(store(&server.url()).await);
        let mut ann = Client::join(&arbiter, "ann").await;
        let granted = arbiter.select(&room("arena"), &asset("sword"), &player("ann")).await;
        assert!(matches!(granted, ServerMessage::Selection { granted: true, revision: 1, .. }), "{granted:?}");

        server.ask::<()>(&["FLUSHALL"]);
        assert!(ann.hear(snapshot).await.is_empty(), "the store is the truth, even so");
        let refused = arbiter.select(&room("arena"), &asset("sword"), &player("ann")).await;
        let ServerMessage::Error { code, .. } = refused else { panic!("an error, not {refused:?}") };
        assert_eq!(code, ErrorCode::UnknownAsset, "what was given away once is not given away again");

        arbiter.remove_room(&room("arena")).await.unwrap();
        drop(ann);
        let anew = arbiter.select(&room("arena"), &asset("sword"), &player("bob")).await;
        assert!(
            matches!(anew, ServerMessage::Selection { granted: true, .. }),
            "an operator said so: {anew:?}"
        );
    }
}

#[tokio::test]
async fn a_server_that_came_back_with_less_is_noticed_and_announced() {
    let Some(engine) = redis::redis() else { return };
    let mut server = engine.start_with(&IN_MEMORY);
    let arbiter = arbiter(store(&server.url()).await);
    let mut ann = Client::join(&arbiter, "ann").await;
    let select = async |name: &str| arbiter.select(&room("arena"), &asset("sword"), &player(name)).await;
    select("ann").await;
    server.ask::<()>(&["SAVE"]);
    select("bob").await;
    server.restart();
    let assets = ann.hear(snapshot).await;
    assert_eq!((assets[0].revision, assets[0].held, assets[0].remaining), (1, 1, 1), "as it was saved");
    let again = select("bob").await;
    assert!(matches!(again, ServerMessage::Selection { granted: true, revision: 2, .. }), "{again:?}");
}

#[tokio::test]
async fn what_was_given_away_is_not_made_again_on_a_server_that_was_flushed() {
    for engine in engines() {
        let server = engine.start();
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
    for engine in engines() {
        let server = engine.start();
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
