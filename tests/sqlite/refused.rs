use std::{
    fs,
    os::unix::{
        fs::{MetadataExt, PermissionsExt},
        process::CommandExt,
    },
    path::Path,
};

use asset_arbiter::store::StoreErrorKind;
use rusqlite::Connection;

use crate::{
    child::{child, file_of_child, this_binary},
    conformance::ground::{Ground, Node, asset},
    temp_db::{TempDb, open_file, open_url},
};

/// The one line that an operator reads, reasons included; it must say each of `parts`.
pub(crate) fn assert_refused(url: &str, parts: &[&str]) {
    let error = open_url(url).err().unwrap_or_else(|| panic!("{url} was opened"));
    assert_eq!(error.kind(), StoreErrorKind::Unavailable);
    let line = format!("{:#}", anyhow::Error::from(error));
    assert!(!line.contains('\n'), "{line}");
    for part in parts {
        assert!(line.contains(part), "{url}: {part:?} is not in: {line}");
    }
}

#[test]
fn a_url_names_a_file() {
    for url in ["sqlite:", "sqlite::memory:", "sqlite://game.db", "sqlite:game.db?mode=ro"] {
        assert_refused(url, &[url, "write sqlite:FILE"]);
    }
    assert_refused("sqlite::memory:", &["memory:"]);
    assert_refused("sqlite:..", &["folder"]);
}

#[test]
fn a_place_where_no_file_can_be_is_refused() {
    let db_file = TempDb::new();
    let folder = db_file.file();
    assert_refused(&format!("sqlite:{}/below", folder.display()), &["does not exist", "mkdir -p"]);
    fs::create_dir(&folder).unwrap();
    assert_refused(&db_file.url(), &["is a folder", "game.db/game.db"]);
    assert_refused("sqlite:/dev/null", &["/dev/null is no file"]);
}

#[test]
fn a_newer_schema_is_refused_and_stays_as_it_is() {
    let db_file = TempDb::new();
    drop(db_file.open());
    let db = Connection::open(db_file.file()).unwrap();
    db.execute_batch("CREATE TABLE news (what); PRAGMA user_version = 99").unwrap();
    drop(db);
    let before = fs::read(db_file.file()).unwrap();
    for _ in 0..2 {
        assert_refused(&db_file.url(), &["schema 99", "newer asset-arbiter", "run the newer one"]);
        assert!(fs::read(db_file.file()).unwrap() == before, "not a byte was changed");
    }
}

#[test]
fn files_of_others_are_refused_and_stay_as_they_are() {
    let db_file = TempDb::new();
    fs::write(db_file.file(), "Dear diary, this is no database. ".repeat(100)).unwrap();
    let before = fs::read(db_file.file()).unwrap();
    assert_refused(&db_file.url(), &["game.db", "not an SQLite database", "name another file"]);
    assert!(fs::read(db_file.file()).unwrap() == before);

    let db_file = TempDb::new();
    Connection::open(db_file.file()).unwrap().execute_batch("CREATE TABLE recipes (cake)").unwrap();
    let before = fs::read(db_file.file()).unwrap();
    assert_refused(&db_file.url(), &["another program", "name another file"]);
    assert!(fs::read(db_file.file()).unwrap() == before);
}

/// What a start leaves that was interrupted before it made the tables.
#[tokio::test]
async fn an_empty_file_becomes_ours() {
    let db_file = TempDb::new();
    fs::write(db_file.file(), "").unwrap();
    drop(db_file.open());
    let db_file = TempDb::new();
    Connection::open(db_file.file()).unwrap().execute_batch("PRAGMA journal_mode = WAL").unwrap();
    let (ground, node) = (Ground::new(db_file.open()), Node::new());
    assert!(ground.create(node.next(), &asset("sword"), 1).await.created);
}

/// In a process that is not root, for whom nothing is forbidden.
#[test]
fn a_place_without_permission_is_refused() {
    let db_file = TempDb::new();
    let folder = db_file.file().parent().unwrap().to_owned();
    let binary = folder.join("tests");
    fs::copy(this_binary(), &binary).unwrap();
    let (closed, open) = (folder.join("closed"), folder.join("open"));
    fs::create_dir(&closed).unwrap();
    fs::create_dir(&open).unwrap();
    drop(open_file(&open.join("game.db")).unwrap());
    fs::remove_file(open.join("game.db.lock")).unwrap();
    for (path, mode) in [(&folder, 0o755), (&binary, 0o755), (&closed, 0o555), (&open, 0o777)] {
        allow(path, mode);
    }
    allow(&open.join("game.db"), 0o444);
    let mut meets = child(&binary, "refused::meets_closed_doors", &folder);
    if fs::metadata(&folder).unwrap().uid() == 0 {
        meets.uid(NOBODY).gid(NOBODY);
    }
    let output = meets.current_dir("/").output().unwrap();
    allow(&closed, 0o755);
    let said = String::from_utf8_lossy(&output.stdout) + String::from_utf8_lossy(&output.stderr);
    assert!(output.status.success() && said.contains("1 passed"), "{said}");
}

/// By convention.
const NOBODY: u32 = 65534;

#[test]
#[ignore = "needs a folder that a parent prepares"]
fn meets_closed_doors() {
    let Some(folder) = file_of_child() else { return };
    let url = |path: &str| format!("sqlite:{}", folder.join(path).display());
    assert_refused(&url("closed/game.db"), &["closed/game.db.lock", "denied", "read and write"]);
    assert_refused(&url("open/game.db"), &["open/game.db", "may only be read", "let the server write it"]);
}

fn allow(path: &Path, mode: u32) {
    fs::set_permissions(path, fs::Permissions::from_mode(mode)).unwrap();
}
