//! What docs/operations.md says of backups: a copy of a running server's file is whole, and can take its place.

use std::{fs, io::ErrorKind, path::Path, process::Command, sync::Arc};

use crate::{
    conformance::ground::{Ground, Node, asset, players, room, team},
    temp_db::TempDb,
};

/// What the shell says; `None` where it is not installed.
fn shell(args: &[&str]) -> Option<String> {
    match Command::new("sqlite3").args(args).output() {
        Ok(output) => {
            assert!(output.status.success(), "{args:?}: {output:?}");
            Some(String::from_utf8(output.stdout).unwrap().trim().to_owned())
        }
        Err(error)
            if error.kind() == ErrorKind::NotFound && std::env::var_os("CI").is_none_or(|ci| ci != "true") =>
        {
            eprintln!("NOT TESTED: the sqlite3 shell is not installed");
            None
        }
        Err(error) => panic!("cannot run the sqlite3 shell: {error}"),
    }
}

fn number(file: &str, query: &str) -> u64 {
    shell(&["-readonly", file, query]).unwrap().parse().unwrap()
}

#[tokio::test(flavor = "multi_thread")]
async fn a_copy_of_a_busy_file_is_whole_and_can_take_its_place() {
    let db_file = TempDb::new();
    let (file, copy) = (db_file.file(), db_file.beside(".copy"));
    let (file, copy) = (file.to_str().unwrap(), copy.to_str().unwrap());
    let into = format!("VACUUM INTO '{copy}'");
    let backup = format!(".backup {copy}");
    for line in [&[file, &*backup][..], &["-readonly", file, &into]] {
        let ground = Arc::new(Ground { store: db_file.open(), room: room("lobby") });
        let (sword, node) = (asset("sword"), Node::new());
        ground.create(node.next(), &sword, 1000).await;
        ground.select(node.next(), &sword, &players(["ann"])).await;
        let (playing, swords) = (Arc::clone(&ground), sword.clone());
        let play = tokio::spawn(async move {
            for player in team("p", 400) {
                playing.select(node.next(), &swords, &[player]).await;
            }
            node
        });
        let before = ground.state(&sword).await.held;
        let copied = tokio::task::block_in_place(|| shell(line));
        let (node, after) = (play.await.unwrap(), ground.state(&sword).await.held);
        if copied.is_none() {
            return;
        }
        assert_eq!(shell(&["-readonly", copy, "PRAGMA integrity_check"]).unwrap(), "ok");
        let held = number(copy, "SELECT held FROM assets");
        assert!((u64::from(before)..=u64::from(after)).contains(&held), "{before} {held} {after}");
        assert_eq!(number(copy, "SELECT count(*) FROM holders"), held);
        assert_eq!(number(copy, "SELECT units - remaining FROM assets"), held);
        ground.store.close().await.unwrap();
        drop(ground);

        restore(&db_file, Path::new(copy));
        let ground = Ground { store: db_file.open(), room: room("lobby") };
        let state = ground.state(&sword).await;
        assert_eq!((u64::from(state.held), state.revision), (held, held));
        let selected = ground.select(node.next(), &sword, &players(["ann", "zoe"])).await;
        assert_eq!(u64::from(selected.state.held), held + 1, "ann holds it, and zoe gets it");
        ground.store.remove_room(&ground.room).await.unwrap();
        ground.store.close().await.unwrap();
    }
}

/// What belongs to the old file goes with it.
fn restore(db_file: &TempDb, copy: &Path) {
    for suffix in ["", "-wal", "-shm"] {
        match fs::remove_file(db_file.beside(suffix)) {
            Err(error) if error.kind() != ErrorKind::NotFound => panic!("{suffix}: {error}"),
            _ => {}
        }
    }
    fs::rename(copy, db_file.file()).unwrap();
}
