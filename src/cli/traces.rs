//! Traces of selects, if `--otlp-endpoint` names a collector.

use std::time::Duration;

use asset_arbiter::{
    arbiter,
    server::{Metrics, OtlpEndpoint},
};

use super::{Config, serve_args::ServeArgs};

/// The most of `--drain-timeout` that the last spans may take.
const LAST_SPANS: Duration = Duration::from_secs(2);

/// The collector of `--otlp-endpoint`.
///
/// # Errors
/// It is no address of a collector, or this build cannot send traces.
pub(super) fn endpoint(args: &ServeArgs) -> Result<Option<OtlpEndpoint>, String> {
    let Some(endpoint) = &args.otlp_endpoint else { return Ok(None) };
    if !cfg!(feature = "otel") {
        return Err(
            "--otlp-endpoint: this build sends no traces; build it with the cargo feature \"otel\"".to_owned()
        );
    }
    OtlpEndpoint::parse(endpoint).map(Some).map_err(|error| format!("cannot use --otlp-endpoint: {error}"))
}

/// What sends the traces of a running server.
#[derive(Default)]
pub(crate) struct Traces {
    #[cfg(feature = "otel")]
    otlp: Option<std::sync::Arc<asset_arbiter::server::Otlp>>,
}

impl Traces {
    /// Starts to send them, if that is configured.
    ///
    /// # Errors
    /// This machine has no root certificates, which `https` needs.
    #[cfg(feature = "otel")]
    pub(crate) fn start(config: &Config, metrics: &Metrics) -> anyhow::Result<Self> {
        use asset_arbiter::server::Otlp;

        let start =
            |endpoint| metrics.scope(|| Otlp::start(endpoint, config.otlp_sample)).map(std::sync::Arc::new);
        let otlp = config.otlp_endpoint.as_ref().map(start).transpose().map_err(anyhow::Error::msg)?;
        Ok(Self { otlp })
    }

    /// The same without the feature: nothing is configured.
    #[cfg(not(feature = "otel"))]
    pub(crate) fn start(_config: &Config, _metrics: &Metrics) -> anyhow::Result<Self> {
        Ok(Self::default())
    }

    /// The rules of an arbiter whose selects are traced.
    pub(crate) fn of(&self, rules: arbiter::Config) -> arbiter::Config {
        #[cfg(feature = "otel")]
        if let Some(otlp) = &self.otlp {
            return arbiter::Config { spans: arbiter::Spans::to(std::sync::Arc::clone(otlp) as _), ..rules };
        }
        rules
    }

    /// Sends the last ones.
    pub(crate) async fn stop(&self, config: &Config) {
        #[cfg(feature = "otel")]
        if let Some(otlp) = &self.otlp {
            otlp.stop(LAST_SPANS.min(config.settings.drain_timeout)).await;
        }
        #[cfg(not(feature = "otel"))]
        let _ = (config, LAST_SPANS);
    }
}
