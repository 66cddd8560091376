//! A stdout or stderr that is full, closed or not read keeps nobody from playing, and from ending.

use std::{
    fs::{File, OpenOptions},
    io::{BufRead, BufReader, PipeReader, PipeWriter, Write, pipe},
    net::SocketAddr,
    process::{Child, Stdio},
};

use super::{
    asset_arbiter,
    member::Member,
    running::{Running, ended, get, kill, send},
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

fn start(args: &[&str], stderr: impl Into<Stdio>) -> (Child, SocketAddr) {
    let mut command = asset_arbiter(&[&["--listen", "127.0.0.1:0"], args].concat(), &[]);
    let mut child = command.stdout(Stdio::piped()).stderr(stderr).spawn().unwrap();
    let lines = BufReader::new(child.stdout.take().unwrap()).lines().map(Result::unwrap);
    let address = lines.filter_map(|line| Some(line.split_once("http://")?.1.parse().unwrap())).next();
    let address = address.unwrap_or_else(|| panic!("it ended with {:?}", ended(&mut child)));
    (child, address)
}

fn plays_and_ends(mut child: Child, address: SocketAddr) {
    let mut member = Member::join(address, "r", "ann");
    assert!(member.select("sword").contains("\"granted\":true"));
    assert!(send(address, &get("/healthz")).starts_with("HTTP/1.1 200 "));
    kill(&child, "TERM");
    assert_eq!(member.closed(), 4100);
    drop(member);
    assert_eq!(ended(&mut child), Some(0));
}

fn dropped(address: SocketAddr) -> u64 {
    let metrics = send(address, &get("/metrics"));
    let line = metrics.lines().find_map(|line| line.strip_prefix("asset_arbiter_log_lines_dropped_total "));
    line.unwrap_or_else(|| panic!("{metrics}")).parse().unwrap()
}

/// The lines of the start are written by a thread of its own, soon.
fn loses_lines(address: SocketAddr) {
    assert!((0..20_000).any(|_| dropped(address) > 0), "no line was lost");
}

#[test]
fn a_log_on_a_full_disk_is_lost_and_counted() {
    let (child, address) = start(&[], full_disk());
    loses_lines(address);
    plays_and_ends(child, address);
}

#[test]
fn a_log_that_nobody_reads_stops_nothing() {
    let (_reader, writer) = full_pipe();
    let (child, address) = start(&["--log-level", "trace"], writer);
    plays_and_ends(child, address);
}

#[test]
fn a_log_whose_reader_went_away_stops_nothing() {
    let (reader, writer) = pipe().unwrap();
    drop(reader);
    let (child, address) = start(&[], writer);
    plays_and_ends(child, address);
}

#[test]
fn a_banner_that_nobody_reads_keeps_nobody_waiting() {
    let (_reader, writer) = full_pipe();
    let server =
        Running::spawn_to(asset_arbiter(&["--listen", "127.0.0.1:0", "--log-format", "json"], &[]), writer);
    assert!(Member::join(server.address, "r", "ann").select("sword").contains("\"granted\":true"));
    assert_eq!(server.stop("TERM").0, Some(0));
}

#[test]
fn the_last_line_neither_panics_nor_hangs() {
    let (_reader, pipe) = full_pipe();
    let streams: [(&[&str], i32); 3] =
        [(&["--store", "memory:x"], 1), (&["--no-such-flag"], 2), (&["check-config", "--bus", "pigeon:"], 1)];
    for (args, code) in streams {
        for stderr in [Stdio::from(full_disk()), Stdio::from(pipe.try_clone().unwrap())] {
            let mut child = asset_arbiter(args, &[]).stdout(Stdio::null()).stderr(stderr).spawn().unwrap();
            assert_eq!(ended(&mut child), Some(code), "{args:?}");
        }
    }
}

#[test]
fn what_a_command_says_may_be_lost() {
    for args in [&["--help"][..], &["--version"], &["check-config"]] {
        let mut child = asset_arbiter(args, &[]).stdout(full_disk()).stderr(full_disk()).spawn().unwrap();
        assert_eq!(ended(&mut child), Some(0), "{args:?}");
    }
    let (_reader, pipe) = full_pipe();
    let mut child = asset_arbiter(&["check-config"], &[]).stdout(pipe).stderr(Stdio::null()).spawn().unwrap();
    assert_eq!(ended(&mut child), Some(0));
}

#[cfg(feature = "bots")]
#[test]
fn the_first_and_last_words_of_the_bots_may_be_lost() {
    let bots = ["bots", "--url", "ws://127.0.0.1:1", "--duration", "100ms"];
    let mut child = asset_arbiter(&bots, &[]).stdout(full_disk()).stderr(full_disk()).spawn().unwrap();
    assert_eq!(ended(&mut child), Some(1));
}
