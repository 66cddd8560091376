//! The history of assets: the events that were acknowledged, for as long as they may be of use in a dispute.

use std::time::Duration;

use crate::model::{AssetEvent, Millis};

/// How much a store keeps of the history of an asset.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct HistoryLimits {
    /// How old events may be. Older ones are no part of the history, and are deleted.
    pub age: Duration,
    /// Maximum number of events of one asset that were acknowledged. The oldest beyond it are deleted, in some stores a
    /// little later: see `counts_now`.
    pub events: usize,
}

/// Whether a store keeps the history of assets.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum HistoryKept {
    /// It does.
    Yes,
    /// It could, and was opened without.
    Off,
    /// It cannot.
    NotBy {
        /// The name of the store.
        store: &'static str,
    },
}

/// Which events of an asset's history to read.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct HistoryPage {
    /// Only events after the one of this origin and revision; `None`: from the oldest.
    pub after: Option<(u64, u64)>,
    /// The time, in Unix milliseconds.
    pub now: Millis,
    /// Maximum number of events.
    pub limit: usize,
}

impl HistoryLimits {
    /// Events that happened at or before this time are too old.
    pub(super) fn too_old(self, now: Millis) -> Millis {
        now.saturating_sub(self.age.as_millis() as Millis)
    }

    /// Whether the events of an asset are counted after so many were added. Counting reads all of them, so a store that
    /// has no number at hand counts only now and then: about ten times until the asset has as many as it may.
    #[cfg(any(test, feature = "dynamodb", feature = "mongodb", feature = "mysql", feature = "sqlite"))]
    pub(super) fn counts_now(self, added: usize) -> bool {
        fastrand::usize(..(self.events / 10).max(1)) < added
    }
}

impl HistoryKept {
    /// That of a store that can keep one, and does if it was opened with limits.
    pub(super) fn of(has_limits: bool) -> Self {
        if has_limits { Self::Yes } else { Self::Off }
    }
}

impl HistoryPage {
    /// What sorts after the texts of the events before this page, and before those of the page.
    #[cfg(any(
        test,
        feature = "dynamodb",
        feature = "mongodb",
        feature = "mysql",
        feature = "redis",
        feature = "sqlite"
    ))]
    pub(super) fn bound(self) -> String {
        // "0" is the character after "/".
        self.after.map_or_else(String::new, |(origin, revision)| format!("{origin:016x}/{revision:016}0"))
    }

    /// The page, of all events that it may have. Events may be both acknowledged and waiting, because not every store
    /// moves them in one step.
    pub(super) fn of(
        self,
        acknowledged: impl IntoIterator<Item = AssetEvent>,
        waiting: impl IntoIterator<Item = AssetEvent>,
        limits: HistoryLimits,
    ) -> Vec<AssetEvent> {
        let too_old = limits.too_old(self.now);
        let acknowledged = acknowledged.into_iter().filter(|event| event.at > too_old);
        let place = |event: &AssetEvent| (event.origin, event.revision);
        let is_after = |event: &AssetEvent| self.after.is_none_or(|after| place(event) > after);
        let mut events: Vec<_> = acknowledged.chain(waiting).filter(is_after).collect();
        events.sort_unstable_by_key(|event| (event.origin, event.revision, event.first));
        events.dedup_by_key(|event| place(event));
        events.truncate(self.limit);
        events
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const LIMITS: HistoryLimits = HistoryLimits { age: Duration::from_millis(10), events: 100 };

    fn event(origin: u64, revision: u64, at: Millis) -> AssetEvent {
        format!("{origin:016x}/{revision:016}/{revision}/granted/{at}/9/3////ann").parse().unwrap()
    }

    #[test]
    fn a_page_has_each_event_once_in_order_and_none_that_is_too_old() {
        let page = HistoryPage { after: None, now: 20, limit: 10 };
        let acknowledged = [event(2, 0, 18), event(1, 1, 11), event(1, 0, 10)];
        let waiting = [event(2, 1, 3), event(2, 0, 18)];
        let of = |page: HistoryPage| {
            let events = page.of(acknowledged.clone(), waiting.clone(), LIMITS);
            events.iter().map(|event| (event.origin, event.revision)).collect::<Vec<_>>()
        };
        assert_eq!(of(page), [(1, 1), (2, 0), (2, 1)], "what waits is not too old");
        assert_eq!(of(HistoryPage { limit: 2, ..page }), [(1, 1), (2, 0)]);
        assert_eq!(of(HistoryPage { after: Some((1, 1)), ..page }), [(2, 0), (2, 1)]);
        assert_eq!(of(HistoryPage { after: Some((2, 1)), ..page }), []);
    }

    #[test]
    fn the_bound_of_a_page_is_between_the_events_before_it_and_its_own() {
        let bound = HistoryPage { after: Some((1, 9)), now: 0, limit: 1 }.bound();
        let texts = [event(1, 9, 5), event(1, 10, 5), event(2, 0, 5)].map(|event| event.to_string());
        assert!(texts[0] < bound && bound < texts[1] && bound < texts[2]);
        assert_eq!(HistoryPage { after: None, now: 0, limit: 1 }.bound(), "");
    }

    #[test]
    fn few_events_are_counted_each_time_and_many_now_and_then() {
        assert!((0..100).all(|_| HistoryLimits { events: 8, ..LIMITS }.counts_now(1)));
        let many = HistoryLimits { events: 10_000, ..LIMITS };
        assert!(many.counts_now(1000) && !(0..50).all(|_| many.counts_now(1)));
    }
}
