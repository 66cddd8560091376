use asset_arbiter::{
    model::{AssetName, AssetState, EndReason, NewAsset},
    store::{Call, StoreErrorKind, Verdict},
};
use std::sync::Arc;

use super::ground::{Ground, Node, already, asset, granted, player, players, refusal, team};

super::properties![
    a_repeated_create_answers_the_same,
    a_repeated_create_does_not_revive,
    a_repeated_select_takes_effect_once,
    a_repeated_select_takes_nothing_that_came_free,
    a_repeated_select_that_was_denied_stays_denied,
    a_repeated_select_does_not_reach_into_a_new_life,
    a_repeated_creating_select_creates_once if select_creates,
    a_repeated_release_takes_effect_once,
    a_repeated_release_of_what_was_not_held_stays_so,
    a_repeated_restock_takes_effect_once,
    a_repeated_conditional_restock_answers_the_same,
    a_repeated_restock_that_was_too_much_stays_refused,
    a_repeated_create_that_was_in_conflict_stays_refused,
    a_repeated_removal_does_not_touch_a_new_life,
    what_found_the_asset_removed_stays_refused,
    what_was_done_before_a_removal_is_not_denied_after_it,
    an_older_call_changes_nothing,
    nodes_are_distinguished_whatever_their_numbers,
    calls_are_numbered_for_each_asset_by_itself,
];

async fn a_repeated_create_answers_the_same(ground: Ground) {
    let (sword, node, other) = (asset("sword"), Node::new(), Node::new());
    let (first, second) = (node.next(), node.next());
    assert!(ground.create(first, &sword, 3).await.created);
    let again = ground.create(first, &sword, 3).await;
    assert!(again.created && again.is_repeat());
    ground.select(other.next(), &sword, &players(["ann"])).await;
    assert!(ground.create(first, &sword, 3).await.created);
    assert!(!ground.create(second, &sword, 3).await.created);
    let again = ground.create(second, &sword, 3).await;
    assert!(!again.created && again.is_repeat());
    assert_eq!((again.state.revision, again.state.held), (1, 1));
}

async fn a_repeated_create_does_not_revive(ground: Ground) {
    let (sword, node, other) = (asset("sword"), Node::new(), Node::new());
    let call = node.next();
    ground.create(call, &sword, 3).await;
    let tombstone = ground.remove(other.next(), &sword).await;
    let again = ground.create(call, &sword, 3).await;
    assert!(again.created && again.is_repeat(), "that it was created stays true");
    assert_eq!((&again.state, &ground.state(&sword).await), (&*tombstone, &*tombstone));
    let reborn = ground.create(other.next(), &sword, 5).await.into_inner().state;
    let again = ground.create(call, &sword, 3).await;
    assert!(again.created && again.is_repeat());
    assert_eq!((&again.state, &ground.state(&sword).await), (&reborn, &reborn));
}

async fn a_repeated_select_takes_effect_once(ground: Ground) {
    let (sword, node, other, contenders) =
        (asset("sword"), Node::new(), Node::new(), players(["ann", "bob", "cat"]));
    ground.create(node.next(), &sword, 2).await;
    let call = node.next();
    let first = ground.select(call, &sword, &contenders).await;
    assert_eq!(first.verdicts, [granted(1), granted(2), Verdict::SoldOut]);
    for _ in 0..3 {
        let again = ground.select(call, &sword, &contenders).await;
        assert!(again.is_repeat());
        assert_eq!(again.verdicts, [already(1), already(2), Verdict::SoldOut]);
        assert_eq!(again.state, first.state);
    }
    ground.restock(other.next(), &sword, 9).await;
    ground.select(other.next(), &sword, &players(["dan"])).await;
    let before = ground.state(&sword).await;
    let again = ground.select(call, &sword, &contenders).await;
    assert_eq!((&again.verdicts[..2], &again.state), (&[already(1), already(2)][..], &before));
    ground.select(node.next(), &sword, &players(["eve"])).await;
    let before = ground.state(&sword).await;
    let again = ground.select(call, &sword, &contenders).await;
    assert_eq!(
        (&again.verdicts[..2], &again.state),
        (&[already(1), already(2)][..], &before),
        "after a later call"
    );
}

async fn a_repeated_select_takes_nothing_that_came_free(ground: Ground) {
    let ((sword, node), other, [ann]) = (ground.sword(2).await, Node::new(), players(["ann"]));
    let call = node.next();
    ground.select(call, &sword, std::slice::from_ref(&ann)).await;
    let freed = ground.release(other.next(), &sword, &ann).await;
    let again = ground.select(call, &sword, &[ann]).await;
    assert!(again.is_repeat());
    assert_eq!((&*again.verdicts, &again.state), (&[Verdict::SoldOut][..], &*freed));
}

async fn a_repeated_select_that_was_denied_stays_denied(ground: Ground) {
    let (sword, node, other, [ann, bob]) = (asset("sword"), Node::new(), Node::new(), players(["ann", "bob"]));
    ground.create(other.next(), &sword, 1).await;
    ground.select(other.next(), &sword, std::slice::from_ref(&ann)).await;
    let (call, contenders) = (node.next(), [ann.clone(), bob]);
    assert_eq!(ground.select(call, &sword, &contenders).await.verdicts, [already(1), Verdict::SoldOut]);
    let freed = ground.release(other.next(), &sword, &ann).await;
    let again = ground.select(call, &sword, &contenders).await;
    assert!(again.is_repeat());
    assert_eq!((&*again.verdicts, &again.state), (&[Verdict::SoldOut; 2][..], &*freed));
}

async fn a_repeated_select_does_not_reach_into_a_new_life(ground: Ground) {
    let (sword, node, other, [ann]) = (asset("sword"), Node::new(), Node::new(), players(["ann"]));
    ground.create(other.next(), &sword, 2).await;
    let call = node.next();
    ground.select(call, &sword, std::slice::from_ref(&ann)).await;
    ground.remove(other.next(), &sword).await;
    let reborn = ground.create(other.next(), &sword, 2).await.into_inner().state;
    let again = ground.select(call, &sword, &[ann]).await;
    assert!(again.is_repeat());
    assert_eq!((&*again.verdicts, &again.state), (&[Verdict::SoldOut][..], &reborn));
}

async fn a_repeated_creating_select_creates_once(ground: Ground) {
    let (sword, node, other, contenders) = (asset("sword"), Node::new(), Node::new(), players(["ann", "bob"]));
    let call = node.next();
    let first = ground.select_or_create(call, &sword, &contenders, Some(1)).await;
    assert_eq!(first.verdicts, [granted(1), Verdict::SoldOut]);
    let again = ground.select_or_create(call, &sword, &contenders, Some(1)).await;
    assert!(again.is_repeat());
    assert_eq!((&*again.verdicts, &again.state), (&[already(1), Verdict::SoldOut][..], &first.state));
    let tombstone = ground.remove(other.next(), &sword).await;
    // Either answer is right: nobody holds it, or it is not there. But it stays removed.
    let _ =
        ground.store.select(call, &ground.key(&sword), &contenders, Some(Arc::new(NewAsset::plain(1)))).await;
    assert_eq!(ground.state(&sword).await, *tombstone);
}

async fn a_repeated_release_takes_effect_once(ground: Ground) {
    let ((sword, node), other, [ann]) = (ground.sword(2).await, Node::new(), players(["ann"]));
    ground.select(node.next(), &sword, std::slice::from_ref(&ann)).await;
    let call = node.next();
    let first = ground.release(call, &sword, &ann).await;
    for _ in 0..3 {
        let again = ground.release(call, &sword, &ann).await;
        assert!(again.is_repeat());
        assert_eq!(*again, *first);
    }
    ground.select(other.next(), &sword, std::slice::from_ref(&ann)).await;
    let before = ground.state(&sword).await;
    let again = ground.release(call, &sword, &ann).await;
    assert_eq!((&*again, &before), (&before, &ground.state(&sword).await), "the new grant is not struck");
    assert_eq!(ground.held_by(&ann).await, [(sword, 3)]);
}

async fn a_repeated_release_of_what_was_not_held_stays_so(ground: Ground) {
    let ((sword, node), other, [ann]) = (ground.sword(2).await, Node::new(), players(["ann"]));
    let call = node.next();
    assert_eq!(
        refusal(ground.store.release(call, &ground.key(&sword), &ann, EndReason::Released).await),
        StoreErrorKind::NotHeld
    );
    ground.select(other.next(), &sword, std::slice::from_ref(&ann)).await;
    assert_eq!(
        refusal(ground.store.release(call, &ground.key(&sword), &ann, EndReason::Released).await),
        StoreErrorKind::NotHeld
    );
    assert_eq!(ground.held_by(&ann).await, [(sword, 1)], "a call that was answered strikes nobody later");
}

async fn a_repeated_restock_takes_effect_once(ground: Ground) {
    let ((sword, node), other) = (ground.sword(1).await, Node::new());
    let call = node.next();
    let first = ground.restock(call, &sword, 5).await;
    for _ in 0..3 {
        let again = ground.restock(call, &sword, 5).await;
        assert!(again.is_repeat());
        assert_eq!(*again, *first);
    }
    ground.select(other.next(), &sword, &team("p", 20)).await;
    ground.restock(other.next(), &sword, 1).await;
    let before = ground.state(&sword).await;
    assert_eq!(ground.restock(call, &sword, 5).await.into_inner(), before);
    assert_eq!((before.units, before.remaining), (7, 1));
}

async fn a_repeated_conditional_restock_answers_the_same(ground: Ground) {
    let (sword, node, other) = (asset("sword"), Node::new(), Node::new());
    ground.create(other.next(), &sword, 1).await;
    let (done, refused) = (node.next(), node.next());
    ground.store.restock(done, &ground.key(&sword), 5, Some(0)).await.unwrap();
    let again = ground.store.restock(done, &ground.key(&sword), 5, Some(0)).await.unwrap();
    assert!(again.is_repeat(), "done, though the revision is another now");
    assert_eq!((again.units, again.revision), (6, 1));
    let answer = ground.store.restock(refused, &ground.key(&sword), 5, Some(2)).await;
    assert_eq!(refusal(answer), StoreErrorKind::Conflict);
    let before = ground.restock(other.next(), &sword, 1).await;
    assert_eq!(before.revision, 2);
    let answer = ground.store.restock(refused, &ground.key(&sword), 5, Some(2)).await;
    assert_eq!(refusal(answer), StoreErrorKind::Conflict, "it was answered; it does not come true later");
    assert_eq!(ground.state(&sword).await, *before);
}

async fn a_repeated_restock_that_was_too_much_stays_refused(ground: Ground) {
    let (sword, node, other) = (asset("sword"), Node::new(), Node::new());
    ground.create(other.next(), &sword, ground.store.limits().units).await;
    let call = node.next();
    let key = ground.key(&sword);
    let restock = || ground.store.restock(call, &key, 1, None);
    assert_eq!(refusal(restock().await), StoreErrorKind::LimitReached);
    ground.remove(other.next(), &sword).await;
    let reborn = ground.create(other.next(), &sword, 1).await.into_inner().state;
    assert_eq!(refusal(restock().await), StoreErrorKind::LimitReached, "though there would be room for it now");
    assert_eq!(ground.state(&sword).await, reborn);
}

async fn a_repeated_create_that_was_in_conflict_stays_refused(ground: Ground) {
    let (sword, node, other) = (asset("sword"), Node::new(), Node::new());
    ground.create(other.next(), &sword, 1).await;
    let call = node.next();
    let key = ground.key(&sword);
    let new = NewAsset::plain(2);
    let create = || ground.store.create(call, &key, &new);
    assert_eq!(refusal(create().await), StoreErrorKind::Conflict);
    let tombstone = ground.remove(other.next(), &sword).await;
    assert_eq!(refusal(create().await), StoreErrorKind::Conflict, "it does not revive");
    assert_eq!(ground.state(&sword).await, *tombstone);
    ground.create(other.next(), &sword, 2).await;
    assert_eq!(refusal(create().await), StoreErrorKind::Conflict, "as many as it asked for, but by another");
}

async fn a_repeated_removal_does_not_touch_a_new_life(ground: Ground) {
    let (sword, node, other) = (asset("sword"), Node::new(), Node::new());
    ground.create(other.next(), &sword, 1).await;
    let call = node.next();
    let tombstone = ground.remove(call, &sword).await;
    let again = ground.remove(call, &sword).await;
    assert!(again.is_repeat());
    assert_eq!(*again, *tombstone);
    ground.create(other.next(), &sword, 1).await;
    ground.select(other.next(), &sword, &players(["ann"])).await;
    let before = ground.state(&sword).await;
    assert!(ground.remove(call, &sword).await.is_repeat());
    assert_eq!(ground.state(&sword).await, before);
}

/// Each by a node of its own, as a node's last call is remembered.
async fn what_found_the_asset_removed_stays_refused(ground: Ground) {
    let (sword, other, ann) = (asset("sword"), Node::new(), players(["ann"]));
    ground.create(other.next(), &sword, 2).await;
    ground.remove(other.next(), &sword).await;
    let calls = [(); 6].map(|()| Node::new().next());
    refuse_each(&ground, calls, &sword).await;
    ground.create(other.next(), &sword, 2).await;
    let before = ground.select(other.next(), &sword, &ann).await.into_inner().state;
    refuse_each(&ground, calls, &sword).await;
    assert_eq!(ground.state(&sword).await, before);
}

/// What changes an asset under these calls, in a way that would be done if they were new.
async fn refuse_each(ground: &Ground, calls: [Call; 6], asset: &AssetName) {
    let (store, key) = (&ground.store, &ground.key(asset));
    let [select, release, restock, conditional, reset, remove] = calls;
    let refused = [
        refusal(store.select(select, key, &players(["bob"]), Some(Arc::new(NewAsset::plain(1)))).await),
        refusal(store.release(release, key, &player("ann"), EndReason::Released).await),
        refusal(store.restock(restock, key, 1, None).await),
        refusal(store.restock(conditional, key, 1, Some(3)).await),
        refusal(store.reset(reset, key).await),
        refusal(store.remove_asset(remove, key).await),
    ];
    assert_eq!(refused, [StoreErrorKind::UnknownAsset; 6]);
}

async fn what_was_done_before_a_removal_is_not_denied_after_it(ground: Ground) {
    let (sword, node, second, other) = (asset("sword"), Node::new(), Node::new(), Node::new());
    let ann = player("ann");
    ground.create(other.next(), &sword, 1).await;
    ground.select(other.next(), &sword, std::slice::from_ref(&ann)).await;
    let (release, restock) = (node.next(), second.next());
    ground.release(release, &sword, &ann).await;
    ground.restock(restock, &sword, 1).await;
    let tombstone = ground.remove(other.next(), &sword).await;
    assert!(ground.release(release, &sword, &ann).await.is_repeat());
    assert!(ground.restock(restock, &sword, 1).await.is_repeat());
    assert_eq!(ground.state(&sword).await, *tombstone);
}

async fn an_older_call_changes_nothing(ground: Ground) {
    let (sword, node, [ann, bob]) = (asset("sword"), Node::new(), players(["ann", "bob"]));
    ground.create(node.numbered_call(10), &sword, 5).await;
    ground.select(node.numbered_call(20), &sword, std::slice::from_ref(&ann)).await;
    let before = ground.state(&sword).await;
    let selected = ground.select(node.numbered_call(19), &sword, &[ann.clone(), bob.clone()]).await;
    assert!(selected.is_repeat());
    assert_eq!(selected.verdicts, [already(1), Verdict::SoldOut]);
    send_each(&ground, node.numbered_call(19), &before).await;
    let tombstone = ground.remove(node.numbered_call(30), &sword).await;
    send_each(&ground, node.numbered_call(29), &tombstone).await;
    let newer = ground.create(node.numbered_call(31), &sword, 5).await;
    assert!(newer.created && !newer.is_repeat(), "only older ones");
}

/// Sends every kind of call under one old number. What they answer is nobody's to hear; they change nothing.
async fn send_each(ground: &Ground, old: Call, before: &AssetState) {
    let (store, sword, ann) = (&ground.store, &before.asset, player("ann"));
    let key = &ground.key(sword);
    let _ = store.select(old, key, &team("p", 3), Some(Arc::new(NewAsset::plain(9)))).await;
    assert_eq!(ground.state(sword).await, *before, "select");
    let _ = store.release(old, key, &ann, EndReason::Released).await;
    assert_eq!(ground.state(sword).await, *before, "release");
    let _ = store.restock(old, key, 1, None).await;
    assert_eq!(ground.state(sword).await, *before, "restock");
    let _ = store.create(old, key, &NewAsset::plain(5)).await;
    assert_eq!(ground.state(sword).await, *before, "create");
    let _ = store.reset(old, key).await;
    assert_eq!(ground.state(sword).await, *before, "reset");
    let _ = store.remove_asset(old, key).await;
    assert_eq!(ground.state(sword).await, *before, "remove");
}

async fn nodes_are_distinguished_whatever_their_numbers(ground: Ground) {
    let sword = asset("sword");
    // Neighbours that a signed, a floating-point or a 32-bit number would confuse.
    let numbers = [0, 1, 1 << 32, (1 << 53), (1 << 53) + 1, i64::MAX as u64, 1 << 63, u64::MAX - 1, u64::MAX];
    let nodes = numbers.map(Node::numbered);
    ground.create(Node::new().next(), &sword, 1).await;
    let calls: Vec<_> = nodes.iter().map(|node| node.numbered_call(7)).collect();
    for (units, &call) in (2..).zip(&calls) {
        let done = ground.restock(call, &sword, 1).await;
        assert_eq!((done.is_repeat(), done.units), (false, units), "{:?}", call.node);
    }
    for &call in &calls {
        assert!(ground.restock(call, &sword, 1).await.is_repeat(), "{:?}", call.node);
    }
    assert_eq!(ground.state(&sword).await.units, 1 + numbers.len() as u32);
}

async fn calls_are_numbered_for_each_asset_by_itself(ground: Ground) {
    let (node, other_room) = (Node::new(), ground.sibling("-b"));
    for name in ["sword", "shield"].map(asset) {
        for room in [&ground, &other_room] {
            assert!(room.create(node.numbered_call(1), &name, 1).await.created);
            let selected = room.select(node.numbered_call(2), &name, &players(["ann"])).await;
            assert_eq!((selected.is_repeat(), &*selected.verdicts), (false, &[granted(1)][..]));
        }
    }
}
