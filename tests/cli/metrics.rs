//! `--metrics-listen` keeps monitoring apart from players.

use std::net::SocketAddr;

use serde_json::Value;

use super::{
    complaint, effective, run, serve,
    support::{Process, get},
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
    for path in ["/", "/asset-arbiter.js", "/v1/rooms/r", "/openapi.json"] {
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
    assert!(code == 1 && said.contains(&format!("cannot listen on {taken} (choose another with --metrics-listen")));
    server.end().await;
}
