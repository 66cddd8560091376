//! A server that is there and takes no changes: players are refused, and operators read why, everywhere they look.

use asset_arbiter::store::{StoreErrorCause, open};

use crate::{
    engines::{eventually, redis},
    ground::{engines, servers},
    remote::{
        FOR_EVER,
        opening::ends_with,
        operator::{Operator, waits_for_a_name},
    },
};

#[tokio::test]
async fn a_server_without_memory_or_with_too_few_replicas_is_reported() {
    for (setting, cause, words) in [
        ("maxmemory", "out_of_memory", "OOM command not allowed"),
        ("min-replicas-to-write", "not_replicated", "NOREPLICAS"),
    ] {
        for server in servers() {
            let operator = Operator::of(&server.url()).await;
            server.ask::<()>(&["CONFIG", "SET", setting, "1"]);
            operator.sees(cause, words).await;
            server.ask::<()>(&["CONFIG", "SET", setting, "0"]);
            operator.recovers().await;
        }
    }
}

#[tokio::test]
async fn a_user_that_may_not_run_scripts_is_reported_and_at_the_start_it_ends_the_process() {
    for server in servers() {
        let rights = ["+@all", "-@scripting", "+@scripting"];
        let user = ["ACL", "SETUSER", "app", "on", ">hunter2", "~asset-arbiter:*", "&*"];
        let may = |right| server.ask::<()>(&[&user[..], &[right]].concat());
        may(rights[0]);
        let url = server.url().replace("redis://", "redis://app:hunter2@");
        let operator = Operator::of(&url).await;
        may(rights[1]);
        operator.sees("no_permission", "NOPERM").await;
        ends_with(&url, "let this user run scripts on all keys of the prefix").await;
        may(rights[2]);
        operator.recovers().await;
    }
}

/// Such as the docs ask for, and no more.
#[tokio::test]
async fn the_least_rights_are_enough_for_a_probe() {
    for server in servers() {
        let rights = "+@scripting +@read +@write +ping +@connection";
        let user = ["ACL", "SETUSER", "app", "on", ">pw", "resetkeys", "~asset-arbiter:*", "resetchannels"];
        server.ask::<()>(&user.into_iter().chain(rights.split(' ')).collect::<Vec<_>>());
        let url = server.url().replace("redis://", "redis://app:pw@");
        let store = open(&url, FOR_EVER).unwrap();
        eventually("the store to take a change", async || store.ping().await.ok()).await;
        assert_eq!(server.ask::<usize>(&["DBSIZE"]), 0, "a probe leaves nothing");
        server.ask::<()>(&["ACL", "SETUSER", "app", "-zadd"]);
        let error = store.ping().await.unwrap_err();
        assert_eq!(error.cause(), StoreErrorCause::NoPermission, "each command counts: {error}");
    }
}

#[tokio::test]
async fn a_server_without_scripts_ends_the_process() {
    for engine in engines() {
        let eval = engine.start_with(&["--save", "", "--rename-command", "EVAL", "\"\""]);
        ends_with(&eval.url(), "ERR unknown command 'EVAL'; the server must have it").await;
        let evalsha = engine.start_with(&["--save", "", "--rename-command", "EVALSHA", "hidden"]);
        ends_with(&evalsha.url(), "ERR unknown command 'EVALSHA'; the server must have it").await;
    }
}

#[tokio::test]
async fn a_primary_that_became_a_replica_is_reported() {
    for engine in engines() {
        let (primary, other) = engine.start_pair().await;
        let operator = Operator::of(&primary.url()).await;
        other.ask::<()>(&["REPLICAOF", "NO", "ONE"]);
        primary.ask::<()>(&["REPLICAOF", "127.0.0.1", &other.port.to_string()]);
        operator.sees("read_only", "it is a replica; name the primary").await;
        primary.ask::<()>(&["REPLICAOF", "NO", "ONE"]);
        operator.recovers().await;
    }
}

#[tokio::test]
async fn a_server_that_cannot_save_is_reported() {
    for engine in engines() {
        let server = engine.start_with(&["--save", "3600 1000000", "--enable-protected-configs", "yes"]);
        let operator = Operator::of(&server.url()).await;
        server.ask::<()>(&["CONFIG", "SET", "dbfilename", "folder"]);
        let folder: Vec<String> = server.ask(&["CONFIG", "GET", "dir"]);
        std::fs::create_dir(std::path::Path::new(&folder[1]).join("folder")).unwrap();
        server.ask::<()>(&["BGSAVE"]);
        server.wait_for(&["INFO", "persistence"], "rdb_last_bgsave_status", "err").await;
        operator.sees("misconfigured", "MISCONF").await;
        std::fs::remove_dir(std::path::Path::new(&folder[1]).join("folder")).unwrap();
        eventually("a save", async || server.try_connect().and_then(|mut it| redis_save(&mut it))).await;
        operator.recovers().await;
    }
}

fn redis_save(connection: &mut ::redis::Connection) -> Option<()> {
    ::redis::cmd("SAVE").exec(connection).ok()
}

/// A balancer that took out every node for what all of them have would help nobody.
#[tokio::test]
async fn a_server_that_is_only_away_leaves_the_node_ready() {
    let Some(engine) = redis::redis() else { return };
    let mut server = engine.start();
    let operator = Operator::of(&server.url()).await;
    server.process.kill();
    operator.keeps_ready_while_away("unavailable").await;
    server.restart();
    operator.is_ready().await;
}

#[tokio::test]
async fn a_name_without_an_address_is_waited_for() {
    waits_for_a_name("redis://no-such-host.invalid", &[]).await;
}
