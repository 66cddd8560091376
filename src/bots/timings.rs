use hdrhistogram::Histogram;

use super::report::{Delivery, Quantiles};

/// A distribution of times, to 3 significant digits.
#[derive(Debug)]
pub(super) struct Timings(Histogram<u64>);

/// The delay between the first member's frame of a grant and each other member's.
#[derive(Debug, Default)]
pub(super) struct Propagation {
    same_node: Timings,
    other_nodes: Timings,
}

/// When and where a member received a frame.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Mark {
    /// The index of the node in the list of addresses.
    pub(super) node: usize,
    /// Microseconds since the start of the round.
    pub(super) us: u32,
}

impl Timings {
    /// Adds a time in microseconds.
    pub(super) fn record(&mut self, us: u32) {
        self.0.record(us.into()).expect("it grows with its values");
    }

    pub(super) fn quantiles(&self) -> Quantiles {
        let ms = |us: u64| us as f64 / 1000.0;
        let at = |quantile| ms(self.0.value_at_quantile(quantile));
        Quantiles { count: self.0.len(), p50: at(0.5), p90: at(0.9), p99: at(0.99), max: ms(self.0.max()) }
    }
}

impl Default for Timings {
    fn default() -> Self {
        Self(Histogram::new(3).expect("3 significant digits are allowed"))
    }
}

impl Propagation {
    /// Records a frame received at `then` that the first member received at `first`.
    pub(super) fn record(&mut self, first: Mark, then: Mark) {
        let timings = if first.node == then.node { &mut self.same_node } else { &mut self.other_nodes };
        timings.record(then.us.saturating_sub(first.us));
    }

    pub(super) fn delivery(&self) -> Delivery {
        Delivery { same_node: self.same_node.quantiles(), other_nodes: self.other_nodes.quantiles() }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn quantiles_are_those_of_the_values() {
        let mut timings = Timings::default();
        assert_eq!(timings.quantiles(), Quantiles::default(), "nothing is 0");
        (1..=1000).for_each(|ms| timings.record(ms * 1000));
        let of = timings.quantiles();
        assert_eq!(of.count, 1000);
        for (value, expected) in [(of.p50, 500.0), (of.p90, 900.0), (of.p99, 990.0), (of.max, 1000.0)] {
            assert!((value - expected).abs() <= expected / 1000.0, "{value} is about {expected}");
        }
        timings.record(u32::MAX);
        assert!(timings.quantiles().max > 4_294_000.0, "an hour fits");
    }

    #[test]
    fn members_are_timed_by_whether_they_are_where_the_first_one_is() {
        let mut propagation = Propagation::default();
        let first = Mark { node: 0, us: 1000 };
        for (node, us) in [(0, 1500), (1, 3000), (2, 5000)] {
            propagation.record(first, Mark { node, us });
        }
        let Delivery { same_node, other_nodes } = propagation.delivery();
        assert_eq!((same_node.count, same_node.max), (1, 0.5));
        assert_eq!(other_nodes.count, 2);
        assert!((other_nodes.max - 4.0).abs() < 0.01);
    }
}
