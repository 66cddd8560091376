//! Measures this server beside others, and checks every answer; see README.md.

mod args;
mod book;
mod dialect;
mod floor;
mod game;
mod matchmaker;
mod net;
mod report;
mod servers;
mod usage;
mod workload;
mod ws;

use std::net::TcpListener;
use std::path::{Path, PathBuf};
use std::process::ExitCode;
use std::time::Duration;
use std::{env, fs};

use args::Args;
use game::{Outcome, Timing};
use rustix::process::{Resource, Rlimit, getrlimit, setrlimit};
use serde_json::{Value, json};
use servers::{Kind, Places};
use workload::Workload;

/// How long a player waits for what is due, before the server is wrong.
const PATIENCE: Duration = Duration::from_secs(10);

fn main() -> ExitCode {
    let mut words = env::args().skip(1).peekable();
    let done = if words.peek().is_some_and(|word| word == "floor") {
        floor(words.skip(1))
    } else {
        Args::parse(words).and_then(|args| measure(&args))
    };
    match done {
        Ok(true) => ExitCode::SUCCESS,
        Ok(false) => ExitCode::FAILURE,
        Err(error) => {
            eprintln!("peers: {error}");
            ExitCode::from(2)
        }
    }
}

/// `floor --port PORT [--flaw FLAW]`
fn floor(mut words: impl Iterator<Item = String>) -> Result<bool, String> {
    let (mut port, mut flaw) = (0, floor::Flaw::None);
    while let Some(flag) = words.next() {
        let value = words.next().ok_or_else(|| format!("{flag} needs a value"))?;
        let known = floor::Flaw::ALL.into_iter().find(|(name, _)| *name == value);
        match (flag.as_str(), value.parse(), known) {
            ("--port", Ok(number), _) => port = number,
            ("--flaw", _, Some((_, named))) => flaw = named,
            _ => return Err(format!("{flag} cannot be '{value}'")),
        }
    }
    let listener = TcpListener::bind(("127.0.0.1", port));
    let served = listener.and_then(|listener| floor::serve(listener, flaw));
    served.map(|()| true).map_err(|error| format!("floor: {error}"))
}

/// Whether all servers were right.
fn measure(args: &Args) -> Result<bool, String> {
    let runs = if args.from.is_empty() { play(args)? } else { read(&args.from)? };
    let medians = report::medians(&runs);
    println!("{}", report::table(&medians));
    if let Some(file) = &args.json {
        let all = json!({ "medians": medians, "runs": runs });
        let text = serde_json::to_string_pretty(&all).map_err(|error| error.to_string())?;
        fs::write(file, text + "\n").map_err(|error| format!("{}: {error}", file.display()))?;
        println!("Every run: {}", file.display());
    }
    Ok(runs.iter().all(|run| run["error"].is_null()))
}

/// Runs of earlier files.
fn read(files: &[PathBuf]) -> Result<Vec<Value>, String> {
    let mut runs = Vec::new();
    for file in files {
        let bad = |error: &dyn std::fmt::Display| format!("{}: {error}", file.display());
        let text = fs::read_to_string(file).map_err(|error| bad(&error))?;
        let mut all: Value = serde_json::from_str(&text).map_err(|error| bad(&error))?;
        runs.append(all["runs"].as_array_mut().ok_or_else(|| bad(&"has no runs"))?);
    }
    Ok(runs)
}

/// Every workload on every server, as often as asked for. The servers take turns.
fn play(args: &Args) -> Result<Vec<Value>, String> {
    prepare(args)?;
    let place = |name: &str| env::var_os(name).map(PathBuf::from).unwrap_or_default();
    let places = Places {
        binary: args.binary.clone(),
        folder: env::var_os("PEERS_FOLDER").map_or_else(|| Path::new("benches/peers").into(), PathBuf::from),
        modules: place("PEERS_MODULES"),
        centrifugo: place("PEERS_CENTRIFUGO"),
        cores: args.cores.clone(),
        threads: args.threads,
        flags: args.flags.clone(),
    };
    let mut runs = Vec::new();
    for run in 1..=args.runs {
        for &(name, workload) in &args.workloads {
            for kind in args.kinds.iter().filter(|kind| kind.plays(workload)) {
                let outcome = once(*kind, workload, &places, args);
                let value = report::run(run, *kind, name, workload, &outcome);
                eprintln!("{value}");
                runs.push(value);
            }
        }
    }
    Ok(runs)
}

fn once(kind: Kind, workload: Workload, places: &Places, args: &Args) -> Result<Outcome, String> {
    let running = kind.start(places)?;
    let timing = Timing { warm_up: args.warm_up, measure: args.measure, patience: PATIENCE };
    game::run(workload, &running.server, timing)
}

/// Moves to the generator's processor, and allows as many open files as the system does.
fn prepare(args: &Args) -> Result<(), String> {
    let mut cores = rustix::thread::CpuSet::new();
    cores.set(args.generator_core);
    rustix::thread::sched_setaffinity(None, &cores)
        .map_err(|error| format!("there is no processor {}: {error}", args.generator_core))?;
    let limit = getrlimit(Resource::Nofile);
    setrlimit(Resource::Nofile, Rlimit { current: limit.maximum, ..limit })
        .map_err(|error| format!("open files: {error}"))
}
