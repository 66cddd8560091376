use super::{Record, RecordStore, decide::Decision, shown};
use crate::{
    model::{AssetName, AssetState},
    store::{
        Call, Result, Verdict,
        rules::{self, Ask},
    },
};

/// A decision that was written, or that needs no write.
pub(super) struct Settled {
    pub(super) decision: Decision,
    /// Whether the call was executed before.
    pub(super) repeated: bool,
    /// Whether this call read more than once. Then an earlier write of this call may have taken effect although
    /// it was reported as stale.
    pub(super) retried: bool,
}

impl Settled {
    pub(super) fn unless_refused<R: RecordStore>(self, ask: Ask<'_>, asset: &AssetName) -> Result<Self> {
        let Decision { outcome, counter, .. } = &self.decision;
        rules::unless_refused(R::NAME, (*outcome, self.repeated), ask, asset, counter, R::MOST_UNITS)?;
        Ok(self)
    }
}

impl Decision {
    pub(super) fn state(&self, asset: &AssetName) -> AssetState {
        shown(&self.counter, asset, &self.first)
    }
}

/// Whether the call is a select that made the last change. Its grants may not have fit into one write, so there
/// may be more to do. If there is nothing left to do, deciding again gives the same result. A change that only ends
/// grants records no call, but a select's last revision is that of a grant.
pub(super) fn is_begun(call: Call, ask: Ask<'_>, record: &Record) -> bool {
    let last_end = record.counter.terms.as_ref().and_then(|terms| terms.ends.back());
    matches!(ask, Ask::Select { .. })
        && record.changes.newest() == Some((call.node, call.seq))
        && last_end.is_none_or(|end| end.revision != record.counter.revision)
}

/// Turns a grant into the verdict that a retry reports.
pub(super) fn look_up(verdict: &mut Verdict) {
    if let Verdict::Granted { revision, lease } = *verdict {
        *verdict = Verdict::AlreadyHeld { revision, until: lease.until };
    }
}
