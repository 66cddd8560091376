use std::error::Error;

use tonic::{Code, Status};

use super::error;
use crate::{
    link::{ConnectError, chain},
    model::one_line,
    store::{StoreError, StoreErrorCause, StoreErrorKind},
};

/// A request that failed, or whose outcome is unknown.
#[derive(Debug)]
pub(super) enum MomentoError {
    /// The request was not sent, with the reason as far as it is known.
    Away(String, Option<ConnectError>),
    /// The request was rate-limited.
    Limited(String),
    /// The request was refused, and will be until the configuration changes.
    Hopeless(String, StoreErrorCause),
    /// The request was sent, and only this status was received.
    Lost(Status),
    /// The request was sent, and the answer timed out.
    Silent,
    /// The answer is invalid.
    Odd(String),
}

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
            _ if has::<tonic::ConnectError>(&status) => {
                let deepest = chain(&status).last().map(ToString::to_string).unwrap_or_default();
                let why = format!("cannot connect to {address}: {}", one_line(&deepest));
                Self::Away(why, ConnectError::of(&status))
            }
            _ if timed_out(&status) => Self::Silent,
            _ => Self::Lost(status),
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
            Self::Away(why, reason) => {
                let advice = match reason {
                    Some(ConnectError::UnknownHost) => "; is the endpoint right? waiting until it is found",
                    _ => "",
                };
                let hopeless = reason == Some(ConnectError::Certificate);
                error(StoreErrorKind::Unavailable, why + advice)
                    .because(hopeless.then_some(StoreErrorCause::Misconfigured))
                    .hopeless_if(hopeless)
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

fn timed_out(status: &Status) -> bool {
    status.code() == Code::DeadlineExceeded || has::<tonic::TimeoutExpired>(status)
}

/// Whether an error of this type is among the sources.
fn has<E: Error + 'static>(status: &Status) -> bool {
    chain(status).any(|cause| cause.is::<E>())
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

    #[test]
    fn a_cache_that_is_not_trusted_is_hopeless_and_one_that_is_not_found_is_waited_for() {
        for (reason, hopeless, cause, advice) in [
            (Some(ConnectError::Certificate), true, StoreErrorCause::Misconfigured, "why"),
            (Some(ConnectError::UnknownHost), false, StoreErrorCause::Unavailable, "is the endpoint right?"),
            (None, false, StoreErrorCause::Unavailable, "why"),
        ] {
            let away = MomentoError::Away("why".to_owned(), reason).of_write();
            assert_eq!((away.kind(), away.is_hopeless()), (StoreErrorKind::Unavailable, hopeless));
            assert!(away.cause() == cause && away.to_string().contains(advice), "{away}");
        }
    }
}
