//! The command line: what beats what, what is refused, and how the process ends.

#![allow(clippy::unwrap_used, reason = "a test that cannot go on fails")]

use std::{
    fs,
    io::{BufRead, BufReader, Read, Write},
    net::{SocketAddr, TcpListener, TcpStream},
    path::PathBuf,
    process::{Child, ChildStderr, Command, Output, Stdio},
    sync::{Arc, Mutex},
    thread::JoinHandle,
    time::{Duration, Instant},
};

use serde_json::Value;
use tempfile::TempDir;

/// Nothing here takes that long.
const PATIENCE: Duration = Duration::from_secs(20);

fn asset_arbiter(args: &[&str], env: &[(&str, &str)]) -> Command {
    let mut command = Command::new(env!("CARGO_BIN_EXE_asset-arbiter"));
    // What the developer has set must not matter.
    command.args(args).env_clear().envs(env.iter().copied());
    command
}

fn run(args: &[&str], env: &[(&str, &str)]) -> Output {
    asset_arbiter(args, env).output().unwrap()
}

fn text(bytes: &[u8]) -> &str {
    std::str::from_utf8(bytes).unwrap()
}

/// The value `check-config` shows for a flag.
fn effective(flag: &str, args: &[&str], env: &[(&str, &str)]) -> String {
    let output = run(&[&["check-config"], args].concat(), env);
    assert_eq!(output.status.code(), Some(0), "{}", text(&output.stderr));
    let shown = text(&output.stdout);
    let line = shown.lines().find_map(|line| line.trim().strip_prefix(flag)?.strip_prefix(' '));
    line.unwrap_or_else(|| panic!("no {flag} in {shown}")).trim().to_owned()
}

/// What it complains about, and with which code it ends.
fn complaint(args: &[&str], env: &[(&str, &str)]) -> (i32, String) {
    let output = run(args, env);
    (output.status.code().unwrap(), text(&output.stderr).to_owned())
}

fn file(content: &str) -> (TempDir, String) {
    let folder = TempDir::new().unwrap();
    let path: PathBuf = folder.path().join("config.toml");
    fs::write(&path, content).unwrap();
    (folder, path.to_str().unwrap().to_owned())
}

#[test]
fn a_flag_beats_the_environment_which_beats_the_file() {
    let (_folder, path) = file("room-log = 100\nping-interval = '7s'\nasset = ['a=1', 'b=2']\n");
    let env = [("ASSET_ARBITER_ROOM_LOG", "200"), ("ASSET_ARBITER_CONFIG", &path)];
    assert_eq!(effective("room-log", &[], &[]), "512");
    assert_eq!(effective("room-log", &["--config", &path], &[]), "100");
    assert_eq!(effective("room-log", &[], &env[1..]), "100");
    assert_eq!(effective("room-log", &[], &env), "200");
    assert_eq!(effective("room-log", &["--room-log", "300"], &env), "300");
    assert_eq!(effective("room-log", &["--room-log", "512"], &env), "512", "also when it says the default");
    assert_eq!(effective("ping-interval", &[], &env), "7s");
    assert_eq!(effective("asset", &[], &env), "a=1 b=2");
    assert_eq!(effective("asset", &["--asset", "c=3"], &env), "c=3", "a list replaces a list");
}

#[test]
fn lists_and_switches_are_written_in_the_environment() {
    let env = [
        ("ASSET_ARBITER_ASSET", "sword=2, bow=1"),
        ("ASSET_ARBITER_ALLOW_ORIGIN", "https://a.example,https://b.example"),
        ("ASSET_ARBITER_INSECURE", "true"),
        ("ASSET_ARBITER_LISTEN", "0.0.0.0:0"),
        ("ASSET_ARBITER_STORE", ""),
    ];
    assert_eq!(effective("asset", &[], &env), "sword=2 bow=1");
    assert_eq!(effective("allow-origin", &[], &env), "https://a.example https://b.example");
    assert_eq!(effective("selects-per-second", &[], &env), "50", "beyond loopback");
    assert_eq!(effective("store", &[], &env), "memory:", "empty is as good as unset");
}

#[test]
fn an_unknown_key_is_named_with_the_nearest_right_one() {
    let (_folder, path) = file("max_mesage = '1KiB'\nconfig = 'x'\n");
    let (code, said) = complaint(&["serve", "--config", &path], &[]);
    assert_eq!(code, 2);
    assert!(said.contains("unknown key \"max_mesage\"; did you mean max-message?"), "{said}");
    assert!(said.contains("unknown key \"config\""), "{said}");
}

#[test]
fn a_wrong_value_says_where_it_is_from() {
    let (_folder, path) = file("room-log = 5\ninsecure = 'perhaps'\nlisten = ['a', 'b']\nstore = 1.5\n");
    let env = [("ASSET_ARBITER_PING_TIMEOUT", "soon"), ("ASSET_ARBITER_ASSET", "sword=1,bow")];
    let (code, said) = complaint(&["--config", &path], &env);
    assert_eq!(code, 2);
    for part in [
        "config.toml: room-log: invalid value '5'",
        "config.toml: insecure: write true or false",
        "config.toml: listen: write one value",
        "config.toml: store: write a string",
        "ASSET_ARBITER_PING_TIMEOUT: invalid value 'soon'",
        "ASSET_ARBITER_ASSET: invalid value 'bow'",
    ] {
        assert!(said.contains(part), "{part} is not in\n{said}");
    }
    assert_eq!(said.lines().count(), 6, "one line each:\n{said}");
}

#[test]
fn wrong_usage_ends_with_2() {
    for args in [
        &["--no-such-flag"][..],
        &["dance"],
        &["--listen", "8080"],
        &["--listen", "game.example:80"],
        &["--room-log", "15"],
        &["--presence-limit", "257"],
        &["--ping-timeout", "0"],
        &["--ping-interval", "0"],
        &["--write-timeout", "0s"],
        &["--handshake-timeout", "5"],
        &["--in-flight", "0"],
        &["--in-flight", "4097"],
        &["--max-message", "255"],
        &["--max-message", "65KiB"],
        &["--max-connections", "0"],
        &["--max-units", "0"],
        &["--auto-create", "0"],
        &["--asset", "sword"],
        &["--asset", "s word=1"],
        &["--allow-origin", "game.example"],
        &["--log-level", "infoo"],
        &["--log-format", "xml"],
        &["--room-log", "64", "serve"],
    ] {
        let (code, said) = complaint(args, &[]);
        assert_eq!(code, 2, "{args:?}: {said}");
        assert!(said.starts_with("error: "), "{args:?}: {said}");
    }
}

#[test]
fn what_keeps_it_from_starting_is_one_line_and_1() {
    let taken = TcpListener::bind("127.0.0.1:0").unwrap();
    let taken_address = taken.local_addr().unwrap().to_string();
    let (_folder, empty) = file("");
    for (args, part) in [
        (&["--listen", &taken_address][..], "cannot listen on"),
        (&["--store", "floppy:a"], "no driver for \"floppy\"; this build has memory:"),
        (&["--store", "memory:x"], "write memory:"),
        #[cfg(not(feature = "redis"))]
        (&["--store", "redis://localhost"], "no driver for \"redis\" without the cargo feature \"redis\""),
        (&["--bus", "pigeon:"], "no driver for \"pigeon\""),
        (&["--admin-key-file", "/no/such/file"], "cannot read --admin-key-file /no/such/file"),
        (&["--admin-key-file", &empty], "a key is one line"),
        (&["--asset", "a=1", "--asset", "a=2"], "a is given twice"),
        (&["--asset", "a=11", "--max-units", "10"], "more than --max-units 10"),
        (&["--auto-create", "11", "--max-units", "10"], "more than --max-units 10"),
    ] {
        let (code, said) = complaint(&[args, &["--log-level", "off"]].concat(), &[]);
        assert_eq!((code, said.lines().count()), (1, 1), "{args:?}: {said}");
        assert!(said.contains(part), "{args:?}: {said}");
    }
}

#[test]
fn a_file_that_is_none_is_told_so() {
    let (_folder, path) = file("room-log = = 1\n");
    for (path, part) in
        [(path.as_str(), "config.toml: TOML parse error"), ("/no/such/file", "cannot read --config")]
    {
        let (code, said) = complaint(&["--config", path], &[]);
        assert_eq!((code, said.lines().count()), (2, 1), "{said}");
        assert!(said.contains(part), "{said}");
    }
}

#[test]
fn it_does_not_listen_to_the_world_unless_told_to() {
    for address in ["0.0.0.0:0", "[::]:0", "192.0.2.1:80"] {
        let (code, said) = complaint(&["--listen", address], &[]);
        assert_eq!(code, 1, "{said}");
        for word in ["refusing to listen", "no player tokens", "no admin key", "--insecure"] {
            assert!(said.contains(word), "{word} is not in {said}");
        }
    }
    let (_, said) = complaint(&["--listen", "0.0.0.0:0"], &[("ASSET_ARBITER_ADMIN_KEY", "hunter2")]);
    assert!(said.contains("refusing to listen") && !said.contains("no admin key"), "{said}");
    assert!(!said.contains("hunter2"));
}

#[test]
fn check_config_says_all_that_is_wrong() {
    let (_folder, path) = file("room-logs = 5\n");
    let args = ["check-config", "--listen", "0.0.0.0:0", "--store", "floppy:", "--config", &path];
    let (code, said) = complaint(&args, &[("ASSET_ARBITER_IN_FLIGHT", "many")]);
    assert_eq!((code, said.lines().count()), (1, 4), "{said}");
    for part in ["room-logs", "ASSET_ARBITER_IN_FLIGHT", "floppy", "refusing"] {
        assert!(said.contains(part), "{part} is not in {said}");
    }
}

#[test]
fn check_config_hides_secrets() {
    let (_folder, path) = file("hunter2\n");
    assert_eq!(effective("admin key", &["--admin-key-file", &path], &[]), "***");
    assert_eq!(effective("admin key", &[], &[("ASSET_ARBITER_ADMIN_KEY", "hunter2")]), "***");
    assert_eq!(effective("admin key", &[], &[]), "none");
}

#[test]
fn help_lists_every_flag_with_its_variable() {
    let design = [
        "config",
        "listen",
        "store",
        "bus",
        "asset",
        "auto-create",
        "sold-out-ttl",
        "select-deadline",
        "resync-interval",
        "write-timeout",
        "ping-interval",
        "ping-timeout",
        "handshake-timeout",
        "drain-timeout",
        "room-log",
        "room-linger",
        "room-ttl",
        "presence-limit",
        "max-connections",
        "max-rooms",
        "max-members",
        "max-assets",
        "max-units",
        "max-message",
        "selects-per-second",
        "in-flight",
        "allow-origin",
        "insecure",
        "admin-key-file",
        "log-format",
        "log-level",
    ];
    for args in [&["--help"][..], &["serve", "--help"], &["check-config", "--help"]] {
        let output = run(args, &[]);
        assert_eq!(output.status.code(), Some(0));
        let help = text(&output.stdout);
        for flag in design {
            assert!(help.contains(&format!("--{flag} ")), "--{flag} is not in {args:?}");
            let variable = format!("[env: ASSET_ARBITER_{}]", flag.to_uppercase().replace('-', "_"));
            let help = help.split_whitespace().collect::<Vec<_>>().join(" ");
            assert!(help.contains(&variable), "{variable} is not in {args:?}");
        }
    }
    let help = run(&["--help"], &[]);
    for command in ["serve", "bots", "check-config"] {
        assert!(text(&help.stdout).contains(&format!("\n  {command} ")), "{command}");
    }
}

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
    assert!(server.send(put).starts_with("HTTP/1.1 201 "));
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

/// A server process with its log as it comes; killed when dropped.
struct Running {
    child: Child,
    address: SocketAddr,
    log: Arc<Mutex<String>>,
    reader: Option<JoinHandle<()>>,
}

impl Running {
    fn start(args: &[&str], env: &[(&str, &str)]) -> Self {
        Self::spawn(asset_arbiter(&[args, &["--log-format", "json"]].concat(), env))
    }

    fn spawn(mut command: Command) -> Self {
        let mut child = command.stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().unwrap();
        let mut lines = BufReader::new(child.stderr.take().unwrap());
        let mut log = String::new();
        let port = loop {
            let start = log.len();
            assert_ne!(lines.read_line(&mut log).unwrap(), 0, "it ended: {log}");
            let line: Value = serde_json::from_str(&log[start..]).unwrap();
            if line["message"] == "listening" {
                break line["address"].as_str().unwrap().parse::<SocketAddr>().unwrap().port();
            }
        };
        let log = Arc::new(Mutex::new(log));
        let reader = Some(follow(lines, Arc::clone(&log)));
        Self { child, address: SocketAddr::from(([127, 0, 0, 1], port)), log, reader }
    }

    fn tell(&self, signal: &str) {
        let kill = format!("kill -{signal} {}", self.child.id());
        assert!(Command::new("sh").args(["-c", &kill]).status().unwrap().success());
    }

    fn wait_for(&self, message: &str) {
        let started = Instant::now();
        while !self.log_so_far().contains(message) {
            assert!(started.elapsed() < PATIENCE, "no {message:?} in {}", self.log_so_far());
            std::thread::sleep(Duration::from_millis(10));
        }
    }

    fn log_so_far(&self) -> String {
        self.log.lock().unwrap().clone()
    }

    fn get(&self, path: &str) -> String {
        self.send(&format!("GET {path} HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n"))
    }

    fn send(&self, request: &str) -> String {
        let mut stream = TcpStream::connect(self.address).unwrap();
        stream.set_read_timeout(Some(PATIENCE)).unwrap();
        stream.write_all(request.as_bytes()).unwrap();
        let mut answer = String::new();
        stream.read_to_string(&mut answer).unwrap();
        answer
    }

    /// Its exit code, all it wrote to stdout, and its log.
    fn stop(mut self, signal: &str) -> (Option<i32>, String, String) {
        self.tell(signal);
        let started = Instant::now();
        let status = loop {
            match self.child.try_wait().unwrap() {
                Some(status) => break status,
                None => assert!(started.elapsed() < PATIENCE, "it does not end"),
            }
            std::thread::sleep(Duration::from_millis(10));
        };
        let mut stdout = String::new();
        self.child.stdout.take().unwrap().read_to_string(&mut stdout).unwrap();
        self.reader.take().unwrap().join().unwrap();
        (status.code(), stdout, self.log_so_far())
    }
}

impl Drop for Running {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

fn follow(mut lines: BufReader<ChildStderr>, log: Arc<Mutex<String>>) -> JoinHandle<()> {
    std::thread::spawn(move || {
        let mut line = String::new();
        while lines.read_line(&mut line).is_ok_and(|read| read > 0) {
            log.lock().unwrap().push_str(&std::mem::take(&mut line));
        }
    })
}
