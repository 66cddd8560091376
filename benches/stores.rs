//! 200 players race on one node over every store, on the servers that the tests use, and 200 on each of two nodes.
//! Measures decisions a second, store calls per 1,000 decisions, and the consumed capacity reported by DynamoDB.
//!
//! `cargo bench --features full --bench stores`; `ARBITER_TEST_ENGINES=tidb,mariadb` selects engines. The servers are
//! those installed by `./test.sh`, on one small machine together with the players.

#![allow(clippy::unwrap_used, reason = "a benchmark that cannot go on stops")]

#[path = "../tests/engines/mod.rs"]
mod engines;
mod race;
#[path = "../tests/support/mod.rs"]
mod support;
mod usage;

use asset_arbiter::bots::Report;
use race::Race;
use support::Process;
use usage::sum;

const PLAYERS: usize = 200;

const ASSETS: Race = Race { what: "20 assets of 3 units", players: PLAYERS, assets: 20, units: 3, rounds: 5 };
const RACES: [Race; 3] = [
    ASSETS,
    Race { what: "one hot asset, 1 unit", players: PLAYERS, assets: 1, units: 1, rounds: 50 },
    Race { what: "one hot asset, 100 units", players: PLAYERS, assets: 1, units: 100, rounds: 10 },
];
const ON_TWO_NODES: Race = Race { what: "20 assets of 3, two nodes", players: 2 * PLAYERS, ..ASSETS };

#[tokio::main]
async fn main() {
    println!("{:>62}{:>20}", "store calls / 1,000", "DynamoDB / 1,000");
    println!("{:<16}{:<27}{:>9}{:>9}{:>7}{:>10}{:>8}", "", "", "dec./s", "select", "any", "writes", "reads");
    on("memory", "memory:").await;
    let folder = tempfile::tempdir().unwrap();
    on("sqlite", &format!("sqlite:{}", folder.path().join("game.db").display())).await;
    for engine in engines::redis::all() {
        on_shared(engine.name, &engine.start().url()).await;
    }
    for engine in engines::dynamodb::all() {
        on_shared(engine.name, &engine.start().await.url()).await;
    }
    if let Some(engine) = engines::mongodb::ferretdb() {
        on_shared("ferretdb", &engine.start().url()).await;
    }
    for engine in engines::mysql::all() {
        on_shared(engine.name, &engine.start().await.url()).await;
    }
    on_shared("momento (fake)", &engines::momento::Momento::start().await.url()).await;
}

async fn on(engine: &str, url: &str) {
    let node = [Process::start(&["--store", url]).await];
    for race in RACES {
        run(engine, &race, &node).await;
    }
}

/// Stores that several nodes can share.
async fn on_shared(engine: &str, url: &str) {
    on(engine, url).await;
    let start = async || Process::start(&["--store", url, "--resync-interval", "500ms"]).await;
    run(engine, &ON_TWO_NODES, &[start().await, start().await]).await;
}

async fn run(engine: &str, race: &Race, nodes: &[Process]) {
    let read = async || {
        let mut metrics = String::new();
        for node in nodes {
            metrics += &support::metrics(node.address).await;
        }
        metrics
    };
    let (report, before, after) = race.run(nodes, read).await;
    print(engine, race, &report, |name| sum(&after, name) - sum(&before, name));
}

fn print(engine: &str, race: &Race, report: &Report, counted: impl Fn(&str) -> f64) {
    let per_thousand = |name: &str| 1000.0 * counted(name) / report.decisions.total as f64;
    let selects = per_thousand(r#"asset_arbiter_store_call_duration_seconds_count{call="select"}"#);
    let calls = per_thousand("asset_arbiter_store_call_duration_seconds_count");
    let [writes, reads] = ["write", "read"].map(|kind| {
        let units = per_thousand(&format!(r#"asset_arbiter_dynamodb_capacity_units_total{{kind="{kind}"}}"#));
        if units > 0.0 { format!("{units:.0}") } else { String::new() }
    });
    println!(
        "{engine:<16}{:<27}{:>9.0}{selects:>9.1}{calls:>7.1}{writes:>10}{reads:>8}",
        race.what, report.decisions.per_second
    );
}
