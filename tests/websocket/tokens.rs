//! Who gets in with a player token, and what the token allows.

use std::{process::Stdio, time::Duration};

use asset_arbiter::{
    model::{ErrorCode, ServerMessage},
    server::Secret,
};
use serde_json::json;
use tokio::process::Command;

use crate::support::{
    Client, Closed, Process, Server, Socket, eventually,
    tokens::{bearer, now, settings, token, token_that_can, token_with},
};

async fn server() -> Server {
    let server = Server::with(|setup| {
        setup.settings.tokens = settings();
        setup.settings.tokens_in_urls = true;
        setup.settings.admin_key = Some(Secret::new("operator").unwrap());
        setup.settings.viewer_key = Some(Secret::new("looker").unwrap());
    });
    let server = server.await;
    for asset in ["sword", "loot:1"] {
        server.create("r", asset, 2).await;
    }
    server
}

async fn open(server: &Server, path: &str, credential: &str) -> Socket {
    Socket::open_with(server.address, path, &bearer(credential)).await
}

async fn join(server: &Server, token: &str) -> Client {
    open(server, "r/ws", token).await.welcomed().await
}

/// How the server closes, and its sentence.
async fn refused(mut socket: Socket) -> (u16, String) {
    let Closed { code, .. } = socket.closed().await;
    (code, socket.refusal.unwrap_or_default())
}

#[tokio::test]
async fn the_player_of_a_token_joins_however_it_is_sent() {
    let server = server().await;
    let token = token_with("auth0|ann", json!({"name": "Ann B."}));
    let protocols = format!("Sec-WebSocket-Protocol: asset-arbiter.v1, bearer.{token}\r\n");
    for (path, headers) in [
        ("r/ws".to_owned(), bearer(&token)),
        ("r/ws?player=auth0%7Cann".to_owned(), bearer(&token)),
        ("r/ws".to_owned(), protocols),
        (format!("r/ws?token={token}"), String::new()),
    ] {
        let client = Socket::open_with(server.address, &path, &headers).await.welcomed().await;
        let welcome = &client.welcome;
        assert_eq!(welcome.player.as_ref().unwrap().as_str(), "auth0|ann", "{headers}");
        assert!((590_000..=600_000).contains(&welcome.token_ttl_ms.unwrap()), "{welcome:?}");
        assert_eq!(serde_json::to_value(&welcome.names).unwrap(), json!({"auth0|ann": "Ann B."}));
    }
}

#[tokio::test]
async fn without_a_right_token_nobody_gets_in_and_nothing_is_touched() {
    let server = server().await;
    let calls = server.store.calls();
    let forged = {
        let token = token("ann");
        let (message, signature) = token.rsplit_once('.').unwrap();
        format!("{message}.{}", signature.chars().rev().collect::<String>())
    };
    let expired = token_with("ann", json!({"iat": now() - 600, "exp": now() - 61}));
    let elsewhere = token_with("ann", json!({"arbiter": {"rooms": ["q", "s-*"]}}));
    for (path, credential, code) in [
        ("r/ws?player=ann", "", 4001),
        ("r/ws", "", 4001),
        ("r/ws", "operator2", 4001),
        ("r/ws", forged.as_str(), 4001),
        ("r/ws", &expired, 4102),
        ("r/ws", &elsewhere, 4003),
        ("r/ws?player=bob", &token("ann"), 4003),
        ("r/ws?player=bob", "looker", 4003),
    ] {
        let (closed, sentence) = refused(open(&server, path, credential).await).await;
        assert_eq!(closed, code, "{path} {credential}: {sentence}");
        assert!(
            !sentence.is_empty() && (credential.is_empty() || !sentence.contains(credential)),
            "{sentence}"
        );
    }
    assert_eq!(server.store.calls().snapshot, calls.snapshot, "no room was read");
    assert_eq!((server.closes("4001").await, server.closes("4102").await), (4, 1));
}

#[tokio::test]
async fn operators_come_in_with_their_keys() {
    let server = server().await;
    let admin = open(&server, "r/ws?player=carol", "operator").await.welcomed().await;
    assert_eq!(admin.welcome.player.as_ref().unwrap().as_str(), "carol");
    let viewer = open(&server, "r/ws", "looker").await.welcomed().await;
    assert_eq!((viewer.welcome.player.as_ref(), viewer.welcome.token_ttl_ms), (None, None));
}

#[tokio::test]
async fn a_token_in_the_url_is_refused_where_urls_are_logged() {
    let server = Server::with(|setup| setup.settings.tokens = settings()).await;
    let (code, sentence) =
        refused(Socket::open(server.address, &format!("r/ws?token={}", token("ann"))).await).await;
    assert!(code == 4001 && sentence.contains("subprotocol"), "{code} {sentence}");
}

async fn answer(client: &mut Client, kind: &str, asset: &str) -> Result<(), ErrorCode> {
    client.say(format!(r#"{{"type":"{kind}","asset":"{asset}"}}"#)).await;
    match client.reply().await {
        ServerMessage::Error { code, .. } => Err(code),
        ServerMessage::Selection { .. } | ServerMessage::Release { .. } => Ok(()),
        other => panic!("no answer: {other:?}"),
    }
}

#[tokio::test]
async fn a_token_limits_what_its_player_may_do() {
    let server = server().await;
    let mut all = join(&server, &token("ann")).await;
    assert_eq!(answer(&mut all, "select_asset", "sword").await, Ok(()));
    assert_eq!(answer(&mut all, "release_asset", "sword").await, Ok(()));
    let mut takes = join(&server, &token_that_can("bob", &["select"])).await;
    assert_eq!(answer(&mut takes, "select_asset", "sword").await, Ok(()));
    assert_eq!(answer(&mut takes, "release_asset", "sword").await, Err(ErrorCode::Forbidden));
    let loot = token_with("cat", json!({"arbiter": {"rooms": ["*"], "assets": ["loot:*"]}}));
    let mut loots = join(&server, &loot).await;
    assert_eq!(answer(&mut loots, "select_asset", "loot:1").await, Ok(()));
    assert_eq!(answer(&mut loots, "select_asset", "sword").await, Err(ErrorCode::Forbidden));
    let mut looks = join(&server, &token_that_can("dan", &["observe"])).await;
    assert_eq!(looks.welcome.player, None, "who may not play is an observer");
    assert_eq!(answer(&mut looks, "select_asset", "sword").await, Err(ErrorCode::Forbidden));
}

async fn refresh(client: &mut Client, token: &str) {
    client.say(json!({"type": "refresh", "token": token, "request_id": 7}).to_string()).await;
}

#[tokio::test]
async fn a_new_token_holds_at_once_on_the_same_connection() {
    let server = server().await;
    let mut ann = join(&server, &token("ann")).await;
    let narrow =
        token_with("ann", json!({"exp": now() + 1200, "arbiter": {"rooms": ["r"], "assets": ["loot:*"]}}));
    refresh(&mut ann, &narrow).await;
    let ServerMessage::Refreshed { request_id, token_ttl_ms } = ann.reply().await else { panic!("refreshed") };
    assert_eq!(request_id.unwrap().as_json(), "7");
    assert!((1_190_000..=1_200_000).contains(&token_ttl_ms), "{token_ttl_ms}");
    assert_eq!(answer(&mut ann, "select_asset", "sword").await, Err(ErrorCode::Forbidden));
    assert_eq!(answer(&mut ann, "select_asset", "loot:1").await, Ok(()));
}

#[tokio::test]
async fn a_wrong_new_token_ends_the_connection_with_its_code() {
    let server = server().await;
    for (wrong, code) in [
        ("nonsense".to_owned(), 4001),
        (token_with("ann", json!({"aud": "other"})), 4001),
        (token_with("ann", json!({"iat": now() - 600, "exp": now() - 61})), 4102),
        (token("bob"), 4003),
        (token_with("ann", json!({"arbiter": {"rooms": ["q"]}})), 4003),
    ] {
        let mut ann = join(&server, &token("ann")).await;
        refresh(&mut ann, &wrong).await;
        assert_eq!(ann.closed().await.code, code, "{wrong}");
    }
}

#[tokio::test]
async fn a_connection_without_a_token_has_none_to_replace() {
    let server = Server::start().await;
    let mut ann = server.join("r", "ann").await;
    refresh(&mut ann, &token("ann")).await;
    let ServerMessage::Error { code, request_id, .. } = ann.reply().await else { panic!("an error") };
    assert_eq!((code, request_id.unwrap().as_json()), (ErrorCode::Forbidden, "7"));
    ann.pinged().await;
}

#[tokio::test]
async fn an_expired_token_has_some_seconds_of_grace_and_then_ends() {
    let server = server().await;
    let short = |life: u64| token_with("ann", json!({"exp": now() + life}));
    let (mut late, mut renewed) = (join(&server, &short(1)).await, join(&server, &short(1)).await);
    tokio::time::sleep(Duration::from_secs(5)).await;
    assert_eq!(answer(&mut late, "select_asset", "sword").await, Ok(()), "it is in its grace");
    refresh(&mut renewed, &token("ann")).await;
    let closed = late.closed().await;
    assert!(closed.code == 4102 && closed.retry_after_ms > 0, "{closed:?}");
    renewed.pinged().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn sighup_reads_the_token_keys_again() {
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("key");
    let write = |secret: &str| std::fs::write(&file, secret).unwrap();
    let enter = async |process: &Process| {
        Socket::open_with(process.address, "r/ws", &bearer(&token("ann"))).await.try_welcomed().await
    };
    write("another-secret-of-more-than-32-bytes");
    let process = Process::start(&["--token-key", &format!("key-1={}", file.display())]).await;
    assert_eq!(enter(&process).await.err().unwrap().code, 4001);
    write("short");
    process.signal("HUP").await;
    process.will_log("the token keys stay as they were").await;
    write("a-secret-of-more-than-thirty-two-bytes");
    process.signal("HUP").await;
    process.will_log("the token keys were read again").await;
    let mut ann = enter(&process).await.unwrap();
    write("another-secret-of-more-than-32-bytes");
    process.signal("HUP").await;
    eventually(2, async || process.count_logged("the token keys were read again")).await;
    assert_eq!(enter(&process).await.err().unwrap().code, 4001);
    ann.pinged().await;
    process.end().await;
}

/// Neither the log at its most talkative nor the metrics repeat a token or a key.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn no_token_reaches_the_log_or_the_metrics() {
    let folder = tempfile::tempdir().unwrap();
    let secret = folder.path().join("key");
    std::fs::write(&secret, "a-secret-of-more-than-thirty-two-bytes").unwrap();
    let key = format!("key-1={}", secret.display());
    let mut command = Command::new(Process::program());
    command.args([
        "--listen",
        "127.0.0.1:0",
        "--log-format",
        "json",
        "--log-level",
        "trace",
        "--token-key",
        &key,
    ]);
    command.env("ASSET_ARBITER_ADMIN_KEY", "hunter2").stdout(Stdio::null());
    let process = Process::spawn(command).await;
    let right = token("ann");
    let wrong = token_with("ann", json!({"aud": "other"}));
    let mut ann = Socket::open_with(process.address, "r/ws", &bearer(&right)).await.welcomed().await;
    refresh(&mut ann, &token("ann")).await;
    assert!(matches!(ann.reply().await, ServerMessage::Refreshed { .. }));
    refresh(&mut ann, &wrong).await;
    assert_eq!(ann.closed().await.code, 4001);
    for credential in [wrong.as_str(), "hunter22", &"x".repeat(5000)] {
        let (code, _) = refused(Socket::open_with(process.address, "r/ws", &bearer(credential)).await).await;
        assert_eq!(code, 4001);
        let protocol = format!("Sec-WebSocket-Protocol: asset-arbiter.v1, bearer.{credential}\r\n");
        assert_eq!(refused(Socket::open_with(process.address, "r/ws", &protocol).await).await.0, 4001);
    }
    let told = process.lines().join("\n") + &process.get("/metrics").await;
    assert!(told.contains("the claim aud"), "the log says why");
    for credential in [right, wrong, "hunter2".into(), "x".repeat(100), "a-secret-of".into()] {
        for part in credential.split('.').filter(|part| part.len() > 20 || part.starts_with("hunter")) {
            assert!(!told.contains(part), "{part}");
        }
    }
    process.end().await;
}
