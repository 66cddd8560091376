//! Secrets: none is shown, an empty one is none, and one that others may read is warned of.

use super::{complaint, effective, file, run, serve, text};

/// No driver takes these as they are meant, and some are taken as something else.
const MALFORMED: [&str; 22] = [
    "redis://me:a/SECRET@h",
    "redis://me:SECRET/a@h",
    "redis://me:a?SECRET@h",
    "redis://me:a#SECRET@h",
    "redis://me:a@SECRET@h/x/y",
    "redis://me:SECRET",
    "redis://me:SECRET%@h",
    "redis://h/0?password=SECRET",
    "redis://h/0?SECRET",
    "redis:me:SECRET@h",
    "REDIS://me:SECRET@h",
    "redis+cluster://me:SECRET@h/1",
    "mongodb://u:SECRET@ss/w@h",
    "mongodb://u:p@SECRET:x@h/d",
    "mongodb://h/d?password=SECRET",
    "mysql://me:SECRET@/d",
    "dynamodb://AKIA:SECRET@t",
    "momento://SECRET@c",
    "nats://SECRET@h/x",
    "foo://me:SECRET@h",
    "SECRET@h:6379",
    "sqlite://me:SECRET@h?a",
];

#[test]
fn no_password_of_a_malformed_url_is_printed() {
    let quiet = ["--log-level", "off", "--listen", "192.0.2.1:80"];
    for url in MALFORMED {
        for flag in ["--store", "--bus"] {
            // The address is one that is refused, so that nothing is reached even if the URL is taken.
            for args in [&["check-config", flag, url][..], &[&["serve", flag, url][..], &quiet].concat()] {
                let output = run(args, &[]);
                let said = format!("{}{}", text(&output.stdout), text(&output.stderr));
                assert!(!said.is_empty() && !said.contains("SECRET"), "{args:?}: {said}");
                assert_ne!(output.status.code(), Some(101), "{args:?}: {said}");
            }
        }
        let joined = format!("--sotre={url}");
        let asset = format!("--asset={url}");
        for args in
            [&[url][..], &[&joined], &["--room-log", url], &[&asset], &["bots", "--url", url], &["bots", url]]
        {
            let (_, said) = complaint(args, &[]);
            assert!(!said.contains("SECRET"), "{args:?}: {said}");
        }
        let (_, said) =
            complaint(&["check-config"], &[("ASSET_ARBITER_STORE", url), ("ASSET_ARBITER_LISTEN", url)]);
        assert!(!said.contains("SECRET"), "{said}");
    }
}

#[test]
fn a_file_that_cannot_be_read_is_not_quoted() {
    let (_folder, path) = file("room-log = 100\nstore = \"redis://me:SECRET@h\n");
    let (code, said) = complaint(&["--config", &path], &[]);
    assert_eq!((code, said.lines().count()), (2, 1), "{said}");
    assert!(said.contains("config.toml: TOML parse error at line 2: ") && !said.contains("SECRET"), "{said}");
}

#[test]
fn check_config_takes_what_serve_takes_and_no_more() {
    for (flag, url, part) in [
        ("--store", "memory:x", "write memory:"),
        ("--store", "sqlite:", "names no file"),
        ("--store", "sqlite:/nowhere/game.db", "the folder /nowhere does not exist"),
        #[cfg(feature = "redis")]
        ("--store", "redis://h/x", "a database is a number"),
        #[cfg(feature = "redis")]
        ("--bus", "redis://h?wait=1", "the option of a bus is prefix"),
        #[cfg(feature = "dynamodb")]
        ("--store", "dynamodb://assets?region=Ireland", "no region"),
        #[cfg(feature = "mongodb")]
        ("--store", "mongodb://h", "the database is missing"),
        #[cfg(feature = "mysql")]
        ("--store", "mysql://h/d", "the user is missing"),
        #[cfg(feature = "nats")]
        ("--bus", "nats://h?wait=1", "the option is prefix"),
        ("--bus", "local:x", "write local:"),
    ] {
        for command in ["check-config", "serve"] {
            let (code, said) = complaint(&[command, flag, url, "--log-level", "off"], &[]);
            assert_eq!((code, said.lines().count()), (1, 1), "{command} {url}: {said}");
            assert!(said.contains(part), "{command} {url}: {said}");
        }
    }
}

#[cfg(feature = "mongodb")]
#[test]
fn check_config_knows_what_a_store_cannot_do() {
    let args = ["check-config", "--store", "mongodb://h/d", "--asset", "sword=10001"];
    let (code, said) = complaint(&args, &[]);
    assert_eq!(code, 1, "{said}");
    assert!(said.contains("--asset sword=10001: an asset in mongodb: has at most 10000 units"), "{said}");
}

#[test]
fn an_empty_variable_is_an_error() {
    for (variable, code) in [
        ("ASSET_ARBITER_ADMIN_KEY", 1),
        ("ASSET_ARBITER_ADMIN_KEY_FILE", 2),
        ("ASSET_ARBITER_STORE", 2),
        ("ASSET_ARBITER_INSECURE", 2),
        ("ASSET_ARBITER_CONFIG", 2),
    ] {
        for value in ["", " ", "\n"] {
            let (ended, said) = complaint(&[], &[(variable, value)]);
            assert_eq!((ended, said.lines().count()), (code, 1), "{variable}: {said}");
            assert!(said.contains(&format!("{variable}: it is set, and empty")), "{said}");
        }
    }
}

#[cfg(feature = "bots")]
#[test]
fn an_empty_admin_key_is_refused_by_the_bots_too() {
    let (code, said) = complaint(&["bots"], &[("ASSET_ARBITER_ADMIN_KEY", "")]);
    assert_eq!(code, 2, "{said}");
    assert!(said.contains("ASSET_ARBITER_ADMIN_KEY: it is set, and empty"), "{said}");
}

#[cfg(unix)]
#[tokio::test]
async fn a_file_with_a_secret_that_others_may_read_is_warned_of() {
    use std::{fs, os::unix::fs::PermissionsExt};
    let (_folder, path) = file("hunter2\n");
    let mode = |mode| fs::set_permissions(&path, fs::Permissions::from_mode(mode)).unwrap();
    let args = ["--listen", "127.0.0.1:0", "--admin-key-file", &path];
    let shown = || text(&run(&[&["check-config"], &args[..]].concat(), &[]).stdout).to_owned();
    for loose in [0o644, 0o620, 0o602] {
        mode(loose);
        assert!(shown().contains(&format!("chmod 600 {path}")), "{loose:o}: {}", shown());
    }
    let server = serve(&args, &[]).await;
    server.will_log(&format!("chmod 600 {path}")).await;
    drop(server);
    mode(0o600);
    assert!(!shown().contains("chmod"), "{}", shown());
    assert_eq!(effective("admin key", &args, &[]), "***");
}
