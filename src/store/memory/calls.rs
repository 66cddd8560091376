use crate::{
    model::limits::REMEMBERED_NODES,
    store::{Call, NodeId, outcome::Outcome},
};

/// The last call of each of the most recent nodes, with its outcome.
#[derive(Debug, Default)]
pub(super) struct LastCalls(Vec<(NodeId, u64, Outcome)>);

impl LastCalls {
    /// The outcome of this call, or of a later one of its node, if the call was executed before.
    pub(super) fn answered(&self, call: Call) -> Option<Outcome> {
        let &(_, seq, outcome) = self.0.iter().find(|(node, ..)| *node == call.node)?;
        (call.seq <= seq).then_some(outcome)
    }

    pub(super) fn record(&mut self, call: Call, outcome: Outcome) {
        self.0.retain(|(node, ..)| *node != call.node);
        self.0.push((call.node, call.seq, outcome));
        if self.0.len() > REMEMBERED_NODES {
            self.0.remove(0);
        }
    }
}
