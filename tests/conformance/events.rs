//! The changes that a store keeps as events. The store of these properties keeps [`BACKLOG`] of them for each asset.

use std::collections::BTreeMap;

use asset_arbiter::{
    model::{
        AssetEvent, AssetName, AssetOptions, By, EndReason, EventId, EventKind, Millis, NewAsset, PlayerName,
        RoomName,
    },
    store::{Call, Taker},
};

use super::{
    BACKLOG,
    ground::{Ground, Node, asset, player, team},
    properties,
};

properties![
    every_change_is_one_event_in_order,
    the_end_of_a_grant_is_an_event_at_its_deadline,
    an_event_says_who_made_the_change_unless_a_player_did,
    what_changes_nothing_is_no_event,
    a_repeated_call_is_one_event,
    events_that_were_taken_are_nobody_elses_for_a_while,
    a_taker_that_asks_again_gets_the_same,
    only_what_was_acknowledged_is_gone,
    a_room_is_free_again_when_all_is_acknowledged,
    no_asset_waits_for_ever,
    beyond_the_backlog_the_oldest_are_merged,
    events_outlive_their_room,
    rooms_with_events_are_listed,
    events_of_many_nodes_are_complete_and_in_order,
];

const LEASE: Millis = 30_000;

impl Ground {
    /// Announces changes of the room.
    async fn announced(self) -> Self {
        assert!(self.store.keeps_events());
        self.store.mark(&self.room, Node::new().next().at).await.unwrap();
        self
    }

    /// What one taker gets, who is gone afterwards.
    async fn events(&self) -> Vec<(AssetName, AssetEvent)> {
        let taken = self.store.take_events(&self.room, taker(0), 10_000).await.unwrap();
        self.free().await;
        taken
    }

    /// Lets the lease of the last taker pass.
    async fn free(&self) {
        let passed = Taker { now: Millis::MAX / 4, until: 0, ..taker(fastrand::u64(..)) };
        self.store.take_events(&self.room, passed, 10_000).await.unwrap();
    }

    async fn take(&self, taker: Taker, limit: usize) -> Vec<(AssetName, AssetEvent)> {
        self.store.take_events(&self.room, taker, limit).await.unwrap()
    }

    async fn acknowledge(&self, events: &[(AssetName, AssetEvent)]) {
        let ids: Vec<_> = events.iter().map(|(asset, event)| event.id(&self.room, asset)).collect();
        self.store.acknowledge(&self.room, &ids, taker(0).now).await.unwrap();
    }
}

/// One of a [`team`].
fn nth(n: usize) -> PlayerName {
    player(&format!("p-{n}"))
}

fn taker(id: u64) -> Taker {
    let now = 1_795_000_000_000;
    Taker { id, now, until: now + LEASE }
}

/// What the backend acts on.
fn told(events: &[(AssetName, AssetEvent)]) -> Vec<(EventKind, u64, u32, Option<PlayerName>)> {
    events
        .iter()
        .map(|(_, event)| (event.kind, event.revision, event.remaining, event.player.clone()))
        .collect()
}

fn revisions(events: &[(AssetName, AssetEvent)]) -> Vec<u64> {
    events.iter().map(|(_, event)| event.revision).collect()
}

async fn every_change_is_one_event_in_order(ground: Ground) {
    let ground = ground.announced().await;
    let (sword, node) = ground.sword(2).await;
    let at = node.next().at;
    let origin = ground.state(&sword).await.origin;
    ground.select(Call { at, ..node.next() }, &sword, &team("p", 3)).await;
    let (room, key) = (ground.room.clone(), ground.key(&sword));
    ground.store.release(node.next(), &key, &nth(0), EndReason::Kicked).await.unwrap();
    ground.restock(node.next(), &sword, 4).await;
    ground.reset(node.next(), &sword).await;
    ground.remove(node.next(), &sword).await;
    ground.create(node.next(), &sword, 5).await;
    let events = ground.events().await;
    let (ann, bob) = (Some(nth(0)), Some(nth(1)));
    assert_eq!(
        told(&events),
        [
            (EventKind::Created, 0, 2, None),
            (EventKind::Granted, 1, 1, ann.clone()),
            (EventKind::Granted, 2, 0, bob),
            (EventKind::Released, 3, 1, ann),
            (EventKind::Restocked, 4, 5, None),
            (EventKind::Reset, 5, 2, None),
            (EventKind::Removed, 6, 0, None),
            (EventKind::Created, 7, 5, None),
        ]
    );
    let units: Vec<_> = events.iter().map(|(_, event)| event.units).collect();
    assert_eq!(units, [2, 2, 2, 2, 6, 2, 2, 5]);
    for (asset, event) in &events {
        assert_eq!((asset, event.origin, event.first), (&sword, origin, event.revision));
        assert_eq!(event.reason, (event.revision == 3).then_some(EndReason::Kicked));
        assert_eq!(event.id(&room, asset).to_string().parse::<EventId>(), Ok(event.id(&room, asset)));
    }
    assert_eq!(events[1].1.at, at, "the time of the change");
}

async fn the_end_of_a_grant_is_an_event_at_its_deadline(ground: Ground) {
    let ground = ground.announced().await;
    let (seat, node) = (asset("seat"), Node::new());
    let options = AssetOptions { hold_ms: Some(1000), grant_ms: Some(5000), ..AssetOptions::NONE };
    let begin = node.next();
    let key = ground.key(&seat);
    ground.store.create(begin, &key, &NewAsset { units: 3, options }).await.unwrap();
    let later = |ms| Call { at: begin.at + ms, ..node.next() };
    ground.select(later(1), &seat, &team("p", 2)).await;
    ground.store.confirm(later(2), &key, &nth(0), false).await.unwrap();
    ground.store.extend(later(500), &key, &nth(1), 60_000).await.unwrap();
    // The hold of one ends, then it is taken again, confirmed; the confirmed grant of the other ends.
    ground.store.confirm(later(4000), &key, &nth(1), true).await.unwrap();
    ground.store.expire(later(5002), &key).await.unwrap();
    let events = ground.events().await;
    let [created, first, second, confirmed, expired, retaken, respawned] = &events[..] else {
        panic!("other events: {events:?}")
    };
    assert_eq!((created.1.kind, created.1.revision), (EventKind::Created, 0));
    for (granted, whose) in [(first, 0), (second, 1)] {
        assert_eq!((granted.1.kind, &granted.1.player), (EventKind::Granted, &Some(nth(whose))));
        assert_eq!((granted.1.is_hold, granted.1.until), (true, Some(begin.at + 1001)));
    }
    assert_eq!((confirmed.1.kind, confirmed.1.is_hold), (EventKind::Confirmed, false));
    assert_eq!(confirmed.1.until, Some(begin.at + 5002));
    assert_eq!((expired.1.kind, expired.1.reason), (EventKind::Released, Some(EndReason::Expired)));
    assert_eq!((expired.1.at, &expired.1.player), (begin.at + 1500, &Some(nth(1))));
    assert_eq!((retaken.1.kind, retaken.1.is_hold), (EventKind::Granted, false));
    assert_eq!((respawned.1.kind, respawned.1.reason), (EventKind::Released, Some(EndReason::Respawned)));
    assert_eq!((respawned.1.at, &respawned.1.player), (begin.at + 5002, &Some(nth(0))));
}

async fn an_event_says_who_made_the_change_unless_a_player_did(ground: Ground) {
    let ground = ground.announced().await;
    let (seat, node) = (asset("seat"), Node::new());
    let options = AssetOptions { hold_ms: Some(1000), ..AssetOptions::NONE };
    let begin = node.next();
    let key = ground.key(&seat);
    let later = |ms, by| Call { at: begin.at + ms, by, ..node.next() };
    let (admin, anyone) = (Some(By::Admin), Some(By::Anyone));
    ground.store.create(Call { by: admin, ..begin }, &key, &NewAsset { units: 3, options }).await.unwrap();
    ground.select(later(1, None), &seat, &team("p", 1)).await;
    ground.select(later(2, admin), &seat, &[nth(1), nth(2)]).await;
    ground.store.confirm(later(3, admin), &key, &nth(0), false).await.unwrap();
    ground.store.release(later(4, anyone), &key, &nth(1), EndReason::Kicked).await.unwrap();
    // The hold of the third ends first, which nobody has done.
    ground.restock(later(1500, anyone), &seat, 1).await;
    ground.reset(later(1501, None), &seat).await;
    ground.remove(later(1502, admin), &seat).await;
    let events = ground.events().await;
    let told: Vec<_> = events.iter().map(|(_, event)| (event.kind, event.by)).collect();
    assert_eq!(
        told,
        [
            (EventKind::Created, admin),
            (EventKind::Granted, None),
            (EventKind::Granted, admin),
            (EventKind::Granted, admin),
            (EventKind::Confirmed, admin),
            (EventKind::Released, anyone),
            (EventKind::Released, None),
            (EventKind::Restocked, anyone),
            (EventKind::Reset, None),
            (EventKind::Removed, admin),
        ]
    );
    assert_eq!((events[6].1.reason, &events[6].1.player), (Some(EndReason::Expired), &Some(nth(2))));
}

async fn what_changes_nothing_is_no_event(ground: Ground) {
    let ground = ground.announced().await;
    let (sword, node) = ground.sword(1).await;
    let key = ground.key(&sword);
    ground.select(node.next(), &sword, &team("p", 1)).await;
    let before = ground.events().await;
    ground.select(node.next(), &sword, &team("p", 2)).await;
    ground.create(node.next(), &sword, 1).await;
    ground.store.create(node.next(), &key, &NewAsset::plain(2)).await.unwrap_err();
    ground.store.release(node.next(), &key, &nth(1), EndReason::Released).await.unwrap_err();
    ground.store.restock(node.next(), &key, 1, Some(77)).await.unwrap_err();
    ground.store.expire(node.next(), &key).await.unwrap();
    ground.store.prolong(node.next(), &key, &team("p", 1)).await.unwrap();
    assert_eq!(ground.events().await, before);
}

async fn a_repeated_call_is_one_event(ground: Ground) {
    let ground = ground.announced().await;
    let (sword, node) = ground.sword(1).await;
    let (restock, select) = (node.next(), node.next());
    for _ in 0..3 {
        ground.store.restock(restock, &ground.key(&sword), 1, None).await.unwrap();
    }
    for _ in 0..3 {
        ground.select(select, &sword, &team("p", 2)).await;
    }
    assert_eq!(revisions(&ground.events().await), [0, 1, 2, 3]);
}

async fn events_that_were_taken_are_nobody_elses_for_a_while(ground: Ground) {
    let ground = ground.announced().await;
    ground.sword(1).await;
    let first = ground.take(taker(1), 10).await;
    assert_eq!(first.len(), 1);
    let late = |now| Taker { now, until: now + LEASE, ..taker(2) };
    assert_eq!(ground.take(late(taker(1).until - 1), 10).await, []);
    assert_eq!(ground.take(late(taker(1).until), 10).await, first, "they come again");
    assert_eq!(ground.take(taker(1), 10).await, [], "now another has them");
}

async fn a_taker_that_asks_again_gets_the_same(ground: Ground) {
    let ground = ground.announced().await;
    let (sword, node) = ground.sword(2).await;
    for name in ["axe", "bow"] {
        ground.create(node.next(), &asset(name), 1).await;
    }
    let first = ground.take(taker(1), 2).await;
    assert_eq!(ground.take(taker(1), 2).await, first);
    ground.select(node.next(), &sword, &team("p", 1)).await;
    let all = ground.take(taker(1), 10).await;
    assert_eq!((&all[..2], all.len()), (&first[..], 4));
}

async fn only_what_was_acknowledged_is_gone(ground: Ground) {
    let ground = ground.announced().await;
    let (sword, node) = ground.sword(5).await;
    ground.select(node.next(), &sword, &team("p", 4)).await;
    let events = ground.take(taker(1), 10).await;
    for _ in 0..2 {
        ground.acknowledge(&events[1..3]).await;
    }
    ground.acknowledge(&[(asset("axe"), events[0].1.clone())]).await;
    assert_eq!(ground.take(taker(2), 10).await, [], "the others are still in hand");
    ground.free().await;
    assert_eq!(revisions(&ground.take(taker(2), 10).await), [0, 3, 4]);
}

async fn a_room_is_free_again_when_all_is_acknowledged(ground: Ground) {
    let ground = ground.announced().await;
    let (sword, node) = ground.sword(5).await;
    ground.select(node.next(), &sword, &team("p", 4)).await;
    let events = ground.take(taker(1), 3).await;
    ground.acknowledge(&events[..1]).await;
    assert_eq!(ground.take(taker(2), 10).await, []);
    ground.acknowledge(&events[1..]).await;
    assert_eq!(revisions(&ground.take(taker(2), 10).await), [3, 4]);
}

async fn no_asset_waits_for_ever(ground: Ground) {
    let ground = ground.announced().await;
    let node = Node::new();
    let names = ["axe", "bow", "cup", "dice"].map(asset);
    for name in &names {
        ground.create(node.next(), name, 100).await;
    }
    let mut turns = Vec::new();
    for turn in 0..8 {
        // New events of the first asset come all the time.
        ground.restock(node.next(), &names[0], 1).await;
        let taken = ground.take(taker(turn), 1).await;
        ground.acknowledge(&taken).await;
        turns.extend(taken.into_iter().map(|(name, _)| name));
    }
    assert!(names.iter().all(|name| turns.contains(name)), "{turns:?}");
}

async fn beyond_the_backlog_the_oldest_are_merged(ground: Ground) {
    let ground = ground.announced().await;
    let (sword, node) = ground.sword(1).await;
    let taken = ground.take(taker(1), 10).await;
    for _ in 0..2 * BACKLOG {
        ground.restock(node.next(), &sword, 1).await;
    }
    ground.acknowledge(&taken).await;
    ground.free().await;
    let events = ground.events().await;
    assert_eq!(events.len(), BACKLOG);
    let (merged, last) = (&events[0].1, 2 * BACKLOG as u64);
    assert_eq!((merged.kind, merged.first), (EventKind::Compacted, 0), "what was taken was merged, too");
    let expected: Vec<_> = (merged.revision..=last).collect();
    assert_eq!(revisions(&events), expected, "no gap");
    assert_eq!((merged.units as u64, merged.player.as_ref()), (1 + merged.revision, None));
    ground.acknowledge(&events).await;
    ground.restock(node.next(), &sword, 1).await;
    assert_eq!(told(&ground.events().await), [(EventKind::Restocked, last + 1, last as u32 + 2, None)]);
}

async fn events_outlive_their_room(ground: Ground) {
    let ground = ground.announced().await;
    let (sword, node) = ground.sword(1).await;
    ground.remove(node.next(), &sword).await;
    ground.store.remove_room(&ground.room).await.unwrap();
    assert!(ground.snapshot().await.is_empty());
    // Not within the same millisecond.
    let anew = Call { at: node.next().at + 10, ..node.next() };
    ground.create(anew, &sword, 3).await;
    let events = ground.events().await;
    let kinds: Vec<_> = events.iter().map(|(_, event)| (event.kind, event.units)).collect();
    assert_eq!(kinds, [(EventKind::Created, 1), (EventKind::Removed, 1), (EventKind::Created, 3)]);
    assert!(events[1].1.origin < events[2].1.origin, "another record");
    ground.acknowledge(&events[..2]).await;
    assert_eq!(ground.state(&sword).await.units, 3);
    assert_eq!(ground.events().await.len(), 1);
}

async fn rooms_with_events_are_listed(ground: Ground) {
    let rooms: Vec<_> = ["-a", "-b", "-c"].map(|suffix| ground.sibling(suffix)).into();
    for room in &rooms {
        room.clone().announced().await.sword(1).await;
    }
    let names: Vec<RoomName> = rooms.iter().map(|room| room.room.clone()).collect();
    let list = async |after: &RoomName, limit| -> Vec<RoomName> {
        ground.store.waiting_rooms(Some(after.clone()), limit).await.unwrap()
    };
    assert_eq!(list(&ground.room, 2).await, names[..2], "by name");
    assert_eq!(list(&names[1], 1).await, names[2..]);
    let events = rooms[0].take(taker(1), 10).await;
    rooms[0].acknowledge(&events).await;
    if !ground.store.needs_marks() {
        assert_eq!(list(&ground.room, 2).await, names[1..], "nothing waits in the first");
    }
}

async fn events_of_many_nodes_are_complete_and_in_order(ground: Ground) {
    let ground = ground.announced().await;
    let (sword, _) = ground.sword(1).await;
    let (axe, _) = (asset("axe"), ground.create(Node::new().next(), &asset("axe"), 1).await);
    let work = |asset: AssetName| {
        let ground = ground.clone();
        tokio::spawn(async move {
            let node = Node::new();
            for _ in 0..BACKLOG / 2 - 2 {
                ground.restock(node.next(), &asset, 1).await;
                tokio::task::yield_now().await;
            }
        })
    };
    let work = [work(sword.clone()), work(sword.clone()), work(axe.clone()), work(axe)];
    let mut got = BTreeMap::<AssetName, Vec<u64>>::new();
    let (mut turn, mut is_over) = (0, false);
    loop {
        is_over = is_over || work.iter().all(tokio::task::JoinHandle::is_finished);
        turn += 1;
        let events = ground.take(taker(turn), 3).await;
        if events.is_empty() && is_over {
            break;
        }
        for (name, event) in &events {
            got.entry(name.clone()).or_default().push(event.revision);
        }
        ground.acknowledge(&events).await;
    }
    let expected: Vec<_> = (0..BACKLOG as u64 - 3).collect();
    for (name, revisions) in got {
        assert_eq!(revisions, expected, "of {name}, each once");
    }
}
