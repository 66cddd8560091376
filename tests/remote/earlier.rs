//! What the version before grants could have deadlines wrote is read on, and can stand beside what has deadlines.

use std::slice::from_ref;

use asset_arbiter::{
    model::{AssetOptions, EndReason, Lease, NewAsset, PlayerName, RoomName, Units},
    store::Verdict,
};

use super::store;
use crate::conformance::ground::{Ground, Node, already, asset, granted, player};

/// A room with a sword of so many units, which these players hold since the first revisions. One unit is left at least.
pub async fn plays_on(url: &str, room: RoomName, units: Units, holders: &[PlayerName]) {
    let ground = Ground { store: store(url).await, room };
    let (sword, node, late) = (asset("sword"), Node::new(), player("late"));
    let state = ground.state(&sword).await;
    assert_eq!((state.units, state.held as usize, state.terms), (units, holders.len(), None));
    let found = ground.holders(&sword).await;
    assert!(found.iter().all(|grant| grant.lease == Lease::NONE), "{found:?}");
    assert!(found.iter().map(|grant| &grant.player).eq(holders), "{found:?}");

    let held = holders.len() as u64;
    let all = [holders, from_ref(&late)].concat();
    let expected: Vec<_> = (1..=held).map(already).chain([granted(held + 1)]).collect();
    assert_eq!(ground.select(node.next(), &sword, &all).await.verdicts, expected);
    assert_eq!(ground.held_by(&holders[0]).await, [(sword.clone(), 1)]);
    ground.release(node.next(), &sword, &late).await;
    let key = ground.key(&sword);
    let confirmed = ground.store.confirm(node.next(), &key, &holders[0], false).await.unwrap();
    assert!(!confirmed.changed, "it has no hold to confirm");
    assert_eq!(ground.store.expire(node.next(), &key).await.unwrap().held as usize, holders.len());
    has_deadlines(&ground, &holders[0]).await;
}

/// An asset of the same room whose grants end, held by a player who holds a sword without end.
async fn has_deadlines(ground: &Ground, ann: &PlayerName) {
    let (bow, node) = (asset("bow"), Node::new());
    let key = ground.key(&bow);
    let options = AssetOptions { hold_ms: Some(1000), ..AssetOptions::NONE };
    let new = NewAsset { units: 1, options };
    let created = node.next();
    assert!(ground.store.create(created, &key, &new).await.unwrap().created);
    let selected = ground.store.select(node.at(created.at), &key, from_ref(ann), None).await.unwrap();
    assert!(matches!(selected.verdicts[..], [Verdict::Granted { revision: 1, .. }]), "{selected:?}");
    assert_eq!(ground.holders(&bow).await[0].lease.until, Some(created.at + 1000));
    assert_eq!(ground.held_by(ann).await.len(), 2);
    let held: Vec<_> =
        ground.snapshot().await.iter().map(|state| state.holders.len() as u32 == state.held).collect();
    assert_eq!(held, [true, true]);
    let ended = ground.store.expire(node.at(created.at + 1000), &key).await.unwrap();
    let reasons: Vec<_> = ended.terms.iter().flat_map(|terms| &terms.ends).map(|end| end.reason).collect();
    assert_eq!((ended.held, reasons), (0, vec![EndReason::Expired]));
    assert_eq!(ground.held_by(ann).await.len(), 1);
    ground.remove(node.next(), &bow).await;
}
