use std::fmt;

use axum::http::{HeaderMap, header};

use super::Secret;

/// What a request shows to prove who sends it: a player token, or a key of an operator. Never shown or logged.
#[derive(Clone)]
pub(super) struct Credential(String);

/// The subprotocol that carries a credential, because a page cannot set headers of a handshake. What may not stand in a
/// subprotocol, such as the slashes of a key in base64, is percent-encoded.
const SUBPROTOCOL: &str = "bearer.";

impl Credential {
    /// The one in `Authorization: Bearer`, or in a subprotocol `bearer.TOKEN`.
    pub(super) fn of(headers: &HeaderMap) -> Option<Self> {
        let in_header = authorization(headers).map(str::to_owned);
        in_header.or_else(|| subprotocol(headers).map(percent_decoded)).map(Self)
    }

    /// The one in a query.
    pub(super) fn in_query(text: &str) -> Self {
        Self(text.to_owned())
    }

    pub(super) fn is(&self, key: Option<&Secret>) -> bool {
        key.is_some_and(|key| key.is(self.0.as_bytes()))
    }

    pub(super) fn token(&self) -> &str {
        &self.0
    }
}

impl fmt::Debug for Credential {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("***")
    }
}

fn authorization(headers: &HeaderMap) -> Option<&str> {
    let value = headers.get(header::AUTHORIZATION)?.to_str().ok()?;
    let (scheme, credential) = value.split_at_checked("Bearer ".len())?;
    scheme.eq_ignore_ascii_case("Bearer ").then(|| credential.trim())
}

fn subprotocol(headers: &HeaderMap) -> Option<&str> {
    let lines = headers.get_all(header::SEC_WEBSOCKET_PROTOCOL).iter().filter_map(|line| line.to_str().ok());
    lines.flat_map(|line| line.split(',')).find_map(|item| item.trim().strip_prefix(SUBPROTOCOL))
}

/// The text without its percent-encoding. A percent sign that begins no such code stays.
fn percent_decoded(text: &str) -> String {
    let mut pieces = text.split('%');
    let mut decoded = pieces.next().unwrap_or_default().as_bytes().to_vec();
    for piece in pieces {
        let code =
            piece.split_at_checked(2).filter(|(digits, _)| digits.bytes().all(|b| b.is_ascii_hexdigit()));
        match code.and_then(|(digits, rest)| Some((u8::from_str_radix(digits, 16).ok()?, rest))) {
            Some((byte, rest)) => {
                decoded.push(byte);
                decoded.extend_from_slice(rest.as_bytes());
            }
            None => {
                decoded.push(b'%');
                decoded.extend_from_slice(piece.as_bytes());
            }
        }
    }
    String::from_utf8_lossy(&decoded).into_owned()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_credential_comes_in_a_header_or_in_a_subprotocol() {
        let found = |name: &'static str, value: &str| {
            let headers = [(name.parse().unwrap(), value.parse().unwrap())].into_iter().collect();
            Credential::of(&headers).map(|credential| credential.token().to_owned())
        };
        for value in ["Bearer a.b.c", "bearer  a.b.c "] {
            assert_eq!(found("authorization", value).as_deref(), Some("a.b.c"), "{value}");
        }
        for value in ["bearer.a.b.c", "asset-arbiter.v1, bearer.a.b.c", "asset-arbiter.v1,bearer.a.b.c,x"] {
            assert_eq!(found("sec-websocket-protocol", value).as_deref(), Some("a.b.c"), "{value}");
        }
        assert_eq!(found("sec-websocket-protocol", "bearer.a%2Fb%3d%3D").as_deref(), Some("a/b=="));
        assert_eq!(found("sec-websocket-protocol", "bearer.5%x%2").as_deref(), Some("5%x%2"));
        assert_eq!(found("authorization", "Bearer a%2Fb").as_deref(), Some("a%2Fb"));
        for (name, value) in [("authorization", "Basic a.b.c"), ("sec-websocket-protocol", "asset-arbiter.v1")]
        {
            assert_eq!(found(name, value), None, "{value}");
        }
    }

    #[test]
    fn a_credential_is_never_shown() {
        assert_eq!(format!("{:?}", Credential::in_query("hunter2")), "***");
    }
}
