use std::{
    collections::HashMap,
    time::{Duration, Instant},
};

use axum::http::{HeaderMap, HeaderName, header};
use parking_lot::Mutex;

/// The minimum time between two log lines for one foreign origin or host.
const EVERY: Duration = Duration::from_secs(60);
/// The maximum of origins and hosts remembered. Further ones within the same minute are not logged.
const REMEMBERED: usize = 256;
/// The maximum of characters logged of an untrusted header.
const SHOWN: usize = 128;

/// Logs refused origins and hosts, each at most once a minute.
#[derive(Debug, Default)]
pub(super) struct ForeignLog(Mutex<HashMap<String, Instant>>);

impl ForeignLog {
    /// Logs that a page of `origin` was refused. `headers` are the request's.
    pub(super) fn origin(&self, origin: &str, headers: &HeaderMap) {
        let (origin, host) = (shorten(origin), shorten(&text(headers, header::HOST)));
        if self.due(&format!("origin {origin}"), Instant::now()) {
            tracing::warn!(
                ?origin,
                ?host,
                "refused a page of another origin; if it is yours, start with --allow-origin {origin:?}"
            );
        }
    }

    /// Logs that a request for the server `host` was refused. `headers` are the request's.
    pub(super) fn host(&self, host: &str, headers: &HeaderMap) {
        let (host, origin) = (shorten(host), shorten(&text(headers, header::ORIGIN)));
        if self.due(&format!("host {host}"), Instant::now()) {
            tracing::warn!(
                ?host,
                ?origin,
                "refused a request for another host; if it is this server's name, start with --allow-origin \"https://{}\"",
                host.escape_debug()
            );
        }
    }

    fn due(&self, key: &str, now: Instant) -> bool {
        let mut lines = self.0.lock();
        if lines.get(key).is_some_and(|last| now.duration_since(*last) < EVERY) {
            return false;
        }
        if lines.len() >= REMEMBERED {
            lines.retain(|_, last| now.duration_since(*last) < EVERY);
        }
        let due = lines.len() < REMEMBERED;
        if due {
            lines.insert(key.to_owned(), now);
        }
        due
    }
}

fn text(headers: &HeaderMap, name: HeaderName) -> String {
    headers.get(name).map_or_else(String::new, |value| String::from_utf8_lossy(value.as_bytes()).into_owned())
}

fn shorten(text: &str) -> String {
    text.chars().take(SHOWN).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn one_line_a_minute_for_each_and_a_bound_on_all() {
        let (log, now) = (ForeignLog::default(), Instant::now());
        assert!(log.due("a", now) && log.due("b", now));
        assert!(!log.due("a", now + EVERY / 2));
        assert!(log.due("a", now + EVERY));
        let invented = (0..10_000).filter(|n| log.due(&format!("origin {n}"), now + EVERY)).count();
        assert!(invented < REMEMBERED, "{invented}");
        assert!(log.0.lock().len() <= REMEMBERED);
        assert!(log.due("later", now + EVERY * 2), "they are forgotten");
    }
}
