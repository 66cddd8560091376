//! The house rules, each a test; and each rule's checker is shown to refuse what it is there to refuse.

mod house;

use std::process::Command;

use asset_arbiter::{bus, store};
use house::{Complaints, File, code, cycles, docs, files, layers, read, style};

#[test]
fn imports_point_down() {
    assert_tidy(files("src", ".rs").iter().flat_map(layers::imports));
}

#[test]
fn the_parts_of_the_arbiter_are_no_circle() {
    assert_tidy(cycles::circles("src/arbiter", &files("src/arbiter", ".rs")));
}

#[test]
fn crates_stay_where_they_live() {
    let dependencies = layers::dependencies(&read("Cargo.toml"));
    assert!(dependencies.len() > 10, "{dependencies:?}");
    assert_tidy(files("src", ".rs").iter().flat_map(|file| layers::crates(file, &dependencies)));
}

#[test]
fn every_store_opens_with_its_four_lines() {
    let drivers: Vec<_> = files("src", ".rs").into_iter().filter(docs::is_driver).collect();
    let known = store::DRIVERS.len() + store::SWITCHED_OFF.len();
    assert_eq!(drivers.len(), known, "a driver is one file and one line in the table");
    assert_tidy(drivers.iter().flat_map(docs::header));
}

#[test]
fn the_readme_lists_every_driver() {
    let stores = store::DRIVERS.iter().flat_map(|driver| driver.schemes);
    let buses = bus::DRIVERS.iter().flat_map(|driver| driver.schemes);
    let readme = read("README.md");
    assert_tidy(docs::schemes(&readme, stores.chain(buses).copied()));
    for (doc, labels) in [
        ("README.md", &["Guarantee", "Survives"][..]),
        ("docs/stores.md", &["Round trips", "On timeout", "Events"]),
    ] {
        let text = read(doc);
        assert_tidy(
            store::DRIVERS
                .iter()
                .flat_map(|driver| docs::promises(doc, &text, driver.schemes[0], &driver.promises(), labels)),
        );
    }
}

#[cfg(feature = "bots")]
#[test]
fn the_readme_lists_every_flag() {
    let (serve, bots) = (help("serve"), help("bots"));
    assert!(serve.contains("--listen") && bots.contains("--players"), "{serve}\n{bots}");
    assert_tidy(docs::flags(&read("README.md"), &serve, &bots));
}

#[test]
fn the_changelog_names_the_version() {
    assert_tidy(docs::changelog(&read("CHANGELOG.md"), env!("CARGO_PKG_VERSION")));
}

#[test]
fn the_readme_names_the_oldest_toolchain_that_works() {
    let oldest = env!("CARGO_PKG_RUST_VERSION");
    assert!(read("README.md").contains(&format!("Rust {oldest} or newer")), "{oldest}");
}

#[test]
fn the_release_notes_are_the_changelog_of_one_version() {
    let notes = |version: &str| {
        let script = concat!(env!("CARGO_MANIFEST_DIR"), "/.ci/release-notes");
        Command::new("bash").args([script, version]).output().expect("bash runs")
    };
    let (changelog, version) = (read("CHANGELOG.md"), env!("CARGO_PKG_VERSION"));
    let output = notes(version);
    let text = String::from_utf8(output.stdout).expect("notes are text");
    assert!(output.status.success() && changelog.contains(text.trim()), "{text}");
    assert!(text.lines().all(|line| !line.starts_with("## ")) && !text.trim().is_empty(), "{text}");
    let next = changelog.split_once(text.trim()).map(|(_, rest)| rest.trim_start());
    assert!(next.is_some_and(|rest| rest.is_empty() || rest.starts_with("## ")), "the notes end early");
    assert_eq!(notes("0.0.999").status.code(), Some(1), "a version that is not there");
}

#[test]
fn no_file_is_long() {
    assert_tidy(files("src", ".rs").iter().flat_map(style::length));
}

#[test]
fn nothing_prints_with_a_macro_that_panics() {
    assert_tidy(files("src", ".rs").iter().flat_map(style::prints));
}

#[test]
fn nothing_is_left_for_later() {
    for (folder, end) in [("src", ".rs"), ("tests", ".rs"), ("static", ".js"), ("tests", ".mjs")] {
        let files = files(folder, end);
        assert!(files.len() > 5, "{folder} has {} files {end}", files.len());
        assert_tidy(files.iter().flat_map(style::leftovers));
    }
}

#[cfg(feature = "bots")]
fn help(command: &str) -> String {
    let output = Command::new(env!("CARGO_BIN_EXE_asset-arbiter")).args([command, "--help"]).output();
    String::from_utf8(output.expect("the binary runs").stdout).expect("help is text")
}

fn assert_tidy(complaints: impl IntoIterator<Item = String>) {
    let complaints: Complaints = complaints.into_iter().collect();
    assert!(complaints.is_empty(), "\n{}\n", complaints.join("\n"));
}

#[test]
fn an_import_that_points_up_is_refused() {
    for (path, text) in [
        ("src/model/asset.rs", "use crate::store::Call;"),
        ("src/store/memory.rs", "use crate::bus::Bus;"),
        ("src/store/memory/deep.rs", "use crate::{model::{a, b}, arbiter};"),
        ("src/bus.rs", "use super::store::Store;"),
        ("src/bus/local.rs", "use super::super::store::Store;"),
        ("src/arbiter/room.rs", "fn f(x: crate::server::App) {}"),
        ("src/server/ws.rs", "use crate::bots;"),
        ("src/store/memory.rs", "use crate::fuzzing::url;"),
        ("src/server/ws.rs", "use crate::{\n    model::X,\n    store::Store,\n};"),
        ("src/bots.rs", "use crate :: server :: App;"),
        ("src/bots.rs", "#[cfg(test)]\nmod tests {\n    use crate::arbiter::Arbiter;\n}"),
    ] {
        assert_eq!(layers::imports(&File::new(path, text)).len(), 1, "{path}: {text}");
    }
    for (path, text) in [
        (
            "src/store/memory.rs",
            "use super::{Call, Store};\nuse crate::model::Units; // not crate::server::App",
        ),
        ("src/store/memory/asset.rs", "use super::super::Call;"),
        ("src/arbiter.rs", "use crate::{bus::Bus, model::{AssetName, server}, store};"),
        ("src/server/ws.rs", "use super::bots;"),
        ("src/cli/serve.rs", "use crate::server;"),
    ] {
        assert_eq!(layers::imports(&File::new(path, text)), Complaints::new(), "{path}: {text}");
    }
}

#[test]
fn a_circle_is_refused() {
    let circles = |texts: &[(&str, &str)]| {
        let files: Vec<_> =
            texts.iter().map(|(name, text)| File::new(&format!("src/arbiter/{name}.rs"), text)).collect();
        cycles::circles("src/arbiter", &files)
    };
    let row = [("a", "use super::{b::B, c};"), ("b", "use crate::{arbiter::c::C, model};"), ("c", "struct C;")];
    assert_eq!(circles(&row), Complaints::new());
    let [a, b, _] = row;
    for back in ["use super::a::A;", "use crate::arbiter::{b, d};", "fn f(x: super::a::A) {}"] {
        assert_eq!(circles(&[a, b, ("c", back)]).len(), 1, "{back}");
    }
    assert_eq!(circles(&[a, b, ("c", "#[cfg(test)]\nmod tests {\n    use super::a::A;\n}")]).len(), 0);
    let spread = [("a", "impl<T> X<T> {\n}"), ("b", "impl X {\n}"), ("c", "impl From<X> for Y {\n}")];
    assert_eq!(circles(&spread).len(), 1, "a type with methods in two modules");
}

#[test]
fn a_crate_away_from_home_is_refused() {
    let manifest = "[package]\nname = \"x\"\n[dependencies]\n# a = \"1\"\nclap = \"4\"\ntokio = { version = \"1\" }\n\
        tokio-tungstenite = \"1\"\n\n[dev-dependencies]\ntempfile = \"3\"\n";
    let dependencies = layers::dependencies(manifest);
    assert_eq!(dependencies, ["clap", "tokio", "tokio_tungstenite"]);
    for (path, text) in [
        ("src/arbiter/room.rs", "use clap::Parser;"),
        ("src/server/ws.rs", "#[derive(clap::Parser)]\nstruct X;"),
        ("src/server/ws.rs", "use tokio_tungstenite as ws;"),
        ("src/model/name.rs", "use tokio::sync::Notify;"),
        ("src/arbiter/room.rs", "use tokio::{\n    net::TcpStream,\n};"),
    ] {
        assert_eq!(layers::crates(&File::new(path, text), &dependencies).len(), 1, "{path}: {text}");
    }
    for (path, text) in [
        ("src/cli/serve.rs", "use clap::Parser;"),
        ("src/main.rs", "use clap::Parser;"),
        ("src/bots/wire.rs", "use tokio_tungstenite::connect_async;"),
        ("src/server/ws.rs", "use super::clap::x; // clap::Parser"),
        ("src/server/ws.rs", "#[cfg(test)]\nmod tests {\n    use tokio_tungstenite::connect_async;\n}"),
        ("src/store/redis.rs", "use tokio::net::TcpStream;"),
    ] {
        assert_eq!(layers::crates(&File::new(path, text), &dependencies), Complaints::new(), "{path}: {text}");
    }
}

#[test]
fn a_store_that_does_not_say_what_it_guarantees_is_refused() {
    let good = "//! **Guarantee**: a;\n//! b.\n//! **Round trips**: none.\n//! **Survives**: c.\n//! **On timeout**: d.\n//! **Events**: e.\n";
    assert_eq!(docs::header(&File::new("x", good)), Complaints::new());
    for (from, to) in [
        ("**Survives**: c.", "**Survives**:"),
        ("//! **Round trips**: none.\n", ""),
        ("//! **Guarantee**", "//! A store.\n//! **Guarantee**"),
        ("//! **On timeout**", "use x;\n//! **On timeout**"),
    ] {
        let bad = good.replace(from, to);
        assert_ne!(docs::header(&File::new("x", &bad)), Complaints::new(), "{bad}");
    }
    let driver = "pub(super) const DRIVER: Driver = Driver {};";
    assert!(docs::is_driver(&File::new("src/store/new.rs", driver)));
    assert!(!docs::is_driver(&File::new("src/bus/new.rs", driver)));
}

#[test]
fn a_readme_that_leaves_out_or_makes_up_is_refused() {
    assert_eq!(docs::schemes("`memory:` and redis:", ["memory", "redis"]), ["README.md: no word of `redis:`"]);
    let promises = [("Guarantee", "once"), ("Survives", "it.")].map(|(label, said)| (label, said.to_owned()));
    let row = "| `memory:` (default) | once | it |";
    let check = |row: &str, promises: &[(&str, String)]| {
        docs::promises("README.md", row, "memory", promises, &["Guarantee", "Survives"])
    };
    assert_eq!(check(row, &promises), Complaints::new());
    assert_eq!(check(&row.replace("once", "twice"), &promises).len(), 1);
    assert_eq!(check(row, &promises[1..]).len(), 1, "a label is missing");
    let help = "Usage: x [OPTIONS]\n\n  -s, --store <URL>  where; see --bus\n      --bus <URL>\n  -h, --help\n";
    let readme = "| `--store URL` / `--bus URL` | `memory:` | not `--listen` |\n";
    assert_eq!(docs::flags(readme, help, ""), Complaints::new());
    assert_eq!(docs::flags("use `--store` and `--bus`\n", help, "").len(), 2, "not in a table");
    assert_eq!(docs::flags(&readme.replace("--bus", "--buses"), help, "").len(), 2);
    assert_eq!(docs::flags(&readme.replace("--bus", "--buses"), help, "  --buses N").len(), 1);
}

#[test]
fn a_changelog_without_the_version_is_refused() {
    for good in ["## 0.1.0\n", "# x\n\n## [0.1.0] - 2026-01-01\n"] {
        assert_eq!(docs::changelog(good, "0.1.0"), Complaints::new());
    }
    for bad in ["", "0.1.0", "## 0.1.01\n", "## 0.1.0-rc1\n", "## 0.2.0\n"] {
        assert_eq!(docs::changelog(bad, "0.1.0").len(), 1, "{bad}");
    }
}

#[test]
fn a_macro_that_panics_over_a_stream_is_refused() {
    for bad in ["println!(\"a\");", "std::eprintln!(\"a\");", "fn f() { print!(\"a\") }", "eprint!(\"b\");"] {
        assert_ne!(style::prints(&File::new("src/cli.rs", bad)), Complaints::new(), "{bad}");
    }
    for good in ["// println!(1)", "fn print() {}", "#[cfg(test)]\nmod tests {\n    println!();\n}"] {
        assert_eq!(style::prints(&File::new("src/cli.rs", good)), Complaints::new(), "{good}");
    }
}

#[test]
fn a_long_file_is_refused() {
    assert_eq!(style::length(&File::new("x", &"\n".repeat(400))), Complaints::new());
    assert_eq!(style::length(&File::new("x", &"\n".repeat(401))).len(), 1);
}

#[test]
fn what_is_left_for_later_is_refused() {
    for word in [["// TO", "DO: x"], ["/* FIX", "ME */"], ["// XX", "X"]] {
        assert_eq!(style::leftovers(&File::new("x", &word.concat())).len(), 1, "{word:?}");
    }
    assert_eq!(style::leftovers(&File::new("x", "// AUTODOC, mytodo")), Complaints::new());
}

#[test]
fn comments_and_tests_are_left_out() {
    for (source, expected) in [
        ("a // b\nc", "a     \nc"),
        ("#[cfg(test)]\nuse a::{\n    b,\n};\nc", "____________\n________\n______\n__\nc"),
        ("    #[cfg(test)]\n    a: B,\n    c: D,", "________________\n_________\n    c: D,"),
        ("#[cfg(test)]\n#[path = \"a\"]\nmod a;\nb", "____________\n_____________\n______\nb"),
    ] {
        assert_eq!(code::bare_without_tests(source), expected.replace('_', " "), "{source}");
    }
}
