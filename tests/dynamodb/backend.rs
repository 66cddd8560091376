//! The game's own backend, which hears of everything by webhook.

use std::time::Duration;

use tokio::time::sleep;

use crate::{
    ground::servers,
    remote::backend::{hears_of_every_grant_and_end_once, is_right_again_after_more_events_than_are_kept},
};

/// The stand-ins keep nothing when they are killed, so their servers stop for as long as a restart takes.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn the_backend_hears_of_every_grant_and_end_once_though_the_service_stops() {
    for server in servers().await {
        let stop = async || {
            server.process.pause();
            sleep(Duration::from_secs(3)).await;
            server.process.resume();
        };
        hears_of_every_grant_and_end_once(&server.url(), stop).await;
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn the_backend_is_right_again_after_more_events_than_are_kept() {
    for server in servers().await {
        is_right_again_after_more_events_than_are_kept(&server.url()).await;
    }
}
