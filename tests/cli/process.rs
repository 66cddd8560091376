//! How the process begins, what it says, and how it ends.

use std::{io::Write, net::TcpStream, process::Command};

use super::running::Running;

#[test]
fn it_says_where_it_listens_and_ends_well_when_told_to() {
    for signal in ["TERM", "INT"] {
        let server = Running::start(&["--listen", "127.0.0.1:0"], &[]);
        assert!(server.get("/healthz").starts_with("HTTP/1.1 200 "));
        let address = server.address;
        let (code, stdout, log) = server.stop(signal);
        assert_eq!(code, Some(0), "{log}");
        assert!(stdout.contains(&format!("open   http://{address}\n")), "{stdout}");
        assert!(
            stdout.contains("store  memory:\n  awards exactly once; ") && stdout.contains("bus    local:\n"),
            "{stdout}"
        );
        assert!(!stdout.contains("unsafe"), "{stdout}");
    }
}

#[test]
fn told_a_second_time_it_ends_at_once() {
    let server = Running::start(&["--listen", "127.0.0.1:0", "--drain-timeout", "1h"], &[]);
    let mut stuck = TcpStream::connect(server.address).unwrap();
    stuck.write_all(b"GET /healthz HTTP/1.1\r\nHo").unwrap();
    assert!(server.get("/healthz").starts_with("HTTP/1.1 200 "), "the stuck one was accepted before this one");
    server.tell("TERM");
    server.wait_for("draining");
    assert_eq!(server.stop("TERM").0, Some(1));
}

#[test]
fn what_is_unsafe_is_said_at_the_start() {
    let server = Running::start(&["serve", "--listen", "0.0.0.0:0", "--insecure"], &[]);
    let (_, stdout, _) = server.stop("TERM");
    assert!(stdout.contains("unsafe everyone who reaches this address may play"), "{stdout}");
    assert!(stdout.contains("no admin key"), "{stdout}");
}

#[test]
fn no_secret_reaches_the_log() {
    let env = [("ASSET_ARBITER_ADMIN_KEY", "hunter2-key")];
    let server = Running::start(&["--listen", "127.0.0.1:0", "--log-level", "trace"], &env);
    let put = "PUT /v1/rooms/r/assets/a?token=hunter2-query HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\
               Authorization: Bearer hunter2-key\r\nContent-Length: 11\r\n\r\n{\"units\":1}";
    assert!(server.send(put).starts_with("HTTP/1.1 400 "), "no path takes a token");
    assert!(server.send(&put.replace("?token=hunter2-query", "")).starts_with("HTTP/1.1 201 "));
    let (code, stdout, log) = server.stop("TERM");
    assert_eq!(code, Some(0));
    assert!(log.contains("TRACE") || log.contains("DEBUG") || log.contains("INFO"), "there is a log: {log}");
    assert!(!stdout.contains("hunter2") && !log.contains("hunter2"), "{log}");
}

#[test]
fn running_out_of_files_is_survived() {
    let binary = env!("CARGO_BIN_EXE_asset-arbiter");
    let mut command = Command::new("sh");
    let script = format!("ulimit -n 40; exec '{binary}' --listen 127.0.0.1:0 --log-format json");
    command.args(["-c", &script]).env_clear();
    let server = Running::spawn(command);
    let crowd: Vec<_> = (0..100).filter_map(|_| TcpStream::connect(server.address).ok()).collect();
    assert!(crowd.len() > 40, "the backlog takes more than there are files: {}", crowd.len());
    server.wait_for("cannot accept connections");
    drop(crowd);
    let metrics = server.get("/metrics");
    let errors = metrics.lines().find_map(|line| line.strip_prefix("asset_arbiter_accept_errors_total "));
    assert_ne!(errors.expect("a counter"), "0");
    assert_eq!(server.stop("TERM").0, Some(0));
}
