//! Tables as an earlier version made them: players' names had at most 64 characters, there were no revocations and no events,
//! and no grant had a deadline.

use asset_arbiter::store::Verdict;
use futures::future::join_all;

use crate::{
    conformance::ground::{Ground, Node, already, asset, player, room},
    engines::mysql::{self, DATABASE, Server},
    ground::servers,
    remote::{
        contract::revocations_outlast_their_node,
        earlier::plays_on,
        opening::{says, serves},
        outbox::goes_on_with_events,
        store,
    },
};

/// What that version executed, without its comments.
const BEFORE: [&str; 6] = [
    "CREATE TABLE asset_arbiter_rooms (room VARCHAR(64) NOT NULL, used_at BIGINT UNSIGNED NOT NULL, PRIMARY KEY (room), \
     KEY by_use (used_at)) ENGINE = InnoDB DEFAULT CHARACTER SET ascii COLLATE ascii_bin",
    "CREATE TABLE asset_arbiter_assets (room VARCHAR(64) NOT NULL, asset VARCHAR(64) NOT NULL, units INT UNSIGNED NOT \
     NULL, remaining INT UNSIGNED NOT NULL, held INT UNSIGNED NOT NULL, revision BIGINT UNSIGNED NOT NULL, origin BIGINT \
     UNSIGNED NOT NULL, creation BIGINT UNSIGNED NOT NULL, created_units INT UNSIGNED NOT NULL, removed BOOLEAN NOT \
     NULL, changes VARCHAR(2048) NOT NULL, PRIMARY KEY (room, asset), UNIQUE KEY by_origin (origin)) ENGINE = InnoDB \
     DEFAULT CHARACTER SET ascii COLLATE ascii_bin",
    "CREATE TABLE asset_arbiter_holders (origin BIGINT UNSIGNED NOT NULL, creation BIGINT UNSIGNED NOT NULL, player \
     VARCHAR(64) NOT NULL, revision BIGINT UNSIGNED NOT NULL, granted_at BIGINT UNSIGNED NOT NULL, PRIMARY KEY (origin, \
     creation, player) /*T![clustered_index] CLUSTERED */, KEY by_revision (origin, creation, revision, granted_at)) \
     ENGINE = InnoDB DEFAULT CHARACTER SET ascii COLLATE ascii_bin",
    "CREATE TABLE asset_arbiter_leftovers (origin BIGINT UNSIGNED NOT NULL, creation BIGINT UNSIGNED NOT NULL, PRIMARY KEY \
     (origin, creation)) ENGINE = InnoDB",
    "CREATE TABLE asset_arbiter_schema (version INT UNSIGNED NOT NULL, PRIMARY KEY (version)) ENGINE = InnoDB",
    "INSERT INTO asset_arbiter_schema (version) VALUES (1)",
];

/// A room with a sword of 3 units, of which a player with a name of 64 characters holds one.
const HELD: [&str; 3] = [
    "INSERT INTO asset_arbiter_rooms (room, used_at) VALUES ('arena', 1700000000000)",
    "INSERT INTO asset_arbiter_assets (room, asset, units, remaining, held, revision, origin, creation, created_units, \
     removed, changes) VALUES ('arena', 'sword', 3, 2, 1, 1, 77, 0, 3, 0, 'aa:1')",
    "INSERT INTO asset_arbiter_holders (origin, creation, player, revision, granted_at) VALUES (77, 0, REPEAT('x', 64), 1, \
     1700000000000)",
];

/// Makes the tables of the earlier version.
async fn begin(server: &Server) {
    for statement in BEFORE.iter().chain(&HELD) {
        ask(server, statement).await;
    }
}

async fn ask(server: &Server, statement: &str) {
    server.ask(&statement.replace("asset_arbiter_", &format!("{DATABASE}.asset_arbiter_"))).await;
}

/// What is there is played on, and so is what a node of the earlier version writes beside this one.
async fn both_versions_play(server: &Server) {
    let first = [player(&"x".repeat(64))];
    plays_on(&server.url(), room("arena"), 3, &first).await;
    for statement in &HELD {
        ask(server, &statement.replace("'arena'", "'cellar'").replace("77", "78")).await;
    }
    plays_on(&server.url(), room("cellar"), 3, &first).await;
    let leases = format!("SELECT COUNT(*) FROM {DATABASE}.asset_arbiter_leases");
    assert_eq!(server.count(&leases).await, 0, "those grants ended");
}

/// Two names that differ in the last of 128 characters.
async fn takes_long_names(url: &str) {
    let (ground, node) = (Ground { store: store(url).await, room: room("arena") }, Node::new());
    let (sword, first) = (asset("sword"), player(&"x".repeat(64)));
    let long = ["~", "="].map(|end| player(&format!("{}{end}", "|".repeat(127))));
    assert_eq!(
        ground.select(node.next(), &sword, std::slice::from_ref(&first)).await.verdicts,
        [already(1)],
        "as it was"
    );
    let selected = ground.select(node.next(), &sword, &long).await;
    assert!(selected.verdicts.iter().all(|verdict| matches!(verdict, Verdict::Granted { .. })), "{selected:?}");
    let holders: Vec<_> = ground.holders(&sword).await.into_iter().map(|grant| grant.player).collect();
    assert_eq!(holders, [&[first], &long[..]].concat());
    for player in &long {
        ground.release(node.next(), &sword, player).await;
    }
}

#[tokio::test]
async fn tables_of_the_version_before_are_completed_and_keep_their_holders() {
    for server in servers().await {
        begin(&server).await;
        let url = server.url();
        join_all([&url; 3].map(|url| store(url))).await;
        both_versions_play(&server).await;
        takes_long_names(&server.url()).await;
        takes_long_names(&server.url()).await;
        revocations_outlast_their_node(&server.url()).await;
        goes_on_with_events(&server.url(), room("cellar")).await;
        let version = format!("SELECT CAST(MAX(version) AS UNSIGNED) FROM {DATABASE}.asset_arbiter_schema");
        assert_eq!(server.count(&version).await, 1, "nodes of that version may go on beside this one");
    }
}

/// The rights that the earlier version needed do not suffice to widen a column.
#[tokio::test]
async fn a_user_who_may_not_widen_a_table_is_told_what_to_run() {
    for server in servers().await {
        begin(&server).await;
        server.ask("CREATE USER app").await;
        server.ask(&format!("GRANT CREATE, SELECT, INSERT, UPDATE, DELETE ON {DATABASE}.* TO app")).await;
        let url = mysql::url("app", server.port);
        for missing in ["name", "deadlines"] {
            let said = says(&url, "grant ALTER, or run `").await;
            assert!(said.is_hopeless(), "{said}");
            let said = said.to_string();
            assert!(said.contains(missing), "{said}");
            ask(&server, said.split('`').nth(1).unwrap()).await;
        }
        takes_long_names(&url).await;
        serves(&url).await;
    }
}
