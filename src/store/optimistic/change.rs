use super::{last_calls::LastCalls, record::Counter};
use crate::model::{Grant, Millis};

/// What a decision makes of an asset, to be written as one step.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(in crate::store) struct Change {
    /// As it was read; `None`: there was none.
    pub(in crate::store) before: Option<Counter>,
    pub(in crate::store) after: Counter,
    /// New holders, of the life that `after` is in.
    pub(in crate::store) granted: Vec<Grant>,
    /// The holder that goes. When the whole life ends, as `after` says, its holders need not be named.
    pub(in crate::store) struck: Option<Grant>,
    /// The first holders after it: at most [`FIRST`](super::FIRST), and one fewer than that at least if there are
    /// as many.
    pub(in crate::store) first: Vec<Grant>,
    /// The last calls, this one included.
    pub(in crate::store) changes: LastCalls,
    /// When: the time of the call.
    pub(in crate::store) at: Millis,
}
