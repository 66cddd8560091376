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

/// Half of what a request has, so that a dead address leaves time for another one.
const CONNECT_WITHIN: Duration = Duration::from_millis(550);

/// What AWS's usual places need for credentials, or for saying that there are none, is less.
const PATIENCE: Duration = Duration::from_secs(10);

/// With its own limits in time, and without retries of its own: those are `Client::run`'s.
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

/// A stand-in for the service takes any credentials, but not none.
fn local() -> CredentialsProviderChain {
    let any = Credentials::new("local", "local", None, None, "local");
    CredentialsProviderChain::first_try("environment", EnvironmentVariableCredentialsProvider::new())
        .or_else("local", any)
}

/// Looks first, since a request without any would only say that it took too long.
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
