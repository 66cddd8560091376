use std::{
    collections::{BTreeMap, BTreeSet},
    future::Future,
};

use asset_arbiter::{
    model::{AssetState, EndReason, Lease, PlayerName, Units},
    store::{Applied, Result, StoreErrorKind, Verdict},
};
use futures::future::join_all;

use super::ground::{Ground, Node, asset, check, player, team};

super::properties![
    never_more_holders_than_units,
    one_player_at_many_nodes_gets_one_unit,
    an_asset_is_created_once,
    an_asset_is_created_once_by_selects if select_creates,
    a_unit_is_released_once,
    restocks_add_up,
    of_conditional_restocks_one_wins,
    an_asset_is_removed_once,
    every_answer_shows_a_whole_state,
];

/// Nodes that race: as many as an asset remembers, and one is left for the property itself.
const NODES: usize = 31;

async fn never_more_holders_than_units(ground: Ground) {
    let (sword, units) = (asset("sword"), 10);
    ground.create(Node::new().next(), &sword, units).await;
    let answers = race(&ground, |ground, node, racer| async move {
        let (sword, contenders) = (asset("sword"), team(&format!("p{racer}"), 8));
        let mut told = Vec::new();
        for batch in contenders.chunks(3) {
            let selected = ground.select(node.next(), &sword, batch).await;
            let won: Vec<_> = selected.verdicts.iter().filter_map(got).collect();
            let one_step = won.windows(2).all(|pair| pair[1] == pair[0] + 1);
            assert!(one_step || selected.is_repeat(), "a batch is one step: {won:?}");
            told.extend(batch.iter().cloned().zip(selected.into_inner().verdicts));
            check(&ground.state(&sword).await);
        }
        told
    });
    let told: Vec<(PlayerName, Verdict)> = answers.await.into_iter().flatten().collect();
    let won = told.iter().filter_map(|(player, verdict)| Some((got(verdict)?, player.clone())));
    let won: BTreeMap<u64, PlayerName> = won.collect();
    let held: BTreeMap<_, _> =
        ground.holders(&sword).await.into_iter().map(|grant| (grant.revision, grant.player)).collect();
    assert_eq!(won, held, "who was told and who holds");
    assert!(won.keys().copied().eq(1..=u64::from(units)), "each unit was granted once");
    assert_eq!(told.iter().filter(|(_, verdict)| *verdict == Verdict::SoldOut).count(), NODES * 8 - won.len());
}

/// The revision of what a call got for a player whom no other call asked for: a store that writes a batch in parts finds the
/// first of them as held already.
fn got(verdict: &Verdict) -> Option<u64> {
    match verdict {
        Verdict::Granted { revision, .. } | Verdict::AlreadyHeld { revision, .. } => Some(*revision),
        Verdict::SoldOut | Verdict::Reserved { .. } | Verdict::Cooldown { .. } => None,
    }
}

async fn one_player_at_many_nodes_gets_one_unit(ground: Ground) {
    ground.create(Node::new().next(), &asset("sword"), 5).await;
    let answers = race(&ground, |ground, node, _| async move {
        ground.select(node.next(), &asset("sword"), &[player("ann")]).await.verdicts[0]
    });
    let answers = answers.await;
    assert_eq!(
        answers
            .iter()
            .filter(|verdict| **verdict == Verdict::Granted { revision: 1, lease: Lease::NONE })
            .count(),
        1
    );
    let already = Verdict::AlreadyHeld { revision: 1, until: None };
    assert_eq!(answers.iter().filter(|verdict| **verdict == already).count(), NODES - 1);
    assert_eq!(ground.state(&asset("sword")).await.held, 1);
}

async fn an_asset_is_created_once(ground: Ground) {
    let answers =
        race(
            &ground,
            |ground, node, _| async move { ground.create(node.next(), &asset("sword"), 3).await.created },
        );
    assert_eq!(answers.await.into_iter().filter(|created| *created).count(), 1);
    assert_eq!(ground.state(&asset("sword")).await.revision, 0);
}

async fn an_asset_is_created_once_by_selects(ground: Ground) {
    let answers = race(&ground, |ground, node, racer| async move {
        let contenders = team(&format!("p{racer}"), 2);
        ground.select_or_create(node.next(), &asset("sword"), &contenders, Some(7)).await.into_inner().verdicts
    });
    let granted = |verdict: &Verdict| matches!(verdict, Verdict::Granted { .. });
    assert_eq!(answers.await.iter().flatten().filter(|verdict| granted(verdict)).count(), 7);
    let state = ground.state(&asset("sword")).await;
    assert_eq!((state.units, state.held, state.revision), (7, 7, 7));
}

async fn a_unit_is_released_once(ground: Ground) {
    let (sword, node) = ground.sword(2).await;
    ground.select(node.next(), &sword, &[player("ann"), player("bob")]).await;
    let answers = race(&ground, |ground, node, _| async move {
        ground
            .store
            .release(node.next(), &ground.key(&asset("sword")), &player("ann"), EndReason::Released)
            .await
    });
    assert_one_wins(answers.await, StoreErrorKind::NotHeld);
    let state = ground.state(&sword).await;
    assert_eq!((state.remaining, state.revision), (1, 3));
}

async fn restocks_add_up(ground: Ground) {
    let most = ground.store.limits().units;
    // Together they stay below what the store can hold.
    let share = move |racer: usize| (racer as Units).min((most - 1) / (NODES as Units * 5));
    ground.create(Node::new().next(), &asset("sword"), 1).await;
    let answers = race(&ground, |ground, node, racer| async move {
        for _ in 0..5 {
            ground.restock(node.next(), &asset("sword"), share(racer)).await;
        }
    });
    answers.await;
    let added: Units = (0..NODES).map(|racer| share(racer) * 5).sum();
    let state = ground.state(&asset("sword")).await;
    assert_eq!((state.units, state.revision as usize), (1 + added, NODES * 5));
}

async fn of_conditional_restocks_one_wins(ground: Ground) {
    ground.create(Node::new().next(), &asset("sword"), 1).await;
    let answers = race(&ground, |ground, node, _| async move {
        ground.store.restock(node.next(), &ground.key(&asset("sword")), 3, Some(0)).await
    });
    assert_one_wins(answers.await, StoreErrorKind::Conflict);
    assert_eq!(ground.state(&asset("sword")).await.units, 4);
}

async fn an_asset_is_removed_once(ground: Ground) {
    ground.create(Node::new().next(), &asset("sword"), 1).await;
    let answers = race(&ground, |ground, node, _| async move {
        ground.store.remove_asset(node.next(), &ground.key(&asset("sword"))).await
    });
    assert_one_wins(answers.await, StoreErrorKind::UnknownAsset);
    assert_eq!(ground.state(&asset("sword")).await.revision, 1);
}

async fn every_answer_shows_a_whole_state(ground: Ground) {
    ground.create(Node::new().next(), &asset("sword"), 3).await;
    let answers = race(&ground, |ground, node, racer| async move {
        let (sword, me) = (asset("sword"), player(&format!("p{racer}")));
        let mut revisions = Vec::new();
        for _ in 0..10 {
            let selected = ground.select(node.next(), &sword, std::slice::from_ref(&me)).await;
            revisions.push(selected.state.revision);
            if selected.verdicts[0] != Verdict::SoldOut {
                revisions.push(ground.release(node.next(), &sword, &me).await.revision);
            }
            let read = ground.snapshot().await;
            assert!(
                read[0].revision >= *revisions.last().unwrap(),
                "what was answered is seen by the next read"
            );
        }
        assert!(revisions.is_sorted(), "revisions never go back");
        revisions
    });
    let seen: BTreeSet<u64> = answers.await.into_iter().flatten().collect();
    let state = ground.state(&asset("sword")).await;
    assert_eq!((state.remaining, state.held), (3, 0));
    assert_eq!(Some(&state.revision), seen.last(), "every change was somebody's");
}

/// Runs one task per node, all at once.
async fn race<T, F>(ground: &Ground, racer: impl Fn(Ground, Node, usize) -> F) -> Vec<T>
where
    T: Send + 'static,
    F: Future<Output = T> + Send + 'static,
{
    let racers = (0..NODES).map(|number| tokio::spawn(racer(ground.clone(), Node::new(), number)));
    join_all(racers).await.into_iter().map(|outcome| outcome.expect("a racer failed")).collect()
}

fn assert_one_wins(answers: Vec<Result<Applied<AssetState>>>, others: StoreErrorKind) {
    let (won, lost): (Vec<_>, Vec<_>) = answers.into_iter().partition(Result::is_ok);
    assert_eq!(won.len(), 1);
    assert!(lost.into_iter().all(|answer| answer.unwrap_err().kind() == others));
}
