use super::last_calls::LastCalls;
use crate::{
    model::{Grant, Millis},
    store::rules::Counter,
};

/// The change that a decision makes to an asset, written in one step.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(in crate::store) struct Change {
    /// The counter as it was read; `None`: there was no asset.
    pub(in crate::store) before: Option<Counter>,
    pub(in crate::store) after: Counter,
    /// New holders, in the incarnation of `after`.
    pub(in crate::store) granted: Vec<Grant>,
    /// The deleted holder. A change that ends the incarnation deletes all holders and names none here.
    pub(in crate::store) struck: Option<Grant>,
    /// The first holders after the change: at most [`FIRST`](super::FIRST), and at least one fewer than that if
    /// there are as many.
    pub(in crate::store) first: Vec<Grant>,
    /// The last calls, including this one.
    pub(in crate::store) changes: LastCalls,
    /// The time of the call.
    pub(in crate::store) at: Millis,
}
