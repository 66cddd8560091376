use std::collections::HashSet;

use asset_arbiter::store::Verdict;

use super::ground::{Ground, Node, asset, granted, player, players};

super::properties![
    names_that_look_alike_are_different_assets,
    names_that_look_alike_are_different_players,
    names_that_look_alike_are_different_rooms,
    an_asset_and_a_player_do_not_run_together,
    rooms_do_not_touch_each_other,
];

/// What a key separator, a collation, a number parser, a field path or our own key words could confuse.
const ALIKE: [&str; 26] = [
    "a",
    "A",
    "a.",
    "a:",
    "a-",
    "a_",
    ".a",
    ":a",
    "a.b",
    "a:b",
    "a-b",
    "a_b",
    "ab",
    "aB",
    "a.b.c",
    "a:b:c",
    "...",
    "0",
    "00",
    "-0",
    "1e3",
    "null",
    "units",
    "revision",
    "holders",
    "__proto__",
];

async fn names_that_look_alike_are_different_assets(ground: Ground) {
    let (node, ann, longest) = (Node::new(), players(["ann"]), "x".repeat(64));
    let names: Vec<_> = ALIKE.into_iter().chain([longest.as_str(), &longest[1..]]).map(asset).collect();
    for (units, name) in (1..).zip(&names) {
        assert!(ground.create(node.next(), name, units).await.created, "{name}");
    }
    for name in &names {
        assert_eq!(ground.select(node.next(), name, &ann).await.verdicts, [granted(1)], "{name}");
    }
    for (units, name) in (1..).zip(&names) {
        let state = ground.state(name).await;
        assert_eq!((&state.asset, state.units, state.held), (name, units, 1));
    }
    assert_eq!(ground.held_by(&ann[0]).await.len(), names.len());
}

async fn names_that_look_alike_are_different_players(ground: Ground) {
    let (node, sword, alike) = (Node::new(), asset("sword"), ALIKE.map(player));
    ground.create(node.next(), &sword, 100).await;
    let selected = ground.select(node.next(), &sword, &alike).await;
    let all: Vec<_> = (1..=alike.len() as u64).map(granted).collect();
    assert_eq!(selected.verdicts, all);
    assert!(ground.holders(&sword).await.iter().map(|grant| &grant.player).eq(&alike));
    ground.release(node.next(), &sword, &alike[0]).await;
    for (revision, player) in (1..).zip(&alike).skip(1) {
        assert_eq!(ground.held_by(player).await, [(sword.clone(), revision)], "{player} still holds");
    }
}

async fn names_that_look_alike_are_different_rooms(ground: Ground) {
    let (node, sword) = (Node::new(), asset("sword"));
    let rooms: Vec<_> =
        ALIKE.into_iter().chain([":sword", ".sword"]).map(|suffix| ground.sibling(suffix)).collect();
    for (units, room) in (1..).zip(&rooms) {
        assert!(room.create(node.next(), &sword, units).await.created, "{}", room.room);
    }
    for (units, room) in (1..).zip(&rooms) {
        assert_eq!(room.snapshot().await.len(), 1);
        assert_eq!(room.state(&sword).await.units, units, "{}", room.room);
    }
    assert!(ground.snapshot().await.is_empty());
}

async fn an_asset_and_a_player_do_not_run_together(ground: Ground) {
    let node = Node::new();
    let mut held = HashSet::new();
    for separator in [":", ".", "-", "_", "::", ""] {
        // room + asset, then asset + player: the same text when simply joined.
        let cut = [("", "r", "p"), ("", "r:p", "p"), ("r", "p", "p"), ("", "r", "p:p")];
        for (suffix, name, who) in
            cut.map(|(s, n, w)| (s, n.replace(':', separator), w.replace(':', separator)))
        {
            let room =
                ground.sibling(&if suffix.is_empty() { String::new() } else { format!("{separator}{suffix}") });
            let fresh = held.insert((room.room.clone(), name.clone(), who.clone()));
            let selected = room.select_made(&node, &asset(&name), &[player(&who)], 9).await;
            assert_eq!(matches!(selected.verdicts[..], [Verdict::Granted { .. }]), fresh, "{name} {who}");
        }
    }
}

async fn rooms_do_not_touch_each_other(ground: Ground) {
    let (node, sword, [ann]) = (Node::new(), asset("sword"), players(["ann"]));
    let rooms = [ground.clone(), ground.sibling("-b")];
    for room in &rooms {
        room.create(node.next(), &sword, 1).await;
        assert_eq!(room.select(node.next(), &sword, std::slice::from_ref(&ann)).await.verdicts, [granted(1)]);
    }
    let before = rooms[1].snapshot().await;
    ground.release(node.next(), &sword, &ann).await;
    ground.restock(node.next(), &sword, 5).await;
    ground.remove(node.next(), &sword).await;
    assert_eq!(rooms[1].snapshot().await, before);
    assert_eq!(rooms[1].held_by(&ann).await, [(sword, 1)]);
}
