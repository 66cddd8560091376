//! What cannot work is said in one line, and never with a password in it.

use std::fs;

use mongodb::bson::doc;
use tokio::net::TcpListener;

use crate::{
    conformance::ground::{Ground, Node, asset},
    ground::server,
    remote::{
        opening::{dropped_stores_leave_no_connection, ends_with, says, says_at_once, serves},
        operator::waits_for_a_name,
        store,
    },
};

#[tokio::test]
async fn a_wrong_password_is_said_and_not_shown_and_ends_the_process() {
    let Some(server) = server() else { return };
    let user = doc! {
        "createUser": "game",
        "pwd": "r/i@g:h%t",
        "roles": [{ "role": "readWriteAnyDatabase", "db": "admin" }, { "role": "clusterAdmin", "db": "admin" }],
    };
    server.database().await.client().database("admin").run_command(user).await.unwrap();
    let server = server.with_logins();
    let url = |login: &str| format!("mongodb://{login}@127.0.0.1:{}/game?authSource=admin", server.port);
    assert!(says(&url("game:hunter2"), "authSource=admin").await.is_hopeless());
    assert!(says(&url("nobody:hunter2"), "the user or its password is not accepted").await.is_hopeless());
    ends_with(&url("game:hunter2"), "the user or its password is not accepted").await;
    ends_with(&server.url(), "give the URL a user with the role readWrite").await;
    serves(&url("game:r%2Fi%40g%3Ah%25t")).await;
}

#[tokio::test]
async fn an_address_where_nothing_is_is_said() {
    let nobody = TcpListener::bind("127.0.0.1:0").await.unwrap().local_addr().unwrap();
    let url = format!("mongodb://me:hunter2@{nobody}/game");
    let said = says(&url, &format!("cannot connect to {nobody}: ")).await;
    assert!(said.to_string().contains("refused") && !said.is_hopeless(), "it may come: {said}");
    waits_for_a_name("mongodb://me:hunter2@no-such-host.invalid/game", &[]).await;
}

#[tokio::test]
async fn a_server_that_is_in_no_such_replica_set_is_said() {
    let Some(server) = server() else { return };
    says(&format!("{}?replicaSet=rs0", server.url()), "is replicaSet= its set's name?").await;
}

/// As Amazon's and Atlas's consoles say it, as far as it goes without TLS.
#[tokio::test]
async fn what_the_consoles_say_works() {
    let Some(server) = server() else { return };
    for options in ["retryWrites=false&readPreference=primary", "retryWrites=true&w=majority&appName=game"] {
        let ground = Ground::new(store(&format!("{}?{options}", server.url())).await);
        ground.create(Node::new().next(), &asset("sword"), 1).await;
        assert_eq!(ground.snapshot().await.len(), 1, "{options}");
    }
}

#[tokio::test]
async fn a_store_that_is_dropped_leaves_no_connection() {
    let Some(server) = server() else { return };
    dropped_stores_leave_no_connection(&server.url(), async || connections(server.port)).await;
}

#[test]
fn a_bad_url_is_said_at_once_and_without_its_password() {
    for (url, part) in [
        ("mongodb://me:hunter2@/game", "host is missing"),
        ("mongodb://me:hunter2@host", "the database is missing"),
        ("mongodb://me:hunter2@host/game?weight=1", "the options are collection, ttl"),
    ] {
        let said = says_at_once(url);
        assert!(said.contains(part), "{said}");
    }
}

/// Those to a port of this machine that are open.
fn connections(port: u16) -> usize {
    let (to, open) = (format!(":{port:04X}"), "01");
    let lines = fs::read_to_string("/proc/net/tcp").unwrap();
    let fields = lines.lines().map(|line| line.split_whitespace().skip(2).take(2).collect::<Vec<_>>());
    fields
        .filter(|fields| matches!(fields[..], [remote, state] if remote.ends_with(&to) && state == open))
        .count()
}
