//! A stdout or stderr that is full, closed or not read keeps nobody from playing, and from ending.

use std::{
    fs::{File, OpenOptions},
    io::{PipeReader, PipeWriter, Write, pipe},
    net::SocketAddr,
    process::Stdio,
};

use tokio::{
    io::{AsyncBufReadExt, BufReader},
    process::{Child, Command},
};

use super::{
    asset_arbiter,
    support::{Client, Process, eventually, exit_code, get, metric, send_signal},
};

/// Bytes that a pipe takes when nobody reads.
const PIPE: usize = 64 * 1024;

fn full_disk() -> File {
    OpenOptions::new().write(true).open("/dev/full").unwrap()
}

/// Nobody reads it, and it has no room left.
fn full_pipe() -> (PipeReader, PipeWriter) {
    let (reader, mut writer) = pipe().unwrap();
    writer.write_all(&[b'x'; PIPE]).unwrap();
    (reader, writer)
}

fn command(args: &[&str], stdout: impl Into<Stdio>, stderr: impl Into<Stdio>) -> Command {
    let mut command = Command::from(asset_arbiter(args, &[]));
    command.stdout(stdout).stderr(stderr).kill_on_drop(true);
    command
}

async fn ended(mut command: Command) -> Option<i32> {
    exit_code(&mut command.spawn().unwrap()).await
}

async fn start(args: &[&str], stderr: impl Into<Stdio>) -> (Child, SocketAddr) {
    let args = [&["--listen", "127.0.0.1:0"], args].concat();
    let mut child = command(&args, Stdio::piped(), stderr).spawn().unwrap();
    let mut lines = BufReader::new(child.stdout.take().unwrap()).lines();
    while let Some(line) = lines.next_line().await.unwrap() {
        if let Some((_, address)) = line.split_once("http://") {
            return (child, address.parse().unwrap());
        }
    }
    panic!("it ended with {:?}", exit_code(&mut child).await);
}

async fn plays_and_ends(mut child: Child, address: SocketAddr) {
    let mut member = Client::join(address, "r/ws?player=ann").await;
    assert!(member.gets("sword").await);
    assert!(get(address, "/healthz").await.starts_with("HTTP/1.1 200 "));
    send_signal(&child, "TERM").await;
    assert_eq!(member.closed().await.code, 4100);
    drop(member);
    assert_eq!(exit_code(&mut child).await, Some(0));
}

/// The lines of the start are written by a thread of its own, soon.
async fn loses_lines(address: SocketAddr) {
    eventually(true, async || metric(address, "asset_arbiter_log_lines_dropped_total").await > 0).await;
}

#[tokio::test]
async fn a_log_on_a_full_disk_is_lost_and_counted() {
    let (child, address) = start(&[], full_disk()).await;
    loses_lines(address).await;
    plays_and_ends(child, address).await;
}

#[tokio::test]
async fn a_log_that_nobody_reads_stops_nothing() {
    let (_reader, writer) = full_pipe();
    let (child, address) = start(&["--log-level", "trace"], writer).await;
    plays_and_ends(child, address).await;
}

#[tokio::test]
async fn a_log_whose_reader_went_away_stops_nothing() {
    let (reader, writer) = pipe().unwrap();
    drop(reader);
    let (child, address) = start(&[], writer).await;
    plays_and_ends(child, address).await;
}

#[tokio::test]
async fn a_banner_that_nobody_reads_keeps_nobody_waiting() {
    let (_reader, writer) = full_pipe();
    let args = ["--listen", "127.0.0.1:0", "--log-format", "json"];
    let server = Process::spawn(command(&args, writer, Stdio::piped())).await;
    assert!(server.join("ann").await.gets("sword").await);
    server.end().await;
}

#[tokio::test]
async fn the_last_line_neither_panics_nor_hangs() {
    let (_reader, pipe) = full_pipe();
    let streams: [(&[&str], i32); 3] =
        [(&["--store", "memory:x"], 1), (&["--no-such-flag"], 2), (&["check-config", "--bus", "pigeon:"], 1)];
    for (args, code) in streams {
        for stderr in [Stdio::from(full_disk()), Stdio::from(pipe.try_clone().unwrap())] {
            assert_eq!(ended(command(args, Stdio::null(), stderr)).await, Some(code), "{args:?}");
        }
    }
}

#[tokio::test]
async fn what_a_command_says_may_be_lost() {
    for args in [&["--help"][..], &["--version"], &["check-config"]] {
        assert_eq!(ended(command(args, full_disk(), full_disk())).await, Some(0), "{args:?}");
    }
    let (_reader, pipe) = full_pipe();
    assert_eq!(ended(command(&["check-config"], pipe, Stdio::null())).await, Some(0));
}

#[cfg(feature = "bots")]
#[tokio::test]
async fn the_first_and_last_words_of_the_bots_may_be_lost() {
    let bots = ["bots", "--url", "ws://127.0.0.1:1", "--duration", "100ms"];
    assert_eq!(ended(command(&bots, full_disk(), full_disk())).await, Some(1));
}
