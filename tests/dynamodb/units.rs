//! What a change costs.

use std::slice::from_ref;

use asset_arbiter::{
    model::{AssetOptions, NewAsset},
    server::Metrics,
    store::{Options, open},
};

use crate::{
    conformance::ground::{Ground, Node, asset, players, team},
    engines::eventually,
    ground::servers,
    remote::{FOR_EVER, outbox::WITH_EVENTS},
};

/// The write and the read units so far.
fn units(metrics: &Metrics) -> [u64; 2] {
    ["write", "read"].map(|kind| {
        let name = format!("asset_arbiter_dynamodb_capacity_units_total{{kind=\"{kind}\"}} ");
        let text = metrics.render();
        text.lines().find_map(|line| line.strip_prefix(&name)).map_or(0, |count| count.parse().unwrap())
    })
}

async fn metered(url: &str) -> (Ground, Metrics) {
    metered_with(url, FOR_EVER).await
}

async fn metered_with(url: &str, options: Options) -> (Ground, Metrics) {
    let metrics = Metrics::new();
    let ground = Ground::new(metrics.scope(|| open(url, options)).unwrap());
    eventually("the table", async || ground.store.ping().await.ok()).await;
    (ground, metrics)
}

/// A change is a read unit and a write unit, whether grants have deadlines or not, and whether it ends some or not.
#[tokio::test]
async fn ends_cost_nothing_besides_the_change() {
    for server in servers().await {
        let (ground, metrics) = metered(&server.url()).await;
        let (node, names) = (Node::new(), players(["ann", "bob", "eve"]));
        let hold = AssetOptions { hold_ms: Some(1000), ..AssetOptions::NONE };
        for options in [AssetOptions::NONE, hold.clone()] {
            let key = ground.key(&asset(if options.is_none() { "sword" } else { "bow" }));
            let created = node.next();
            ground.store.create(created, &key, &NewAsset { units: 1, options: options.clone() }).await.unwrap();
            let select = async |player, after| {
                let before = units(&metrics);
                let call = node.at(created.at + after);
                ground.store.select(call, &key, from_ref(player), None).await.unwrap();
                let after = units(&metrics);
                [after[0] - before[0], after[1] - before[1]]
            };
            assert_eq!(select(&names[0], 0).await, [1, 1], "a grant, {options}");
            assert_eq!(select(&names[1], 1).await, [0, 1], "a denial, {options}");
            if options == hold {
                assert_eq!(select(&names[1], 1000).await, [1, 1], "an end and a grant");
                let before = units(&metrics);
                ground.store.expire(node.at(created.at + 2000), &key).await.unwrap();
                assert_eq!(units(&metrics), before.map(|units| units + 1), "an end alone");
                assert_eq!(select(&names[2], 2000).await, [1, 1], "a grant after it");
            }
        }
    }
}

#[tokio::test]
async fn the_end_of_a_holder_with_its_own_item_costs_what_its_release_costs() {
    for server in servers().await {
        let (ground, metrics) = metered(&(server.url() + "&inline=0")).await;
        let (bow, node, names) = (asset("bow"), Node::new(), players(["ann", "bob"]));
        let key = ground.key(&bow);
        let hold = AssetOptions { hold_ms: Some(1000), ..AssetOptions::NONE };
        let created = node.next();
        ground.store.create(created, &key, &NewAsset { units: 2, options: hold }).await.unwrap();
        ground.select(node.at(created.at), &bow, &names).await;
        let [before, _] = units(&metrics);
        ground.release(node.at(created.at), &bow, &names[0]).await;
        let [released, _] = units(&metrics);
        assert_eq!(ground.store.expire(node.at(created.at + 1000), &key).await.unwrap().held, 0);
        let [ended, _] = units(&metrics);
        assert_eq!(ended - released, released - before);
    }
}

/// Of ten assets with a hundred units each, granted in calls of so many players.
async fn units_of_a_thousand_grants(url: &str, options: Options, players: usize) -> u64 {
    let (ground, metrics) = metered_with(url, options).await;
    let node = Node::new();
    let mut sum = 0;
    for name in 0..10 {
        let sword = asset(&format!("sword-{name}"));
        ground.create(node.next(), &sword, 100).await;
        let [before, _] = units(&metrics);
        for batch in team("p", 100).chunks(players) {
            ground.select(node.next(), &sword, batch).await;
        }
        sum += units(&metrics)[0] - before;
    }
    sum
}

/// A change with events is a transaction of two items. A call of 100 players is two changes.
#[tokio::test]
async fn events_cost_a_transaction() {
    for server in servers().await {
        // DynamoDB Local counts fewer units for a transaction than the service's own rule.
        for (players, without, with) in [(1, 1730, [5460, 4660]), (100, 60, [300, 300])] {
            for (options, costs) in [(FOR_EVER, [without; 2]), (WITH_EVENTS, with)] {
                let found = units_of_a_thousand_grants(&server.url(), options, players).await;
                // A number may have a digit less.
                let is_near = |cost: u64| found.abs_diff(cost) <= cost / 50;
                assert!(costs.into_iter().any(is_near), "{found} in calls of {players}, {options:?}");
            }
        }
    }
}
