//! The binary itself, as a process: how it ends, and what it takes to run.

use std::time::Instant;

use asset_arbiter::model::ServerMessage;
use futures::future::join_all;

use crate::support::{Process, Socket, soon};

/// Memory in use, in KB.
#[cfg(target_os = "linux")]
fn memory_kb(process: &Process) -> u64 {
    let status = std::fs::read_to_string(format!("/proc/{}/status", process.child.id().unwrap())).unwrap();
    let line = status.lines().find_map(|line| line.strip_prefix("RssAnon:")).unwrap();
    line.trim().trim_end_matches(" kB").parse().unwrap()
}

#[cfg(unix)]
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn sigterm_in_a_race_answers_what_is_in_flight_and_exits_with_0() {
    const SELECTS: u64 = 200;
    let mut process = Process::start(&["--auto-create", "3"]).await;
    let mut players = Vec::new();
    for n in 0..20 {
        players.push(process.join(&format!("p{n}")).await);
    }
    let race = players.iter_mut().map(async |player| {
        // Everybody is in the race before anybody is told to stop.
        for n in 0..SELECTS {
            player.select(&format!("a{n}"), n).await;
        }
    });
    join_all(race).await;
    process.terminate().await;
    let started = Instant::now();
    let finish = players.into_iter().map(async |mut player| {
        let mut answered = 0;
        loop {
            match player.text_or_closed().await {
                Ok(text) => answered += u64::from(text.starts_with(r#"{"type":"selection""#)),
                Err(closed) => return (answered, closed),
            }
        }
    });
    let ends = join_all(finish).await;
    for (answered, closed) in &ends {
        assert_eq!((*answered, closed.code), (SELECTS, 4100));
    }
    let first = ends[0].1.retry_after_ms;
    assert!(
        ends.iter().any(|(_, closed)| closed.retry_after_ms != first),
        "each has its own time to come back"
    );
    let status = soon("the end", process.child.wait()).await.unwrap();
    assert_eq!(status.code(), Some(0));
    assert!(started.elapsed().as_secs() < 10);
}

#[cfg(target_os = "linux")]
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn slow_readers_cost_the_server_no_memory_while_a_hundred_thousand_grants_go_by() {
    const ROUNDS: usize = 1000;
    const ROUND: usize = 100;
    let process = Process::start(&["--asset", "sword=1", "--write-timeout", "10m", "--in-flight", "256"]).await;
    let mut player = process.join("ann").await;
    let mut slow = Vec::new();
    for _ in 0..10 {
        slow.push(Socket::open_narrow(process.address, "r/ws").await.welcomed().await);
    }
    let mut before = 0;
    for round in 0..ROUNDS {
        for _ in 0..ROUND {
            player.enqueue(r#"{"type":"select_asset","asset":"sword"}"#).await;
            player.enqueue(r#"{"type":"release_asset","asset":"sword"}"#).await;
        }
        player.flush().await;
        let mut frames = 0;
        while frames < 2 * ROUND {
            frames += usize::from(player.text().await.starts_with(r#"{"type":"asset_"#));
        }
        if round == ROUNDS / 100 {
            // Everything that is bounded and soon full is full by now, but for samples that wait to be counted.
            before = memory_kb(&process);
        }
    }
    let grown = memory_kb(&process).saturating_sub(before);
    // A queue for each slow reader would take some 20 MB each.
    assert!(grown < 8 * 1024, "{before} KB grew by {grown} KB");
    let snapshot = |message: &ServerMessage| matches!(message, ServerMessage::Snapshot { .. }).then_some(());
    slow[0].hear_until(snapshot).await;
}
