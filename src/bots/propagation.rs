use super::{report::Delivery, timings::Timings};

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

impl Propagation {
    /// Records a frame received at `then` that the first member received at `first`.
    pub(super) fn record(&mut self, first: Mark, then: Mark) {
        let timings = if first.node == then.node { &mut self.same_node } else { &mut self.other_nodes };
        timings.record(then.us.saturating_sub(first.us));
    }

    pub(super) fn append(&mut self, other: &Self) {
        self.same_node.append(&other.same_node);
        self.other_nodes.append(&other.other_nodes);
    }

    pub(super) fn delivery(&self) -> Delivery {
        Delivery { same_node: self.same_node.quantiles(), other_nodes: self.other_nodes.quantiles() }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn members_are_timed_by_whether_they_are_where_the_first_one_is() {
        let mut propagation = Propagation::default();
        let first = Mark { node: 0, us: 1000 };
        propagation.record(first, Mark { node: 0, us: 1500 });
        let mut others = Propagation::default();
        others.record(first, Mark { node: 1, us: 3000 });
        others.record(first, Mark { node: 2, us: 5000 });
        propagation.append(&others);
        let Delivery { same_node, other_nodes } = propagation.delivery();
        assert_eq!((same_node.count, same_node.max), (1, 0.5));
        assert_eq!(other_nodes.count, 2);
        assert!((other_nodes.max - 4.0).abs() < 0.01);
    }
}
