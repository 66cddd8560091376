//! The binary itself, as a process: what it takes to run.

use asset_arbiter::model::ServerMessage;

use crate::support::{Process, Socket};

/// Memory in use, in KB.
#[cfg(target_os = "linux")]
fn memory_kb(process: &Process) -> u64 {
    let status = std::fs::read_to_string(format!("/proc/{}/status", process.child.id().unwrap())).unwrap();
    let line = status.lines().find_map(|line| line.strip_prefix("RssAnon:")).unwrap();
    line.trim().trim_end_matches(" kB").parse().unwrap()
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
