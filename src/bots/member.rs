use super::limits::GAPS_KEPT;

/// The frames and replies that one member received in one round. Assets and players are numbers here.
///
/// A member receives the frames of an asset in revision order, each once. Two numbers per asset therefore record which
/// frames arrived, and memory does not grow with the grants.
#[derive(Debug)]
pub(super) struct Member {
    told: Box<[Told]>,
    asked: Box<[Asked]>,
    /// Revisions below `next` that this member did not receive.
    gaps: Vec<Gap>,
    /// The answers to the bot's confirmations, with their assets.
    confirmations: Vec<(usize, Confirmation)>,
}

/// The member's position in an asset's revisions.
#[derive(Debug, Clone, Copy, Default)]
struct Told {
    /// A state covers the revisions below this one. Their frames may still arrive and are harmless.
    state: u64,
    /// The next expected revision. All revisions below are known, except the gaps.
    next: u64,
}

/// A bot's select of one asset.
#[derive(Debug, Clone, Copy, Default)]
pub(super) struct Asked {
    /// When the select was first sent, in microseconds since the start of the round.
    pub(super) sent_us: u32,
    /// When the final answer arrived.
    pub(super) answered_us: u32,
    pub(super) answer: Answer,
}

/// The result of a select.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub(super) enum Answer {
    /// Not sent, or no answer yet.
    #[default]
    None,
    Granted {
        revision: u64,
        already_held: bool,
    },
    SoldOut {
        remaining: u32,
    },
    /// A permanent error.
    Refused,
    /// No answer before the retries ran out.
    Unknown,
    /// The bot left the room before it selected the asset.
    Abandoned,
}

/// The result of a confirmation.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Confirmation {
    Confirmed,
    /// The hold had expired.
    TooLate,
    /// An error, or no answer before the retries ran out.
    Undecided,
}

impl Answer {
    /// Returns true if the select was decided. An error is not a decision.
    pub(super) fn decided(self) -> bool {
        matches!(self, Self::Granted { .. } | Self::SoldOut { .. })
    }
}

#[derive(Debug, Clone, Copy)]
struct Gap {
    asset: usize,
    /// The first and the last revision.
    from: u64,
    to: u64,
}

/// How a room frame relates to what its member knows.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Heard {
    /// The revision is new.
    New,
    /// The revision is covered by a state; a client drops the frame.
    Old,
    /// The frame is a duplicate.
    Twice,
    /// The revision is new but arrived after a later one. A client would drop the frame and stay unaware of it.
    Late,
}

impl Member {
    pub(super) fn new(assets: usize) -> Self {
        Self {
            told: vec![Told::default(); assets].into(),
            asked: vec![Asked::default(); assets].into(),
            gaps: Vec::new(),
            confirmations: Vec::new(),
        }
    }

    /// The round begins at this revision of the asset. Earlier revisions do not count.
    pub(super) fn begin_at(&mut self, asset: usize, revision: u64) {
        let after = revision.saturating_add(1);
        let told = &mut self.told[asset];
        told.state = told.state.max(after);
        told.next = told.next.max(after);
        self.forget_gaps(asset, revision);
    }

    /// Records a room frame of `revision`.
    pub(super) fn frame(&mut self, asset: usize, revision: u64) -> Heard {
        let Told { state, next } = self.told[asset];
        if revision >= next {
            self.told[asset].next = revision.saturating_add(1);
            if revision > next {
                self.add_gap(Gap { asset, from: next, to: revision - 1 });
            }
            return Heard::New;
        }
        match (self.fill_gap(asset, revision), revision < state) {
            (true, false) => Heard::Late,
            (true, true) => Heard::New,
            (false, true) => Heard::Old,
            (false, false) => Heard::Twice,
        }
    }

    /// Starts a new state. The state may come from a node that lags behind, which then repeats known revisions.
    pub(super) fn begin_state(&mut self) {
        for told in &mut self.told {
            told.state = told.next;
        }
    }

    /// Records an asset's revision in a state, which covers all earlier ones. Returns the revisions that were new.
    pub(super) fn state(&mut self, asset: usize, revision: u64) -> std::ops::RangeInclusive<u64> {
        self.forget_gaps(asset, revision);
        let told = &mut self.told[asset];
        let first = told.next;
        told.next = told.next.max(revision.saturating_add(1));
        told.state = told.next;
        first..=revision
    }

    /// Returns true if the member has caught up with `revision`.
    pub(super) fn has_reached(&self, asset: usize, revision: u64) -> bool {
        self.told[asset].next > revision
    }

    /// The ranges of revisions after `from` and up to `to` that this member did not receive.
    pub(super) fn missed(&self, asset: usize, from: u64, to: u64) -> impl Iterator<Item = (u64, u64)> + '_ {
        let rest = (self.told[asset].next.max(from.saturating_add(1)), to);
        let gaps = self.gaps.iter().filter(move |gap| gap.asset == asset);
        gaps.map(move |gap| (gap.from.max(from.saturating_add(1)), gap.to.min(to)))
            .chain(std::iter::once(rest))
            .filter(|(from, to)| from <= to)
    }

    /// Records that a select is sent. Only the first attempt counts.
    pub(super) fn sent(&mut self, asset: usize, now_us: u32) {
        let asked = &mut self.asked[asset];
        if asked.sent_us == 0 {
            asked.sent_us = now_us.max(1);
        }
    }

    pub(super) fn answered(&mut self, asset: usize, answer: Answer, now_us: u32) {
        let asked = &mut self.asked[asset];
        (asked.answer, asked.answered_us) = (answer, now_us);
    }

    /// The bot leaves the room. It will select nothing more.
    pub(super) fn abandon(&mut self) {
        let open = self.asked.iter_mut().filter(|asked| asked.answer == Answer::None);
        open.for_each(|asked| asked.answer = Answer::Abandoned);
    }

    /// Records the final answer to a confirmation.
    pub(super) fn confirmed(&mut self, asset: usize, confirmation: Confirmation) {
        self.confirmations.push((asset, confirmation));
    }

    /// The answers to the bot's confirmations, with their assets.
    pub(super) fn confirmations(&self) -> &[(usize, Confirmation)] {
        &self.confirmations
    }

    /// The bot's selects, by asset.
    pub(super) fn asked(&self) -> &[Asked] {
        &self.asked
    }

    fn add_gap(&mut self, gap: Gap) {
        if self.gaps.len() < GAPS_KEPT {
            self.gaps.push(gap);
        }
    }

    /// Removes `revision` from the gaps. Returns true if it was in one.
    fn fill_gap(&mut self, asset: usize, revision: u64) -> bool {
        let holds = |gap: &Gap| gap.asset == asset && (gap.from..=gap.to).contains(&revision);
        let Some(at) = self.gaps.iter().position(holds) else { return false };
        let gap = self.gaps.swap_remove(at);
        if gap.from < revision {
            self.gaps.push(Gap { to: revision - 1, ..gap });
        }
        if revision < gap.to {
            self.gaps.push(Gap { from: revision + 1, ..gap });
        }
        true
    }

    fn forget_gaps(&mut self, asset: usize, up_to: u64) {
        self.gaps.retain_mut(|gap| {
            if gap.asset == asset {
                gap.from = gap.from.max(up_to.saturating_add(1));
            }
            gap.from <= gap.to
        });
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn begun() -> Member {
        let mut member = Member::new(2);
        member.begin_at(0, 0);
        member.begin_at(1, 0);
        member
    }

    fn missed(member: &Member, to: u64) -> Vec<(u64, u64)> {
        let mut missed: Vec<_> = member.missed(0, 0, to).collect();
        missed.sort_unstable();
        missed
    }

    #[test]
    fn frames_in_order_leave_nothing_missed() {
        let mut member = begun();
        assert_eq!(member.frame(0, 0), Heard::Old, "its creation, known from the start");
        assert!((1..=3).all(|r| member.frame(0, r) == Heard::New));
        assert!(member.has_reached(0, 3) && !member.has_reached(0, 4) && !member.has_reached(1, 1));
        assert_eq!((missed(&member, 3), missed(&member, 5)), (vec![], vec![(4, 5)]));
    }

    #[test]
    fn a_gap_is_missed_until_a_late_frame_or_a_state_fills_it() {
        let mut member = begun();
        assert_eq!(member.frame(0, 5), Heard::New);
        assert_eq!(missed(&member, 5), [(1, 4)]);
        assert_eq!(member.frame(0, 2), Heard::Late);
        assert_eq!(missed(&member, 5), [(1, 1), (3, 4)]);
        assert!(member.state(0, 3).is_empty(), "what was missed before is no news to time");
        assert_eq!(missed(&member, 5), [(4, 4)]);
        member.begin_at(0, 4);
        assert_eq!(missed(&member, 5), []);
    }

    #[test]
    fn the_same_frame_twice_is_found_unless_a_state_came_between() {
        let mut member = begun();
        member.frame(0, 1);
        assert_eq!(member.frame(0, 1), Heard::Twice);
        member.begin_state();
        assert_eq!(member.frame(0, 1), Heard::Old, "a node that is behind tells it again");
        assert_eq!(member.frame(0, 2), Heard::New);
        assert_eq!(member.frame(0, 2), Heard::Twice);
    }

    #[test]
    fn a_state_covers_what_came_before_it() {
        let mut member = begun();
        assert_eq!(member.state(0, 4), 1..=4);
        assert_eq!(member.frame(0, 4), Heard::Old);
        assert_eq!(missed(&member, 4), []);
        assert!(member.state(0, 2).is_empty(), "a state of before says nothing new");
        assert!(member.has_reached(0, 4));
    }

    #[test]
    fn absurd_revisions_harm_nothing() {
        let mut member = begun();
        assert_eq!(member.frame(0, u64::MAX), Heard::New);
        assert_eq!(missed(&member, u64::MAX), [(1, u64::MAX - 1), (u64::MAX, u64::MAX)]);
        member.state(0, u64::MAX);
        member.begin_at(0, u64::MAX);
    }
}
