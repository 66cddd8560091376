use std::collections::HashSet;

use asset_arbiter::store::Verdict;

use super::ground::{Ground, Node, already, asset, granted, player, players};

super::properties![
    names_that_look_alike_are_different_assets,
    names_that_look_alike_are_different_players,
    names_that_look_alike_are_different_rooms,
    players_with_the_longest_and_strangest_names_hold_their_own,
    names_cut_elsewhere_are_other_names,
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

/// Names that only players may have, and those that look like keys of a store: of a holder, a call, a number,
/// a probe.
const STRANGE: [&str; 28] = [
    "|",
    "=",
    "~",
    "+",
    "@",
    "~~",
    "a|b",
    "a=b",
    "a~b",
    "a+b",
    "a@b",
    "A@b",
    "a@B",
    "a|",
    "|a",
    "=a",
    "auth0|5f7c8ec7c33c6c004bbafe82",
    "auth0|5F7C8EC7C33C6C004BBAFE82",
    "ann+sword@example.com",
    "room:asset",
    "sword|ann",
    "sword=1",
    "sword~1",
    "1:2",
    "00000000000000aa=0000000000000001+",
    "0000000000000001",
    "-1",
    "+1",
];

/// The longest names that differ in one place: at an end, or by case.
fn longest() -> Vec<String> {
    let every = "ABCXYZabcxyz0189_.:|@+=~-";
    let whole: String = every.chars().cycle().take(128).collect();
    let upper = whole.to_ascii_uppercase();
    let ends = ["~", "=", "+", "|", "@", "-", "."];
    let last = ends.iter().map(|end| format!("{}{end}", "x".repeat(127)));
    let first = ends.iter().map(|first| format!("{first}{}", "x".repeat(127)));
    let repeated = ends.iter().take(6).map(|one| one.repeat(128));
    [whole.clone(), whole[..127].to_owned(), upper, "x".repeat(128)]
        .into_iter()
        .chain(last)
        .chain(first)
        .chain(repeated)
        .collect()
}

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
    let (node, sword, alike) = (Node::new(), asset("sword"), [&ALIKE[..], &STRANGE].concat());
    let alike: Vec<_> = alike.into_iter().map(player).collect();
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

/// More holders than are shown, than fit into an item of DynamoDB, and with names as long as they may be.
async fn players_with_the_longest_and_strangest_names_hold_their_own(ground: Ground) {
    let (node, sword) = (Node::new(), asset("sword"));
    let strange = STRANGE.iter().chain(&["..."]).map(|name| (*name).to_owned());
    let many = (0..100).map(|n| format!("{n:~>128}"));
    let all: Vec<_> = strange.chain(longest()).chain(many).map(|name| player(&name)).collect();
    assert!(all.len() > 128 && all.iter().collect::<HashSet<_>>().len() == all.len());
    ground.create(node.next(), &sword, 1000).await;
    let mut revision = 0;
    for players in all.chunks(50) {
        let selected = ground.select(node.next(), &sword, players).await;
        let expected: Vec<_> = (revision + 1..).take(players.len()).map(granted).collect();
        assert_eq!(selected.verdicts, expected);
        revision += players.len() as u64;
    }
    for (players, first) in all.chunks(50).zip((1..).step_by(50)) {
        let again = ground.select(node.next(), &sword, players).await;
        assert_eq!(again.verdicts, (first..).take(players.len()).map(already).collect::<Vec<_>>());
    }
    assert!(ground.holders(&sword).await.iter().map(|grant| &grant.player).eq(&all));
    for (revision, player) in (1..).zip(&all).step_by(7) {
        assert_eq!(ground.held_by(player).await, [(sword.clone(), revision)], "{player}");
        ground.release(node.next(), &sword, player).await;
        assert_eq!(ground.held_by(player).await, [], "{player}");
    }
    let left = (0..).zip(&all).filter(|(n, _)| n % 7 != 0).map(|(_, player)| player);
    assert!(ground.holders(&sword).await.iter().map(|grant| &grant.player).eq(left), "and nobody else's");
    ground.remove(node.next(), &sword).await;
    ground.create(node.next(), &sword, 1).await;
    assert_eq!(ground.holders(&sword).await, []);
}

/// `room:a` with the asset `b:c` is not `room` with `a:b:c`, nor `room:a:b` with `c`; and neither is a name with the key
/// words of a store at its end.
async fn names_cut_elsewhere_are_other_names(ground: Ground) {
    let (node, ann) = (Node::new(), players(["ann"]));
    let mut units = 0;
    let mut kept = Vec::new();
    for separator in [":", ".", "-", "_"] {
        for (room, name) in [
            ("", "a/b/c"),
            ("/a", "b/c"),
            ("/a/b", "c"),
            ("", "asset"),
            ("/asset", "asset"),
            ("", "assets"),
            ("/assets", "asset"),
            ("/asset", "sword"),
            ("", "asset/sword"),
            ("/holders", "sword"),
            ("/bus", "0"),
        ] {
            units += 1;
            let room = ground.sibling(&room.replace('/', separator));
            let name = asset(&name.replace('/', separator));
            let asset_key = (room.room.clone(), name.clone());
            if kept.iter().any(|(_, key, _)| *key == asset_key) {
                continue;
            }
            assert!(room.create(node.next(), &name, units).await.created, "{} {name}", room.room);
            assert_eq!(room.select(node.next(), &name, &ann).await.verdicts, [granted(1)]);
            kept.push((room, asset_key, units));
        }
    }
    for (room, (_, name), units) in kept {
        let state = room.state(&name).await;
        assert_eq!((state.units, state.held), (units, 1), "{} {name}", room.room);
        assert!(room.held_by(&ann[0]).await.contains(&(name, 1)));
    }
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
