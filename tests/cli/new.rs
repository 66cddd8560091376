//! `asset-arbiter new` writes a game, and nothing over anything.

use std::{collections::BTreeSet, fs, path::Path};

use serde_json::Value;
use tempfile::TempDir;

use super::{complaint, run, text};

const GAME: [&str; 7] =
    [".gitignore", "README.md", "index.html", "package.json", "src/main.ts", "tsconfig.json", "vite.config.js"];

/// Every file below a folder.
fn files(folder: &Path) -> BTreeSet<String> {
    let mut found = BTreeSet::new();
    let mut folders = vec![folder.to_owned()];
    while let Some(next) = folders.pop() {
        for entry in fs::read_dir(next).unwrap() {
            let path = entry.unwrap().path();
            if path.is_dir() {
                folders.push(path);
            } else {
                found.insert(path.strip_prefix(folder).unwrap().to_str().unwrap().to_owned());
            }
        }
    }
    found
}

#[test]
fn new_writes_a_game_of_this_version_and_says_how_to_start_it() {
    let home = TempDir::new().unwrap();
    for (name, is_there) in [("a/new/one", false), ("empty", true)] {
        let folder = home.path().join(name);
        if is_there {
            fs::create_dir(&folder).unwrap();
        }
        let dir = folder.to_str().unwrap();
        let output = run(&["new", dir], &[]);
        assert_eq!(output.status.code(), Some(0), "{}", text(&output.stderr));
        let said = text(&output.stdout);
        for line in ["serve --auto-create 1", &format!("cd {dir}"), "npm install", "npm run dev"] {
            assert!(said.lines().any(|said| said.starts_with("  ") && said.ends_with(line)), "{line}: {said}");
        }
        assert_eq!(files(&folder), GAME.map(str::to_owned).into());
        let package = fs::read_to_string(folder.join("package.json")).unwrap();
        let package: Value = serde_json::from_str(&package).unwrap();
        assert_eq!(package["dependencies"]["asset-arbiter"], env!("CARGO_PKG_VERSION"));
        let (game, ours) = (fs::read_to_string(folder.join("src/main.ts")).unwrap(), "starter/src/main.ts");
        assert_eq!(game, fs::read_to_string(ours).unwrap());
    }
}

#[test]
fn new_touches_no_folder_that_has_something() {
    let home = TempDir::new().unwrap();
    let path = |name: &str| home.path().join(name).to_str().unwrap().to_owned();
    fs::create_dir(path("mine")).unwrap();
    fs::write(path("mine/notes.txt"), "mine").unwrap();
    fs::write(path("file"), "mine").unwrap();
    for (dir, words) in [
        (path("mine"), "mine is not empty, it has notes.txt: name a new folder"),
        (path("file"), "file is a file, or lies below one: name a new folder"),
        (path("file/below"), "file/below is a file"),
        ("/proc/game".to_owned(), "cannot write /proc/game/"),
    ] {
        let (code, said) = complaint(&["new", &dir], &[]);
        assert!(code == 1 && said.contains(words) && said.lines().count() == 1, "{words}: {code} {said}");
    }
    assert_eq!(files(home.path()), BTreeSet::from(["file".to_owned(), "mine/notes.txt".to_owned()]));
    let (code, said) = complaint(&["new"], &[]);
    assert!(code == 2 && said.contains("<DIR>"), "{said}");
}
