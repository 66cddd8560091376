use std::fmt::Write;

use super::report::{Judgement, Quantiles, Report};

/// The report as one JSON object.
#[must_use]
pub fn json(report: &Report) -> String {
    serde_json::to_string_pretty(report).expect("a report has string keys and no failing fields")
}

/// The report as text.
#[must_use]
pub fn text(report: &Report) -> String {
    let mut lines = vec![
        format!(
            "room        {} · {} players · {} · {} · seed {}",
            report.room,
            report.players,
            many(report.rounds.into(), "round"),
            per_round(report),
            report.seed
        ),
        format!("joined      in {:.2} s", report.join_seconds),
        race(report),
        format!("decided     {}", decided(report)),
        format!("reply       {}", quantiles(&report.reply_ms)),
        format!("all know    {}", quantiles(&report.everyone_knows_ms)),
        format!("told        {} grants by frame, {}", report.deliveries, many(report.snapshots, "snapshot")),
        reconnects(report),
        format!("errors      {}", errors(report)),
    ];
    if let Some(delivery) = report.delivery_ms {
        lines.push(format!("same node   {}", quantiles(&delivery.same_node)));
        lines.push(format!("other nodes {}", quantiles(&delivery.other_nodes)));
    }
    lines
        .extend(report.gave_up.iter().take(5).map(|bot| format!("gave up     {}: {}", bot.player, bot.reason)));
    lines.push(String::new());
    lines.extend(report.violations.shown.iter().map(|violation| format!("VIOLATION   {}", violation.message)));
    lines.push(verdict(report));
    lines.join("\n")
}

fn per_round(report: &Report) -> String {
    format!("{} of {}", many(report.assets as u64, "asset"), many(report.units.into(), "unit"))
}

fn race(report: &Report) -> String {
    let decisions = &report.decisions;
    format!("race        {:.2} s · {:.0} decisions/s", report.race_seconds, decisions.per_second)
}

fn decided(report: &Report) -> String {
    let d = &report.decisions;
    let mut text = format!("{} selects: {} granted, {} sold out", d.total, d.granted, d.sold_out);
    for (count, what) in [(d.already_held, "already held"), (d.undecided, "undecided")] {
        if count > 0 {
            // Writing to a String cannot fail.
            let _ = write!(text, ", {count} {what}");
        }
    }
    text
}

fn quantiles(of: &Quantiles) -> String {
    if of.count == 0 {
        return "nothing to measure".into();
    }
    format!("p50 {:.1} ms · p90 {:.1} ms · p99 {:.1} ms · max {:.1} ms", of.p50, of.p90, of.p99, of.max)
}

fn reconnects(report: &Report) -> String {
    let r = &report.reconnects;
    format!("reconnects  {} ({} recovered) after {}", r.total, r.recovered, many(r.cuts, "cut"))
}

fn errors(report: &Report) -> String {
    if report.errors.is_empty() {
        return "none".into();
    }
    report.errors.iter().map(|(kind, count)| format!("{kind} {count}")).collect::<Vec<_>>().join(", ")
}

fn verdict(report: &Report) -> String {
    let hidden = report.violations.count - report.violations.shown.len() as u64;
    match report.verdict {
        Judgement::Held => "HELD: store, replies and what every member was told agree".into(),
        Judgement::Broken if hidden > 0 => {
            format!("BROKEN: {} ({hidden} more than shown)", many(report.violations.count, "violation"))
        }
        Judgement::Broken => format!("BROKEN: {}", many(report.violations.count, "violation")),
        Judgement::Unproven => format!(
            "UNPROVEN: no violation, but {} gave up and {} got no decision",
            many(report.gave_up.len() as u64, "bot"),
            many(report.decisions.undecided, "select")
        ),
    }
}

fn many(count: u64, noun: &str) -> String {
    format!("{count} {noun}{}", if count == 1 { "" } else { "s" })
}
