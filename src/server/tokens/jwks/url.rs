use std::{fmt, net::IpAddr};

use axum::http::Uri;

/// The address of a key set (`--token-jwks`). Shown without its query.
#[derive(Clone, PartialEq, Eq)]
pub struct JwksUrl(Uri);

/// Why an address is not the address of a key set. Never shows it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[allow(missing_docs)]
pub enum InvalidJwksUrl {
    #[error("write https://HOST[:PORT]/PATH")]
    Shape,
    #[error("leave out what stands before the @: a key set is public")]
    Login,
    #[error(
        "whoever is between could replace keys that come over http; write https (http is for loopback, or with --insecure)"
    )]
    Unencrypted,
}

impl JwksUrl {
    /// Takes an `https` URL; `http` only to a loopback host, or if `insecure`.
    ///
    /// # Errors
    /// [`InvalidJwksUrl`] says what would be right.
    pub fn parse(text: &str, insecure: bool) -> Result<Self, InvalidJwksUrl> {
        let uri: Uri = text.parse().map_err(|_| InvalidJwksUrl::Shape)?;
        let host = uri.host().filter(|host| !host.is_empty()).ok_or(InvalidJwksUrl::Shape)?;
        if uri.authority().is_some_and(|authority| authority.as_str().contains('@')) {
            return Err(InvalidJwksUrl::Login);
        }
        match uri.scheme_str() {
            Some("https") => Ok(Self(uri)),
            Some("http") if insecure || is_loopback(host) => Ok(Self(uri)),
            Some("http") => Err(InvalidJwksUrl::Unencrypted),
            _ => Err(InvalidJwksUrl::Shape),
        }
    }

    pub(super) fn uri(&self) -> &Uri {
        &self.0
    }
}

fn is_loopback(host: &str) -> bool {
    let bare = host.trim_start_matches('[').trim_end_matches(']');
    host.eq_ignore_ascii_case("localhost") || bare.parse::<IpAddr>().is_ok_and(|ip| ip.is_loopback())
}

impl fmt::Display for JwksUrl {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let uri = &self.0;
        let authority = uri.authority().map_or("", |authority| authority.as_str());
        write!(f, "{}://{authority}{}", uri.scheme_str().unwrap_or_default(), uri.path())
    }
}

impl fmt::Debug for JwksUrl {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, f)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn keys_come_encrypted_or_from_this_machine() {
        for (text, shown) in [
            ("https://game.example/keys", "https://game.example/keys"),
            ("https://game.example:8443/a/b.json?token=x", "https://game.example:8443/a/b.json"),
            ("http://127.0.0.1:9/keys", "http://127.0.0.1:9/keys"),
            ("http://[::1]:9/keys", "http://[::1]:9/keys"),
            ("http://localhost/keys", "http://localhost/keys"),
        ] {
            let url = JwksUrl::parse(text, false).unwrap();
            assert_eq!(format!("{url} {url:?}"), format!("{shown} {shown}"));
        }
        let faraway = "http://game.example/keys";
        assert_eq!(JwksUrl::parse(faraway, false), Err(InvalidJwksUrl::Unencrypted));
        assert!(JwksUrl::parse(faraway, true).is_ok());
    }

    #[test]
    fn what_is_no_address_of_keys_is_refused() {
        for text in
            ["", "keys", "/keys", "game.example/keys", "ftp://game.example/keys", "https://", "https:///keys"]
        {
            assert_eq!(JwksUrl::parse(text, true), Err(InvalidJwksUrl::Shape), "{text}");
        }
        assert_eq!(JwksUrl::parse("https://me:pw@game.example/keys", true), Err(InvalidJwksUrl::Login));
    }
}
