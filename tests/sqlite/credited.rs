//! The game's own backend, which hears of everything by webhook.

use crate::{
    backend::{hears_of_every_grant_and_end_once, is_right_again_after_more_events_than_are_kept},
    temp_db::TempDb,
};

/// There is no server to restart but the node itself.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn the_backend_hears_of_every_grant_and_end_once_whatever_is_killed() {
    let db_file = TempDb::new();
    hears_of_every_grant_and_end_once(&db_file.url(), async || ()).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn the_backend_is_right_again_after_more_events_than_are_kept() {
    let db_file = TempDb::new();
    is_right_again_after_more_events_than_are_kept(&db_file.url()).await;
}
