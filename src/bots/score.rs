use std::{collections::HashMap, time::Duration};

use crate::model::{EndReason, PlayerName};

use super::{
    fact::Fact,
    judgement::{Case, Evidence, Witness},
    member::{Answer, Confirmation},
    report::{Decisions, Found, HoldCounts, Judgement, Report},
    shared::{Shared, Tally},
    timings::Timings,
};

/// Sums up the rounds of a run.
#[derive(Debug, Default)]
pub(super) struct Score {
    pub(super) rounds: u32,
    pub(super) join: Duration,
    race: Duration,
    decisions: Decisions,
    holds: HoldCounts,
    deliveries: u64,
    reply: Timings,
    known: Timings,
    violations: Found,
}

impl Score {
    /// Adds a round with its violations.
    pub(super) fn add(&mut self, case: &Case<'_>, found: Found) {
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
        if case.hold.is_some() {
            self.count_holds(case);
        }
        self.violations.append(found);
    }

    /// The report of the whole run.
    pub(super) fn report(self, shared: &Shared) -> Report {
        let config = &shared.config;
        let Tally { reconnects, refreshes, snapshots, errors, gave_up, left, .. } =
            std::mem::take(&mut *shared.tally.lock());
        let mut decisions = self.decisions;
        decisions.total = decisions.granted + decisions.already_held + decisions.sold_out;
        decisions.per_second = decisions.total as f64 / self.race.as_secs_f64().max(1e-6);
        let undecided = decisions.undecided + self.holds.undecided;
        let verdict = match (self.violations.count, undecided, gave_up.len()) {
            (0, 0, 0) => Judgement::Held,
            (0, ..) => Judgement::Unproven,
            _ => Judgement::Broken,
        };
        let holds = config.holds.map(|holds| HoldCounts {
            hold_ms: holds.millis(),
            confirm_share: holds.confirm_share,
            leave_share: holds.leave_share,
            left,
            ..self.holds
        });
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
            holds,
            rounds: self.rounds,
            join_seconds: self.join.as_secs_f64(),
            race_seconds: self.race.as_secs_f64(),
            decisions,
            reply_ms: self.reply.quantiles(),
            everyone_knows_ms: self.known.quantiles(),
            delivery_ms: shared.propagation.as_ref().map(|propagation| propagation.lock().delivery()),
            deliveries: self.deliveries,
            snapshots,
            reconnects,
            refreshes,
            errors,
            gave_up,
            violations: self.violations,
        }
    }

    fn count(&mut self, answer: Answer, took_us: u32) {
        let count = match answer {
            Answer::Granted { already_held: false, .. } => &mut self.decisions.granted,
            Answer::Granted { already_held: true, .. } => &mut self.decisions.already_held,
            Answer::SoldOut { .. } => &mut self.decisions.sold_out,
            Answer::None | Answer::Refused | Answer::Unknown => &mut self.decisions.undecided,
            Answer::Abandoned => &mut self.holds.abandoned,
        };
        *count += 1;
        if answer.decided() {
            self.reply.record(took_us);
        }
    }

    /// Counts what became of a round's holds: as members were told, and as bots were answered.
    fn count_holds(&mut self, case: &Case<'_>) {
        let facts = case.assets.iter().flat_map(|asset| asset.observations.facts(asset.baseline.revision));
        for (_, fact) in facts {
            match fact {
                Fact::Confirmed { .. } => self.holds.confirmed += 1,
                Fact::Released { reason: EndReason::Expired, .. } => self.holds.expired += 1,
                _ => {}
            }
        }
        for (_, confirmation) in case.witnesses.iter().flat_map(|witness| witness.member.confirmations()) {
            match confirmation {
                Confirmation::Confirmed => {}
                Confirmation::TooLate => self.holds.too_late += 1,
                Confirmation::Undecided => self.holds.undecided += 1,
            }
        }
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
