use super::report::{Decisions, HoldCounts, Judgement, Quantiles, Report};

/// The report as one JSON object.
#[must_use]
pub fn json(report: &Report) -> String {
    serde_json::to_string_pretty(report).expect("a report has string keys and no failing fields")
}

/// The report as text.
#[must_use]
pub fn text(report: &Report) -> String {
    let Report { room, players, seed, join_seconds, race_seconds, reconnects, .. } = report;
    let (rounds, units) = (many(report.rounds.into(), "round"), many(report.units.into(), "unit"));
    let assets = many(report.assets as u64, "asset");
    let (snapshots, cuts) = (many(report.snapshots, "snapshot"), many(reconnects.cuts, "cut"));
    let mut rows = vec![
        ("room", format!("{room} · {players} players · {rounds} · {assets} of {units} · seed {seed}")),
        ("joined", format!("in {join_seconds:.2} s")),
        ("race", format!("{race_seconds:.2} s · {:.0} decisions/s", report.decisions.per_second)),
        ("decided", decided(&report.decisions)),
        ("reply", quantiles(&report.reply_ms)),
        ("all know", quantiles(&report.everyone_knows_ms)),
        ("told", format!("{} grants by frame, {snapshots}", report.deliveries)),
        ("reconnects", format!("{} ({} recovered) after {cuts}", reconnects.total, reconnects.recovered)),
        ("errors", errors(report)),
    ];
    if let Some(counts) = &report.holds {
        rows.insert(4, ("holds", holds(counts)));
    }
    if report.refreshes > 0 {
        rows.insert(rows.len() - 1, ("tokens", format!("{} refreshed", report.refreshes)));
    }
    if let Some(delivery) = report.delivery_ms {
        rows.push(("same node", quantiles(&delivery.same_node)));
        rows.push(("other nodes", quantiles(&delivery.other_nodes)));
    }
    rows.extend(
        report.gave_up.iter().take(5).map(|bot| ("gave up", format!("{}: {}", bot.player, bot.reason))),
    );
    let row = |label: &str, text: &str| format!("{label:11} {text}\n");
    let rows: String = rows.iter().map(|(label, text)| row(label, text)).collect();
    let found: String = report.violations.shown.iter().map(|shown| row("VIOLATION", &shown.message)).collect();
    format!("{rows}\n{found}{}", verdict(report))
}

fn decided(decisions: &Decisions) -> String {
    let Decisions { total, granted, already_held, sold_out, undecided, .. } = *decisions;
    let rare = [(already_held, "already held"), (undecided, "undecided")].into_iter();
    let rare: String =
        rare.filter(|(count, _)| *count > 0).map(|(count, what)| format!(", {count} {what}")).collect();
    format!("{total} selects: {granted} granted, {sold_out} sold out{rare}")
}

fn holds(counts: &HoldCounts) -> String {
    let &HoldCounts { confirmed, expired, too_late, undecided, left, abandoned, .. } = counts;
    let (times, selects) = (many(left, "time"), many(abandoned, "select"));
    let undecided = if undecided == 0 { String::new() } else { format!(", {undecided} undecided") };
    format!(
        "{confirmed} confirmed, {expired} expired, {too_late} confirmed too late{undecided}; bots left {times}, with \
         {selects} unsent"
    )
}

fn quantiles(of: &Quantiles) -> String {
    if of.count == 0 {
        return "nothing to measure".into();
    }
    format!("p50 {:.1} ms · p90 {:.1} ms · p99 {:.1} ms · max {:.1} ms", of.p50, of.p90, of.p99, of.max)
}

fn errors(report: &Report) -> String {
    if report.errors.is_empty() {
        return "none".into();
    }
    report.errors.iter().map(|(kind, count)| format!("{kind} {count}")).collect::<Vec<_>>().join(", ")
}

fn verdict(report: &Report) -> String {
    let violations = many(report.violations.count, "violation");
    let undecided_confirmations = report.holds.as_ref().map_or(0, |holds| holds.undecided);
    let hidden = report.violations.count - report.violations.shown.len() as u64;
    match report.verdict {
        Judgement::Held => "HELD: store, replies and what every member was told agree".into(),
        Judgement::Broken if hidden > 0 => format!("BROKEN: {violations} ({hidden} more than shown)"),
        Judgement::Broken => format!("BROKEN: {violations}"),
        Judgement::Unproven => format!(
            "UNPROVEN: no violation, but {} gave up and {} got no decision",
            many(report.gave_up.len() as u64, "bot"),
            many(report.decisions.undecided + undecided_confirmations, "request")
        ),
    }
}

fn many(count: u64, noun: &str) -> String {
    format!("{count} {noun}{}", if count == 1 { "" } else { "s" })
}
