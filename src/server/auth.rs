use std::{fmt, sync::Arc};

use axum::{
    extract::FromRequestParts,
    http::{HeaderMap, header, request::Parts},
};
use subtle::ConstantTimeEq;

use super::{App, error::HttpError};
use crate::model::ErrorCode;

/// A text that is never shown or logged, and is compared in constant time.
#[derive(Clone)]
pub struct Secret(String);

/// The text is not usable as a secret.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("a key is one line of visible ASCII characters without spaces")]
pub struct InvalidSecret;

impl Secret {
    /// Takes a key as found in a file or an environment variable. Surrounding white space is removed.
    ///
    /// # Errors
    /// [`InvalidSecret`] if the key cannot be sent in a header.
    pub fn new(text: &str) -> Result<Self, InvalidSecret> {
        let text = text.trim_ascii();
        let fits = !text.is_empty() && text.bytes().all(|b| b.is_ascii_graphic());
        if fits { Ok(Self(text.to_owned())) } else { Err(InvalidSecret) }
    }

    fn is(&self, given: &[u8]) -> bool {
        self.0.as_bytes().ct_eq(given).into()
    }
}

impl fmt::Debug for Secret {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("***")
    }
}

/// Proof that a request may act for any player: it presents the admin key, or no key is configured.
#[derive(Debug, Clone, Copy)]
pub(super) struct Admin {
    /// It presents the key.
    pub(super) by_key: bool,
}

impl FromRequestParts<Arc<App>> for Admin {
    type Rejection = HttpError;

    async fn from_request_parts(parts: &mut Parts, app: &Arc<App>) -> Result<Self, HttpError> {
        let Some(key) = &app.settings.admin_key else { return Ok(Self { by_key: false }) };
        match bearer(&parts.headers) {
            Some(given) if key.is(given) => Ok(Self { by_key: true }),
            Some(_) => Err(refused("this is not the admin key")),
            None => Err(refused("this needs the admin key: send the header Authorization: Bearer KEY")),
        }
    }
}

fn bearer(headers: &HeaderMap) -> Option<&[u8]> {
    let value = headers.get(header::AUTHORIZATION)?.as_bytes();
    let (scheme, key) = value.split_at_checked("Bearer ".len())?;
    scheme.eq_ignore_ascii_case(b"Bearer ").then(|| key.trim_ascii())
}

fn refused(message: &str) -> HttpError {
    HttpError::new(ErrorCode::Unauthorized, message)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_secret_is_never_shown() {
        let secret = Secret::new(" hunter2\n").unwrap();
        assert_eq!(format!("{secret:?} {:?}", Some(&secret)), "*** Some(***)");
        assert!(secret.is(b"hunter2") && !secret.is(b"hunter") && !secret.is(b"hunter22") && !secret.is(b""));
    }

    #[test]
    fn what_cannot_be_sent_is_no_secret() {
        for text in ["", " \n", "two words", "two\nlines", "schlüssel"] {
            assert!(Secret::new(text).is_err(), "{text:?}");
        }
    }
}
