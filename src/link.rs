//! What drivers share to reach their servers: URLs, TLS, and why a server is not reached.

mod connect_error;
#[cfg(feature = "redis")]
pub(crate) mod redis;
pub(crate) mod texts;
#[cfg(any(feature = "redis", feature = "nats"))]
pub(crate) mod tls;
pub(crate) mod url;

use tokio::runtime::Handle;

pub(crate) use self::connect_error::{ConnectError, FIND_HOST, TRUST, chain};

/// # Errors
/// There is no runtime for the background tasks of a driver.
pub(crate) fn needs_runtime() -> Result<(), String> {
    let none = "it connects in the background and needs a tokio runtime for it";
    Handle::try_current().map(drop).map_err(|_| none.to_owned())
}
