use asset_arbiter::model::limits::REMEMBERED_NODES;

use super::ground::{Ground, Node, asset, granted, players};

super::properties![
    removing_a_room_removes_everything_also_tombstones,
    removing_a_room_leaves_others_alone,
    the_newest_nodes_are_remembered,
];

async fn removing_a_room_removes_everything_also_tombstones(ground: Ground) {
    let (node, [sword, shield], [ann]) = (Node::new(), ["sword", "shield"].map(asset), players(["ann"]));
    let mut origins = Vec::new();
    ground.store.remove_room(&ground.room).await.unwrap();
    for asset in [&sword, &shield] {
        origins.push(ground.create(node.next(), asset, 2).await.state.origin);
        ground.select(node.next(), asset, std::slice::from_ref(&ann)).await;
    }
    ground.remove(node.next(), &shield).await;
    ground.store.remove_room(&ground.room).await.unwrap();
    assert!(ground.snapshot().await.is_empty() && ground.revisions().await.is_empty());
    assert!(ground.held_by(&ann).await.is_empty());
    for asset in [&sword, &shield] {
        let created = ground.create(node.next(), asset, 1).await;
        assert_eq!((created.created, created.state.revision), (true, 0), "a new beginning");
        assert!(!origins.contains(&created.state.origin), "and it shows, whatever its revision");
        assert!(ground.holders(asset).await.is_empty());
        assert_eq!(ground.select(node.next(), asset, std::slice::from_ref(&ann)).await.verdicts, [granted(1)]);
    }
}

async fn removing_a_room_leaves_others_alone(ground: Ground) {
    let (node, sword, other) = (Node::new(), asset("sword"), ground.sibling(":sword"));
    for room in [&ground, &other] {
        room.create(node.next(), &sword, 2).await;
        room.select(node.next(), &sword, &players(["ann"])).await;
    }
    let before = other.snapshot().await;
    ground.store.remove_room(&ground.room).await.unwrap();
    assert_eq!(other.snapshot().await, before);
    assert!(ground.snapshot().await.is_empty());
}

async fn the_newest_nodes_are_remembered(ground: Ground) {
    let (sword, nodes) = (asset("sword"), (0..REMEMBERED_NODES).map(|_| Node::new()).collect::<Vec<_>>());
    ground.create(nodes[0].next(), &sword, 1).await;
    // The first one calls again before a newcomer does, so it is among the newest.
    let mut calls: Vec<_> = nodes[1..].iter().chain(&nodes[..1]).map(Node::next).collect();
    calls.push(Node::new().next());
    for &call in &calls {
        assert!(!ground.restock(call, &sword, 1).await.is_repeat());
    }
    let before = ground.state(&sword).await;
    for &call in &calls[1..] {
        assert!(ground.restock(call, &sword, 1).await.is_repeat());
        assert_eq!(ground.state(&sword).await, before);
    }
}
