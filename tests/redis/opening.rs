//! What cannot work is said in one line, at once or as soon as it is known, and never with a password in it.

use std::{fs, sync::Arc};

use asset_arbiter::store::open;
use tempfile::NamedTempFile;
use tokio::net::TcpListener;
use tracing::subscriber::{DefaultGuard, set_default};

use crate::{
    engines::{eventually, redis},
    ground::{engines, servers},
    remote::{
        FOR_EVER,
        opening::{dropped_stores_leave_no_connection, ends_with, says, says_at_once},
        store,
    },
    support::{WEB, other_server},
};

/// The binary does not go on with what cannot work, and says in one line what to do.
#[tokio::test]
async fn what_can_never_work_ends_the_process() {
    for engine in engines() {
        let server = engine.start_with(&["--requirepass", "right"]);
        for (url, part) in [
            (format!("redis://:hunter2@127.0.0.1:{}", server.port), "correct user and password in the URL"),
            (server.url(), "write the password into the URL"),
            (format!("redis://:right@127.0.0.1:{}/99", server.port), "the server has fewer databases"),
            (format!("redis://nobody:right@127.0.0.1:{}", server.port), "correct user and password in the URL"),
        ] {
            ends_with(&url, part).await;
        }
    }
}

#[tokio::test]
async fn a_wrong_password_is_said_and_not_shown() {
    for engine in engines() {
        let (log, _guard) = log_file();
        let server = engine.start_with(&["--requirepass", "right"]);
        says(&format!("redis://:hunter2@127.0.0.1:{}", server.port), "WRONGPASS").await;
        says(&server.url(), "NOAUTH").await;
        let right = open(&format!("redis://:right@127.0.0.1:{}/3", server.port), FOR_EVER).unwrap();
        eventually("the right password to be taken", async || right.ping().await.ok()).await;
        let logged = fs::read_to_string(log.path()).unwrap();
        assert!(logged.contains("WRONGPASS") && !logged.contains("hunter2"), "{logged}");
    }
}

#[tokio::test]
async fn an_address_where_nothing_is_is_said() {
    let nobody = TcpListener::bind("127.0.0.1:0").await.unwrap().local_addr().unwrap();
    says(&format!("redis://{nobody}"), &format!("cannot connect to {nobody}: Connection refused")).await;
    says(&format!("redis+cluster://{nobody}"), "Connection refused").await;
    says(&format!("redis+sentinel://{nobody}/main"), "Connection refused").await;
    says("redis://no-such-host.invalid", "cannot connect to no-such-host.invalid:6379").await;
}

#[tokio::test]
async fn a_server_of_another_kind_is_said() {
    let (web, mute) = (other_server(WEB).await, other_server(b"").await);
    says(&format!("redis://{web}"), "it is not a Redis server").await;
    says(&format!("redis://{mute}"), "no answer within").await;
    let Some(engine) = redis::redis() else { return };
    let single = engine.start();
    says(&format!("redis+cluster://127.0.0.1:{}", single.port), "cluster support disabled").await;
    let port = single.port.to_string();
    let replica = engine.start_with(&["--replicaof", "127.0.0.1", &port]);
    says(&replica.url(), "it is a replica; name the primary").await;
}

#[tokio::test]
async fn a_server_that_may_forget_is_warned_of() {
    for engine in engines() {
        let (log, _guard) = log_file();
        let [careful, careless] =
            ["noeviction", "allkeys-lru"].map(|policy| engine.start_with(&["--maxmemory-policy", policy]));
        let _stores = (store(&careful.url()).await, store(&careless.url()).await);
        let warnings = || {
            let logged = fs::read_to_string(log.path()).unwrap();
            let warned =
                logged.lines().filter(|line| line.contains("WARN") && line.contains("maxmemory-policy"));
            warned.map(str::to_owned).collect::<Vec<_>>()
        };
        assert!(matches!(&warnings()[..], [one] if one.contains("allkeys-lru")), "{:?}", warnings());
        // What is changed later is seen after a reconnect, at the latest after a minute.
        careful.ask::<()>(&["CONFIG", "SET", "maxmemory-policy", "volatile-ttl"]);
        careful.ask::<()>(&["CLIENT", "KILL", "TYPE", "normal"]);
        let two = async || (warnings().len() == 2).then(warnings);
        let warned = eventually("the change to be warned of", two).await;
        assert!(warned[1].contains("volatile-ttl"), "{warned:?}");
    }
}

#[tokio::test]
async fn a_store_that_is_dropped_leaves_no_connection() {
    for server in servers() {
        let clients = || server.info(&["INFO", "clients"], "connected_clients").unwrap().parse().unwrap();
        dropped_stores_leave_no_connection(&server.url(), async || clients()).await;
    }
}

#[test]
fn a_bad_url_is_said_at_once_and_without_its_password() {
    for (url, part) in [
        ("redis://", "host is missing"),
        ("redis://:hunter2@host?weight=1", "wait, wait_timeout_ms, ttl and prefix"),
        ("redis+cluster://:hunter2@host/2", "only database 0"),
        ("redis://:hunter2@host", "tokio runtime"),
    ] {
        let said = says_at_once(url);
        assert!(said.contains(part), "{said}");
    }
}

/// What this thread logs from here on goes to a file, until the guard is dropped.
fn log_file() -> (NamedTempFile, DefaultGuard) {
    let file = NamedTempFile::new().unwrap();
    let subscriber = tracing_subscriber::fmt().with_ansi(false).with_max_level(tracing::Level::TRACE);
    let writer = Arc::new(file.reopen().unwrap());
    (file, set_default(subscriber.with_writer(writer).finish()))
}
