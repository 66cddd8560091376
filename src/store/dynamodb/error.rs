use std::error::Error;

use aws_sdk_dynamodb::{
    config::http::HttpResponse,
    error::{BuildError, ProvideErrorMetadata, SdkError},
    operation::transact_write_items::TransactWriteItemsError,
    types::CancellationReason,
};

use super::error;
use crate::{
    link::{
        ConnectError, chain,
        texts::{self, Author, Meaning},
    },
    model::one_line,
    store::{StoreError, StoreErrorCause, StoreErrorKind},
};

/// A failed request.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct DynamoError {
    pub(super) kind: Kind,
    /// Whether an earlier attempt of the same request may have been executed.
    pub(super) doubtful: bool,
    pub(super) message: String,
}

pub(super) type Tried<T> = Result<T, DynamoError>;

/// The meaning for the request.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Kind {
    /// The item does not meet the condition; nothing was done.
    Unmet,
    /// A transaction on the same item is in progress; nothing was done.
    Conflict,
    /// The service is overloaded; nothing was done.
    Busy,
    /// The request was not sent.
    Away,
    /// There is no such table.
    Missing,
    /// The request is invalid and will always be refused.
    Refused,
    /// The error lasts until the configuration changes.
    Hopeless,
    /// The error lasts until the credentials or their permissions change.
    Forbidden,
    /// The request may have been executed.
    Lost,
}

const BUSY: [&str; 7] = [
    "LimitExceededException",
    "ProvisionedThroughputExceeded",
    "ProvisionedThroughputExceededException",
    "RequestLimitExceeded",
    "ThrottlingError",
    "ThrottlingException",
    "TransactionInProgressException",
];
const BAD_CREDENTIALS: [&str; 8] = [
    "ExpiredToken",
    "ExpiredTokenException",
    "IncompleteSignatureException",
    "InvalidClientTokenId",
    "InvalidSignatureException",
    "MissingAuthenticationTokenException",
    "SignatureDoesNotMatch",
    "UnrecognizedClientException",
];

impl DynamoError {
    pub(super) fn new(kind: Kind, message: impl Into<String>) -> Self {
        Self { kind, doubtful: kind == Kind::Lost, message: message.into() }
    }

    /// Marks the error as doubtful if an earlier attempt may have been executed.
    pub(super) fn after(self, doubtful: bool) -> Self {
        Self { doubtful: self.doubtful || doubtful, ..self }
    }

    /// Prefixes the message with a location.
    pub(super) fn at(self, location: &str) -> Self {
        Self { message: format!("{location}: {}", self.message), ..self }
    }

    /// The error of a cancelled transaction, from its reasons.
    fn of_reasons(reasons: &[CancellationReason]) -> Self {
        let codes = || reasons.iter().filter_map(CancellationReason::code);
        let any = |kind: Kind, which: fn(&str) -> bool| codes().any(which).then_some(kind);
        let kind = any(Kind::Unmet, |code| code == "ConditionalCheckFailed")
            .or_else(|| {
                any(Kind::Refused, |code| code == "ValidationError" || code.starts_with("ItemCollection"))
            })
            .or_else(|| any(Kind::Conflict, |code| code == "TransactionConflict"))
            .or_else(|| any(Kind::Busy, |code| BUSY.contains(&code)))
            .unwrap_or(Kind::Refused);
        let why = reasons.iter().find(|reason| reason.code().is_some_and(|code| code != "None"));
        let why = why.map(|reason| in_words(reason.code(), reason.message())).unwrap_or_default();
        Self::new(kind, format!("the transaction was cancelled: {why}"))
    }

    fn of_answer(code: Option<&str>, message: Option<&str>, status: u16) -> Self {
        let said = in_words(code, message);
        match code.unwrap_or_default() {
            "ConditionalCheckFailedException" => Self::new(Kind::Unmet, said),
            "TransactionConflictException" => Self::new(Kind::Conflict, said),
            "ResourceNotFoundException" => Self::new(Kind::Missing, said),
            "AccessDeniedException" => Self::new(
                Kind::Forbidden,
                format!("AWS refuses: {said}; give the role the permissions that docs/stores.md lists"),
            ),
            code if BUSY.contains(&code) => Self::new(Kind::Busy, said),
            code if BAD_CREDENTIALS.contains(&code) => Self::new(
                Kind::Forbidden,
                format!("AWS does not take the credentials: {said}; renew them, and check region and clock"),
            ),
            _ if status >= 500 => Self::new(Kind::Lost, format!("the service failed: HTTP {status} {said}")),
            "" => Self::new(Kind::Refused, format!("the endpoint answers HTTP {status}: is it DynamoDB?")),
            _ => Self::new(Kind::Refused, said),
        }
    }

    /// The innermost source, in one line.
    pub(super) fn cause(error: &(dyn Error + 'static)) -> String {
        chain(error).last().map(|error| one_line(&error.to_string())).unwrap_or_default()
    }

    /// The error of a request without an answer, or with an invalid one.
    fn of_silence(error: &(dyn Error + 'static), what: &'static str) -> Self {
        let (cause, reason) = (Self::cause(error), ConnectError::of(error));
        let says = |meaning| {
            let means = |error: &(dyn Error + 'static)| texts::meaning(Author::AwsSdk, &error.to_string());
            chain(error).any(|error| means(error) == Some(meaning))
        };
        if says(Meaning::NoCredentials) {
            let advice =
                "set AWS_ACCESS_KEY_ID and AWS_SECRET_ACCESS_KEY, AWS_PROFILE, or give the machine a role";
            Self::new(Kind::Forbidden, format!("there are no AWS credentials ({cause}): {advice}"))
        } else if reason == Some(ConnectError::UnknownHost) {
            let advice = "are region and endpoint in the URL right? waiting until it is found";
            Self::new(Kind::Away, format!("{cause}: {advice}"))
        } else if reason == Some(ConnectError::Certificate) {
            Self::new(Kind::Hopeless, format!("the endpoint's certificate is not trusted: {cause}"))
        } else if says(Meaning::NotConnected) {
            Self::new(Kind::Away, format!("cannot connect: {cause}"))
        } else {
            Self::new(Kind::Lost, format!("{what}: {cause}"))
        }
    }
}

impl<E: ProvideErrorMetadata + Error + 'static> From<SdkError<E, HttpResponse>> for DynamoError {
    fn from(error: SdkError<E, HttpResponse>) -> Self {
        let error = match &error {
            SdkError::ServiceError(answer) => {
                let (meta, status) = (answer.err().meta(), answer.raw().status().as_u16());
                Self::of_answer(meta.code(), meta.message(), status)
            }
            SdkError::ConstructionFailure(_) => match Self::of_silence(&error, "the request could not be made")
            {
                Self { kind: Kind::Lost, message, .. } => Self::new(Kind::Away, message),
                error => error,
            },
            SdkError::TimeoutError(_) => Self::of_silence(&error, "no answer in time"),
            SdkError::ResponseError(_) => Self::of_silence(&error, "the answer makes no sense"),
            _ => Self::of_silence(&error, "the connection broke before the answer"),
        };
        tracing::trace!(?error, ?error, "a request to DynamoDB failed");
        error
    }
}

impl From<BuildError> for DynamoError {
    fn from(odd: BuildError) -> Self {
        Self::new(Kind::Refused, odd.to_string())
    }
}

/// The error of a transaction. A cancelled one gives a reason for each of its items.
pub(super) fn of_transaction(error: SdkError<TransactWriteItemsError, HttpResponse>) -> DynamoError {
    let reasons = match error.as_service_error() {
        Some(TransactWriteItemsError::TransactionCanceledException(cancelled)) => {
            cancelled.cancellation_reasons()
        }
        _ => return error.into(),
    };
    DynamoError::of_reasons(reasons)
}

impl From<DynamoError> for StoreError {
    fn from(DynamoError { kind, doubtful, message }: DynamoError) -> Self {
        let error =
            error(if doubtful { StoreErrorKind::OutcomeUnknown } else { StoreErrorKind::Unavailable }, message);
        match kind {
            Kind::Hopeless | Kind::Missing => error.because(StoreErrorCause::Misconfigured).hopeless(),
            Kind::Forbidden => error.because(StoreErrorCause::NoPermission).hopeless(),
            Kind::Busy => error.because(StoreErrorCause::Throttled),
            Kind::Unmet | Kind::Conflict | Kind::Away | Kind::Refused | Kind::Lost => error,
        }
    }
}

fn in_words(code: Option<&str>, message: Option<&str>) -> String {
    let said = [code.unwrap_or_default(), message.unwrap_or_default()];
    one_line(&said.join(" "))
}

#[cfg(test)]
mod tests {
    use aws_config::{BehaviorVersion, Region};
    use aws_sdk_dynamodb::{
        Client, Config,
        config::{Credentials, SharedCredentialsProvider, retry::RetryConfig},
    };
    use aws_smithy_http_client::{
        Builder,
        tls::{Provider, rustls_provider::CryptoMode},
    };

    use super::*;

    /// The meaning of the SDK's error about this endpoint.
    async fn failed(endpoint: &str, credentials: Option<Credentials>) -> DynamoError {
        let http = Builder::new().tls_provider(Provider::Rustls(CryptoMode::Ring)).build_https();
        let mut config = Config::builder()
            .behavior_version(BehaviorVersion::latest())
            .region(Region::new("eu-west-1"))
            .http_client(http)
            .endpoint_url(endpoint)
            .retry_config(RetryConfig::disabled());
        config.set_credentials_provider(credentials.map(SharedCredentialsProvider::new));
        Client::from_conf(config.build()).list_tables().send().await.unwrap_err().into()
    }

    #[tokio::test]
    async fn a_request_that_is_not_sent_says_why() {
        let some = || Some(Credentials::new("me", "hunter2", None, None, "test"));
        for (endpoint, credentials, kind, words) in [
            ("http://127.0.0.1:1", some(), Kind::Away, "cannot connect"),
            ("http://no-such-host.invalid", some(), Kind::Away, "waiting until it is found"),
            ("http://127.0.0.1:1", None, Kind::Forbidden, "there are no AWS credentials"),
        ] {
            let error = failed(endpoint, credentials).await;
            assert_eq!((error.kind, error.doubtful), (kind, false), "{endpoint}: {error:?}");
            assert!(error.message.contains(words), "{error:?}");
        }
    }

    #[test]
    fn a_service_that_is_not_trusted_is_hopeless() {
        let untrusted = rustls::Error::InvalidCertificate(rustls::CertificateError::UnknownIssuer);
        let error = DynamoError::of_silence(&std::io::Error::other(untrusted), "no answer in time");
        assert_eq!(error.kind, Kind::Hopeless, "{error:?}");
    }
}
