//! The command line of the measurement; `benches/peers/run` builds and calls it.

use std::io::{self, Write};
use std::net::TcpListener;
use std::path::{Path, PathBuf};
use std::process::ExitCode;
use std::time::Duration;
use std::{env, fs};

use asset_arbiter_peers::args::Args;
use asset_arbiter_peers::floor::{self, Flaw};
use asset_arbiter_peers::game::{self, Outcome, Timing};
use asset_arbiter_peers::servers::{Kind, Places};
use asset_arbiter_peers::workload::Workload;
use asset_arbiter_peers::{report, svg, versions};
use rustix::process::{Resource, Rlimit, getrlimit, setrlimit};
use serde_json::{Value, json};

/// How long a player waits for what is due, before the server is wrong.
const PATIENCE: Duration = Duration::from_secs(10);

/// Files of the repository that show a complete measurement.
const DOCUMENTED: [&str; 3] = ["docs/peers.svg", "benches/peers/results.json", "benches/peers/results.md"];

fn main() -> ExitCode {
    let mut words = env::args().skip(1).peekable();
    let done = if words.peek().is_some_and(|word| word == "floor") {
        serve_floor(words.skip(1))
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
fn serve_floor(mut words: impl Iterator<Item = String>) -> Result<bool, String> {
    let (mut port, mut flaw) = (0, Flaw::None);
    while let Some(flag) = words.next() {
        let value = words.next().ok_or_else(|| format!("{flag} needs a value"))?;
        let known = Flaw::ALL.into_iter().find(|(name, _)| *name == value);
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
    let documented = documented_files(args);
    if args.from.is_empty() && !documented.is_empty() && !args.is_complete() {
        return Err(refusal(&documented));
    }
    let mut all = if args.from.is_empty() { play(args)? } else { read(&args.from)? };
    let runs = all["runs"].as_array().cloned().unwrap_or_default();
    let medians = report::medians(&runs);
    let table = report::table(&medians);
    say(&table);
    let right = runs.iter().all(|run| run["error"].is_null());
    if !documented.is_empty() && !report::is_complete(&all) {
        return Err(refusal(&documented));
    }
    all["medians"] = Value::Array(medians);
    if let Some(file) = &args.json {
        write(file, &report::json(&all))?;
    }
    if let Some(file) = &args.svg {
        write(file, &svg::draw(&all))?;
    }
    if let Some(file) = &args.markdown {
        write(file, &format!("{}\n{table}", report::head(&all)))?;
    }
    Ok(right)
}

fn write(file: &Path, text: &str) -> Result<(), String> {
    fs::write(file, text).map_err(|error| format!("{}: {error}", file.display()))?;
    say(&format!("wrote {}", file.display()));
    Ok(())
}

/// Prints a line, unless nobody reads any more.
fn say(text: &str) {
    let _ = writeln!(io::stdout(), "{text}");
}

/// Those of the files to write that the documents show.
fn documented_files(args: &Args) -> Vec<PathBuf> {
    let root = env::var_os("PEERS_ROOT").map_or_else(|| ".".into(), PathBuf::from);
    let real = |file: &Path| {
        let folder = file.parent().filter(|folder| !folder.as_os_str().is_empty()).unwrap_or(Path::new("."));
        Some(folder.canonicalize().ok()?.join(file.file_name()?))
    };
    let documented: Vec<_> = DOCUMENTED.iter().filter_map(|file| real(&root.join(file))).collect();
    let files = args.json.iter().chain(&args.svg).chain(&args.markdown).filter_map(|file| real(file));
    files.filter(|file| documented.contains(file)).collect()
}

fn refusal(documented: &[PathBuf]) -> String {
    let names: Vec<_> = documented.iter().map(|file| file.display().to_string()).collect();
    format!(
        "{} shows every workload on every server, three right runs each, one core and one thread; write a smaller \
         run to another file",
        names.join(" and ")
    )
}

/// Puts earlier measurements together.
fn read(files: &[PathBuf]) -> Result<Value, String> {
    let (mut measurements, mut runs) = (Vec::new(), Vec::new());
    for file in files {
        let bad = |error: &dyn std::fmt::Display| format!("{}: {error}", file.display());
        let text = fs::read_to_string(file).map_err(|error| bad(&error))?;
        let mut all: Value = serde_json::from_str(&text).map_err(|error| bad(&error))?;
        measurements.append(all["measurements"].as_array_mut().ok_or_else(|| bad(&"has no measurements"))?);
        runs.append(all["runs"].as_array_mut().ok_or_else(|| bad(&"has no runs"))?);
    }
    Ok(json!({ "measurements": measurements, "medians": [], "runs": runs }))
}

/// Every workload on every server, as often as asked for. The servers take turns.
fn play(args: &Args) -> Result<Value, String> {
    prepare(args)?;
    let place = |name: &str| env::var_os(name).map(PathBuf::from).unwrap_or_default();
    let places = Places {
        binary: args.binary.clone(),
        folder: env::var_os("PEERS_FOLDER").map_or_else(|| "benches/peers".into(), PathBuf::from),
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
                eprintln!("{}", report::progress(&value, args.runs));
                runs.push(value);
            }
        }
    }
    let mut measurement = versions::measurement(args, &places);
    measurement["flags"] = args.to_json();
    Ok(json!({ "measurements": [measurement], "medians": [], "runs": runs }))
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
