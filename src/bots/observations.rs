use std::{
    collections::BTreeMap,
    ops::{Bound, RangeInclusive},
};

use crate::model::PlayerName;

use super::{fact::Fact, limits::REVISIONS_TIMED, timings::Mark};

/// The frames that all members received about one asset in one round, by revision.
#[derive(Debug, Default)]
pub(super) struct Observations {
    pages: BTreeMap<u64, Page>,
}

/// The observations of one revision.
#[derive(Debug, Default)]
pub(super) struct Page {
    /// The change as given by the first frame; `None` while only states cover the revision.
    pub(super) fact: Option<Fact<PlayerName>>,
    /// When and where the first frame arrived.
    pub(super) first: Option<Mark>,
    /// When the most recent member learned of the revision, in microseconds since the start of the round.
    pub(super) last_us: u32,
    /// The number of members that received a frame.
    pub(super) frames: u32,
}

impl Observations {
    /// Records a member's frame. Returns true if it agrees with the frames of other members.
    pub(super) fn record(&mut self, revision: u64, fact: &Fact<&str>, now: Mark) -> bool {
        let page = self.pages.entry(revision).or_default();
        page.first.get_or_insert(now);
        page.last_us = page.last_us.max(now.us);
        page.frames += 1;
        if page.fact.is_none() {
            page.fact = fact.keep();
        }
        page.fact.as_ref().is_some_and(|known| known.agrees_with(fact))
    }

    /// Records the revisions that a member learned from a state.
    pub(super) fn covered(&mut self, revisions: RangeInclusive<u64>, now_us: u32) {
        let end = (*revisions.end()).min(revisions.start().saturating_add(REVISIONS_TIMED));
        for revision in *revisions.start()..=end {
            let page = self.pages.entry(revision).or_default();
            page.last_us = page.last_us.max(now_us);
        }
    }

    /// The observations of the revisions after `baseline`.
    pub(super) fn since(&self, baseline: u64) -> impl Iterator<Item = (u64, &Page)> {
        self.pages
            .range((Bound::Excluded(baseline), Bound::Unbounded))
            .map(|(revision, page)| (*revision, page))
    }

    /// The changes after `baseline` that a frame reported.
    pub(super) fn facts(&self, baseline: u64) -> impl Iterator<Item = (u64, &Fact<PlayerName>)> {
        self.since(baseline).filter_map(|(revision, page)| Some((revision, page.fact.as_ref()?)))
    }

    /// The observations of one revision.
    pub(super) fn page(&self, revision: u64) -> Option<&Page> {
        self.pages.get(&revision)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn granted(player: &str) -> Fact<&str> {
        Fact::Granted { player, units: 3, remaining: 2 }
    }

    fn at(us: u32) -> Mark {
        Mark { node: 0, us }
    }

    #[test]
    fn members_that_are_told_the_same_agree() {
        let mut observations = Observations::default();
        assert!(observations.record(1, &granted("bot-1"), at(5)));
        assert!(observations.record(1, &granted("bot-1"), at(9)));
        assert!(!observations.record(1, &granted("bot-2"), at(7)));
        let page = observations.page(1).unwrap();
        assert_eq!((page.first, page.last_us, page.frames), (Some(at(5)), 9, 3));
        assert_eq!(page.fact.as_ref().unwrap().winner().unwrap().as_str(), "bot-1");
    }

    #[test]
    fn a_state_sets_when_the_last_member_knew() {
        let mut observations = Observations::default();
        observations.covered(1..=2, 30);
        assert!(observations.record(1, &granted("bot-1"), at(5)));
        assert_eq!(observations.page(1).unwrap().last_us, 30);
        assert_eq!(observations.since(1).map(|(revision, _)| revision).collect::<Vec<_>>(), [2]);
    }

    #[test]
    fn a_frame_without_a_proper_name_is_refused() {
        assert!(!Observations::default().record(1, &granted("no name"), at(0)));
    }
}
