use asset_arbiter::{
    model::{AssetState, NewAsset},
    store::{Applied, Created, StoreErrorKind, Verdict},
};

use super::ground::{Ground, Node, already, asset, granted, players, refusal};

super::properties![
    a_new_asset_has_all_its_units_at_revision_0,
    creating_it_again_changes_nothing,
    creating_it_with_other_units_is_a_conflict,
    what_counts_are_the_units_at_its_creation,
    also_those_of_the_select_that_created_it if select_creates,
    as_many_units_as_the_store_can_hold_and_not_one_more,
    creating_it_after_its_removal_continues_the_revision,
    an_asset_of_no_units_is_sold_out,
];

async fn a_new_asset_has_all_its_units_at_revision_0(ground: Ground) {
    let sword = asset("sword");
    let created = ground.create(Node::new().next(), &sword, 3).await;
    let state = AssetState {
        asset: sword.clone(),
        units: 3,
        remaining: 3,
        revision: 0,
        held: 0,
        holders: Vec::new(),
        terms: None,
        removed: false,
        origin: created.state.origin,
    };
    assert_eq!(created, Applied::Now(Created { created: true, state: state.clone() }));
    assert_eq!(ground.state(&sword).await, state);
}

async fn creating_it_again_changes_nothing(ground: Ground) {
    let ((sword, node), other) = (ground.sword(3).await, Node::new());
    ground.select(node.next(), &sword, &players(["ann", "bob"])).await;
    let before = ground.state(&sword).await;
    for call in [node.next(), other.next()] {
        let again = ground.create(call, &sword, 3).await;
        assert_eq!(again, Applied::Now(Created { created: false, state: before.clone() }));
    }
    assert_eq!(ground.state(&sword).await, before);
}

async fn creating_it_with_other_units_is_a_conflict(ground: Ground) {
    let (sword, node) = ground.sword(3).await;
    let before = ground.state(&sword).await;
    for units in [2, 4] {
        let answer = ground.store.create(node.next(), &ground.key(&sword), &NewAsset::plain(units)).await;
        assert_eq!(refusal(answer), StoreErrorKind::Conflict);
    }
    assert_eq!(ground.state(&sword).await, before);
}

async fn what_counts_are_the_units_at_its_creation(ground: Ground) {
    let (sword, node) = ground.sword(3).await;
    ground.restock(node.next(), &sword, 2).await;
    assert!(!ground.create(node.next(), &sword, 3).await.created, "3 at its creation, though 5 now");
    let answer = ground.store.create(node.next(), &ground.key(&sword), &NewAsset::plain(5)).await;
    assert_eq!(refusal(answer), StoreErrorKind::Conflict);
}

async fn also_those_of_the_select_that_created_it(ground: Ground) {
    let (shield, node) = (asset("shield"), Node::new());
    ground.select_or_create(node.next(), &shield, &players(["ann"]), Some(7)).await;
    assert!(!ground.create(node.next(), &shield, 7).await.created, "created by a select");
    let answer = ground.store.create(node.next(), &ground.key(&shield), &NewAsset::plain(6)).await;
    assert_eq!(refusal(answer), StoreErrorKind::Conflict);
}

async fn as_many_units_as_the_store_can_hold_and_not_one_more(ground: Ground) {
    let (sword, node, most) = (asset("sword"), Node::new(), ground.store.limits().units);
    if let Some(too_many) = most.checked_add(1) {
        let create =
            async || ground.store.create(node.next(), &ground.key(&sword), &NewAsset::plain(too_many)).await;
        assert_eq!(refusal(create().await), StoreErrorKind::LimitReached);
        assert!(ground.snapshot().await.is_empty(), "nothing was made");
        ground.create(node.next(), &sword, 1).await;
        let tombstone = ground.remove(node.next(), &sword).await;
        assert_eq!(refusal(create().await), StoreErrorKind::LimitReached);
        assert_eq!(ground.snapshot().await, [tombstone.into_inner()], "nor revived");
    }
    let state = ground.create(node.next(), &sword, most).await.into_inner().state;
    assert_eq!((state.units, state.remaining), (most, most));
    assert_eq!(ground.state(&sword).await, state);
}

async fn creating_it_after_its_removal_continues_the_revision(ground: Ground) {
    let (sword, node) = (asset("sword"), Node::new());
    let origin = ground.create(node.next(), &sword, 3).await.state.origin;
    ground.select(node.next(), &sword, &players(["ann", "bob"])).await;
    assert_eq!(ground.remove(node.next(), &sword).await.revision, 3);
    let created = ground.create(node.next(), &sword, 1).await;
    assert!(created.created && !created.is_repeat());
    let state = &created.state;
    assert_eq!(state.origin, origin, "it is the same record");
    assert_eq!((state.units, state.remaining, state.revision, state.held), (1, 1, 4, 0));
    assert!(!state.removed && state.holders.is_empty());
    let selected = ground.select(node.next(), &sword, &players(["bob", "ann"])).await;
    assert_eq!(selected.verdicts, [granted(5), Verdict::SoldOut]);
}

async fn an_asset_of_no_units_is_sold_out(ground: Ground) {
    let ((sword, node), [ann]) = (ground.sword(0).await, players(["ann"]));
    let selected = ground.select(node.next(), &sword, std::slice::from_ref(&ann)).await;
    assert_eq!((&*selected.verdicts, selected.state.revision), (&[Verdict::SoldOut][..], 0));
    ground.restock(node.next(), &sword, 1).await;
    assert_eq!(ground.select(node.next(), &sword, std::slice::from_ref(&ann)).await.verdicts, [granted(2)]);
    assert_eq!(ground.select(node.next(), &sword, &[ann]).await.verdicts, [already(2)]);
}
