use crate::{
    model::limits::REMEMBERED_NODES,
    store::{Call, NodeId},
};

/// The last call of each of the newest nodes, and whether it changed anything.
#[derive(Debug, Default)]
pub(super) struct LastCalls(Vec<(NodeId, u64, bool)>);

impl LastCalls {
    /// Whether this call (or a later one of the node) was answered before, and if so, whether it changed anything.
    pub(super) fn answered(&self, call: Call) -> Option<bool> {
        let &(_, seq, changed) = self.0.iter().find(|(node, ..)| *node == call.node)?;
        (call.seq <= seq).then_some(changed)
    }

    pub(super) fn record(&mut self, call: Call, changed: bool) {
        self.0.retain(|(node, ..)| *node != call.node);
        self.0.push((call.node, call.seq, changed));
        if self.0.len() > REMEMBERED_NODES {
            self.0.remove(0);
        }
    }
}
