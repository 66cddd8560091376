use std::error::Error;

use tonic::{Code, ConnectError, Status};

use super::error;
use crate::model::one_line;
use crate::store::{StoreError, StoreErrorCause, StoreErrorKind};

/// A request that failed, or whose outcome is unknown.
#[derive(Debug)]
pub(super) enum MomentoError {
    /// The request was not sent, with the reason.
    Away(String),
    /// The request was rate-limited.
    Limited(String),
    /// The request was refused, and will be until the configuration changes.
    Hopeless(String, StoreErrorCause),
    /// The request was sent, and only this status came back.
    Lost(Status),
    /// The request was sent, and the answer timed out.
    Silent,
    /// The answer makes no sense.
    Odd(String),
}

/// Part of a message whose error lasts until the configuration changes.
const NO_WAITING_MENDS: &str = "certificate";
/// Part of a message whose error may be temporary, or caused by the URL.
const UNFOUND: &str = "failed to lookup address";

impl MomentoError {
    /// Classifies a refusal or a broken connection. The message names `cache` and `address` for the operator.
    pub(super) fn of(status: Status, cache: &str, address: &str) -> Self {
        let said = in_words(&status);
        let misconfigured = |why| Self::Hopeless(why, StoreErrorCause::Misconfigured);
        let not_permitted = |why| Self::Hopeless(why, StoreErrorCause::NoPermission);
        match status.code() {
            Code::NotFound => misconfigured(format!(
                "there is no cache {cache:?} where this API key leads: make it with `momento cache create --name {cache}`, \
                 or correct the name in the URL"
            )),
            Code::Unauthenticated => not_permitted(format!(
                "{address} refuses the API key ({said}): it may be mistyped, expired, or of another region"
            )),
            Code::PermissionDenied => not_permitted(format!(
                "the API key may not do this ({said}): make one that may read and write cache {cache:?}"
            )),
            Code::InvalidArgument | Code::FailedPrecondition | Code::Unimplemented | Code::OutOfRange => {
                misconfigured(format!("{address} does not understand us ({said})"))
            }
            Code::ResourceExhausted => {
                Self::Limited(format!("Momento's limits for cache {cache:?} are reached ({said})"))
            }
            _ => match not_sent(&status) {
                Some(why) => Self::Away(format!("cannot connect to {address}: {why}")),
                None if timed_out(&status) => Self::Silent,
                None => Self::Lost(status),
            },
        }
    }

    /// The error for a call that only read.
    pub(super) fn of_read(self) -> StoreError {
        match self {
            Self::Lost(status) => {
                error(StoreErrorKind::Unavailable, format!("a read failed: {}", in_words(&status)))
                    .with_source(status)
            }
            Self::Silent => error(StoreErrorKind::Unavailable, "a read was not answered in time")
                .because(StoreErrorCause::NotAnswered),
            refused => refused.of_write(),
        }
    }

    /// The error for a call that changes something.
    pub(super) fn of_write(self) -> StoreError {
        match self {
            Self::Away(why) => {
                let (hopeless, unfound) = (why.contains(NO_WAITING_MENDS), why.contains(UNFOUND));
                let advice = if unfound { "; is the endpoint right? waiting until it is found" } else { "" };
                let away = error(StoreErrorKind::Unavailable, why + advice);
                if hopeless { away.because(StoreErrorCause::Misconfigured).hopeless() } else { away }
            }
            Self::Limited(why) => error(StoreErrorKind::Unavailable, why).because(StoreErrorCause::Throttled),
            Self::Odd(why) => error(StoreErrorKind::Unavailable, why),
            Self::Hopeless(why, cause) => error(StoreErrorKind::Unavailable, why).because(cause).hopeless(),
            Self::Lost(status) => {
                let why = format!("a write was broken off: {}", in_words(&status));
                error(StoreErrorKind::OutcomeUnknown, why).with_source(status)
            }
            Self::Silent => error(StoreErrorKind::OutcomeUnknown, "a write was not answered in time")
                .because(StoreErrorCause::NotAnswered),
        }
    }
}

/// The reason if a request was never sent.
fn not_sent(status: &Status) -> Option<String> {
    causes(status).any(|cause| cause.is::<ConnectError>()).then(|| {
        let deepest = causes(status).last().map(ToString::to_string).unwrap_or_default();
        one_line(&deepest)
    })
}

fn timed_out(status: &Status) -> bool {
    status.code() == Code::DeadlineExceeded || causes(status).any(|cause| cause.is::<tonic::TimeoutExpired>())
}

fn causes(status: &Status) -> impl Iterator<Item = &(dyn Error + 'static)> {
    std::iter::successors(status.source(), |&cause| cause.source())
}

/// A status in one line.
fn in_words(status: &Status) -> String {
    one_line(&format!("{:?} {}", status.code(), status.message()))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn error(code: Code) -> MomentoError {
        MomentoError::of(Status::new(code, "because\nof that"), "game", "https://cache.example.com")
    }

    #[test]
    fn refusals_before_any_effect_are_told_from_the_others() {
        let hopeless = [Code::NotFound, Code::Unauthenticated, Code::PermissionDenied, Code::InvalidArgument];
        for code in hopeless {
            let error = error(code).of_write();
            assert_eq!((error.kind(), error.is_hopeless()), (StoreErrorKind::Unavailable, true), "{code:?}");
        }
        let limited = error(Code::ResourceExhausted).of_write();
        assert_eq!((limited.kind(), limited.is_hopeless()), (StoreErrorKind::Unavailable, false));
        let doubtful = [
            Code::Cancelled,
            Code::DeadlineExceeded,
            Code::Unavailable,
            Code::Internal,
            Code::Unknown,
            Code::Aborted,
        ];
        for code in doubtful {
            assert_eq!(error(code).of_write().kind(), StoreErrorKind::OutcomeUnknown, "{code:?}");
            assert_eq!(error(code).of_read().kind(), StoreErrorKind::Unavailable, "{code:?}");
        }
    }

    #[test]
    fn what_to_do_is_said_in_one_line() {
        for (code, words) in [
            (Code::NotFound, "momento cache create --name game"),
            (Code::Unauthenticated, "refuses the API key (Unauthenticated because of that)"),
            (Code::PermissionDenied, "read and write cache \"game\""),
        ] {
            let said = error(code).of_read().to_string();
            assert!(said.starts_with("momento: ") && said.contains(words) && !said.contains('\n'), "{said}");
        }
    }
}
