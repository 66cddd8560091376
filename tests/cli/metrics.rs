//! `--metrics-listen` keeps monitoring apart from players, and `/metrics` is as Prometheus wants it.

use std::{
    collections::BTreeSet,
    io::Write,
    net::SocketAddr,
    process::{Command, Stdio},
};

use serde_json::Value;

use super::{
    complaint, effective, engines, run, serve,
    support::{Process, get},
    text,
};

/// Where it says that it serves metrics.
fn metrics_address(server: &Process) -> SocketAddr {
    let lines = server.lines();
    let line = lines.iter().find(|line| line.contains("listening for metrics")).unwrap();
    let line: Value = serde_json::from_str(line).unwrap();
    line["address"].as_str().unwrap().parse().unwrap()
}

#[tokio::test]
async fn what_monitoring_asks_for_has_an_address_of_its_own() {
    let server = serve(&["--listen", "127.0.0.1:0", "--metrics-listen", "127.0.0.1:0"], &[]).await;
    server.will_log("listening for metrics").await;
    let apart = metrics_address(&server);
    for path in ["/metrics", "/healthz", "/readyz"] {
        assert!(get(apart, path).await.starts_with("HTTP/1.1 200 "), "{path}");
        let to_players = server.get(path).await;
        assert!(to_players.starts_with("HTTP/1.1 404 ") && to_players.contains("unknown_path"), "{to_players}");
    }
    for path in ["/", "/asset-arbiter.js", "/v1/rooms/r", "/other"] {
        let answer = get(apart, path).await;
        assert!(answer.starts_with("HTTP/1.1 404 ") && answer.contains("unknown_path"), "{answer}");
    }
    assert!(server.get("/").await.starts_with("HTTP/1.1 200 "));
    let (players, apart) = (server.address.to_string(), apart.to_string());
    for (flags, code) in [(&["--metrics-listen", &*apart][..], Some(0)), (&[], Some(1))] {
        let output = run(&[&["health", "--listen", &players], flags].concat(), &[]);
        assert_eq!(output.status.code(), code, "{flags:?}: {output:?}");
    }
    server.terminate().await;
    let stdout = server.ended().await.stdout;
    assert!(stdout.contains(&format!("  watch  http://{apart}/metrics\n")), "{stdout}");
}

#[tokio::test]
async fn a_node_full_of_players_is_watched() {
    let flags = ["--listen", "127.0.0.1:0", "--metrics-listen", "127.0.0.1:0", "--max-connections", "1"];
    let server = serve(&flags, &[]).await;
    server.will_log("listening for metrics").await;
    let apart = metrics_address(&server);
    let _ann = server.join("ann").await;
    assert!(get(apart, "/metrics").await.contains("asset_arbiter_connections 1\n"));
    assert!(get(apart, "/readyz").await.starts_with("HTTP/1.1 200 "), "whoever asks takes no player's place");
    server.end().await;
}

#[tokio::test]
async fn the_address_for_metrics_is_named_when_it_is_taken() {
    assert_eq!(effective("metrics-listen", &[], &[]), "with the players");
    let server = serve(&["--listen", "127.0.0.1:0"], &[]).await;
    let taken = server.address.to_string();
    let args = ["--listen", "127.0.0.1:0", "--metrics-listen", &taken, "--log-level", "off"];
    let (code, said) = complaint(&args, &[]);
    assert!(
        code == 1 && said.contains(&format!("cannot listen on {taken} (choose another with --metrics-listen"))
    );
    server.end().await;
}

/// What a server shows that has played.
async fn scrape() -> String {
    let server = serve(&["--listen", "127.0.0.1:0"], &[]).await;
    let mut ann = server.join("ann").await;
    assert!(ann.gets("sword").await);
    server.get("/v1/rooms/r").await;
    let answer = server.get("/metrics").await;
    server.end().await;
    answer.split_once("\r\n\r\n").unwrap().1.to_owned()
}

#[tokio::test]
async fn every_metric_has_a_help_text() {
    let scrape = scrape().await;
    let named = |mark: &str| -> BTreeSet<String> {
        let lines = scrape.lines().filter_map(|line| line.strip_prefix(mark)?.split_once(' '));
        lines.filter(|(_, rest)| !rest.is_empty()).map(|(name, _)| name.to_owned()).collect()
    };
    assert!(named("# TYPE ").len() > 20, "{scrape}");
    assert_eq!(named("# TYPE "), named("# HELP "));
    let build = scrape.lines().find(|line| line.starts_with("asset_arbiter_build_info{")).unwrap();
    let version = format!("version=\"{}\"", env!("CARGO_PKG_VERSION"));
    assert!([&*version, "commit=\"", "features=\""].iter().all(|label| build.contains(label)), "{build}");
    assert!(build.ends_with(" 1"), "{build}");
}

#[tokio::test]
async fn promtool_has_nothing_to_complain_of() {
    let how = "install Debian's package prometheus, or run ./test.sh";
    let Some(promtool) =
        engines::on_path("promtool").or_else(|| engines::in_cache("promtool", "usr/bin/promtool"))
    else {
        return engines::cannot_have("promtool", how);
    };
    let check = |metrics: &str| {
        let mut command = Command::new(&promtool);
        command.args(["check", "metrics"]).stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::piped());
        let mut child = command.spawn().unwrap();
        child.stdin.take().unwrap().write_all(metrics.as_bytes()).unwrap();
        let output = child.wait_with_output().unwrap();
        (output.status.success(), format!("{}{}", text(&output.stdout), text(&output.stderr)))
    };
    let scrape = scrape().await;
    assert_eq!(check(&scrape), (true, String::new()));
    let (is_fine, said) = check(&scrape.replace("# HELP process_open_fds", "# help process_open_fds"));
    assert!(!is_fine && said.contains("process_open_fds no help text"), "{said}");
}
