//! The names of environment variables.

use std::env;

use super::{file::nearest, key::KEYS};

const PREFIX: &str = "ASSET_ARBITER_";

/// The name of a flag's environment variable.
pub(super) fn env_name(flag: &str) -> String {
    format!("{PREFIX}{}", flag.to_ascii_uppercase().replace('-', "_"))
}

/// An error for every variable with the prefix that no flag in `flags` has, with the most similar known name.
pub(super) fn unknown_variables(flags: &[&str]) -> Vec<String> {
    let keys = KEYS.map(|variable| variable[PREFIX.len()..].to_ascii_lowercase().replace('_', "-"));
    let known: Vec<&str> = flags.iter().copied().chain(keys.iter().map(String::as_str)).collect();
    let names: Vec<String> = known.iter().map(|flag| env_name(flag)).collect();
    let mut unknown: Vec<String> = env::vars_os()
        .filter_map(|(name, value)| {
            let name = name.to_string_lossy().into_owned();
            let rest = name.strip_prefix(PREFIX)?;
            if names.contains(&name) || is_service_link(rest, &value.to_string_lossy()) {
                return None;
            }
            let hint = nearest(&known, rest).map(env_name).unwrap_or_default();
            Some(format!("{name}: unknown variable; did you mean {hint}?"))
        })
        .collect();
    unknown.sort();
    unknown
}

/// Whether Kubernetes, or a link of Docker, sets such a variable by itself: for a Service called asset-arbiter, or whose
/// name begins so. `ASSET_ARBITER_PORT` is one only if its value is a URL: with a number it is a mistake for
/// `ASSET_ARBITER_LISTEN`.
fn is_service_link(rest: &str, value: &str) -> bool {
    let of_port = |rest: &str| {
        let (number, protocol) = rest.split_once('_').unwrap_or_default();
        let is_number = !number.is_empty() && number.bytes().all(|byte| byte.is_ascii_digit());
        is_number && ["TCP", "UDP", "SCTP"].iter().any(|known| protocol.starts_with(known))
    };
    let rest = format!("_{rest}");
    rest.ends_with("_SERVICE_HOST")
        || rest.ends_with("_SERVICE_PORT")
        || rest.contains("_SERVICE_PORT_")
        || rest.ends_with("_PORT") && value.contains("://")
        || rest.match_indices("_PORT_").any(|(at, port)| of_port(&rest[at + port.len()..]))
}
