//! What the log says of who got in, who left and who was refused, so that "I cannot get in" has an answer.

use std::time::Duration;

use crate::{
    handshake::close_after,
    support::{Process, Socket, ask, eventually},
};

async fn logged(process: &Process, words: &[&str]) {
    let all = || async { process.lines().iter().any(|line| words.iter().all(|words| line.contains(words))) };
    eventually(true, all).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn who_joins_leaves_and_is_refused_is_logged() {
    let process = Process::start(&["--max-members", "1"]).await;
    let mut ann = process.join("ann").await;
    logged(&process, &["\"joined\"", "\"player\":\"ann\"", "\"room\":\"r\"", "\"session\":\""]).await;
    let closed = Socket::open(process.address, "r/ws?player=bob").await.closed().await;
    assert_eq!(closed.code, 4113);
    logged(&process, &["\"refused\"", "\"player\":\"bob\"", "\"code\":4113", "--max-members"]).await;
    ask(process.address, close_after("r/ws?player=a%20b&token=hunter2", "")).await;
    logged(&process, &["\"refused\"", "\"status\":400", "player name"]).await;
    ann.leave().await;
    logged(&process, &["\"left\"", "\"player\":\"ann\"", "\"code\":1000"]).await;
    assert!(!process.has_logged("hunter2"), "no token");
    process.end().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_foreign_origin_or_host_is_one_line_with_the_flag_to_use() {
    let process = Process::start(&[]).await;
    for _ in 0..20 {
        let foreign = "Origin: https://evil.example\"x\r\n";
        assert_eq!(Socket::open_with(process.address, "r/ws", foreign).await.closed().await.code, 4003);
        ask(process.address, "GET / HTTP/1.1\r\nHost: rebound.example\r\nConnection: close\r\n\r\n").await;
    }
    logged(&process, &["https://evil.example", "\"host\":", "--allow-origin"]).await;
    logged(&process, &["rebound.example", "\"origin\":", "--allow-origin"]).await;
    let lines = process.lines();
    for name in ["refused a page of another origin", "refused a request for another host"] {
        assert_eq!(lines.iter().filter(|line| line.contains(name)).count(), 1, "{name}: {lines:#?}");
    }
    process.end().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_flood_of_refused_joins_is_bounded_in_the_log() {
    const JOINS: usize = 1000;
    let process = Process::start(&["--max-rooms", "1"]).await;
    let _keeper = process.join("keeper").await;
    for n in 0..JOINS {
        assert_eq!(Socket::open(process.address, &format!("x{n}/ws?player=p")).await.closed().await.code, 4113);
    }
    logged(&process, &["more refused than are logged one by one", "4113 x "]).await;
    tokio::time::sleep(Duration::from_millis(1100)).await;
    let (lines, held_back) = (process.lines(), |line: &String| {
        let line: serde_json::Value = serde_json::from_str(line).unwrap();
        line["players"].as_u64().unwrap_or_default() as usize
    });
    let one_by_one = lines.iter().filter(|line| line.contains("\"refused\"")).count();
    assert!(one_by_one < JOINS / 2, "{one_by_one} lines");
    assert_eq!(one_by_one + lines.iter().map(held_back).sum::<usize>(), JOINS, "all are counted");
    process.end().await;
}
