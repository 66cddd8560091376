//! Revoked player tokens: told over the bus, kept in the store, and looked up there when the bus may have lost them.

use std::{sync::Arc, time::Duration};

use asset_arbiter::{
    arbiter::Config,
    bus::{BusMessage, Incoming},
    model::{ErrorCode, Millis, PlayerName, Revocation, Revoked, SignedToken, limits::REVOCATIONS},
    store::Store,
};
use tokio::time::sleep;

use super::{
    net::Net,
    world::{World, name, without_resync},
};

const AN_HOUR: Millis = 3_600_000;
const A_MOMENT: Duration = Duration::from_millis(5);
/// Joins look into the store again after that.
const LATER: Duration = Duration::from_millis(1100);

fn of_player(player: &str, now: Millis) -> Revocation {
    Revocation { of: Revoked::Player(name(player)), issued_before: now, until: now + AN_HOUR }
}

fn token(player: &PlayerName, issued_at: Millis) -> SignedToken<'_> {
    SignedToken { player, jti: Some("t-1"), key: "key-1", issued_at }
}

#[tokio::test(start_paused = true)]
async fn a_revocation_ends_the_tokens_it_names_until_it_ends() {
    let world = World::new(Config::default());
    let (revocations, now, ann) = (world.arbiter.revocations(), world.arbiter.now(), name("ann"));
    for of in [Revoked::Player(name("ann")), Revoked::Jti("t-1".into()), Revoked::Key("key-1".into())] {
        let until = world.arbiter.now() + 1000;
        revocations.revoke(Revocation { of: of.clone(), issued_before: now, until }).await.expect("revoked");
        assert!(revocations.is_revoked(&token(&ann, now - 1)), "{of:?}");
        assert!(!revocations.is_revoked(&token(&ann, now)), "{of:?}: a token signed since");
        let other = SignedToken { player: &name("bob"), jti: Some("t-2"), key: "key-2", issued_at: now - 1 };
        assert!(!revocations.is_revoked(&other), "{of:?}");
        let without_id = SignedToken { jti: None, ..other };
        assert!(!revocations.is_revoked(&without_id), "{of:?}");
        sleep(Duration::from_secs(1)).await;
        assert!(!revocations.is_revoked(&token(&ann, now - 1)), "{of:?}: it has ended");
        assert_eq!(revocations.list(), []);
    }
}

#[tokio::test(start_paused = true)]
async fn every_node_hears_of_it_at_once() {
    let net = Net::new(7);
    let nodes: [_; 3] = std::array::from_fn(|_| net.start(without_resync()));
    let follow = nodes.each_ref().map(|node| tokio::spawn(Arc::clone(node.arbiter.revocations()).follow()));
    sleep(A_MOMENT).await;
    let now = nodes[0].arbiter.now();
    nodes[0].arbiter.revocations().revoke(of_player("ann", now)).await.expect("revoked");
    sleep(A_MOMENT).await;
    for node in &nodes {
        assert!(node.arbiter.revocations().is_revoked(&token(&name("ann"), now - 1)));
        assert_eq!(node.arbiter.revocations().generation(), 1);
    }
    follow.iter().for_each(tokio::task::JoinHandle::abort);
}

/// A node that was cut from the bus learns from the store: when a player joins, and when the bus is back.
#[tokio::test(start_paused = true)]
async fn what_the_bus_lost_is_found_in_the_store() {
    let world = World::shared(without_resync());
    let (revocations, ann) = (world.arbiter.revocations(), name("ann"));
    let follow = tokio::spawn(Arc::clone(revocations).follow());
    sleep(LATER).await;
    let now = world.arbiter.now();
    world.truth.revoke(&of_player("ann", now), now).await.expect("another node writes");
    sleep(LATER).await;
    assert!(!revocations.is_revoked(&token(&ann, now - 1)), "nobody told it");
    revocations.refresh().await.expect("a join asks the store");
    assert!(revocations.is_revoked(&token(&ann, now - 1)));

    let now = world.arbiter.now();
    world.truth.revoke(&of_player("bob", now), now).await.expect("another node writes");
    sleep(LATER).await;
    world.bus.send(Incoming::Reconnected).await;
    sleep(A_MOMENT).await;
    assert!(revocations.is_revoked(&token(&name("bob"), now - 1)));
    follow.abort();
}

#[tokio::test(start_paused = true)]
async fn a_thousand_joins_share_one_look_into_the_store() {
    let world = World::shared(without_resync());
    let joins = (0..1000).map(|_| world.arbiter.revocations().refresh());
    let answers = futures::future::join_all(joins).await;
    assert!(answers.iter().all(Result::is_ok));
    assert_eq!(world.faulty.calls().revocations, 1);
    sleep(LATER).await;
    world.arbiter.revocations().refresh().await.expect("read");
    assert_eq!(world.faulty.calls().revocations, 2);
}

/// While the store is away a node goes by what it knows, and a node that knows nothing lets nobody in.
#[tokio::test(start_paused = true)]
async fn without_the_store_a_node_goes_by_what_it_knows() {
    let (fresh, knowing) = (World::shared(without_resync()), World::shared(without_resync()));
    let now = knowing.arbiter.now();
    knowing.arbiter.revocations().revoke(of_player("ann", now)).await.expect("revoked");
    sleep(LATER).await;
    for world in [&fresh, &knowing] {
        world.faulty.refuse();
    }
    let refused = fresh.arbiter.revocations().refresh().await.expect_err("it never read them");
    assert_eq!(refused.code, ErrorCode::StoreUnavailable);
    assert_eq!(knowing.arbiter.revocations().refresh().await, Ok(()));
    assert!(knowing.arbiter.revocations().is_revoked(&token(&name("ann"), now - 1)));
    let error = knowing.arbiter.revocations().revoke(of_player("bob", now)).await.expect_err("not kept");
    assert!(matches!(error.code, ErrorCode::StoreUnavailable | ErrorCode::OutcomeUnknown), "{error:?}");
    for world in [&fresh, &knowing] {
        world.faulty.resume();
    }
    sleep(LATER).await;
    assert_eq!(fresh.arbiter.revocations().refresh().await, Ok(()));
}

#[tokio::test(start_paused = true)]
async fn there_is_a_limit() {
    let world = World::new(Config::default());
    let now = world.arbiter.now();
    for number in 0..REVOCATIONS {
        world.truth.revoke(&of_player(&format!("p{number}"), now), now).await.expect("kept");
    }
    let refused = world.arbiter.revocations().revoke(of_player("ann", now)).await.expect_err("one too many");
    assert_eq!(refused.code, ErrorCode::LimitReached);
    world.bus.deliver(BusMessage::Revoked(of_player("zoe", now))).await;
    assert!(
        world.arbiter.revocations().is_revoked(&token(&name("zoe"), now - 1)),
        "what another node kept counts"
    );
}

/// A join has read the store a moment ago, so another read would be soon. What the bus lost since is looked for all the same.
#[tokio::test(start_paused = true)]
async fn a_reconnect_makes_the_node_look_again_however_lately_it_did() {
    let world = World::shared(without_resync());
    let revocations = world.arbiter.revocations();
    let follow = tokio::spawn(Arc::clone(revocations).follow());
    sleep(LATER).await;
    revocations.refresh().await.expect("a join");
    sleep(A_MOMENT).await;
    let now = world.arbiter.now();
    world.truth.revoke(&of_player("ann", now), now).await.expect("another node writes");
    world.bus.send(Incoming::Reconnected).await;
    sleep(A_MOMENT).await;
    assert!(revocations.is_revoked(&token(&name("ann"), now - 1)));
    follow.abort();
}
