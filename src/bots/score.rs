use std::{collections::HashMap, sync::atomic::Ordering, time::Duration};

use crate::model::PlayerName;

use super::{
    Config,
    judgement::{Case, Evidence, Witness},
    limits::VIOLATIONS_SHOWN,
    member::Answer,
    propagation::Propagation,
    report::{Decisions, Found, GaveUp, Judgement, Reconnects, Report, Shown},
    shared::Shared,
    timings::Timings,
    violation::Violations,
};

/// Sums up the rounds of a run.
#[derive(Debug)]
pub(super) struct Score {
    pub(super) rounds: u32,
    pub(super) join: Duration,
    race: Duration,
    decisions: Decisions,
    deliveries: u64,
    reply: Timings,
    known: Timings,
    propagation: Option<Propagation>,
    violations: Violations,
}

impl Score {
    pub(super) fn new() -> Self {
        Self {
            rounds: 0,
            join: Duration::ZERO,
            race: Duration::ZERO,
            decisions: Decisions::default(),
            deliveries: 0,
            reply: Timings::default(),
            known: Timings::default(),
            propagation: None,
            violations: Violations::default(),
        }
    }

    /// Adds a round with its violations.
    pub(super) fn add(&mut self, case: &Case<'_>, propagation: Option<&Propagation>, found: Violations) {
        self.rounds += 1;
        let mut last_us = 0;
        for asked in case.witnesses.iter().flat_map(|w| w.member.asked()) {
            last_us = last_us.max(asked.answered_us);
            self.count(asked.answer, asked.answered_us.saturating_sub(asked.sent_us));
        }
        self.race += Duration::from_micros(last_us.into());
        let witnesses: HashMap<_, _> =
            case.witnesses.iter().map(|witness| (&witness.player, witness)).collect();
        for (index, evidence) in case.assets.iter().enumerate() {
            self.time_grants(evidence, index, &witnesses);
        }
        if let Some(propagation) = propagation {
            self.propagation.get_or_insert_default().append(propagation);
        }
        self.violations.append(found);
    }

    /// The report of the whole run.
    pub(super) fn report(self, config: &Config, shared: &Shared) -> Report {
        let tally = &shared.tally;
        let gone = tally.gone.lock().clone();
        let mut decisions = self.decisions;
        decisions.total = decisions.granted + decisions.already_held + decisions.sold_out;
        decisions.per_second = decisions.total as f64 / self.race.as_secs_f64().max(1e-6);
        let verdict = match (self.violations.count, decisions.undecided, gone.len()) {
            (0, 0, 0) => Judgement::Held,
            (0, ..) => Judgement::Unproven,
            _ => Judgement::Broken,
        };
        Report {
            verdict,
            room: config.room.clone(),
            urls: config.nodes.iter().map(ToString::to_string).collect(),
            players: config.players,
            assets: config.assets,
            units: config.units,
            seed: config.seed,
            rate: config.rate,
            reconnect_chaos: config.reconnect_chaos,
            rounds: self.rounds,
            join_seconds: self.join.as_secs_f64(),
            race_seconds: self.race.as_secs_f64(),
            decisions,
            reply_ms: self.reply.quantiles(),
            everyone_knows_ms: self.known.quantiles(),
            delivery_ms: self.propagation.as_ref().map(Propagation::delivery),
            deliveries: self.deliveries,
            snapshots: tally.snapshots.load(Ordering::Relaxed),
            reconnects: Reconnects {
                total: tally.reconnects.load(Ordering::Relaxed),
                recovered: tally.recovered.load(Ordering::Relaxed),
                cuts: tally.cuts.load(Ordering::Relaxed),
            },
            errors: tally.errors.lock().clone(),
            gave_up: gone.into_iter().map(|(player, reason)| GaveUp { player, reason }).collect(),
            violations: shown(self.violations),
        }
    }

    fn count(&mut self, answer: Answer, took_us: u32) {
        match answer {
            Answer::Granted { already_held: false, .. } => self.decisions.granted += 1,
            Answer::Granted { already_held: true, .. } => self.decisions.already_held += 1,
            Answer::SoldOut { .. } => self.decisions.sold_out += 1,
            Answer::None | Answer::Refused | Answer::Unknown => {
                self.decisions.undecided += 1;
                return;
            }
        }
        self.reply.record(took_us);
    }

    /// Measures how long each grant to one of our bots took to reach every member.
    fn time_grants(&mut self, asset: &Evidence<'_>, index: usize, witnesses: &HashMap<&PlayerName, &Witness>) {
        for (_, page) in asset.observations.since(asset.baseline.revision) {
            let Some(winner) = page.fact.as_ref().and_then(|fact| fact.winner()) else { continue };
            self.deliveries += u64::from(page.frames);
            let asked = witnesses.get(winner).map(|witness| witness.member.asked()[index]);
            if let Some(sent_us) = asked.map(|asked| asked.sent_us).filter(|sent| *sent > 0) {
                self.known.record(page.last_us.saturating_sub(sent_us));
            }
        }
    }
}

fn shown(violations: Violations) -> Found {
    let shown = violations.shown.into_iter().take(VIOLATIONS_SHOWN);
    let shown = shown.map(|violation| Shown { message: violation.to_string(), violation }).collect();
    Found { count: violations.count, shown }
}
