//! The game's own backend, which hears of everything by webhook.

use std::time::Duration;

use tokio::{task::block_in_place, time::sleep};

use crate::{
    engines::redis::DURABLE,
    ground::{engines, servers},
    remote::backend::{hears_of_every_grant_and_end_once, is_right_again_after_more_events_than_are_kept},
};

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn the_backend_hears_of_every_grant_and_end_once_whatever_is_killed() {
    for engine in engines() {
        let mut server = engine.start_with(&DURABLE);
        let url = server.url();
        let restart = async || {
            server.process.kill();
            sleep(Duration::from_secs(1)).await;
            block_in_place(|| server.restart());
        };
        hears_of_every_grant_and_end_once(&url, restart).await;
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn the_backend_is_right_again_after_more_events_than_are_kept() {
    for server in servers() {
        is_right_again_after_more_events_than_are_kept(&server.url()).await;
    }
}
