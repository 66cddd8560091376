//! More connections than one process may have: 96,000 on eight nodes over one Redis, with Redis and with NATS as the
//! bus, in rooms of 100 and in one room. Measures joins, memory, an idle system, a grant told to everybody, a race of
//! 1,000 players, and the loss of a node. The players are processes of their own, who check every frame.
//!
//! `cargo bench --features full --bench scale [-- --connections N --nodes K --only redis|nats --rooms 100|one --idle S]`
//!
//! A small run: `-- --connections 2000 --nodes 2 --idle 5`. Every process may open `ulimit -n` files, so 96,000
//! connections need eight nodes where that is 20,000.

#![allow(clippy::unwrap_used, reason = "a benchmark that cannot go on stops")]

mod args;
mod crew;
#[path = "../../tests/engines/mod.rs"]
mod engines;
mod floor;
mod player;
mod protocol;
mod scene;
mod spent;
#[path = "../../tests/support/mod.rs"]
mod support;
mod table;
#[path = "../usage/mod.rs"]
mod usage;
mod worker;

use std::{
    env, fs,
    process::{Command, ExitCode, exit},
    thread,
    time::Duration,
};

use args::{Args, Bus};
use floor::Floor;
use scene::Scene;
use table::Column;
use tokio::{
    signal::{
        ctrl_c,
        unix::{SignalKind, signal},
    },
    time::{sleep, timeout},
};
use worker::Worker;

/// A scene takes two minutes. A machine that needs longer than this says nothing useful.
const SCENE: Duration = Duration::from_secs(600);
/// Beyond that the benchmark ends itself and its processes.
const GRACE: Duration = Duration::from_secs(60);
/// Between two scenes, for sockets to go.
const PAUSE: Duration = Duration::from_secs(3);

fn main() -> ExitCode {
    let mut words = env::args().skip(1).peekable();
    if words.next_if(|word| word == crew::WORKER).is_some() {
        Worker::new(words).run();
        return ExitCode::SUCCESS;
    }
    let limit = rlimit::increase_nofile_limit(u64::MAX).unwrap();
    let args = Args::parse(words).and_then(|args| args.check_files(limit).map(|()| args));
    match args {
        Ok(args) => run(&args),
        Err(error) => {
            eprintln!("{error}");
            ExitCode::from(2)
        }
    }
}

#[tokio::main]
async fn run(args: &Args) -> ExitCode {
    let scenes = (args.buses.len() * args.rooms.len()) as u32;
    thread::spawn(move || {
        thread::sleep((SCENE + PAUSE) * scenes + GRACE);
        end_everything();
    });
    let redis = engines::redis::redis().expect("redis-server");
    let nats = args.buses.contains(&Bus::Nats).then(|| engines::nats::nats().expect("nats-server"));
    let floor = Floor::measure();
    println!(
        "{} connections on {} nodes, {}. Bare sockets, both ends together: {:.1} us of one core for a connection with its \
         handshake, {:.1} us for a message.\n",
        args.connections,
        args.nodes,
        if cfg!(debug_assertions) { "a debug build" } else { "a release build" },
        floor.join,
        floor.delivery
    );
    let (mut columns, mut failures) = (Vec::new(), Vec::new());
    for &bus in &args.buses {
        for &rooms in &args.rooms {
            let scene = Scene { args, bus, rooms, floor };
            let mut column = Column::new(scene.heading());
            eprintln!("{} ...", column.heading);
            let nats = nats.as_ref().filter(|_| bus == Bus::Nats);
            let result = tokio::select! {
                result = timeout(SCENE, scene.measure(&redis, nats, &mut column)) => result,
                // What was started ends with the scene.
                () = stopped() => return ExitCode::FAILURE,
            };
            let result = result.unwrap_or_else(|_| Err(format!("not done within {SCENE:?}")));
            failures.extend(result.err().map(|error| format!("FAILED: {}: {error}", column.heading)));
            columns.push(column);
            sleep(PAUSE).await;
        }
    }
    table::print(&columns);
    failures.iter().for_each(|failure| println!("\n{failure}"));
    ExitCode::from(u8::from(!failures.is_empty()))
}

/// Somebody wants the benchmark to end.
async fn stopped() {
    let mut terminated = signal(SignalKind::terminate()).unwrap();
    tokio::select! {
        _ = terminated.recv() => {}
        _ = ctrl_c() => {}
    }
}

/// Kills the processes that this one started, and ends.
fn end_everything() {
    let own = std::process::id().to_string();
    for entry in fs::read_dir("/proc").into_iter().flatten().flatten() {
        let stat = fs::read_to_string(entry.path().join("stat")).unwrap_or_default();
        let parent = stat.rsplit_once(')').and_then(|(_, rest)| rest.split_whitespace().nth(1));
        if parent == Some(&own) {
            let _ = Command::new("kill").arg("-9").arg(entry.file_name()).status();
        }
    }
    println!("FAILED: the benchmark does not end by itself");
    exit(1);
}
