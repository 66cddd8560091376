//! What a store and a bus share to connect to the same servers.

#[cfg(feature = "redis")]
pub(crate) mod redis;
#[cfg(any(feature = "redis", feature = "nats"))]
pub(crate) mod tls;
pub(crate) mod url;
