//! A database that loses everything while members are connected.

use mysql_async::from_row;

use crate::{
    engines::mysql::{DATABASE, Server},
    ground::servers,
    remote::emptied::{Made, is_noticed_and_nothing_is_given_away_twice},
};

/// Empties every table but that of the schema's version.
async fn empty(server: &Server, how: &str) {
    let ours = format!(
        "SELECT table_name FROM information_schema.tables WHERE table_schema = '{DATABASE}' AND table_name <> \
         'asset_arbiter_schema'"
    );
    for row in server.ask(&ours).await {
        let table: String = from_row(row);
        server.ask(&format!("{how} {DATABASE}.{table}")).await;
    }
}

#[tokio::test]
async fn what_was_given_away_is_not_made_again_when_its_rows_are_deleted() {
    for server in servers().await {
        let delete = async || empty(&server, "DELETE FROM").await;
        is_noticed_and_nothing_is_given_away_twice(&server.url(), Made::BySelect, delete).await;
    }
}

#[tokio::test]
async fn what_was_given_away_is_not_made_again_when_its_tables_are_truncated() {
    for server in servers().await {
        let truncate = async || empty(&server, "TRUNCATE TABLE").await;
        is_noticed_and_nothing_is_given_away_twice(&server.url(), Made::BySelect, truncate).await;
    }
}
