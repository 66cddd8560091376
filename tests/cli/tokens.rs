//! Player tokens at the command line: keys, the flags that take them, and tokens for development.

use std::{
    fs,
    path::Path,
    time::{SystemTime, UNIX_EPOCH},
};

use asset_arbiter::server::{Action, Grants, TokenKey, TokenSettings, Tokens};
use tempfile::TempDir;

use super::{complaint, effective, file, run, text};

const SECRET: &str = "a-secret-of-more-than-thirty-two-bytes";

/// Runs a command that ends well, and returns what it prints.
fn output(args: &[&str]) -> String {
    let output = run(args, &[]);
    assert_eq!(output.status.code(), Some(0), "{args:?}: {}", text(&output.stderr));
    assert_eq!(text(&output.stderr), "", "{args:?}");
    text(&output.stdout).to_owned()
}

/// A new key's folder, and the path of its prefix `game`.
fn new_key(algorithm: &str) -> (TempDir, String) {
    let folder = TempDir::new().unwrap();
    let prefix = folder.path().join("game").to_str().unwrap().to_owned();
    let said = output(&["keygen", "--algorithm", algorithm, &prefix]);
    assert!(said.contains("serve with: --token-key game="), "{said}");
    (folder, prefix)
}

async fn verified(key: &str, token: &str) -> Grants {
    let key = TokenKey::new("game".parse().unwrap(), &fs::read(key).unwrap()).unwrap();
    let tokens = Tokens::new(&TokenSettings { keys: vec![key], ..TokenSettings::default() });
    let now = SystemTime::now().duration_since(UNIX_EPOCH).unwrap().as_millis();
    tokens.verify(token.trim(), u64::try_from(now).unwrap()).await.unwrap()
}

#[tokio::test]
async fn a_new_key_signs_a_token_that_the_server_takes() {
    for (algorithm, signs, verifies) in [
        ("EdDSA", ".private.pem", ".public.pem"),
        ("ES256", ".private.pem", ".public.pem"),
        ("HS256", ".secret", ".secret"),
    ] {
        let (_folder, prefix) = new_key(algorithm);
        let (signs, verifies) = (format!("{prefix}{signs}"), format!("{prefix}{verifies}"));
        let key = format!("game={signs}");
        let minimal = output(&["token", "--key", &key, "--player", "ann", "--room", "arena"]);
        let grants = verified(&verifies, &minimal).await;
        assert_eq!((grants.player.as_str(), grants.expires_at - grants.issued_at), ("ann", 600_000));
        assert!(
            grants.allows_room(&"arena".parse().unwrap()) && !grants.allows_room(&"lobby".parse().unwrap())
        );
        let args = [
            &["token", "--key", &key, "--player", "ann", "--room", "match-*", "--room", "lobby", "--can"][..],
            &["select,observe", "--asset", "loot:*", "--expires-in", "1h", "--name", "Ann B."],
        ];
        let grants = verified(&verifies, &output(&args.concat())).await;
        assert_eq!(grants.expires_at - grants.issued_at, 3_600_000);
        assert_eq!(grants.display_name.as_ref().map(|name| name.as_str()), Some("Ann B."));
        assert!(["match-1", "lobby"].iter().all(|room| grants.allows_room(&room.parse().unwrap())));
        let loot = "loot:1".parse().unwrap();
        let allowed = Action::ALL.map(|action| grants.allows(action, &loot));
        assert_eq!(allowed, [true, false, false, true]);
        assert!(!grants.allows(Action::Select, &"sword".parse().unwrap()));
        let flag = format!("game={verifies}");
        assert_eq!(effective("token-key", &["--token-key", &flag], &[]), format!("game={algorithm}"));
    }
}

#[cfg(unix)]
#[test]
fn only_its_owner_may_read_what_signs() {
    use std::os::unix::fs::PermissionsExt;
    let mode = |path: String| fs::metadata(path).unwrap().permissions().mode() & 0o777;
    let (_folder, prefix) = new_key("EdDSA");
    assert_eq!(mode(format!("{prefix}.private.pem")), 0o600);
    let (_folder, prefix) = new_key("HS256");
    assert_eq!(mode(format!("{prefix}.secret")), 0o600);
}

#[test]
fn a_new_key_overwrites_nothing() {
    let (folder, prefix) = new_key("EdDSA");
    let before = fs::read(format!("{prefix}.private.pem")).unwrap();
    let (code, said) = complaint(&["keygen", &prefix], &[]);
    assert!(code == 1 && said.contains("cannot write") && said.lines().count() == 1, "{said}");
    assert_eq!(fs::read(format!("{prefix}.private.pem")).unwrap(), before);
    fs::remove_file(format!("{prefix}.private.pem")).unwrap();
    assert_eq!(complaint(&["keygen", &prefix], &[]).0, 1, "the public file is there");
    assert!(!Path::new(&format!("{prefix}.private.pem")).exists(), "half of a key is removed again");
    drop(folder);
}

#[test]
fn what_keeps_a_token_from_being_signed_is_one_line() {
    let (_folder, prefix) = new_key("ES256");
    let (public, private) = (format!("k={prefix}.public.pem"), format!("k={prefix}.private.pem"));
    let (_folder, short) = file("too-short\n");
    let short = format!("k={short}");
    let usual = ["--player", "ann", "--room", "arena"];
    for (key, part) in
        [(&*public, "this is public"), ("k=/no/such/file", "cannot read it"), (&short, "9 bytes")]
    {
        let (code, said) = complaint(&[&["token", "--key", key], &usual[..]].concat(), &[]);
        assert!(code == 1 && said.lines().count() == 1 && said.contains(part), "{key}: {said}");
        assert!(!said.contains("too-short"), "{said}");
    }
    for args in [
        &["--player", "ann"][..],
        &["--room", "arena"],
        &["--player", "ann b", "--room", "arena"],
        &["--player", "ann", "--room", "a*b"],
        &["--player", "ann", "--room", "arena", "--can", "select,create"],
        &["--player", "ann", "--room", "arena", "--asset", "a b"],
        &["--player", "ann", "--room", "arena", "--expires-in", "0"],
        &["--player", "ann", "--room", "arena", "--expires-in", "500ms"],
    ] {
        let (code, said) = complaint(&[&["token", "--key", &private], args].concat(), &[]);
        assert_eq!(code, 2, "{args:?}: {said}");
    }
    assert_eq!(complaint(&["keygen"], &[]).0, 2);
    assert_eq!(complaint(&["keygen", "--algorithm", "none", "x"], &[]).0, 2);
    assert_eq!(complaint(&["token", "--key", "no-id", "--player", "ann", "--room", "a"], &[]).0, 2);
}

#[test]
fn every_wrong_key_is_told() {
    let (_folder, prefix) = new_key("EdDSA");
    let (_folder, weak) = file("hunter2\n");
    let flags = [
        format!("a={prefix}.private.pem"),
        "b=/no/such/file".to_owned(),
        format!("c={weak}"),
        format!("d={prefix}.public.pem"),
        format!("d={prefix}.public.pem"),
    ];
    let mut args = vec!["check-config", "--token-jwks", "http://game.example/keys"];
    args.extend(flags.iter().flat_map(|flag| ["--token-key", flag]));
    let (code, said) = complaint(&args, &[]);
    assert_eq!((code, said.lines().count()), (1, 5), "{said}");
    for part in ["private key", "b=/no/such/file: cannot read it", "7 bytes", "d is given twice", "write https"]
    {
        assert!(said.contains(part), "{part} is not in {said}");
    }
    assert!(!said.contains("hunter2"), "{said}");
    for (url, part) in [("https://me:SECRET@h/keys", "before the @"), ("keys", "write https://HOST")] {
        let (code, said) = complaint(&["check-config", "--token-jwks", url], &[]);
        assert!(code == 1 && said.contains(part) && !said.contains("SECRET"), "{said}");
    }
}

#[test]
fn keys_are_named_in_the_environment_and_the_file_as_well() {
    let (_folder, prefix) = new_key("EdDSA");
    let value = format!("a={prefix}.public.pem,b={prefix}.public.pem");
    assert_eq!(effective("token-key", &[], &[("ASSET_ARBITER_TOKEN_KEY", &value)]), "a=EdDSA b=EdDSA");
    let (_folder, path) = file(&format!(
        "token-key = ['a={prefix}.public.pem']\ntoken-jwks = 'https://login.example/keys?x=SECRET'\ntoken-max-age = '1h'\n"
    ));
    assert_eq!(effective("token-key", &["--config", &path], &[]), "a=EdDSA");
    assert_eq!(effective("token-jwks", &["--config", &path], &[]), "https://login.example/keys");
    assert_eq!(effective("token-max-age", &["--config", &path], &[]), "3600s");
    assert_eq!(effective("token-max-age", &[], &[]), "86400s");
}

#[test]
fn it_listens_to_the_world_with_tokens_and_an_admin_key() {
    let (_folder, prefix) = new_key("EdDSA");
    let flag = format!("a={prefix}.public.pem");
    let world = ["check-config", "--listen", "0.0.0.0:0"];
    let admin = [("ASSET_ARBITER_ADMIN_KEY", "hunter2")];
    for tokens in [["--token-key", &*flag], ["--token-jwks", "https://login.example/keys"]] {
        let args = [&world[..], &tokens].concat();
        let (code, said) = complaint(&args, &[]);
        assert!(code == 1 && said.contains("no admin key") && said.contains("--admin-key-file"), "{said}");
        assert!(!said.contains("no player tokens"), "{said}");
        let shown = run(&args, &admin);
        assert_eq!(shown.status.code(), Some(0), "{}", text(&shown.stderr));
        assert!(!text(&shown.stdout).contains("unsafe:"), "{}", text(&shown.stdout));
    }
    let (code, said) = complaint(&world, &admin);
    assert!(code == 1 && said.contains("no player tokens") && said.contains("--token-key"), "{said}");
    let shown = run(&[&world[..], &["--insecure", "--token-key", &flag]].concat(), &[]);
    let shown = text(&shown.stdout);
    assert!(shown.contains("no admin key") && !shown.contains("any player's name"), "{shown}");
}

#[cfg(unix)]
#[test]
fn a_secret_that_others_may_read_is_warned_of_and_a_public_key_is_not() {
    use std::os::unix::fs::PermissionsExt;
    let (_folder, secret) = file(SECRET);
    let (_other, prefix) = new_key("EdDSA");
    let public = format!("{prefix}.public.pem");
    let shown =
        |path: &str| text(&run(&["check-config", "--token-key", &format!("a={path}")], &[]).stdout).to_owned();
    for path in [&secret, &public] {
        fs::set_permissions(path, fs::Permissions::from_mode(0o644)).unwrap();
    }
    assert!(shown(&secret).contains(&format!("chmod 600 {secret}")), "{}", shown(&secret));
    assert!(!shown(&public).contains("chmod") && !shown(&secret).contains(SECRET));
    fs::set_permissions(&secret, fs::Permissions::from_mode(0o600)).unwrap();
    assert!(!shown(&secret).contains("chmod"));
}
