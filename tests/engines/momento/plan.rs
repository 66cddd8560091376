use std::time::Duration;

use fastrand::Rng;
use tonic::{Code, metadata::MetadataMap};

/// What happens to a request.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Fault {
    /// It is refused, and has no effect.
    Refused(Code),
    /// It breaks off without an effect.
    BrokenBefore,
    /// It has its effect, and then breaks off.
    BrokenAfter,
    /// It has no effect, and is never answered.
    SwallowedBefore,
    /// It has its effect, and is never answered.
    SwallowedAfter,
    /// It has its effect so much later, when nobody waits for it any more.
    Late(Duration),
    /// It has its effect after this time, and is answered then.
    Delayed(Duration),
    /// It arrives twice, and the first answer comes back.
    Twice,
    /// It arrives twice, and the second answer comes back.
    TwiceAnsweredLast,
    /// It arrives once more, so much later.
    Again(Duration),
}

/// Nothing that a caller must wait a second for.
pub(super) fn rough(rng: &mut Rng) -> Option<Fault> {
    let some_time = Duration::from_millis(rng.u64(1..20));
    match rng.u8(..100) {
        0..3 => Some(Fault::Delayed(some_time)),
        3..5 => Some(Fault::BrokenBefore),
        5..7 => Some(Fault::BrokenAfter),
        7..8 => Some(Fault::Twice),
        8..10 => Some(Fault::TwiceAnsweredLast),
        10..12 => Some(Fault::Again(some_time)),
        12..13 => Some(Fault::Refused(Code::ResourceExhausted)),
        _ => None,
    }
}

/// The word a refusal carries, as Momento's do.
pub(super) fn reason(code: Code) -> MetadataMap {
    let mut metadata = MetadataMap::new();
    if code == Code::ResourceExhausted {
        metadata.insert("err", "operations_rate_limit_exceeded".parse().unwrap());
    }
    metadata
}
