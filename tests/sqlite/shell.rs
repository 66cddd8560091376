use std::{io::ErrorKind, process::Command, time::Duration};

use rusqlite::{Connection, OpenFlags};

use crate::{
    conformance::ground::{Ground, Node, asset, players, room},
    emptied::{Made, is_noticed_and_nothing_is_given_away_twice},
    temp_db::TempDb,
};

async fn lobby(db_file: &TempDb) -> (Ground, Node) {
    let (ground, node) = (Ground { store: db_file.open(), room: room("lobby") }, Node::new());
    for (name, units) in [("sword", 3), ("bow", 1)] {
        ground.create(node.next(), &asset(name), units).await;
        ground.select(node.next(), &asset(name), &players(["ann", "bob"])).await;
    }
    (ground, node)
}

/// Someone reads in a long transaction: the server goes on, and the reader sees one moment.
#[tokio::test]
async fn others_may_read_while_the_server_writes() {
    let db_file = TempDb::new();
    let (ground, node) = lobby(&db_file).await;
    let reader = Connection::open_with_flags(db_file.file(), OpenFlags::SQLITE_OPEN_READ_ONLY).unwrap();
    let left = || -> u32 {
        let sql = "SELECT remaining FROM assets WHERE room = 'lobby' AND asset = 'sword'";
        reader.query_row(sql, [], |row| row.get(0)).unwrap()
    };
    reader.execute_batch("BEGIN").unwrap();
    assert_eq!(left(), 1);
    ground.select(node.next(), &asset("sword"), &players(["cat"])).await;
    assert_eq!(left(), 1, "still the same moment");
    reader.execute_batch("COMMIT").unwrap();
    assert_eq!(left(), 0);
}

/// The lines an operator would type, in the shell itself.
#[tokio::test]
async fn the_sqlite3_shell_shows_who_holds_what() {
    let db_file = TempDb::new();
    let (ground, _) = lobby(&db_file).await;
    let Some(assets) =
        ask(&db_file, "SELECT asset, remaining, held, units, revision FROM assets WHERE room = 'lobby'")
    else {
        return;
    };
    assert_eq!(assets, "bow|0|1|1|1\nsword|1|2|3|2\n");
    let holders = ask(&db_file, "SELECT * FROM holders WHERE asset = 'sword' ORDER BY revision").unwrap();
    let grants = ground.holders(&asset("sword")).await;
    let lines: String = grants
        .iter()
        .map(|grant| format!("lobby|sword|{}|{}|{}|0|\n", grant.player, grant.granted_at, grant.revision))
        .collect();
    assert_eq!(holders, lines, "room, asset, player, granted_at, revision, creation, lease");
    assert!(ask(&db_file, ".schema").unwrap().contains("-- Who holds a unit."), "it explains itself");
}

fn ask(db_file: &TempDb, line: &str) -> Option<String> {
    let asked = Command::new("sqlite3").arg("-readonly").arg(db_file.file()).arg(line).output();
    match asked {
        Ok(output) => {
            assert!(output.status.success(), "{output:?}");
            Some(String::from_utf8(output.stdout).unwrap())
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

/// Only readers are welcome, but nothing keeps a shell from writing.
#[tokio::test]
async fn what_was_given_away_is_not_made_again_when_a_shell_deletes_its_rows() {
    let db_file = TempDb::new();
    let delete = async || {
        let shell = Connection::open(db_file.file()).unwrap();
        shell.busy_timeout(Duration::from_secs(5)).unwrap();
        shell.execute_batch("BEGIN IMMEDIATE; DELETE FROM holders; DELETE FROM assets; COMMIT").unwrap();
    };
    is_noticed_and_nothing_is_given_away_twice(&db_file.url(), Made::BySelect, delete).await;
}
