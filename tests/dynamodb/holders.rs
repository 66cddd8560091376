//! Holders inside their asset's item, and those with items of their own.

use std::time::Duration;

use asset_arbiter::{
    model::{Grant, limits::HOLDERS_SHOWN},
    store::Verdict,
};
use serde_json::Value;

use crate::{
    conformance::ground::{Ground, Node, asset, check, granted, team},
    engines::{
        dynamodb::{self, Server},
        eventually,
        proxy::Fault,
    },
    ground::{WAYS, behind_proxy, servers},
    remote::{network::Sides, store},
};

/// All holders, some at a time.
async fn paged(ground: &Ground, limit: usize) -> Vec<Grant> {
    let (mut all, sword) = (Vec::<Grant>::new(), asset("sword"));
    loop {
        let after = all.last().map(|grant| grant.revision);
        let page = ground.store.holders(&ground.key(&sword), after, limit).await.unwrap();
        if page.is_empty() {
            return all;
        }
        assert!(page.len() <= limit);
        all.extend(page);
    }
}

/// How many are inside the asset's item, and how many have items of their own.
async fn inside_and_outside(server: &Server, ground: &Ground) -> (usize, usize) {
    let items = server.items().await;
    let room = ground.room.as_str();
    let inside = |item: &&Value| item["pk"]["S"] == room;
    let holders = |item: &Value| item["holders"]["S"].as_str().map_or(0, |holders| holders.split(' ').count());
    let prefix = format!("{room}/");
    let outside = |item: &&Value| item["pk"]["S"].as_str().unwrap().starts_with(&prefix);
    (items.iter().find(inside).map_or(0, holders), items.iter().filter(outside).count())
}

#[tokio::test]
async fn any_number_of_holders_is_read_in_order_and_those_inside_are_made_up_for() {
    for server in servers().await {
        for (options, inline) in [("", 128), ("&inline=40", 40), ("&inline=3", 3), ("&inline=0", 0)] {
            let ground = Ground::new(store(&(server.url() + options)).await);
            let (sword, node, contenders) = (asset("sword"), Node::new(), team("p", 150));
            ground.create(node.next(), &sword, 150).await;
            let mut got = Vec::new();
            for some in contenders.chunks(50) {
                got.extend(ground.select(node.next(), &sword, some).await.into_inner().verdicts);
            }
            assert_eq!(got, (1..=150).map(granted).collect::<Vec<_>>(), "{options}");
            assert_eq!(inside_and_outside(&server, &ground).await, (inline, 150 - inline), "{options}");
            let everybody: Vec<_> =
                contenders.iter().zip(1..).map(|(player, revision)| (player.clone(), revision)).collect();
            let told = |grants: Vec<Grant>| {
                grants.into_iter().map(|grant| (grant.player, grant.revision)).collect::<Vec<_>>()
            };
            for limit in [7, 100, 1000] {
                assert_eq!(told(paged(&ground, limit).await), everybody, "{options}");
            }
            assert_eq!(ground.held_by(&contenders[149]).await, [(sword.clone(), 150)]);

            // The first give it back: others take their places inside, and none is told twice or left out.
            for (gone, player) in contenders.iter().enumerate().take(10) {
                let state = ground.release(node.next(), &sword, player).await;
                check(&state);
                let first: Vec<_> = everybody[gone + 1..].iter().take(HOLDERS_SHOWN).cloned().collect();
                assert_eq!(told(state.into_inner().holders), first, "{options}");
            }
            assert_eq!(told(paged(&ground, 64).await), everybody[10..], "{options}");
            let (inside, outside) = inside_and_outside(&server, &ground).await;
            assert_eq!(inside + outside, 140, "{options}");
            assert!(inside >= inline.min(HOLDERS_SHOWN), "{options}: {inside}");
        }
    }
}

/// Also if it is more than one transaction takes.
#[tokio::test]
async fn a_full_batch_gets_a_unit_each() {
    for engine in dynamodb::all() {
        let server = engine.start().await;
        // DynamoDB Local takes a second for a transaction that is full.
        let all: &[_] = if engine.is_dynoxide() { &["", "&inline=0"] } else { &[""] };
        for options in all {
            let ground = Ground::new(store(&(server.url() + options)).await);
            let (sword, node, contenders) = (asset("sword"), Node::new(), team("p", 128));
            ground.create(node.next(), &sword, 128).await;
            let selected = ground.select(node.next(), &sword, &contenders).await;
            assert_eq!(selected.verdicts, (1..=128).map(granted).collect::<Vec<_>>(), "{options}");
            assert_eq!((selected.is_repeat(), ground.holders(&sword).await.len()), (false, 128), "{options}");
            let again = ground
                .store
                .select(node.numbered_call(2), &ground.key(&sword), &contenders, None)
                .await
                .unwrap();
            assert!(again.is_repeat() && again.state == selected.state, "{options}");
        }
    }
}

/// Of a batch in two parts the second is lost; who repeats the call, from wherever, finishes it and nothing else.
#[tokio::test]
async fn a_batch_that_was_left_half_done_is_finished_by_its_repeat() {
    let Some(engine) = dynamodb::dynoxide() else { return };
    let server = engine.start().await;
    let (sword, node, contenders) = (asset("sword"), Node::new(), team("p", 128));
    for between in [false, true] {
        let Sides { proxy, ground, truth, .. } = behind_proxy(&server, WAYS[1]).await;
        truth.create(node.next(), &sword, 128).await;
        let call = node.next();
        proxy.next(".TransactWriteItems", Fault::Delay(Duration::ZERO));
        (0..1000).for_each(|_| proxy.next(".TransactWriteItems", Fault::CutBefore));
        let select = |ground: &Ground| {
            let (store, key, contenders) = (ground.store.clone(), ground.key(&sword), contenders.clone());
            async move { store.select(call, &key, &contenders, None).await }
        };
        // Its writes never arrive; it cannot know that.
        let first = tokio::time::timeout(Duration::from_secs(10), select(&ground)).await.unwrap();
        assert!(first.is_err(), "{first:?}");
        assert_eq!(truth.state(&sword).await.held, 98);
        if between {
            truth.select(Node::new().next(), &sword, &team("other", 1)).await;
        }
        let again = select(&truth).await.unwrap();
        let held =
            again.verdicts.iter().filter(|verdict| matches!(verdict, Verdict::AlreadyHeld { .. })).count();
        // What came in between has ended it: its grants follow each other.
        assert_eq!((again.is_repeat(), held), (true, if between { 98 } else { 128 }));
        assert_eq!(truth.state(&sword).await.held as usize, held + usize::from(between));
    }
}

/// A life that ended leaves nothing for long, and nothing that counts at all.
#[tokio::test]
async fn holders_of_a_life_that_ended_are_deleted() {
    for server in servers().await {
        let ground = Ground::new(store(&(server.url() + "&inline=0")).await);
        let (sword, node, contenders) = (asset("sword"), Node::new(), team("p", 30));
        ground.create(node.next(), &sword, 30).await;
        ground.select(node.next(), &sword, &contenders).await;
        assert_eq!(inside_and_outside(&server, &ground).await, (0, 30));
        ground.remove(node.next(), &sword).await;
        ground.create(node.next(), &sword, 30).await;
        let next = ground.select(node.next(), &sword, &contenders[..2]).await;
        assert_eq!((next.state.held, ground.holders(&sword).await.len()), (2, 2));
        let only = async |count: usize| (server.items().await.len() == count).then_some(());
        eventually("the first life's to go", async || only(3).await).await;
        assert_eq!(ground.holders(&sword).await.len(), 2, "the second life's stay");
        ground.store.remove_room(&ground.room).await.unwrap();
        eventually("everything to go", async || only(0).await).await;
    }
}
