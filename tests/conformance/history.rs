//! The history of assets, for stores that keep it within [`HISTORY`].

use asset_arbiter::{
    model::{AssetEvent, AssetName, EndReason, EventKind, Millis},
    store::{Call, HistoryPage, Taker},
};

use super::{
    BACKLOG, HISTORY,
    ground::{Ground, Node, asset, team},
    properties,
};

properties![
    changes_are_in_the_history_once_waiting_or_acknowledged,
    an_acknowledgement_that_comes_again_changes_no_history,
    a_history_has_only_the_changes_of_its_asset,
    the_history_outlives_the_asset_and_its_room,
    what_was_acknowledged_is_in_the_history_until_it_is_too_old,
    an_asset_has_so_much_history_and_no_more,
    a_history_is_read_in_pages,
];

const ALL: usize = 10_000;

impl Ground {
    async fn marked(self) -> Self {
        self.store.mark(&self.room, Node::new().next().at).await.unwrap();
        self
    }

    /// Takes what waits in the room and acknowledges all but the last `left` events of it.
    async fn acknowledge_but(&self, left: usize, now: Millis) -> Vec<(AssetName, AssetEvent)> {
        let taker = Taker { id: fastrand::u64(..), now, until: now };
        let mut events = self.store.take_events(&self.room, taker, ALL).await.unwrap();
        events.truncate(events.len() - left);
        self.acknowledge_again(&events, now).await;
        events
    }

    async fn acknowledge_again(&self, events: &[(AssetName, AssetEvent)], now: Millis) {
        let ids: Vec<_> = events.iter().map(|(asset, event)| event.id(&self.room, asset)).collect();
        self.store.acknowledge(&self.room, &ids, now).await.unwrap();
    }

    async fn history(&self, asset: &AssetName, now: Millis) -> Vec<AssetEvent> {
        self.page(asset, HistoryPage { after: None, now, limit: ALL }).await
    }

    async fn page(&self, asset: &AssetName, page: HistoryPage) -> Vec<AssetEvent> {
        self.store.history(&self.key(asset), page).await.unwrap()
    }

    async fn numbers(&self, asset: &AssetName, now: Millis) -> Vec<u64> {
        self.history(asset, now).await.iter().map(|event| event.revision).collect()
    }
}

fn age() -> Millis {
    HISTORY.age.as_millis() as Millis
}

async fn changes_are_in_the_history_once_waiting_or_acknowledged(ground: Ground) {
    let ground = ground.marked().await;
    let (sword, node) = ground.sword(2).await;
    let now = node.next().at;
    ground.select(node.next(), &sword, &team("p", 2)).await;
    ground.store.release(node.next(), &ground.key(&sword), &team("p", 1)[0], EndReason::Kicked).await.unwrap();
    let waiting = ground.history(&sword, now).await;
    let kinds: Vec<_> = waiting.iter().map(|event| event.kind).collect();
    assert_eq!(kinds, [EventKind::Created, EventKind::Granted, EventKind::Granted, EventKind::Released]);
    assert_eq!(
        (waiting[3].reason, &waiting[3].player),
        (Some(EndReason::Kicked), &Some(team("p", 1)[0].clone()))
    );
    for left in [3, 1, 0] {
        ground.acknowledge_but(left, now).await;
        assert_eq!(ground.history(&sword, now).await, waiting, "while {left} wait");
    }
    ground.restock(node.next(), &sword, 1).await;
    assert_eq!(ground.numbers(&sword, now).await, [0, 1, 2, 3, 4]);
}

async fn an_acknowledgement_that_comes_again_changes_no_history(ground: Ground) {
    let ground = ground.marked().await;
    let (sword, node) = ground.sword(5).await;
    let now = node.next().at;
    ground.select(node.next(), &sword, &team("p", 3)).await;
    let before = ground.history(&sword, now).await;
    let acknowledged = ground.acknowledge_but(1, now).await;
    for _ in 0..2 {
        ground.acknowledge_again(&acknowledged, now).await;
        assert_eq!(ground.history(&sword, now).await, before);
    }
    ground.acknowledge_but(0, now).await;
    ground.acknowledge_again(&acknowledged, now).await;
    assert_eq!(ground.history(&sword, now).await, before);
}

async fn a_history_has_only_the_changes_of_its_asset(ground: Ground) {
    let (ground, sibling) = (ground.clone().marked().await, ground.sibling("-").marked().await);
    let (sword, node) = ground.sword(1).await;
    let now = node.next().at;
    let alike = ["swor", "sword0", "sword.", "sword-", "Sword"].map(asset);
    for other in &alike {
        ground.create(node.next(), other, 2).await;
    }
    sibling.sword(3).await;
    for acknowledges in [false, true] {
        if acknowledges {
            ground.acknowledge_but(0, now).await;
            sibling.acknowledge_but(0, now).await;
        }
        for (ground, asset, units) in
            alike.iter().map(|other| (&ground, other, 2)).chain([(&ground, &sword, 1), (&sibling, &sword, 3)])
        {
            let units_of: Vec<_> = ground.history(asset, now).await.iter().map(|event| event.units).collect();
            assert_eq!(units_of, [units], "{asset}");
        }
    }
    assert_eq!(ground.history(&asset("axe"), now).await, []);
}

async fn the_history_outlives_the_asset_and_its_room(ground: Ground) {
    let ground = ground.marked().await;
    let (sword, node) = ground.sword(1).await;
    ground.select(node.next(), &sword, &team("p", 1)).await;
    ground.acknowledge_but(0, node.next().at).await;
    ground.remove(node.next(), &sword).await;
    ground.store.remove_room(&ground.room).await.unwrap();
    // Not within the same millisecond.
    let anew = Call { at: node.next().at + 10, ..node.next() };
    ground.create(anew, &sword, 3).await;
    for left in [1, 0] {
        ground.acknowledge_but(left, anew.at).await;
        let events = ground.history(&sword, anew.at).await;
        let told: Vec<_> = events.iter().map(|event| (event.kind, event.revision, event.units)).collect();
        let before = [(EventKind::Created, 0, 1), (EventKind::Granted, 1, 1), (EventKind::Removed, 2, 1)];
        assert_eq!(told, [&before[..], &[(EventKind::Created, 0, 3)]].concat());
        assert!(events[2].origin < events[3].origin, "by origin before revision");
    }
}

async fn what_was_acknowledged_is_in_the_history_until_it_is_too_old(ground: Ground) {
    let ground = ground.marked().await;
    let (sword, node) = (asset("sword"), Node::new());
    let begin = node.next().at;
    let later = |ms| Call { at: begin + ms, ..node.next() };
    ground.create(later(0), &sword, 1).await;
    ground.restock(later(100), &sword, 1).await;
    ground.restock(later(200), &sword, 1).await;
    ground.acknowledge_but(1, begin + 200).await;
    assert_eq!(ground.numbers(&sword, begin + age() - 1).await, [0, 1, 2]);
    assert_eq!(ground.numbers(&sword, begin + age()).await, [1, 2]);
    assert_eq!(ground.numbers(&sword, begin + 2 * age()).await, [2], "it waits, however old it is");
    ground.restock(later(age() + 150), &sword, 1).await;
    ground.acknowledge_but(1, begin + age() + 150).await;
    assert_eq!(ground.numbers(&sword, begin + age() + 150).await, [2, 3]);
    ground.acknowledge_but(0, begin + age() + 250).await;
    assert_eq!(ground.numbers(&sword, begin + age() + 250).await, [3]);
}

async fn an_asset_has_so_much_history_and_no_more(ground: Ground) {
    let ground = ground.marked().await;
    let (sword, node) = ground.sword(1).await;
    let mut last = 0;
    while last < 2 * HISTORY.events as u64 {
        for _ in 0..BACKLOG / 2 {
            ground.restock(node.next(), &sword, 1).await;
            last += 1;
        }
        ground.acknowledge_but(0, node.next().at).await;
    }
    let newest: Vec<_> = (last + 1 - HISTORY.events as u64..=last).collect();
    assert_eq!(ground.numbers(&sword, node.next().at).await, newest);
}

async fn a_history_is_read_in_pages(ground: Ground) {
    let ground = ground.marked().await;
    let (sword, node) = ground.sword(9).await;
    let now = node.next().at;
    ground.select(node.next(), &sword, &team("p", 8)).await;
    ground.acknowledge_but(3, now).await;
    let all = ground.history(&sword, now).await;
    assert_eq!(all.len(), 9);
    for limit in 1..=10 {
        let (mut read, mut after) = (Vec::new(), None);
        loop {
            let page = ground.page(&sword, HistoryPage { after, now, limit }).await;
            let Some(last) = page.last() else { break };
            assert!(page.len() <= limit);
            after = Some((last.origin, last.revision));
            read.extend(page);
        }
        assert_eq!(read, all, "in pages of {limit}");
    }
}
