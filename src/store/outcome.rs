use super::StoreErrorKind;

/// What a changing call came to. A store keeps it beside the call's number, so that a repeat is answered the same.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Outcome {
    Changed,
    /// It was so already, or sold out.
    Unchanged,
    Refused(StoreErrorKind),
}
