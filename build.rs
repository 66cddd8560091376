//! Tells the binary which commit it is built from: `ARBITER_COMMIT` from the environment, else what `cargo package` wrote
//! down, else what git says. Git is asked for a release build alone, because each new commit builds the crate anew.

use std::{env, fs, path::Path, process::Command};

fn main() {
    println!("cargo::rerun-if-changed=build.rs");
    println!("cargo::rerun-if-env-changed=ARBITER_COMMIT");
    let commit = env::var("ARBITER_COMMIT").ok().or_else(packaged).or_else(checked_out);
    let commit = commit.map_or_else(|| "unknown".to_owned(), |commit| commit.chars().take(12).collect());
    println!("cargo::rustc-env=ARBITER_COMMIT={commit}");
}

/// The commit in `.cargo_vcs_info.json`: `{"git":{"sha1":"..."}}`.
fn packaged() -> Option<String> {
    let info = fs::read_to_string(".cargo_vcs_info.json").ok()?;
    let (_, sha1) = info.split_once("\"sha1\"")?;
    sha1.split('"').nth(1).map(str::to_owned)
}

/// The commit of the checkout this file is in. A crate that cargo unpacked inside another project's checkout is none.
fn checked_out() -> Option<String> {
    if env::var("PROFILE").as_deref() != Ok("release") || !Path::new(".git").exists() {
        return None;
    }
    let log = git(&["rev-parse", "--git-path", "logs/HEAD"])?;
    println!("cargo::rerun-if-changed={log}");
    git(&["rev-parse", "HEAD"])
}

fn git(args: &[&str]) -> Option<String> {
    let output = Command::new("git").args(args).output().ok()?;
    output.status.success().then(|| String::from_utf8_lossy(&output.stdout).trim().to_owned())
}
