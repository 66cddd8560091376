//! The command line: what beats what, and what is refused; how the process begins and ends.

#![allow(clippy::unwrap_used, reason = "a test that cannot go on fails")]

mod audit;
#[cfg(unix)]
mod curl;
#[path = "../engines/mod.rs"]
mod engines;
mod health;
mod lan;
mod metrics;
mod new;
mod process;
mod secrets;
#[cfg(unix)]
mod signals;
#[cfg(unix)]
mod streams;
#[path = "../support/mod.rs"]
mod support;
mod tokens;

use std::{
    fs,
    net::TcpListener,
    path::PathBuf,
    process::{Command, Output, Stdio},
};

use support::Process;
use tempfile::TempDir;

fn asset_arbiter(args: &[&str], env: &[(&str, &str)]) -> Command {
    let mut command = Command::new(env!("CARGO_BIN_EXE_asset-arbiter"));
    // What the developer has set must not matter.
    command.args(args).env_clear().envs(env.iter().copied());
    command
}

/// The server as a process of its own, of which stdout is kept.
async fn serve(args: &[&str], env: &[(&str, &str)]) -> Process {
    let mut command = asset_arbiter(&[args, &["--log-format", "json"]].concat(), env);
    command.stdout(Stdio::piped());
    Process::spawn(command.into()).await
}

fn run(args: &[&str], env: &[(&str, &str)]) -> Output {
    asset_arbiter(args, env).output().unwrap()
}

fn text(bytes: &[u8]) -> &str {
    std::str::from_utf8(bytes).unwrap()
}

/// The value `check-config` shows for a flag.
fn effective(flag: &str, args: &[&str], env: &[(&str, &str)]) -> String {
    let output = run(&[&["check-config"], args].concat(), env);
    assert_eq!(output.status.code(), Some(0), "{}", text(&output.stderr));
    let shown = text(&output.stdout);
    let line = shown.lines().find_map(|line| line.trim().strip_prefix(flag)?.strip_prefix(' '));
    line.unwrap_or_else(|| panic!("no {flag} in {shown}")).trim().to_owned()
}

/// What it complains about, and with which code it ends.
fn complaint(args: &[&str], env: &[(&str, &str)]) -> (i32, String) {
    let output = run(args, env);
    (output.status.code().unwrap(), text(&output.stderr).to_owned())
}

fn file(content: &str) -> (TempDir, String) {
    let folder = TempDir::new().unwrap();
    let path: PathBuf = folder.path().join("config.toml");
    fs::write(&path, content).unwrap();
    (folder, path.to_str().unwrap().to_owned())
}

#[test]
fn a_flag_beats_the_environment_which_beats_the_file() {
    let (_folder, path) = file("room-log = 100\nping-interval = '7s'\nasset = ['a=1', 'b=2']\n");
    let env = [("ASSET_ARBITER_ROOM_LOG", "200"), ("ASSET_ARBITER_CONFIG", &path)];
    assert_eq!(effective("room-log", &[], &[]), "512");
    assert_eq!(effective("room-log", &["--config", &path], &[]), "100");
    assert_eq!(effective("room-log", &[], &env[1..]), "100");
    assert_eq!(effective("room-log", &[], &env), "200");
    assert_eq!(effective("room-log", &["--room-log", "300"], &env), "300");
    assert_eq!(effective("room-log", &["--room-log", "512"], &env), "512", "also when it says the default");
    assert_eq!(effective("ping-interval", &[], &env), "7s");
    assert_eq!(effective("asset", &[], &env), "a=1 b=2");
    assert_eq!(effective("asset", &["--asset", "c=3"], &env), "c=3", "a list replaces a list");
}

#[test]
fn the_demos_assets_are_there_until_others_are_or_none_are_wanted() {
    let plain = "sword=1 shield=3 potion=5 crown=1 map=10";
    let timed = "seat=1,hold=20s,leave=30s apple=1,grant=10s turn=1,grant=15s,cooldown=10s";
    assert_eq!(effective("asset", &[], &[]), format!("{plain} {timed}"));
    let short = effective("asset", &["--max-hold", "10s"], &[]);
    assert!(short.contains("turn") && !short.contains("seat"), "{short}");
    assert_eq!(effective("asset", &["--asset", "gem=1"], &[]), "gem=1");
    assert_eq!(effective("asset", &["--no-demo-assets"], &[]), "none");
    assert_eq!(effective("asset", &[], &[("ASSET_ARBITER_NO_DEMO_ASSETS", "true")]), "none");
    assert_eq!(
        effective("asset", &["--no-demo-assets", "--asset", "gem=1"], &[]),
        "gem=1",
        "which is no demo's"
    );
}

#[test]
fn lists_and_switches_are_written_in_the_environment() {
    let env = [
        ("ASSET_ARBITER_ASSET", "sword=2, bow=1"),
        ("ASSET_ARBITER_ALLOW_ORIGIN", "https://a.example,https://b.example"),
        ("ASSET_ARBITER_INSECURE", "true"),
        ("ASSET_ARBITER_LISTEN", "0.0.0.0:0"),
    ];
    assert_eq!(effective("asset", &[], &env), "sword=2 bow=1");
    assert_eq!(effective("allow-origin", &[], &env), "https://a.example https://b.example");
    assert_eq!(effective("selects-per-second", &[], &env), "50", "beyond loopback");
}

#[test]
fn an_unknown_key_is_named_with_the_nearest_right_one() {
    let (_folder, path) = file("max_mesage = '1KiB'\nconfig = 'x'\n");
    let (code, said) = complaint(&["serve", "--config", &path], &[]);
    assert_eq!(code, 2);
    assert!(said.contains("unknown key \"max_mesage\"; did you mean max-message?"), "{said}");
    assert!(said.contains("unknown key \"config\""), "{said}");
}

#[test]
fn an_unknown_variable_is_named_with_the_nearest_right_one() {
    let env =
        [("ASSET_ARBITER_MAX_MESAGE", "1KiB"), ("ASSET_ARBITER_ADMIN_KEYS", "k"), ("ASSET_ARBITER_PORT", "80")];
    for (args, ends) in [(&["serve"][..], 2), (&[], 2), (&["check-config"], 1)] {
        let (code, said) = complaint(args, &env);
        assert_eq!((code, said.lines().count()), (ends, 3), "{args:?}: {said}");
        assert!(
            said.contains(
                "ASSET_ARBITER_MAX_MESAGE: unknown variable; did you mean ASSET_ARBITER_MAX_MESSAGE?"
            )
        );
        assert!(
            said.contains("ASSET_ARBITER_ADMIN_KEYS: unknown variable; did you mean ASSET_ARBITER_ADMIN_KEY?")
        );
        assert!(said.contains("ASSET_ARBITER_PORT: unknown variable"), "{said}");
    }
}

#[test]
fn variables_that_kubernetes_sets_for_a_service_are_let_pass() {
    let env = [
        ("ASSET_ARBITER_SERVICE_HOST", "10.0.0.1"),
        ("ASSET_ARBITER_SERVICE_PORT", "80"),
        ("ASSET_ARBITER_SERVICE_PORT_HTTP", "80"),
        ("ASSET_ARBITER_PORT", "tcp://10.0.0.1:80"),
        ("ASSET_ARBITER_PORT_80_TCP", "tcp://10.0.0.1:80"),
        ("ASSET_ARBITER_PORT_80_TCP_PROTO", "tcp"),
        ("ASSET_ARBITER_PORT_80_TCP_PORT", "80"),
        ("ASSET_ARBITER_PORT_80_TCP_ADDR", "10.0.0.1"),
        ("ASSET_ARBITER_PORT_53_UDP", "udp://10.0.0.1:53"),
        ("ASSET_ARBITER_REDIS_SERVICE_HOST", "10.0.0.2"),
        ("ASSET_ARBITER_REDIS_PORT_6379_TCP_ADDR", "10.0.0.2"),
    ];
    assert_eq!(effective("listen", &[], &env), "127.0.0.1:8080");
}

#[test]
fn a_wrong_value_says_where_it_is_from() {
    let (_folder, path) = file("room-log = 5\ninsecure = 'perhaps'\nlisten = ['a', 'b']\nstore = 1.5\n");
    let env = [("ASSET_ARBITER_PING_TIMEOUT", "soon"), ("ASSET_ARBITER_ASSET", "sword=1,bow")];
    let (code, said) = complaint(&["--config", &path], &env);
    assert_eq!(code, 2);
    for part in [
        "config.toml: room-log: invalid value '5'",
        "config.toml: insecure: write true or false",
        "config.toml: listen: write one value",
        "config.toml: store: write a string",
        "ASSET_ARBITER_PING_TIMEOUT: invalid value 'soon'",
        "ASSET_ARBITER_ASSET: invalid value 'bow'",
    ] {
        assert!(said.contains(part), "{part} is not in\n{said}");
    }
    assert_eq!(said.lines().count(), 6, "one line each:\n{said}");
}

#[test]
fn wrong_usage_ends_with_2() {
    for args in [
        &["--no-such-flag"][..],
        &["dance"],
        &["--listen", "8080"],
        &["--listen", "game.example:80"],
        &["--room-log", "15"],
        &["--presence-limit", "257"],
        &["--ping-timeout", "0"],
        &["--ping-interval", "0"],
        &["--write-timeout", "0s"],
        &["--handshake-timeout", "5"],
        &["--in-flight", "0"],
        &["--in-flight", "4097"],
        &["--max-message", "255"],
        &["--max-message", "65KiB"],
        &["--max-connections", "0"],
        &["--max-units", "0"],
        &["--auto-create", "0"],
        &["--asset", "sword"],
        &["--asset", "s word=1"],
        &["--allow-origin", "game.example"],
        &["--log-level", "infoo"],
        &["--log-format", "xml"],
        &["--room-log", "64", "serve"],
    ] {
        let (code, said) = complaint(args, &[]);
        assert_eq!(code, 2, "{args:?}: {said}");
        assert!(said.starts_with("error: "), "{args:?}: {said}");
    }
}

#[test]
fn what_keeps_it_from_starting_is_one_line_and_1() {
    let taken = TcpListener::bind("127.0.0.1:0").unwrap();
    let taken_address = taken.local_addr().unwrap().to_string();
    let (_folder, empty) = file("");
    for (args, part) in [
        (&["--listen", &taken_address][..], "cannot listen on"),
        (&["--store", "floppy:a"], "no driver for \"floppy\"; this build has memory:"),
        (&["--store", "memory:x"], "write memory:"),
        #[cfg(not(feature = "redis"))]
        (&["--store", "redis://localhost"], "no driver for \"redis\" without the cargo feature \"redis\""),
        (&["--bus", "pigeon:"], "no driver for \"pigeon\""),
        (&["--admin-key-file", "/no/such/file"], "cannot read --admin-key-file /no/such/file"),
        (&["--viewer-key-file", "/no/such/file"], "cannot read --viewer-key-file /no/such/file"),
        (&["--admin-key-file", &empty], "a key is one line"),
        (&["--asset", "a=1", "--asset", "a=2"], "a is given twice"),
        (&["--asset", "a=11", "--max-units", "10"], "more than --max-units 10"),
        (&["--auto-create", "11", "--max-units", "10"], "more than --max-units 10"),
    ] {
        let (code, said) = complaint(&[args, &["--log-level", "off"]].concat(), &[]);
        assert_eq!((code, said.lines().count()), (1, 1), "{args:?}: {said}");
        assert!(said.contains(part), "{args:?}: {said}");
    }
}

#[test]
fn a_file_that_cannot_be_parsed_or_read_is_named() {
    let (_folder, path) = file("room-log = = 1\n");
    for (path, part) in
        [(path.as_str(), "config.toml: TOML parse error"), ("/no/such/file", "cannot read --config")]
    {
        let (code, said) = complaint(&["--config", path], &[]);
        assert_eq!((code, said.lines().count()), (2, 1), "{said}");
        assert!(said.contains(part), "{said}");
    }
}

#[test]
fn it_listens_to_the_world_without_tokens_only_with_insecure() {
    for address in ["0.0.0.0:0", "[::]:0", "192.0.2.1:80"] {
        let (code, said) = complaint(&["--listen", address], &[]);
        assert_eq!(code, 1, "{said}");
        for word in ["refusing to listen", "no player tokens", "no admin key", "--insecure"] {
            assert!(said.contains(word), "{word} is not in {said}");
        }
    }
    let (_, said) = complaint(&["--listen", "0.0.0.0:0"], &[("ASSET_ARBITER_ADMIN_KEY", "hunter2")]);
    assert!(said.contains("refusing to listen") && !said.contains("no admin key"), "{said}");
    assert!(!said.contains("hunter2"));
}

#[test]
fn check_config_says_all_that_is_wrong() {
    let (_folder, path) = file("room-logs = 5\n");
    let args = ["check-config", "--listen", "0.0.0.0:0", "--store", "floppy:", "--config", &path];
    let (code, said) = complaint(&args, &[("ASSET_ARBITER_IN_FLIGHT", "many")]);
    assert_eq!((code, said.lines().count()), (1, 4), "{said}");
    for part in ["room-logs", "ASSET_ARBITER_IN_FLIGHT", "floppy", "refusing"] {
        assert!(said.contains(part), "{part} is not in {said}");
    }
}

#[test]
fn check_config_hides_secrets() {
    let (_folder, path) = file("hunter2\n");
    assert_eq!(effective("admin key", &["--admin-key-file", &path], &[]), "***");
    assert_eq!(effective("admin key", &[], &[("ASSET_ARBITER_ADMIN_KEY", "hunter2")]), "***");
    assert_eq!(effective("admin key", &[], &[]), "none");
}

#[test]
fn help_lists_every_flag_with_its_variable() {
    for args in [&["--help"][..], &["serve", "--help"], &["check-config", "--help"], &["health", "--help"]] {
        let output = run(args, &[]);
        assert_eq!(output.status.code(), Some(0));
        let help = text(&output.stdout);
        let words = help.split_whitespace().collect::<Vec<_>>().join(" ");
        let flags = help.lines().filter_map(|line| line.trim().strip_prefix("--")?.split(' ').next());
        let flags: Vec<_> = flags.collect();
        assert!(flags.len() > 30, "{args:?}: {flags:?}");
        // `--ready` of `health` is no setting.
        for flag in flags.into_iter().filter(|flag| *flag != "ready") {
            let variable = format!("[env: ASSET_ARBITER_{}]", flag.to_uppercase().replace('-', "_"));
            assert!(words.contains(&variable), "{variable} is not in {args:?}");
        }
    }
    let help = run(&["--help"], &[]);
    for (command, is_there) in [
        ("serve", true),
        ("bots", cfg!(feature = "bots")),
        ("check-config", true),
        ("health", true),
        ("new", true),
        ("token", true),
        ("keygen", true),
    ] {
        assert_eq!(text(&help.stdout).contains(&format!("\n  {command} ")), is_there, "{command}");
    }
}
