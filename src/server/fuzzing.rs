//! The decoders of what proxies and the webhook say. For tests and fuzzing only.

use axum::http::{HeaderMap, HeaderName, HeaderValue};

use super::{
    client_address::Proxies,
    proxy_header::{Start, parse},
    webhooks,
};

/// Decodes a header of the PROXY protocol.
///
/// # Panics
/// The beginning of a header is not taken for one, or the header ends where there are no bytes.
#[must_use]
pub fn proxy_header(bytes: &[u8]) -> bool {
    let Start::Header { length, .. } = parse(bytes) else { return false };
    assert!(length <= bytes.len(), "{length} of {} bytes", bytes.len());
    for part in 0..length {
        assert_eq!(parse(&bytes[..part]), Start::Partial, "{part} of {length} bytes");
    }
    true
}

/// Decodes `X-Forwarded-For` and `Forwarded` with the same value.
///
/// # Panics
/// A trusted proxy other than the peer is taken for a client.
#[must_use]
pub fn forwarded(bytes: &[u8]) -> bool {
    let Ok(value) = HeaderValue::from_bytes(bytes) else { return false };
    let proxies = Proxies::new(&["10.0.0.0/8".parse().expect("a network")]);
    let peer = "10.0.0.1".parse().expect("an address");
    let client = |name: &'static str| {
        proxies.client(peer, &HeaderMap::from_iter([(HeaderName::from_static(name), value.clone())]))
    };
    let clients = ["x-forwarded-for", "forwarded"].map(client);
    assert!(clients.iter().flatten().all(|client| *client == peer || !proxies.trust(*client)), "{clients:?}");
    clients.iter().flatten().any(|client| *client != peer)
}

/// Decodes the `Retry-After` of a webhook's answer.
#[must_use]
pub fn retry_after(bytes: &[u8]) -> bool {
    let Ok(value) = HeaderValue::from_bytes(bytes) else { return false };
    value.to_str().is_ok_and(|value| webhooks::retry_after(value, 784_111_777_000).is_some())
}
