//! What cannot work is said in one line, and never with a password in it.

use tokio::net::TcpListener;

use crate::{
    conformance::ground::{Ground, Node, asset},
    engines::mysql,
    ground::servers,
    remote::{
        opening::{dropped_stores_leave_no_connection, ends_with, says, says_at_once, serves},
        operator::{Operator, waits_for_a_name},
        store,
    },
};

#[tokio::test]
async fn a_wrong_password_is_said_and_not_shown_and_ends_the_process() {
    for server in servers().await {
        server.ask("CREATE USER game IDENTIFIED BY 'r/i@g:h%t'").await;
        server
            .ask(&format!("GRANT SELECT, INSERT, UPDATE, DELETE, CREATE ON {}.* TO game", mysql::DATABASE))
            .await;
        let url = |login: &str| mysql::url(login, server.port);
        assert!(says(&url("game:hunter2"), "check the user and the password").await.is_hopeless());
        ends_with(&url("game:hunter2"), "check the user and the password").await;
        assert!(says(&url("nobody"), "check the user and the password").await.is_hopeless());
        // These privileges are enough for everything.
        serves(&url("game:r%2Fi%40g%3Ah%25t")).await;
    }
}

#[tokio::test]
async fn what_is_missing_is_said_and_ends_the_process() {
    for server in servers().await {
        let elsewhere = server.url().replace(mysql::DATABASE, "elsewhere");
        assert!(says(&elsewhere, "CREATE DATABASE `elsewhere`").await.is_hopeless());
        ends_with(&elsewhere, "CREATE DATABASE `elsewhere`").await;
        server.ask("CREATE USER reader").await;
        server.ask(&format!("GRANT SELECT ON {}.* TO reader", mysql::DATABASE)).await;
        assert!(says(&mysql::url("reader", server.port), "the user needs SELECT, INSERT").await.is_hopeless());
    }
}

/// With the rights that the docs ask for, and no more.
#[tokio::test]
async fn a_server_that_is_set_to_read_only_and_a_right_that_is_taken_away_are_reported() {
    let Some(engine) = mysql::mariadb() else { return };
    let server = engine.start().await;
    let database = mysql::DATABASE;
    server.ask("CREATE USER app").await;
    server.ask(&format!("GRANT CREATE, SELECT, INSERT, UPDATE, DELETE ON {database}.* TO app")).await;
    let url = mysql::url("app", server.port);
    let operator = Operator::of(&url).await;
    server.ask("SET GLOBAL read_only = 1").await;
    operator.sees("read_only", "1290").await;
    server.ask("SET GLOBAL read_only = 0").await;
    operator.recovers().await;
    let left = format!("SELECT COUNT(*) FROM {database}.asset_arbiter_rooms WHERE room LIKE '~%'");
    assert_eq!(server.count(&left).await, 0, "a probe leaves nothing");

    server.ask(&format!("REVOKE INSERT ON {database}.* FROM app")).await;
    ends_with(&url, "the user needs SELECT, INSERT").await;
}

#[tokio::test]
async fn a_database_of_a_newer_schema_is_refused() {
    for server in servers().await {
        store(&server.url()).await;
        server.ask(&format!("INSERT INTO {}.asset_arbiter_schema VALUES (9)", mysql::DATABASE)).await;
        let said = says(&server.url(), "schema 9 of a newer asset-arbiter").await;
        assert!(said.is_hopeless(), "{said}");
    }
}

#[tokio::test]
async fn many_nodes_that_meet_an_empty_database_make_its_tables_once() {
    for server in servers().await {
        let url = server.url();
        let nodes = (0..8).map(|_| store(&url));
        let nodes = futures::future::join_all(nodes).await;
        assert_eq!(
            server.count(&format!("SELECT COUNT(*) FROM {}.asset_arbiter_schema", mysql::DATABASE)).await,
            1
        );
        let ground = Ground::new(nodes[0].clone());
        ground.create(Node::new().next(), &asset("sword"), 1).await;
        let other = Ground { store: nodes[7].clone(), room: ground.room };
        assert_eq!(other.state(&asset("sword")).await.units, 1);
    }
}

#[tokio::test]
async fn an_address_where_nothing_is_is_said() {
    let nobody = TcpListener::bind("127.0.0.1:0").await.unwrap().local_addr().unwrap();
    let said = says(&mysql::url("root:hunter2", nobody.port()), &format!("cannot connect to {nobody}: ")).await;
    assert!(said.to_string().contains("refused") && !said.is_hopeless(), "{said}");
    let unknown =
        says("mysql://root:hunter2@no-such-host.invalid/game", "cannot connect to no-such-host.invalid:3306")
            .await;
    assert!(!unknown.is_hopeless(), "it may be known later: {unknown}");
    waits_for_a_name("mysql://root:hunter2@no-such-host.invalid/game", &[]).await;
    let file = says_at_once("mysql://root:hunter2@host/game?tls_ca=/no/such/file");
    assert!(file.contains("tls_ca: /no/such/file: No such file"), "{file}");
}

#[tokio::test]
async fn a_store_that_is_dropped_leaves_no_connection() {
    for server in servers().await {
        let ours = "SELECT COUNT(*) FROM information_schema.processlist WHERE db = 'game'";
        dropped_stores_leave_no_connection(&server.url(), async || server.count(ours).await as usize).await;
    }
}

#[test]
fn a_bad_url_is_said_at_once_and_without_its_password() {
    for (url, part) in [
        ("mysql://root:hunter2@", "the host is missing"),
        ("mysql://root:hunter2@host/game?weight=1", "tls, tls_ca, pool, statement_timeout_ms and ttl"),
        ("mysql://root:hunter2@host/game", "tokio runtime"),
    ] {
        let said = says_at_once(url);
        assert!(said.contains(part), "{said}");
    }
}
