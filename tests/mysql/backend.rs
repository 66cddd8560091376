//! The game's own backend, which hears of everything by webhook.

use std::time::Duration;

use tokio::time::sleep;

use crate::{
    engines::mysql::{mariadb, tidb},
    ground::servers,
    remote::backend::{
        hears_of_every_grant_and_end_once, hears_of_everything_at,
        is_right_again_after_more_events_than_are_kept,
    },
};

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn the_backend_hears_of_every_grant_and_end_once_whatever_is_killed_on_mariadb() {
    let Some(engine) = mariadb() else { return };
    let mut server = engine.start().await;
    let url = server.url();
    let restart = async || {
        server.process.kill();
        sleep(Duration::from_secs(1)).await;
        server.restart().await;
    };
    hears_of_every_grant_and_end_once(&url, restart).await;
}

/// TiDB's built-in store keeps nothing when it is killed, so its server stops for as long as a restart takes. Nor is it made
/// for a thousand decisions a second.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn the_backend_hears_of_every_grant_and_end_once_though_tidb_stops() {
    let Some(engine) = tidb() else { return };
    let server = engine.start().await;
    let stop = async || {
        server.process.pause();
        sleep(Duration::from_secs(3)).await;
        server.process.resume();
    };
    hears_of_everything_at(0.2, &server.url(), stop).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn the_backend_is_right_again_after_more_events_than_are_kept() {
    for server in servers().await {
        is_right_again_after_more_events_than_are_kept(&server.url()).await;
    }
}
