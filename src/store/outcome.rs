use super::StoreErrorKind;

/// The outcome of a changing call. A store keeps it with the call's number, so that a retry gets the same
/// answer.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Outcome {
    Changed,
    /// The asset was in the requested state already, or was sold out.
    Unchanged,
    Refused(StoreErrorKind),
}
