//! A node whose clock differs from the store's notices it, and decides about no grants that end from 5 s on.

use std::time::{Duration, SystemTime};

use asset_arbiter::model::{AssetOptions, ErrorCode, Millis, NewAsset};

use super::store;
use crate::{
    conformance::ground::{asset, player, room},
    engines::eventually,
    support::{Server, metrics},
};

/// Milliseconds by which a node is ahead, and whether it decides about grants that end.
const NODES: [(i64, bool); 6] =
    [(500, true), (-500, true), (2000, true), (-2000, true), (10_000, false), (-10_000, false)];

/// What a look takes: the node takes the whole of it for no difference.
const LOOK: f64 = 0.5;

/// The store shows its time in steps of `step`.
pub async fn that_differ_are_noticed(url: &str, step: Duration) {
    for (ahead, decides) in NODES {
        let inner = store(url).await;
        let now = SystemTime::UNIX_EPOCH.elapsed().unwrap().as_millis() as Millis;
        let node = Server::with(|setup| {
            setup.config.clock_starts_at = Some(now.saturating_add_signed(ahead));
            setup.inner = Some(inner);
        })
        .await;
        eventually("the node to look", async || (node.store.calls().clock > 0).then_some(())).await;
        let real = ahead as f64 / 1000.0;
        let least = real.abs() - step.as_secs_f64() - LOOK;
        let is_noticed = async || skew(&node).await.filter(|noticed| noticed.abs() >= least);
        let noticed = eventually("the node to notice", is_noticed).await;
        assert!(noticed.abs() <= real.abs() + 0.1 && noticed * real >= 0.0, "{ahead}: {noticed}");
        decides_about_ends(&node, decides, ahead).await;
        node.stop().await.unwrap();
    }
}

/// By how many seconds the node takes itself to be ahead, once it has looked.
async fn skew(node: &Server) -> Option<f64> {
    let metrics = metrics(node.address).await;
    let lines = metrics.lines().filter_map(|line| line.strip_prefix("asset_arbiter_clock_skew_seconds "));
    lines.filter_map(|value| value.parse().ok()).next()
}

async fn decides_about_ends(node: &Server, decides: bool, ahead: i64) {
    let (room, player) = (room(&format!("clocks{ahead}")), player("ann"));
    let (sword, axe) = (asset("sword"), asset("axe"));
    let options = AssetOptions { hold_ms: Some(60_000), ..AssetOptions::NONE };
    let plain = node.arbiter.create(&room, &axe, NewAsset::plain(1)).await;
    assert!(plain.is_ok(), "{ahead}: what has no deadline does not care");
    let created = node.arbiter.create(&room, &sword, NewAsset { units: 1, options }).await;
    match created {
        Ok(_) => assert!(decides, "{ahead}"),
        Err(refusal) => {
            assert!(!decides && refusal.code == ErrorCode::StoreUnavailable, "{ahead}: {}", refusal.message);
            let side = if ahead > 0 { "ahead of the store's" } else { "behind the store's" };
            assert!(refusal.message.contains(side), "{ahead}: {}", refusal.message);
        }
    }
    let of_plain = node.arbiter.select(&room, &axe, &player).await;
    assert!(format!("{of_plain:?}").contains("granted: true"), "{ahead}: {of_plain:?}");
}
