use std::time::Duration;

use aws_config::{
    BehaviorVersion, Region, SdkConfig, environment::EnvironmentVariableCredentialsProvider,
    meta::credentials::CredentialsProviderChain, timeout::TimeoutConfig,
};
use aws_sdk_dynamodb::{
    Client as SdkClient,
    config::{Credentials, ProvideCredentials, retry::RetryConfig},
};
use aws_smithy_http_client::{
    Builder,
    tls::{Provider, rustls_provider::CryptoMode},
};
use tokio::time::timeout;

use super::{
    error::{DynamoError, Kind, Tried},
    url::DynamoUrl,
};

/// Half of a request's timeout, so that after a dead address there is time for another one.
const CONNECT_WITHIN: Duration = Duration::from_millis(550);

/// More than AWS's usual sources need to provide credentials, or to report that there are none.
const PATIENCE: Duration = Duration::from_secs(10);

/// Connects with our own timeouts and without the SDK's retries, because `Client::run` does them.
pub(super) async fn connect(url: &DynamoUrl) -> Tried<SdkClient> {
    let http = Builder::new().tls_provider(Provider::Rustls(CryptoMode::Ring)).build_https();
    let times = TimeoutConfig::builder().connect_timeout(CONNECT_WITHIN).build();
    let mut loader = aws_config::defaults(BehaviorVersion::latest()).http_client(http).timeout_config(times);
    if let Some(region) = &url.region {
        loader = loader.region(Region::new(region.clone()));
    }
    if url.is_on_this_machine() {
        loader = loader.credentials_provider(local());
    }
    let shared = loader.load().await;
    if shared.region().is_none() {
        let why = "no AWS region is set: add ?region=REGION to the URL, or set AWS_REGION";
        return Err(DynamoError::new(Kind::Hopeless, why));
    }
    has_credentials(&shared).await?;
    let mut config = aws_sdk_dynamodb::config::Builder::from(&shared).retry_config(RetryConfig::disabled());
    if let Some(endpoint) = &url.endpoint {
        config = config.endpoint_url(endpoint);
    }
    Ok(SdkClient::from_conf(config.build()))
}

/// Arbitrary credentials for a local stand-in of the service, which accepts any but requires some.
fn local() -> CredentialsProviderChain {
    let any = Credentials::new("local", "local", None, None, "local");
    CredentialsProviderChain::first_try("environment", EnvironmentVariableCredentialsProvider::new())
        .or_else("local", any)
}

/// Checks for credentials first, because a request without any would only report a timeout.
async fn has_credentials(shared: &SdkConfig) -> Tried<()> {
    let none = |why: String| {
        let advice = "set AWS_ACCESS_KEY_ID and AWS_SECRET_ACCESS_KEY, AWS_PROFILE, or give the machine a role";
        DynamoError::new(Kind::Hopeless, format!("there are no AWS credentials ({why}): {advice}"))
    };
    let Some(provider) = shared.credentials_provider() else { return Err(none("no place to look".to_owned())) };
    match timeout(PATIENCE, provider.provide_credentials()).await {
        Ok(Ok(_)) => Ok(()),
        Ok(Err(error)) => Err(none(DynamoError::cause(&error))),
        Err(_) => Err(none(format!("no place answers within {} s", PATIENCE.as_secs()))),
    }
}
