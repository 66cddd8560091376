//! A cache that is flushed while members are connected.

use crate::{
    ground::momento,
    remote::emptied::{Made, is_noticed_and_nothing_is_given_away_twice},
};

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn that_a_flushed_cache_forgot_what_was_given_away_is_noticed() {
    let Some(momento) = momento().await else { return };
    let flush = async || {
        for (key, _) in momento.left() {
            momento.evict(&key);
        }
    };
    is_noticed_and_nothing_is_given_away_twice(&momento.url(), Made::ByOperator, flush).await;
}
