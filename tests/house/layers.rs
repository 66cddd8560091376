use super::{Complaints, File, code};

/// What each place in `src/` may know of the others. `main.rs` and `cli` know everything.
const MAY_KNOW: [(&str, &[&str]); 8] = [
    ("model", &["model"]),
    ("link", &["link", "model"]),
    ("store", &["store", "link", "model"]),
    ("bus", &["bus", "link", "model"]),
    ("arbiter", &["arbiter", "store", "bus", "model"]),
    ("server", &["server", "arbiter", "model"]),
    ("bots", &["bots", "model"]),
    ("fuzzing", &["server", "store", "bus", "model"]),
];

/// Crates that live only in these places. `main` and `cli` are one.
const HOMES: [(&str, &[&str]); 29] = [
    ("clap", &["cli"]),
    ("qrcode", &["cli"]),
    ("anyhow", &["cli"]),
    ("tracing_subscriber", &["cli"]),
    ("tikv_jemallocator", &["cli"]),
    ("axum", &["server"]),
    ("opentelemetry_proto", &["server"]),
    ("prost", &["server"]),
    ("hyper", &["server", "bots"]),
    ("hyper_util", &["server", "bots"]),
    ("http_body_util", &["server", "bots"]),
    ("httpdate", &["server"]),
    ("tungstenite", &["bots"]),
    ("tower", &["server"]),
    ("metrics_exporter_prometheus", &["server"]),
    ("hyper_rustls", &["server", "bots"]),
    ("jsonwebtoken", &["server"]),
    ("spki", &["server"]),
    // Drivers reach their servers over TLS, and the server's own port speaks it. Rules and words need none.
    ("rustls", &["link", "store", "bus", "server", "bots"]),
    ("tokio_rustls", &["link", "store", "bus", "server"]),
    ("x509_parser", &["server"]),
    ("ipnet", &["cli", "server"]),
    ("tokio_tungstenite", &["bots"]),
    ("hdrhistogram", &["bots"]),
    ("indicatif", &["bots"]),
    ("dashmap", &["store", "bus", "arbiter", "server", "bots"]),
    ("metrics", &["store", "bus", "arbiter", "server", "bots"]),
    ("unicode_normalization", &["model"]),
    ("schemars", &["model", "server"]),
];

/// The words need nothing but these.
const OF_MODEL: [&str; 7] =
    ["foldhash", "itoa", "schemars", "serde", "serde_json", "thiserror", "unicode_normalization"];

/// Layers that speak through what is below them, never through a socket of their own.
const WITHOUT_SOCKETS: [&str; 2] = ["model", "arbiter"];

/// Imports point down.
pub fn imports(file: &File) -> Complaints {
    let place = place(&file.path);
    let Some((_, may_know)) = MAY_KNOW.iter().find(|(name, _)| *name == place) else { return Vec::new() };
    let known = known(file);
    let above = known.into_iter().filter(|(_, name)| MAY_KNOW.iter().any(|(layer, _)| layer == name));
    let above = above.filter(|(_, name)| !may_know.contains(&name.as_str()));
    above.map(|(at, name)| file.complain(at, format!("{place} must not know {name}"))).collect()
}

/// Third-party crates stay where they live.
pub fn crates(file: &File, dependencies: &[String]) -> Complaints {
    let (place, code) = (place(&file.path), code::bare_without_tests(&file.text));
    let mut complaints = Vec::new();
    for name in dependencies {
        let home = HOMES.iter().find(|(known, _)| known == name).map(|(_, home)| *home);
        let fits = match (place, home) {
            ("model", _) => OF_MODEL.contains(&name.as_str()),
            (_, Some(home)) => home.contains(&place),
            (_, None) => true,
        };
        if !fits && let Some(at) = used(&code, name) {
            complaints.push(file.complain(at, format!("{name} does not live in {place}")));
        }
    }
    if WITHOUT_SOCKETS.contains(&place)
        && let Some(at) = code.find("net::")
    {
        complaints.push(file.complain(at, format!("{place} has no sockets")));
    }
    complaints
}

/// The crates of a `Cargo.toml`, as code names them.
pub fn dependencies(manifest: &str) -> Vec<String> {
    let is_ours =
        |name: &str| name == "dependencies" || name.starts_with("target.") && name.ends_with(".dependencies");
    let tables = manifest.split("\n[").filter(|table| table.split(']').next().is_some_and(is_ours));
    let lines = tables.flat_map(str::lines).filter(|line| !line.starts_with(['#', '[']));
    lines.filter_map(|line| Some(line.split_once('=')?.0.trim().replace('-', "_"))).collect()
}

/// The first name of a path below `src/`: `store` for `src/store/memory.rs`.
fn place(path: &str) -> &str {
    let path = path.strip_prefix("src/").unwrap_or(path);
    match path.split(['/', '.']).next().unwrap_or_default() {
        "main" => "cli",
        place => place,
    }
}

/// Where a path starts with the crate's name.
fn used(code: &str, name: &str) -> Option<usize> {
    code::words(code, name).find(|&at| {
        let (before, after) = (code[..at].trim_end(), code[at + name.len()..].trim_start());
        let whole = before.ends_with("use") && (after.starts_with(';') || after.starts_with("as "));
        !before.ends_with("::") && !before.ends_with('.') && (after.starts_with("::") || whole)
    })
}

/// Names that stand right below the root in `crate::name`, `crate::{name, ..}` or, where `super` reaches the
/// root, `super::name`.
fn known(file: &File) -> Vec<(usize, String)> {
    let code = code::bare(&file.text);
    let from_root = code::words(&code, "crate").map(|at| at + "crate".len());
    let climbs = code::words(&code, "super").filter_map(|at| climb(&code, at, depth(&file.path)));
    let mut known = Vec::new();
    for at in from_root.chain(climbs) {
        let Some(rest) = code[at..].trim_start().strip_prefix("::") else { continue };
        let names = code::heads(rest.trim_start());
        known.extend(names.into_iter().map(|name| (at, name)));
    }
    known
}

/// How many modules a file is below the root: 1 for `src/store.rs`, 2 for `src/store/memory.rs`.
fn depth(path: &str) -> usize {
    let path = path.trim_start_matches("src/").trim_end_matches(".rs").trim_end_matches("/mod");
    path.split('/').count()
}

/// The end of a chain of `super::` that begins here, if it climbs `depth` modules or more.
fn climb(code: &str, at: usize, depth: usize) -> Option<usize> {
    let chain: &str = code[at..].split(|c: char| !c.is_ascii_lowercase() && c != ':').next()?;
    let supers = chain.split("::").take_while(|part| *part == "super").count();
    let first = !code[..at].trim_end().ends_with("::");
    (first && supers >= depth).then_some(at + supers * "super::".len() - "::".len())
}
