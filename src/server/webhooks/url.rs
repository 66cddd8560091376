use std::{fmt, net::IpAddr};

use axum::http::Uri;

use super::address::{Forbidden, is_forbidden};

/// The address of the webhook (`--webhook`). Shown without its query, which may hold a secret.
#[derive(Clone, PartialEq, Eq)]
pub struct WebhookUrl(Uri);

/// Why an address is not the address of a webhook. Never shows it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[allow(missing_docs)]
pub enum InvalidWebhookUrl {
    #[error("write https://HOST[:PORT]/PATH")]
    Shape,
    #[error("leave out what stands before the @: the signature proves who sends")]
    Login,
    #[error("{0}")]
    Forbidden(#[from] ForbiddenHost),
}

/// The address is never called.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error(transparent)]
pub struct ForbiddenHost(Forbidden);

impl WebhookUrl {
    /// Takes an `https` or `http` URL.
    ///
    /// # Errors
    /// [`InvalidWebhookUrl`] says what would be right.
    pub fn parse(text: &str) -> Result<Self, InvalidWebhookUrl> {
        let uri: Uri = text.parse().map_err(|_| InvalidWebhookUrl::Shape)?;
        let host = uri.host().filter(|host| !host.is_empty()).ok_or(InvalidWebhookUrl::Shape)?;
        if uri.authority().is_some_and(|authority| authority.as_str().contains('@')) {
            return Err(InvalidWebhookUrl::Login);
        }
        let bare = host.trim_start_matches('[').trim_end_matches(']');
        if let Some(address) = bare.parse::<IpAddr>().ok().filter(|address| is_forbidden(*address)) {
            return Err(ForbiddenHost(Forbidden(address)).into());
        }
        match uri.scheme_str() {
            Some("https" | "http") => Ok(Self(uri)),
            _ => Err(InvalidWebhookUrl::Shape),
        }
    }

    pub(super) fn uri(&self) -> &Uri {
        &self.0
    }
}

impl fmt::Display for WebhookUrl {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let uri = &self.0;
        let authority = uri.authority().map_or("", |authority| authority.as_str());
        write!(f, "{}://{authority}{}", uri.scheme_str().unwrap_or_default(), uri.path())
    }
}

impl fmt::Debug for WebhookUrl {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, f)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_endpoint_is_shown_without_what_may_be_secret() {
        for (text, shown) in [
            ("https://game.example/hook", "https://game.example/hook"),
            ("https://game.example:8443/a/b?token=SECRET", "https://game.example:8443/a/b"),
            ("http://10.0.0.1:9", "http://10.0.0.1:9/"),
            ("http://[::1]:9/hook", "http://[::1]:9/hook"),
        ] {
            let url = WebhookUrl::parse(text).unwrap();
            assert_eq!(format!("{url} {url:?}"), format!("{shown} {shown}"));
        }
    }

    #[test]
    fn what_is_no_endpoint_is_refused() {
        for text in ["", "hook", "/hook", "game.example/hook", "ftp://game.example/hook", "https://"] {
            assert_eq!(WebhookUrl::parse(text), Err(InvalidWebhookUrl::Shape), "{text}");
        }
        let login = WebhookUrl::parse("https://me:SECRET@game.example/hook").unwrap_err();
        assert_eq!(login, InvalidWebhookUrl::Login);
        assert!(!login.to_string().contains("SECRET"));
        for host in
            ["169.254.169.254", "0.0.0.0", "[::]", "[fe80::1]", "[fd00:ec2::254]", "[::ffff:169.254.1.1]"]
        {
            let error = WebhookUrl::parse(&format!("http://{host}/latest?x=SECRET")).unwrap_err();
            assert!(matches!(error, InvalidWebhookUrl::Forbidden(_)), "{host}: {error}");
            assert!(error.to_string().contains("is never called") && !error.to_string().contains("SECRET"));
        }
    }
}
