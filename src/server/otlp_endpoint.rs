use std::fmt;

use axum::http::Uri;

/// The address of a collector (`--otlp-endpoint`), which takes spans at `v1/traces` below it.
#[derive(Clone, PartialEq, Eq)]
pub struct OtlpEndpoint(Uri);

/// Why an address is no collector's. Never shows it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[allow(missing_docs)]
pub enum InvalidOtlpEndpoint {
    #[error("write http://HOST:4318, or https://HOST[:PORT][/PATH]; /v1/traces is added")]
    Shape,
    #[error("leave out what stands before the @: the collector is asked without a login")]
    Login,
}

impl OtlpEndpoint {
    /// Takes an `http` or `https` URL without a query.
    ///
    /// # Errors
    /// [`InvalidOtlpEndpoint`] says what would be right.
    pub fn parse(text: &str) -> Result<Self, InvalidOtlpEndpoint> {
        let uri: Uri = text.parse().map_err(|_| InvalidOtlpEndpoint::Shape)?;
        if uri.authority().is_some_and(|authority| authority.as_str().contains('@')) {
            return Err(InvalidOtlpEndpoint::Login);
        }
        let is_http = matches!(uri.scheme_str(), Some("http" | "https"));
        let has_host = uri.host().is_some_and(|host| !host.is_empty());
        if !is_http || !has_host || uri.query().is_some() {
            return Err(InvalidOtlpEndpoint::Shape);
        }
        let base = uri.path().trim_end_matches('/').trim_end_matches("/v1/traces");
        let mut parts = uri.clone().into_parts();
        parts.path_and_query = format!("{base}/v1/traces").parse().ok();
        Uri::from_parts(parts).map(Self).map_err(|_| InvalidOtlpEndpoint::Shape)
    }

    /// Where spans are posted.
    #[cfg(feature = "otel")]
    pub(super) fn uri(&self) -> &Uri {
        &self.0
    }
}

impl fmt::Display for OtlpEndpoint {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(&self.0, f)
    }
}

impl fmt::Debug for OtlpEndpoint {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, f)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_path_of_traces_is_added_once() {
        for (text, shown) in [
            ("http://127.0.0.1:4318", "http://127.0.0.1:4318/v1/traces"),
            ("http://collector:4318/", "http://collector:4318/v1/traces"),
            ("https://collector.example/otlp", "https://collector.example/otlp/v1/traces"),
            ("https://collector.example/otlp/v1/traces", "https://collector.example/otlp/v1/traces"),
        ] {
            assert_eq!(OtlpEndpoint::parse(text).unwrap().to_string(), shown);
        }
    }

    #[test]
    fn what_is_no_address_of_a_collector_is_refused() {
        for text in
            ["", "collector:4318", "/v1/traces", "grpc://collector:4317", "http://", "http://c:4318?key=x"]
        {
            assert_eq!(OtlpEndpoint::parse(text), Err(InvalidOtlpEndpoint::Shape), "{text}");
        }
        assert_eq!(OtlpEndpoint::parse("https://me:pw@collector:4318"), Err(InvalidOtlpEndpoint::Login));
    }
}
