use std::{
    fs,
    io::{BufRead, BufReader, Read},
    os::unix::fs::symlink,
    path::Path,
    process::{Child, Command, Stdio},
    sync::Arc,
};

use asset_arbiter::store::Store;

use crate::{
    child::{child, file_of_child, this_binary},
    conformance::ground::{Ground, Node, asset, granted, players, room},
    refused::assert_refused,
    temp_db::{TempDb, open_file, opened},
};

/// A server in a process of its own that has a file and holds one unit of it.
pub(crate) struct Other(Child);

impl Other {
    pub(crate) fn on(file: &Path) -> Self {
        let mut command = child(&this_binary(), "names::has_a_file_until_it_is_ended", file);
        let mut child = command.stdin(Stdio::piped()).stdout(Stdio::piped()).spawn().unwrap();
        let mut lines = BufReader::new(child.stdout.take().unwrap()).lines();
        assert!(lines.any(|line| line.unwrap().contains("it is open")), "the other server starts");
        Self(child)
    }

    /// `kill -9`.
    pub(crate) fn kill(mut self) {
        self.0.kill().unwrap();
        self.0.wait().unwrap();
    }
}

impl Drop for Other {
    fn drop(&mut self) {
        drop(self.0.kill());
        drop(self.0.wait());
    }
}

#[tokio::test]
#[ignore = "runs until its parent ends it"]
async fn has_a_file_until_it_is_ended() {
    let Some(file) = file_of_child() else { return };
    let ground = held(open_file(&file).unwrap());
    ground.create(Node::new().next(), &asset("sword"), 1).await;
    let selected = ground.select(Node::new().next(), &asset("sword"), &players(["ann"])).await;
    assert_eq!(selected.verdicts, [granted(1)]);
    println!("\nit is open");
    std::io::stdin().read_to_end(&mut Vec::new()).unwrap();
}

fn held(store: Arc<dyn Store>) -> Ground {
    Ground { store, room: room("held") }
}

/// Whether the one unit of an [`Other`] is ann's.
pub(crate) async fn ann_has_it(file: &Path) -> bool {
    let ground = held(opened(|| open_file(file)));
    let known = ground.snapshot().await;
    ground.store.close().await.unwrap();
    known.iter().any(|state| state.held == 1)
}

/// Hard links, symlinks, relative paths, also in other folders, and all of it without the file `FILE.lock`.
fn other_names(db_file: &TempDb) -> Vec<String> {
    let file = db_file.file().canonicalize().unwrap();
    let folder = file.parent().unwrap();
    fs::create_dir(folder.join("deep")).unwrap();
    fs::hard_link(&file, folder.join("hard.db")).unwrap();
    fs::hard_link(&file, folder.join("deep/game.db")).unwrap();
    symlink(&file, folder.join("soft.db")).unwrap();
    symlink("deep", folder.join("soft")).unwrap();
    let up = "../".repeat(std::env::current_dir().unwrap().components().count());
    let folder = folder.display();
    vec![
        format!("{folder}/game.db"),
        format!("{folder}/hard.db"),
        format!("{folder}/deep/game.db"),
        format!("{folder}/soft.db"),
        format!("{folder}/soft/game.db"),
        format!("{folder}/deep/../hard.db"),
        format!("{}{}/hard.db", up, folder.to_string().trim_start_matches('/')),
    ]
}

#[tokio::test]
async fn a_second_server_meets_the_first_by_every_name() {
    let db_file = TempDb::new();
    let other = Other::on(&db_file.file());
    for name in other_names(&db_file) {
        assert_refused(&format!("sqlite:{name}"), &["another server", "uses /", "stop that one"]);
        drop(fs::remove_file(db_file.beside(".lock")));
    }
    other.kill();
    assert!(ann_has_it(&db_file.file()).await, "the unit was not given away again");
}

/// The first store must keep its locks, which the process would lose if the second opened the file and closed it.
#[tokio::test]
async fn two_stores_of_one_process_meet_by_every_name() {
    let db_file = TempDb::new();
    let (ground, node, sword) = (Ground::new(db_file.open()), Node::new(), asset("sword"));
    ground.create(node.next(), &sword, 1).await;
    assert_refused(&db_file.url(), &["another server", "game.db.lock", "stop that one"]);
    for name in other_names(&db_file) {
        drop(fs::remove_file(db_file.beside(".lock")));
        assert_refused(&format!("sqlite:{name}"), &["another server"]);
    }
    // Another program is the last to close the file only if our lock on it is gone; then it deletes the log.
    if let Ok(shell) = Command::new("sqlite3").arg(db_file.file()).arg("SELECT count(*) FROM assets").output() {
        assert!(shell.status.success(), "{shell:?}");
    }
    assert_eq!(ground.select(node.next(), &sword, &players(["ann"])).await.verdicts, [granted(1)]);
    ground.store.status().unwrap();
    ground.store.close().await.unwrap();
    drop(db_file.open());
}

/// A log lies beside the name that the file was opened by.
#[tokio::test]
async fn after_a_crash_the_log_is_found_or_asked_for() {
    let db_file = TempDb::new();
    let other = Other::on(&db_file.file());
    let names = other_names(&db_file);
    other.kill();
    let file = db_file.file().canonicalize().unwrap().display().to_string();
    for name in &names[1..3] {
        assert_refused(&format!("sqlite:{name}"), &[&file, &format!("{file}-wal"), "start the server once"]);
    }
    assert!(ann_has_it(&db_file.file()).await);
    assert!(ann_has_it(Path::new(&names[1])).await, "after a clean end any name will do");
}

#[test]
fn a_file_that_is_gone_while_its_log_is_there_is_not_made_anew() {
    let db_file = TempDb::new();
    Other::on(&db_file.file()).kill();
    let log = fs::read(db_file.beside("-wal")).unwrap();
    assert!(!log.is_empty());
    let (file, away) = (db_file.file(), db_file.beside(".away"));
    fs::rename(&file, &away).unwrap();
    assert_refused(&db_file.url(), &["is missing or empty", "game.db-wal", "put"]);
    assert!(!file.exists(), "nothing was made");
    fs::write(&file, "").unwrap();
    assert_refused(&db_file.url(), &["is missing or empty", "game.db-wal", "put"]);
    assert!(fs::read(db_file.beside("-wal")).unwrap() == log);
}

/// SQLite would copy a log into any file of that name.
#[tokio::test]
async fn a_log_of_another_file_is_refused_and_both_stay_as_they_are() {
    let (db_file, older) = (TempDb::new(), TempDb::new());
    db_file.open().close().await.unwrap();
    fs::copy(db_file.file(), older.file()).unwrap();
    Other::on(&db_file.file()).kill();
    fs::rename(older.file(), db_file.file()).unwrap();
    let before = [db_file.file(), db_file.beside("-wal")].map(|path| fs::read(path).unwrap());
    for _ in 0..2 {
        assert_refused(&db_file.url(), &["game.db-wal is not the log of", "move"]);
        assert!([db_file.file(), db_file.beside("-wal")].map(|path| fs::read(path).unwrap()) == before);
    }
    fs::remove_file(db_file.beside("-wal")).unwrap();
    assert!(!ann_has_it(&db_file.file()).await, "the older copy is served");
}

#[test]
fn what_is_no_database_file_is_refused() {
    let db_file = TempDb::new();
    symlink(db_file.beside(".nowhere"), db_file.file()).unwrap();
    assert_refused(&db_file.url(), &["game.db", "symlink", "does not exist"]);
    fs::remove_file(db_file.file()).unwrap();
    symlink(db_file.file(), db_file.file()).unwrap();
    assert_refused(&db_file.url(), &["game.db", "symbolic link"]);
    fs::remove_file(db_file.file()).unwrap();
    let made = Command::new("mkfifo").arg(db_file.file()).status();
    assert!(made.unwrap().success());
    assert_refused(&db_file.url(), &["game.db is no file"]);
}
