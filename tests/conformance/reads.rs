use asset_arbiter::{
    model::{RevisionRow, limits::HOLDERS_SHOWN},
    store::StoreErrorKind,
};

use super::ground::{Ground, Node, asset, players, refusal, team};

super::properties![
    a_room_that_has_nothing_reads_as_empty,
    a_snapshot_shows_every_asset_in_the_order_of_names,
    a_state_shows_the_first_holders_by_revision,
    revisions_say_the_same_as_the_snapshot,
    holders_are_read_in_pages,
    a_page_after_a_release_skips_nobody,
    a_player_finds_what_it_holds,
    reading_changes_nothing,
];

async fn a_room_that_has_nothing_reads_as_empty(ground: Ground) {
    let (sword, [ann]) = (asset("sword"), players(["ann"]));
    for _ in 0..2 {
        assert!(ground.snapshot().await.is_empty());
        assert!(ground.revisions().await.is_empty());
        assert!(ground.held_by(&ann).await.is_empty());
        assert_eq!(refusal(ground.store.asset(&ground.key(&sword)).await), StoreErrorKind::UnknownAsset);
        let holders = ground.store.holders(&ground.key(&sword), None, 9).await;
        assert_eq!(refusal(holders), StoreErrorKind::UnknownAsset);
        ground.store.ping().await.unwrap();
        ground.store.touch(&ground.room, 1).await.unwrap();
    }
}

async fn a_snapshot_shows_every_asset_in_the_order_of_names(ground: Ground) {
    let (node, mut names) =
        (Node::new(), ["b", "a", "B", "a.b", "a-b", "a:b", "a_b", "ab", "a1", "10", "9"].map(asset));
    for (units, name) in (1..).zip(&names) {
        ground.create(node.next(), name, units).await;
        ground.select(node.next(), name, &players(["ann", "bob"])).await;
    }
    ground.remove(node.next(), &names[3]).await;
    let snapshot = ground.snapshot().await;
    names.sort();
    assert!(snapshot.iter().map(|state| &state.asset).eq(&names));
    for state in &snapshot {
        assert_eq!(ground.state(&state.asset).await, *state);
    }
}

async fn a_state_shows_the_first_holders_by_revision(ground: Ground) {
    let (sword, node) = ground.sword(100).await;
    // Neither the names' order nor that of one batch is the order of grants.
    let (late, early) = (team("a", 20), team("z", 20));
    ground.select(node.next(), &sword, &early).await;
    ground.select(node.next(), &sword, &late).await;
    ground.release(node.next(), &sword, &early[0]).await;
    ground.select(node.next(), &sword, &early[..1]).await;
    let holders: Vec<_> = early[1..].iter().chain(&late).chain(&early[..1]).cloned().collect();
    let all = ground.holders(&sword).await;
    assert!(all.iter().map(|grant| &grant.player).eq(&holders));
    let state = ground.state(&sword).await;
    assert_eq!(state.held, 40);
    assert_eq!(state.holders, all[..HOLDERS_SHOWN]);
}

async fn revisions_say_the_same_as_the_snapshot(ground: Ground) {
    let (node, names) = (Node::new(), ["sword", "shield", "bow", "gone"].map(asset));
    for (units, name) in (1..).zip(&names) {
        ground.create(node.next(), name, units).await;
        ground.select(node.next(), name, &players(["ann", "bob"])).await;
    }
    ground.remove(node.next(), &names[3]).await;
    let rows: Vec<_> = ground.snapshot().await.iter().map(RevisionRow::from).collect();
    assert_eq!(rows.len(), 4);
    assert_eq!(ground.revisions().await, rows);
}

async fn holders_are_read_in_pages(ground: Ground) {
    let ((sword, node), contenders) = (ground.sword(20).await, team("p", 10));
    for player in &contenders {
        ground.select(node.next(), &sword, std::slice::from_ref(player)).await;
        ground.restock(node.next(), &sword, 1).await;
    }
    let (mut after, mut read) = (None, Vec::new());
    for expected in [4, 4, 2, 0] {
        let page = ground.store.holders(&ground.key(&sword), after, 4).await.unwrap();
        assert_eq!(page.len(), expected);
        after = page.last().map(|grant| grant.revision).or(after);
        read.extend(page);
    }
    assert!(read.iter().map(|grant| &grant.player).eq(&contenders));
    assert!(read.iter().map(|grant| grant.revision).eq((1..20).step_by(2)));
    assert_eq!(ground.store.holders(&ground.key(&sword), Some(0), 99).await.unwrap(), read);
    assert_eq!(ground.store.holders(&ground.key(&sword), Some(2), 1).await.unwrap(), read[1..2]);
    assert!(ground.store.holders(&ground.key(&sword), Some(u64::MAX), 9).await.unwrap().is_empty());
}

async fn a_page_after_a_release_skips_nobody(ground: Ground) {
    let ((sword, node), contenders) = (ground.sword(9).await, team("p", 9));
    ground.select(node.next(), &sword, &contenders).await;
    let first = ground.store.holders(&ground.key(&sword), None, 3).await.unwrap();
    ground.release(node.next(), &sword, &contenders[1]).await;
    ground.release(node.next(), &sword, &contenders[2]).await;
    let rest = ground.store.holders(&ground.key(&sword), Some(first[2].revision), 99).await.unwrap();
    assert!(rest.iter().map(|grant| &grant.player).eq(&contenders[3..]));
}

async fn a_player_finds_what_it_holds(ground: Ground) {
    let (node, [bow, shield, sword]) = (Node::new(), ["bow", "shield", "sword"].map(asset));
    let [ann, bob] = players(["ann", "bob"]);
    for asset in [&bow, &shield, &sword] {
        ground.create(node.next(), asset, 2).await;
    }
    ground.select(node.next(), &sword, &[bob.clone(), ann.clone()]).await;
    ground.select(node.next(), &bow, std::slice::from_ref(&ann)).await;
    assert_eq!(ground.held_by(&ann).await, [(bow.clone(), 1), (sword.clone(), 2)]);
    assert_eq!(ground.held_by(&bob).await, [(sword.clone(), 1)]);
    ground.release(node.next(), &sword, &ann).await;
    assert_eq!(ground.held_by(&ann).await, [(bow.clone(), 1)]);
    ground.remove(node.next(), &bow).await;
    assert!(ground.held_by(&ann).await.is_empty());
}

async fn reading_changes_nothing(ground: Ground) {
    let ((sword, node), [ann]) = (ground.sword(2).await, players(["ann"]));
    ground.select(node.next(), &sword, std::slice::from_ref(&ann)).await;
    let before = (ground.snapshot().await, ground.revisions().await);
    ground.holders(&sword).await;
    ground.held_by(&ann).await;
    ground.store.touch(&ground.room, node.next().at).await.unwrap();
    assert_eq!((ground.snapshot().await, ground.revisions().await), before);
}
