//! Bots against a scripted peer: an honest one is acquitted whatever happens on the way, and each way of
//! cheating is found.

#![cfg(feature = "bots")]
#![allow(clippy::unwrap_used, reason = "a test that unwraps nothing has failed, and says where")]

#[path = "bots/peer.rs"]
mod peer;
#[path = "support/bots.rs"]
mod race;
#[path = "bots/schema.rs"]
mod schema;

use std::{net::SocketAddr, time::Duration};

use asset_arbiter::bots::{self, BotsError, Config, Judgement, Length, Report};
use peer::{Cheat, Peer};
use race::one_race;

/// A small race: 5 bots, 6 assets of 2 units.
fn config(nodes: &[SocketAddr]) -> Config {
    Config { players: 5, assets: 6, units: 2, ..one_race(nodes) }
}

async fn against(cheat: Cheat, change: impl FnOnce(&mut Config)) -> Result<Report, BotsError> {
    let mut config = config(&[Peer::start(cheat).await]);
    change(&mut config);
    bots::run(config).await
}

/// An honest peer, or one that only makes it hard: the promise is kept.
async fn held_against(cheat: Cheat, change: impl FnOnce(&mut Config)) -> Report {
    let report = against(cheat, change).await.unwrap();
    assert!(report.held(), "{}", bots::text(&report));
    report
}

fn kinds(report: &Report) -> Vec<String> {
    let value = serde_json::to_value(report).unwrap();
    let shown = value["violations"]["shown"].as_array().unwrap();
    shown.iter().map(|violation| violation["kind"].as_str().unwrap().to_owned()).collect()
}

#[tokio::test]
async fn an_honest_peer_is_acquitted() {
    let report = held_against(Cheat::None, |config| config.length = Length::Rounds(3)).await;
    assert_eq!((report.rounds, report.decisions.total, report.decisions.granted), (3, 90, 36));
    assert_eq!((report.deliveries, report.reply_ms.count, report.everyone_knows_ms.count), (180, 90, 36));
    assert!(report.errors.is_empty() && report.exit_code() == 0);
}

#[tokio::test]
async fn cuts_cost_no_decision() {
    let report = held_against(Cheat::None, |config| config.reconnect_chaos = 0.5).await;
    let reconnects = &report.reconnects;
    assert!(reconnects.cuts > 5 && reconnects.total == reconnects.cuts, "{reconnects:?}");
    assert_eq!(reconnects.recovered, reconnects.total, "each came back to where it was");
    assert_eq!(report.decisions.granted + report.decisions.already_held, 12);
    assert_eq!(report.decisions.total, 30);
}

async fn on_three_nodes(reconnect_chaos: f64) -> Report {
    let nodes = Peer::start_nodes(Cheat::None, 3).await;
    let report = bots::run(Config { reconnect_chaos, ..config(&nodes) }).await.unwrap();
    assert!(report.held(), "{}", bots::text(&report));
    report
}

#[tokio::test]
async fn cuts_lead_from_node_to_node() {
    let report = on_three_nodes(0.5).await;
    assert!(
        report.reconnects.total > 5 && report.reconnects.recovered == 0,
        "no node knows the log of another"
    );
}

#[tokio::test]
async fn delivery_is_measured_by_where_members_are() {
    let report = on_three_nodes(0.0).await;
    let delivery = report.delivery_ms.unwrap();
    assert!(delivery.same_node.count > 0 && delivery.other_nodes.count > 0, "{delivery:?}");
    assert_eq!(schema::undocumented(&report), Vec::<String>::new());
}

#[tokio::test]
async fn every_select_may_be_cut_once() {
    let report = held_against(Cheat::None, |config| config.reconnect_chaos = 1.0).await;
    assert_eq!(report.reconnects.cuts, 30);
}

#[tokio::test]
async fn the_same_seed_cuts_the_same_selects() {
    let chaos = |config: &mut Config| (config.seed, config.reconnect_chaos) = (7, 0.4);
    let (first, second) =
        (against(Cheat::None, chaos).await.unwrap(), against(Cheat::None, chaos).await.unwrap());
    assert_eq!(first.reconnects.cuts, second.reconnects.cuts);
}

#[tokio::test]
async fn a_drain_and_passing_errors_are_lived_through() {
    let drained = held_against(Cheat::CloseOnce(4100), |_| {}).await;
    assert_eq!((drained.errors["closed_4100"], drained.reconnects.total), (5, 5));
    let errors = held_against(Cheat::PassingErrors, |_| {}).await;
    assert!(errors.errors["outcome_unknown"] >= 3);
}

#[tokio::test]
async fn holders_of_an_earlier_run_are_counted_in() {
    let node = [Peer::start(Cheat::None).await];
    let first = bots::run(config(&node)).await.unwrap();
    let second = bots::run(Config { seed: 2, players: 8, ..config(&node) }).await.unwrap();
    assert!(first.held() && second.held(), "{}", bots::text(&second));
    assert_eq!((second.decisions.granted, second.decisions.already_held), (0, 12));
}

#[tokio::test]
async fn a_long_run_uses_its_names_again() {
    let long =
        |config: &mut Config| (config.players, config.assets, config.length) = (2, 1025, Length::Rounds(2));
    let report = held_against(Cheat::None, long).await;
    assert_eq!(report.decisions.granted, 2 * 2 * 1025);
}

#[tokio::test]
async fn a_rate_and_a_duration_are_kept() {
    let slow = |config: &mut Config| {
        (config.rate, config.length) = (300.0, Length::Time(Duration::from_millis(150)));
    };
    let report = held_against(Cheat::None, slow).await;
    assert!(
        report.rounds >= 1 && report.race_seconds / f64::from(report.rounds) >= 0.09,
        "30 selects at 300 per second"
    );
}

async fn assert_found(cheats: &[(Cheat, &str)]) {
    for (cheat, kind) in cheats {
        let report = against(*cheat, |_| {}).await.unwrap();
        assert_eq!((report.verdict, report.exit_code()), (Judgement::Broken, 3), "{cheat:?}");
        assert!(kinds(&report).iter().any(|found| found == kind), "{cheat:?}: {}", bots::text(&report));
    }
}

#[tokio::test]
async fn every_way_of_cheating_is_found() {
    assert_found(&[
        (Cheat::GrantTooMany, "too_many_holders"),
        (Cheat::GrantTooFew, "too_few_holders"),
        (Cheat::TellTwice, "told_twice"),
        (Cheat::TellOtherwise, "told_otherwise"),
        (Cheat::DenyTheWinner, "denied_but_holds"),
    ])
    .await;
}

#[tokio::test(start_paused = true)]
async fn what_was_forgotten_is_found_after_a_while() {
    assert_found(&[
        (Cheat::ForgetAMember, "not_told"),
        (Cheat::ForgetAHolder, "wrong_count"),
        (Cheat::LoseAssets, "asset_lost"),
    ])
    .await;
}

#[tokio::test]
async fn bots_that_are_sent_away_prove_nothing() {
    let report = against(Cheat::CloseOnce(4004), |config| config.length = Length::Rounds(9)).await.unwrap();
    assert_eq!((report.verdict, report.exit_code(), report.rounds), (Judgement::Unproven, 1, 1));
    assert_eq!((report.gave_up.len(), report.errors["closed_4004"]), (5, 5));
    assert!(report.gave_up[0].reason.contains("the room was removed"), "{}", bots::text(&report));
}

#[tokio::test]
async fn selects_without_a_decision_prove_nothing() {
    let report = against(Cheat::KnowNothing, |_| {}).await.unwrap();
    assert_eq!((report.verdict, report.exit_code(), report.decisions.undecided), (Judgement::Unproven, 1, 30));
    assert_eq!(report.errors["unknown_asset"], 30);
}

#[tokio::test]
async fn what_cannot_be_run_says_why_and_what_to_do() {
    let refused = against(Cheat::RefusePut, |_| {}).await.unwrap_err();
    assert_eq!(refused.exit_code(), 1);
    let told = refused.to_string();
    assert!(told.contains("401") && told.contains("no key") && told.contains("--admin-key-file"), "{told}");
    let closed = std::net::TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap();
    let unreachable = bots::run(config(&[closed])).await.unwrap_err().to_string();
    assert!(unreachable.contains("refused") && unreachable.contains("asset-arbiter serve"), "{unreachable}");
    let usage = against(Cheat::None, |config| config.players = 0).await.unwrap_err();
    assert_eq!(usage.exit_code(), 2);
}

#[tokio::test]
async fn the_json_report_is_as_documented() {
    for cheat in [Cheat::None, Cheat::GrantTooMany, Cheat::TellTwice, Cheat::CloseOnce(4004)] {
        let report = against(cheat, |_| {}).await.unwrap();
        assert_eq!(schema::undocumented(&report), Vec::<String>::new(), "{cheat:?}");
    }
    let faults = schema::faults(&schema::report(), &serde_json::json!({"verdict": "perhaps", "more": 1}));
    assert!(faults.len() > 20, "the schema would notice: {faults:?}");
}
