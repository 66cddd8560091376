use asset_arbiter::model::NewAsset;
use std::{
    fs::{self, OpenOptions},
    io::Write,
    path::Path,
    sync::Arc,
    time::Duration,
};

use asset_arbiter::store::{Store, StoreErrorCause, StoreErrorKind};
use tokio::time::timeout;

use crate::{
    conformance::ground::{Ground, Node, asset, granted, players, refusal, room},
    refused::assert_refused,
    support::eventually,
    temp_db::{TempDb, open_file, opened},
};

/// A store that gave ann one of three swords.
struct Game {
    db_file: TempDb,
    ground: Ground,
    node: Node,
}

impl Game {
    async fn new() -> Self {
        let db_file = TempDb::new();
        let ground = lobby(db_file.open());
        let game = Self { db_file, ground, node: Node::new() };
        game.ground.create(game.node.next(), &asset("sword"), 3).await;
        game.give("ann").await;
        game
    }

    async fn give(&self, player: &str) {
        let selected = self.ground.select(self.node.next(), &asset("sword"), &players([player])).await;
        assert!(matches!(selected.verdicts[..], [asset_arbiter::store::Verdict::Granted { .. }]));
    }

    /// No call is answered, and the status says why within two seconds.
    async fn expect_refusals(&self, reason: &str) {
        let (store, bob) = (&self.ground.store, players(["bob"]));
        let [sword, bow] = ["sword", "bow"].map(|name| self.ground.key(&asset(name)));
        let select = store.select(self.node.next(), &sword, &bob, None).await;
        let refused = select.unwrap_err();
        assert_eq!(refused.kind(), StoreErrorKind::Unavailable);
        assert_eq!(
            refused.cause(),
            StoreErrorCause::Misconfigured,
            "somebody must do something about the file"
        );
        let created = store.select(self.node.next(), &bow, &bob, Some(Arc::new(NewAsset::plain(1)))).await;
        assert_eq!(refusal(created), StoreErrorKind::Unavailable);
        assert_eq!(refusal(store.asset(&sword).await), StoreErrorKind::Unavailable);
        assert_eq!(refusal(store.ping().await), StoreErrorKind::Unavailable);
        assert_reason(&status(store).await, reason);
    }

    /// The same when nobody asks.
    async fn expect_notice(&self, reason: &str) {
        let noticed = eventually(true, async || self.ground.store.status().is_err());
        timeout(Duration::from_secs(2), noticed).await.expect("it is noticed");
        assert_reason(&status(&self.ground.store).await, reason);
    }

    async fn close_in_vain(&self) {
        self.ground.store.close().await.unwrap_err();
    }
}

async fn status(store: &Arc<dyn Store>) -> String {
    store.status().unwrap_err().message().to_owned()
}

fn assert_reason(said: &str, reason: &str) {
    assert!(said.contains(reason) && !said.contains('\n'), "{reason:?} is not in: {said}");
}

fn lobby(store: Arc<dyn Store>) -> Ground {
    Ground { store, room: room("lobby") }
}

/// How many swords of a file are held, once it is opened.
async fn held(file: &Path) -> u32 {
    let ground = lobby(opened(|| open_file(file)));
    let held = ground.state(&asset("sword")).await.held;
    ground.store.close().await.unwrap();
    held
}

/// A database with another game in it.
async fn another() -> TempDb {
    let db_file = TempDb::new();
    let ground = lobby(db_file.open());
    ground.create(Node::new().next(), &asset("sword"), 7).await;
    ground.store.close().await.unwrap();
    db_file
}

#[tokio::test]
async fn a_deleted_file_is_noticed_and_not_made_anew() {
    let game = Game::new().await;
    fs::remove_file(game.db_file.file()).unwrap();
    game.expect_refusals("game.db is gone").await;
    game.close_in_vain().await;
    assert!(!game.db_file.file().exists());
    assert_refused(&game.db_file.url(), &["is missing or empty", "game.db-wal"]);
    fs::remove_file(game.db_file.beside("-wal")).unwrap();
    drop(game.db_file.open());
}

#[tokio::test]
async fn a_file_that_is_moved_back_is_used_again() {
    let game = Game::new().await;
    for _ in 0..2 {
        fs::rename(game.db_file.file(), game.db_file.beside(".away")).unwrap();
        game.expect_notice("game.db is gone").await;
        game.expect_refusals("game.db is gone").await;
        fs::rename(game.db_file.beside(".away"), game.db_file.file()).unwrap();
        let back = eventually(true, async || game.ground.store.status().is_ok());
        timeout(Duration::from_secs(3), back).await.expect("it is back");
    }
    assert_eq!(
        game.ground.select(game.node.next(), &asset("sword"), &players(["bob"])).await.verdicts,
        [granted(2)]
    );
    game.ground.store.close().await.unwrap();
    assert_eq!(held(&game.db_file.file()).await, 2);
}

#[tokio::test]
async fn a_file_that_was_changed_while_it_was_away_is_not_used_again() {
    let game = Game::new().await;
    let away = game.db_file.beside(".away");
    fs::rename(game.db_file.file(), &away).unwrap();
    game.expect_notice("game.db is gone").await;
    let mut file = OpenOptions::new().append(true).open(&away).unwrap();
    file.write_all(b"more").unwrap();
    fs::rename(&away, game.db_file.file()).unwrap();
    let failed = timeout(Duration::from_secs(5), game.ground.store.failed()).await.unwrap();
    assert_reason(failed.message(), "changed it meanwhile");
    game.expect_refusals("changed it meanwhile").await;
}

/// What was answered is in the file, wherever it is.
#[tokio::test]
async fn a_file_that_is_moved_away_has_everything_at_the_end() {
    for goes_back in [true, false] {
        let game = Game::new().await;
        let (file, away) = (game.db_file.file(), game.db_file.beside(".away"));
        fs::rename(&file, &away).unwrap();
        game.expect_refusals("game.db is gone").await;
        game.close_in_vain().await;
        assert_refused(&game.db_file.url(), &["is missing or empty", "game.db-wal"]);
        if goes_back {
            fs::rename(&away, &file).unwrap();
        }
        assert_eq!(held(if goes_back { &file } else { &away }).await, 1);
    }
}

#[tokio::test]
async fn a_replaced_file_is_noticed_and_the_other_one_stays_as_it_is() {
    let (game, other) = (Game::new().await, another().await);
    let bytes = fs::read(other.file()).unwrap();
    fs::rename(other.file(), game.db_file.file()).unwrap();
    game.expect_refusals("game.db was replaced").await;
    game.close_in_vain().await;
    assert!(fs::read(game.db_file.file()).unwrap() == bytes, "nothing was written to the other file");
    let next = lobby(game.db_file.open());
    assert_eq!(next.state(&asset("sword")).await.units, 7, "it is served after a start");
}

#[tokio::test]
async fn a_replaced_file_keeps_its_own_log() {
    let (game, other) = (Game::new().await, another().await);
    fs::rename(other.file(), game.db_file.file()).unwrap();
    fs::write(game.db_file.beside(".log"), "a log of the other").unwrap();
    fs::rename(game.db_file.beside(".log"), game.db_file.beside("-wal")).unwrap();
    game.expect_notice("game.db was replaced").await;
    game.close_in_vain().await;
    assert_eq!(fs::read(game.db_file.beside("-wal")).unwrap(), b"a log of the other");
}

/// The log that the server has open is copied into the file at once: a `kill -9` after that loses nothing.
#[tokio::test]
async fn a_deleted_log_loses_nothing() {
    for (suffix, refused) in [("-wal", true), ("-shm", true), ("-wal", false), ("-shm", false)] {
        let game = Game::new().await;
        game.give("cat").await;
        fs::remove_file(game.db_file.beside(suffix)).unwrap();
        if refused {
            game.expect_refusals(&format!("game.db{suffix} is gone")).await;
        }
        game.expect_notice(&format!("game.db{suffix} is gone")).await;
        let copy = TempDb::new();
        let copied = eventually(Some(2), async || {
            fs::copy(game.db_file.file(), copy.file()).unwrap();
            let ground = lobby(copy.open());
            let held = ground.snapshot().await.first().map(|state| state.held);
            ground.store.close().await.unwrap();
            held
        });
        timeout(Duration::from_secs(3), copied).await.expect("everything is in the file itself");
        game.close_in_vain().await;
        assert_eq!(held(&game.db_file.file()).await, 2, "after a start it goes on");
    }
}

#[tokio::test]
async fn a_replaced_log_is_noticed() {
    let game = Game::new().await;
    fs::copy(game.db_file.beside("-wal"), game.db_file.beside(".log")).unwrap();
    fs::rename(game.db_file.beside(".log"), game.db_file.beside("-wal")).unwrap();
    game.expect_refusals("game.db-wal was replaced").await;
}

/// `cp backup.db game.db`: the name and the inode stay.
#[tokio::test]
async fn an_older_copy_that_is_written_over_the_file_is_noticed() {
    for asked in [true, false] {
        let game = Game::new().await;
        game.ground.store.close().await.unwrap();
        let backup = fs::read(game.db_file.file()).unwrap();
        let game = Game { ground: lobby(game.db_file.open()), ..game };
        game.give("bob").await;
        fs::write(game.db_file.file(), &backup).unwrap();
        if asked {
            game.expect_refusals("game.db was overwritten").await;
        }
        game.expect_notice("game.db was overwritten").await;
        game.close_in_vain().await;
        assert!(fs::read(game.db_file.file()).unwrap() == backup, "the copy stays as it is");
        assert_refused(&game.db_file.url(), &["game.db-wal is not the log of"]);
        fs::remove_file(game.db_file.beside("-wal")).unwrap();
        assert_eq!(held(&game.db_file.file()).await, 1, "and can be served");
    }
}

/// Noticed also on the very change that is under way: it is answered only if it is in the file of that name.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn no_grant_is_answered_that_is_gone_after_a_start() {
    for _ in 0..20 {
        let game = Game::new().await;
        game.ground.create(game.node.next(), &asset("bow"), 1_000_000).await;
        let (store, bow) = (Arc::clone(&game.ground.store), game.ground.key(&asset("bow")));
        let asks = tokio::spawn(async move {
            let node = Node::new();
            for turn in 1_u64.. {
                let who = players([&*format!("p-{turn}")]);
                match store.select(node.next(), &bow, &who, None).await {
                    Ok(selected) => assert_eq!(selected.verdicts, [granted(turn)]),
                    Err(error) => {
                        assert!(error.kind().temporary());
                        return turn - 1;
                    }
                }
            }
            unreachable!("it is noticed")
        });
        tokio::time::sleep(Duration::from_millis(fastrand::u64(1..20))).await;
        let away = game.db_file.beside(".away");
        fs::rename(game.db_file.file(), &away).unwrap();
        let told = asks.await.unwrap();
        game.close_in_vain().await;
        fs::rename(&away, game.db_file.file()).unwrap();
        let next = lobby(game.db_file.open());
        let held = next.state(&asset("bow")).await.held as u64;
        assert!((told..=told + 1).contains(&held), "told {told}, held {held}");
    }
}
