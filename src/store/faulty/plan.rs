use std::time::Duration;

use fastrand::Rng;

/// How likely each fault is, from 0.0 (never, the default) to 1.0 (always), drawn for each call by itself.
#[derive(Debug, Clone, Copy, PartialEq, Default)]
pub struct Faults {
    /// Refused with `Unavailable`; nothing is done, not later either.
    pub refused: f64,
    /// `OutcomeUnknown` and nothing is done (unless a late duplicate brings it after all). A read answers
    /// `Unavailable`: it has no outcome.
    pub lost_before: f64,
    /// Done, then `OutcomeUnknown` (a read: `Unavailable`).
    pub lost_after: f64,
    /// Takes up to `max_delay`; the effect comes somewhere in between.
    pub delayed: f64,
    /// See `delayed`.
    pub max_delay: Duration,
    /// A change is done again right away; the first answer counts.
    pub duplicated: f64,
    /// A change is done again up to `max_lateness` later, whatever its caller does meanwhile. Not
    /// `remove_room`, which carries no [`Call`](crate::store::Call) and so is not protected against it.
    pub duplicated_late: f64,
    /// See `duplicated_late`.
    pub max_lateness: Duration,
}

impl Faults {
    /// A bit of everything: every tenth call is lost before its effect, every tenth after it, and so on.
    #[must_use]
    pub fn rough() -> Self {
        Self {
            refused: 0.05,
            lost_before: 0.1,
            lost_after: 0.1,
            delayed: 0.5,
            max_delay: Duration::from_millis(20),
            duplicated: 0.1,
            duplicated_late: 0.1,
            max_lateness: Duration::from_millis(200),
        }
    }

    /// Draws one call's fate. Always the same number of draws, so that the probability of one fault does not
    /// change which calls meet the others.
    pub(super) fn draw(&self, rng: &mut Rng) -> Fate {
        let mut chance = |probability: f64| rng.f64() < probability;
        let (refused, lost_before, lost_after) =
            (chance(self.refused), chance(self.lost_before), chance(self.lost_after));
        let (delayed, again, late) =
            (chance(self.delayed), chance(self.duplicated), chance(self.duplicated_late));
        let mut portion = |whole: Duration| whole.mul_f64(rng.f64());
        let delay = portion(if delayed { self.max_delay } else { Duration::ZERO });
        let before = portion(delay);
        let lateness = portion(self.max_lateness);
        let ending = match (refused, lost_before, lost_after) {
            (true, ..) => Ending::Refused,
            (_, true, _) => Ending::LostBefore,
            (.., true) => Ending::LostAfter,
            _ => Ending::Answered,
        };
        Fate { ending, before, after: delay.saturating_sub(before), again, late: late.then_some(lateness) }
    }
}

/// What one call meets.
pub(super) struct Fate {
    pub(super) ending: Ending,
    /// Time until its effect.
    pub(super) before: Duration,
    /// Time from its effect to its answer.
    pub(super) after: Duration,
    /// Done twice in a row.
    pub(super) again: bool,
    /// Done once more, this much after the call.
    pub(super) late: Option<Duration>,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Ending {
    Answered,
    Refused,
    LostBefore,
    LostAfter,
}
