use std::time::Duration;

use fastrand::Rng;

/// The probability of each fault, from 0.0 (never, the default) to 1.0 (always). Each is drawn independently
/// for each call.
#[derive(Debug, Clone, Copy, PartialEq, Default)]
pub struct Faults {
    /// The call fails with `Unavailable` and never takes effect.
    pub refused: f64,
    /// The call fails with `OutcomeUnknown` and has no effect, unless a late duplicate executes it. A read
    /// fails with `Unavailable`, because it has no outcome.
    pub lost_before: f64,
    /// The call takes effect and then fails with `OutcomeUnknown` (a read: with `Unavailable`).
    pub lost_after: f64,
    /// The call takes up to `max_delay`, with its effect somewhere in between.
    pub delayed: f64,
    /// See `delayed`.
    pub max_delay: Duration,
    /// A change is executed again right away; the first answer counts.
    pub duplicated: f64,
    /// A change is executed again up to `max_lateness` later, whatever its caller does meanwhile. Does not
    /// apply to `remove_room`, which carries no [`Call`](crate::store::Call) and so is not idempotent.
    pub duplicated_late: f64,
    /// See `duplicated_late`.
    pub max_lateness: Duration,
}

impl Faults {
    /// A mix of all faults: every tenth call is lost before its effect, every tenth after it, and so on.
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

    /// Draws one call's fate. The number of draws is constant, so that the probability of one fault does not
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

/// The fate of one call.
pub(super) struct Fate {
    pub(super) ending: Ending,
    /// Time until the effect.
    pub(super) before: Duration,
    /// Time from the effect to the answer.
    pub(super) after: Duration,
    /// Whether the call is executed twice in a row.
    pub(super) again: bool,
    /// Executes the call once more, this long after the call.
    pub(super) late: Option<Duration>,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Ending {
    Answered,
    Refused,
    LostBefore,
    LostAfter,
}
