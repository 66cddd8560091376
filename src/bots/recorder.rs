use std::sync::{Arc, atomic::Ordering};

use parking_lot::Mutex;

use crate::model::{AssetName, AssetState, PlayerName};

use super::{
    fact::Fact,
    frame::State,
    judgement::Witness,
    member::{Answer, Confirmation, Heard, Member},
    round::Round,
    violation::Violation,
};

/// Records what one bot sees. The bot's task writes, the coordinator reads between rounds. Each bot has its own lock,
/// so there is no contention in a race.
#[derive(Debug)]
pub(super) struct Recorder {
    pub(super) player: PlayerName,
    inner: Mutex<Inner>,
}

#[derive(Debug, Default)]
struct Inner {
    recording: Option<Recording>,
    /// The bot gave up for good.
    gone: bool,
}

/// The record of the current round.
#[derive(Debug)]
struct Recording {
    round: Arc<Round>,
    member: Member,
    /// Held until the bot has finished this round.
    busy: Option<Arc<()>>,
    /// The bot left the room for the rest of the round.
    left: bool,
}

impl Recorder {
    pub(super) fn new(player: PlayerName) -> Self {
        Self { player, inner: Mutex::default() }
    }

    /// Starts recording a prepared round. A bot that gave up takes no part.
    pub(super) fn prepare(&self, round: &Arc<Round>) {
        let mut inner = self.inner.lock();
        if !inner.gone {
            let member = Member::new(round.names.len());
            let (round, busy) = (Arc::clone(round), Some(round.busy()));
            inner.recording = Some(Recording { round, member, busy, left: false });
        }
    }

    /// Sets the revisions at which the round's assets begin.
    pub(super) fn begin(&self, baselines: &[AssetState]) {
        self.with(|recording| {
            for (asset, baseline) in baselines.iter().enumerate() {
                recording.member.begin_at(asset, baseline.revision);
            }
        });
    }

    /// Records a room frame from the node.
    pub(super) fn hear(&self, node: usize, asset: &str, revision: u64, fact: &Fact<&str>) {
        self.with(|Recording { round, member, .. }| {
            let Some(index) = round.asset(asset) else { return };
            let report = |violation: fn(AssetName, PlayerName, u64) -> Violation| {
                round.report(violation(round.names[index].clone(), self.player.clone(), revision));
            };
            match member.frame(index, revision) {
                Heard::New => {}
                Heard::Old => return,
                Heard::Late => {
                    report(|asset, member, revision| Violation::ToldLate { asset, member, revision })
                }
                Heard::Twice => {
                    return report(|asset, member, revision| Violation::ToldTwice { asset, member, revision });
                }
            }
            if !round.record(node, index, revision, fact) {
                report(|asset, member, revision| Violation::ToldOtherwise { asset, member, revision });
            }
        });
    }

    /// Starts a new state.
    pub(super) fn begin_state(&self) {
        self.with(|recording| recording.member.begin_state());
    }

    /// Records assets of a state.
    pub(super) fn learn(&self, states: &[State<'_>]) {
        self.with(|Recording { round, member, .. }| {
            for &State { asset, units, held, remaining, revision } in states {
                let Some(index) = round.asset(asset) else { continue };
                if remaining != units.saturating_sub(held) {
                    let (asset, member) = (round.names[index].clone(), self.player.clone());
                    round.report(Violation::WrongState { asset, member, revision, units, held, remaining });
                }
                let news = member.state(index, revision);
                if !news.is_empty() {
                    round.observations[index].lock().covered(news, round.now_us());
                }
            }
        });
    }

    /// Records that a select is sent.
    pub(super) fn sent(&self, asset: usize) {
        self.with(|recording| recording.member.sent(asset, recording.round.now_us()));
    }

    /// Records the final answer to a select.
    pub(super) fn answered(&self, asset: usize, answer: Answer) {
        self.with(|recording| {
            recording.member.answered(asset, answer, recording.round.now_us());
            recording.round.answered.fetch_add(1, Ordering::Relaxed);
        });
    }

    /// Records the final answer to a confirmation.
    pub(super) fn confirmed(&self, asset: usize, confirmation: Confirmation) {
        self.with(|recording| recording.member.confirmed(asset, confirmation));
    }

    /// The bot leaves the room for the rest of the round.
    pub(super) fn leave(&self) {
        self.with(|recording| {
            recording.member.abandon();
            (recording.busy, recording.left) = (None, true);
        });
    }

    /// The bot has finished this round.
    pub(super) fn rest(&self) {
        self.with(|recording| recording.busy = None);
    }

    /// The bot gives up for good.
    pub(super) fn give_up(&self) {
        let mut inner = self.inner.lock();
        inner.gone = true;
        if let Some(recording) = &mut inner.recording {
            recording.busy = None;
        }
    }

    /// Returns true if the bot has caught up with the revisions of all assets. Bots that gave up or left are not waited
    /// for.
    pub(super) fn has_reached(&self, revisions: &[u64]) -> bool {
        let inner = self.inner.lock();
        let reached = |recording: &Recording| {
            let mut revisions = revisions.iter().enumerate();
            recording.left || revisions.all(|(asset, revision)| recording.member.has_reached(asset, *revision))
        };
        inner.gone || inner.recording.as_ref().is_none_or(reached)
    }

    /// Ends the round. Returns the bot's evidence; `None` if it took no part.
    pub(super) fn finish(&self) -> Option<Witness> {
        let mut inner = self.inner.lock();
        let Recording { member, left, .. } = inner.recording.take()?;
        Some(Witness { player: self.player.clone(), member, stayed: !inner.gone && !left })
    }

    fn with(&self, act: impl FnOnce(&mut Recording)) {
        if let Some(recording) = &mut self.inner.lock().recording {
            act(recording);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::bots::{Config, judgement::tests::asset, plan::tests::small};

    fn recorder_in(round: &Arc<Round>, bot: usize) -> Recorder {
        let recorder = Recorder::new(Config::player(bot).unwrap());
        recorder.prepare(round);
        recorder.begin(&[asset(3), asset(3)]);
        recorder
    }

    fn recorder_in_round() -> (Recorder, Arc<Round>) {
        let round = Arc::new(Round::new(0, small(2, 0.0, 0.0).names(0).unwrap(), None));
        (recorder_in(&round, 1), round)
    }

    fn hear(recorder: &Recorder, revision: u64, player: &str) {
        recorder.hear(0, "bot-0-1", revision, &Fact::Granted { player, units: 3, remaining: 2 });
    }

    fn found(round: &Round) -> Vec<String> {
        round.found.lock().shown.iter().map(|shown| shown.message.clone()).collect()
    }

    #[test]
    fn what_was_told_twice_or_late_or_otherwise_is_found_at_once() {
        let (recorder, round) = recorder_in_round();
        hear(&recorder, 2, "bot-7");
        hear(&recorder, 2, "bot-7");
        hear(&recorder, 1, "bot-8");
        assert_eq!(
            found(&round),
            [
                "bot-0-1: bot-1 was told revision 2 twice",
                "bot-0-1: bot-1 was told revision 1 after a later one"
            ]
        );
        hear(&recorder_in(&round, 2), 1, "bot-9");
        assert_eq!(found(&round)[2], "bot-0-1: bot-2 was told otherwise of revision 1 than others");
    }

    #[test]
    fn a_state_that_does_not_add_up_is_found() {
        let (recorder, round) = recorder_in_round();
        let state = |remaining, revision| State { asset: "bot-0-0", units: 3, remaining, revision, held: 2 };
        recorder.learn(&[state(1, 2)]);
        assert!(found(&round).is_empty() && recorder.has_reached(&[2, 0]) && !recorder.has_reached(&[2, 1]));
        recorder.learn(&[state(2, 3)]);
        assert_eq!(found(&round), ["bot-0-0: bot-1 was told 3 units, 2 held and 2 remaining at revision 3"]);
    }

    #[test]
    fn frames_of_other_assets_are_nothing_to_the_round() {
        let (recorder, round) = recorder_in_round();
        for asset in ["sword", "bot-1-0", "bot-0-2", "bot-0-01"] {
            recorder.hear(0, asset, 5, &Fact::Removed);
            recorder.hear(0, asset, 5, &Fact::Removed);
        }
        assert!(found(&round).is_empty());
    }

    #[test]
    fn a_bot_that_leaves_is_not_waited_for_until_the_next_round() {
        let (recorder, round) = recorder_in_round();
        recorder.answered(0, Answer::SoldOut { remaining: 0 });
        recorder.leave();
        assert!(round.is_over() && recorder.has_reached(&[9, 9]));
        let witness = recorder.finish().unwrap();
        let answers: Vec<_> = witness.member.asked().iter().map(|asked| asked.answer).collect();
        assert_eq!(answers, [Answer::SoldOut { remaining: 0 }, Answer::Abandoned]);
        assert!(!witness.stayed);
        recorder.prepare(&round);
        recorder.begin(&[asset(3), asset(3)]);
        assert!(!round.is_over() && !recorder.has_reached(&[9, 9]));
    }

    #[test]
    fn a_bot_that_gives_up_is_not_waited_for() {
        let (recorder, round) = recorder_in_round();
        assert!(!round.is_over());
        recorder.give_up();
        recorder.rest();
        assert!(round.is_over() && recorder.has_reached(&[9, 9]));
        assert!(!recorder.finish().unwrap().stayed);
        recorder.prepare(&round);
        assert!(round.is_over() && recorder.finish().is_none());
    }
}
