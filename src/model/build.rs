//! What the binary is built from.

/// The version of this build.
pub const VERSION: &str = env!("CARGO_PKG_VERSION");

/// The first 12 digits of the commit that this build is of; `unknown` where nothing tells it, such as in a debug build.
pub const COMMIT: &str = env!("ARBITER_COMMIT");

/// The cargo features of this build, by name, separated by spaces.
#[must_use]
pub fn features() -> String {
    let all = [
        ("bots", cfg!(feature = "bots")),
        ("dynamodb", cfg!(feature = "dynamodb")),
        ("momento", cfg!(feature = "momento")),
        ("mongodb", cfg!(feature = "mongodb")),
        ("mysql", cfg!(feature = "mysql")),
        ("nats", cfg!(feature = "nats")),
        ("otel", cfg!(feature = "otel")),
        ("redis", cfg!(feature = "redis")),
        ("sqlite", cfg!(feature = "sqlite")),
    ];
    all.into_iter().filter(|(_, on)| *on).map(|(name, _)| name).collect::<Vec<_>>().join(" ")
}
