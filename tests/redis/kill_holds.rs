//! Nodes that are killed while players hold and confirm, and at times the server with them.

use std::{env, process::Command};

use crate::{
    engines::redis::DURABLE,
    ground::engines,
    remote::{
        killed_holds::{Told, arena, hear, race, rounds, settles, stay_confirmed},
        store,
    },
};

/// Where a child finds its server.
const URL: &str = "REDIS_CHILD_URL";

#[tokio::test]
async fn holds_that_kill_9_left_behind_end_with_the_next_call_and_confirmed_grants_stay() {
    for engine in engines() {
        let mut server = engine.start_with(&DURABLE);
        let mut told = Told::default();
        for round in 0..rounds() {
            let now = hear(child(&server.url()), fastrand::usize(20..300), |child| {
                if round % 2 == 1 {
                    server.process.kill();
                }
                child.kill().unwrap();
            });
            if round % 2 == 1 {
                server.restart();
            }
            let ground = arena(store(&server.url()).await);
            settles(&ground, &now).await;
            told.extend(now);
            stay_confirmed(&ground, &told).await;
        }
    }
}

/// A process of its own that races on a server.
fn child(url: &str) -> Command {
    let mut command = Command::new(env::current_exe().unwrap());
    let test = "kill_holds::races_until_killed";
    command.args(["--exact", test, "--ignored", "--nocapture", "--test-threads=1"]).env(URL, url);
    command
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
#[ignore = "runs until its parent kills it"]
async fn races_until_killed() {
    match env::var(URL) {
        Ok(url) => race(store(&url).await).await,
        Err(_) => eprintln!("nothing to do: this is the child of another test"),
    }
}
