use std::{pin::pin, sync::Arc};

use asset_arbiter::{
    model::{AssetName, PlayerName},
    store::{Applied, Call, Result, Selected, StoreErrorKind},
};
use futures::{future::join_all, poll};

use crate::{
    conformance::ground::{Ground, Node, already, asset, granted, players, refusal, team},
    neighbour::{Neighbour, commits},
    temp_db::TempDb,
};

/// Where in its group the bad change is: others are before it, and others after.
const BAD: usize = 10;

/// Assets of one room, and a select for each that is made at once with all others.
struct Players {
    ground: Ground,
    asks: Vec<(Call, AssetName)>,
    neighbour: Neighbour,
    db_file: TempDb,
}

impl Players {
    async fn new(assets: usize) -> Self {
        let db_file = TempDb::new();
        let (ground, node) = (Ground::new(db_file.open()), Node::new());
        let names: Vec<_> = (0..assets).map(|number| asset(&format!("asset-{number}"))).collect();
        join_all(names.iter().map(|name| ground.create(node.next(), name, 5))).await;
        let asks = names.into_iter().map(|name| (node.next(), name)).collect();
        Self { ground, asks, neighbour: Neighbour::of(&db_file), db_file }
    }

    fn commits(&self) -> usize {
        commits(&self.db_file.beside("-wal"))
    }

    /// Asks for good players everywhere, and at one asset for a bad one after a good one.
    async fn select(&self, meanwhile: impl FnOnce()) -> Vec<Result<Applied<Selected>>> {
        let (good, bad) = (team("good", 2), bad());
        let keys: Vec<_> = self.asks.iter().map(|(_, asset)| self.ground.key(asset)).collect();
        let asks = self.asks.iter().zip(&keys).enumerate().map(|(index, ((call, _), key))| {
            self.ground.store.select(*call, key, if index == BAD { &bad } else { &good }, None)
        });
        let mut asks = pin!(join_all(asks));
        assert!(poll!(&mut asks).is_pending(), "all of them wait");
        meanwhile();
        asks.await
    }

    /// Selects while the file is locked, so that all changes are in one group.
    async fn select_in_one_group(&self) -> Vec<Result<Applied<Selected>>> {
        self.neighbour.lock();
        self.select(|| self.neighbour.unlock()).await
    }

    async fn assert_the_others_are_granted(&self, answers: &[Result<Applied<Selected>>]) {
        for (index, ((_, asset), answer)) in self.asks.iter().zip(answers).enumerate() {
            if index == BAD {
                continue;
            }
            let selected = answer.as_ref().unwrap();
            assert_eq!(selected.verdicts, [granted(1), granted(2)]);
            assert_eq!(self.ground.state(asset).await, selected.state);
        }
    }

    /// The bad change had no effect, not even on its good player, and does everything when it is repeated.
    async fn assert_the_bad_one_is_as_if_never_made(&self) {
        let (call, asset) = &self.asks[BAD];
        let state = self.ground.state(asset).await;
        assert_eq!((state.revision, state.held, state.remaining), (0, 0, 5));
        self.neighbour.run("DROP TRIGGER bad");
        let again = self.ground.select(*call, asset, &bad()).await;
        assert!(!again.is_repeat());
        assert_eq!(again.verdicts, [granted(1), granted(2)]);
    }
}

/// A good player and then a bad one.
fn bad() -> Vec<PlayerName> {
    [team("good", 1), team("bad", 1)].concat()
}

/// Debts that are called in at COMMIT and cannot be paid.
const DEBTS: &str = "CREATE TABLE creditors (id PRIMARY KEY);
    CREATE TABLE debts (id REFERENCES creditors DEFERRABLE INITIALLY DEFERRED);";

#[tokio::test]
async fn changes_that_wait_share_one_commit() {
    let players = Players::new(200).await;
    let before = players.commits();
    let answers = players.select_in_one_group().await;
    assert!(answers.iter().all(|answer| answer.as_ref().unwrap().verdicts == [granted(1), granted(2)]));
    assert_eq!(players.commits() - before, 1, "one transaction for 200 assets");
}

/// The same with nothing to wait for but the disk.
#[tokio::test]
async fn changes_that_come_at_once_share_commits() {
    let players = Players::new(200).await;
    let before = players.commits();
    let answers = players.select(|| ()).await;
    assert!(answers.iter().all(|answer| answer.as_ref().unwrap().verdicts == [granted(1), granted(2)]));
    let commits = players.commits() - before;
    assert!((1..=20).contains(&commits), "{commits} commits for 200 selects");
}

/// Also one that ends the transaction, as a full disk does.
#[tokio::test]
async fn a_bad_change_harms_nobody_else() {
    for how in ["ABORT", "ROLLBACK"] {
        let players = Players::new(30).await;
        players.neighbour.run(&format!(
            "CREATE TRIGGER bad BEFORE INSERT ON holders WHEN new.player = 'bad-0'
             BEGIN SELECT RAISE({how}, 'a bad player'); END"
        ));
        let before = players.commits();
        let answers = players.select_in_one_group().await;
        let error = answers[BAD].as_ref().unwrap_err();
        assert_eq!(error.kind(), StoreErrorKind::Unavailable, "{how}");
        if how == "ABORT" {
            let source = std::error::Error::source(error).unwrap();
            assert!(source.to_string().contains("a bad player"), "{source}");
            assert_eq!(players.commits() - before, 1, "the others kept their commit");
        }
        players.assert_the_others_are_granted(&answers).await;
        players.assert_the_bad_one_is_as_if_never_made().await;
    }
}

#[tokio::test]
async fn a_failed_commit_is_unknown_to_all_and_the_next_one_works() {
    let players = Players::new(30).await;
    players.neighbour.run(&format!(
        "{DEBTS} CREATE TRIGGER bad AFTER INSERT ON holders WHEN new.player = 'bad-0'
         BEGIN INSERT INTO debts VALUES (1); END"
    ));
    for _ in 0..2 {
        let answers = players.select_in_one_group().await;
        assert!(answers.into_iter().all(|answer| refusal(answer) == StoreErrorKind::OutcomeUnknown));
        assert!(players.ground.snapshot().await.iter().all(|state| state.revision == 0));
    }
    players.assert_the_bad_one_is_as_if_never_made().await;
    let answers = players.select(|| ()).await;
    assert_eq!(answers[BAD].as_ref().unwrap().verdicts, [already(1), already(2)]);
    players.assert_the_others_are_granted(&answers).await;
}

/// Decisions of one group are made on top of each other, so a refusal must wait for the commit, too.
#[tokio::test]
async fn a_refusal_that_rests_on_a_failed_commit_is_not_answered() {
    let db_file = TempDb::new();
    let store = db_file.open();
    let (ground, node, other, sword) =
        (Ground::new(Arc::clone(&store)), Node::new(), Node::new(), asset("sword"));
    ground.create(node.next(), &sword, 1).await;
    let neighbour = Neighbour::of(&db_file);
    neighbour.run(&format!(
        "{DEBTS} CREATE TRIGGER bad AFTER UPDATE ON assets WHEN new.removed
         BEGIN INSERT INTO debts VALUES (1); END"
    ));
    neighbour.lock();
    let (key, ann, call) = (ground.key(&sword), players(["ann"]), other.next());
    let mut both = pin!(futures::future::join(
        store.remove_asset(node.next(), &key),
        store.select(call, &key, &ann, None),
    ));
    assert!(poll!(&mut both).is_pending());
    neighbour.unlock();
    let (removed, selected) = both.await;
    assert_eq!(refusal(removed), StoreErrorKind::OutcomeUnknown);
    assert_eq!(refusal(selected), StoreErrorKind::OutcomeUnknown, "not unknown_asset: it is still there");
    let again = ground.select(call, &sword, &ann).await;
    assert_eq!((&*again.verdicts, again.is_repeat()), (&[granted(1)][..], false), "nor remembered");
}
