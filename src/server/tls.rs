//! TLS of the server's own port.

mod certificate;
mod handshake;

use std::{
    convert::Infallible,
    io,
    sync::Arc,
    time::{Duration, SystemTime, UNIX_EPOCH},
};

use metrics::{Counter, Gauge, counter, gauge};
use parking_lot::RwLock;
use rustls::ServerConfig;
use tokio::{
    sync::Notify,
    task::spawn_blocking,
    time::{Instant, interval},
};

pub use self::certificate::{Certificate, CertificateError};
use self::{
    certificate::{Files, Stamp},
    handshake::Outcomes,
};
use crate::model::limits::{CERTIFICATE_POLL_SECS, CERTIFICATE_WARNING_DAYS};

const DAY: Duration = Duration::from_secs(24 * 3600);

/// The certificate that is served, and its renewal.
pub(super) struct Tls {
    files: Arc<Files>,
    /// What new connections get. Connections keep what they got.
    current: RwLock<Arc<ServerConfig>>,
    outcomes: Outcomes,
    reload_failures: Counter,
    expires: Gauge,
    /// The files are to be read again now.
    asked: Notify,
    first: Certificate,
}

impl Tls {
    pub(super) fn new(certificate: Certificate) -> Arc<Self> {
        Arc::new(Self {
            files: Arc::clone(&certificate.files),
            current: RwLock::new(Arc::clone(&certificate.config)),
            outcomes: Outcomes::new(),
            reload_failures: counter!("asset_arbiter_tls_reload_failures_total"),
            expires: gauge!("asset_arbiter_tls_certificate_expires_seconds"),
            asked: Notify::new(),
            first: certificate,
        })
    }

    /// Has [`watch`](Self::watch) read the files again, changed or not.
    pub(super) fn reload(&self) {
        self.asked.notify_one();
    }

    /// Reads the files again when they change or when it is asked to, and warns of a certificate that expires soon.
    /// Runs until dropped.
    pub(super) async fn watch(self: Arc<Self>) -> Infallible {
        let mut renewal = Renewal::new(&self.first);
        self.announce(&mut renewal);
        let mut polls = interval(Duration::from_secs(CERTIFICATE_POLL_SECS));
        loop {
            let due = tokio::select! {
                _ = polls.tick() => {
                    if renewal.warned.elapsed() >= DAY {
                        self.announce(&mut renewal);
                    }
                    renewal.has_settled(self.stamp().await)
                }
                () = self.asked.notified() => true,
            };
            if due {
                self.read_again(&mut renewal).await;
            }
        }
    }

    async fn stamp(&self) -> Stamp {
        let files = Arc::clone(&self.files);
        // The files may lie on a file system that hangs.
        spawn_blocking(move || files.stamp()).await.unwrap_or_default()
    }

    async fn read_again(&self, renewal: &mut Renewal) {
        let files = Arc::clone(&self.files);
        let read = spawn_blocking(move || (files.stamp(), Certificate::load(&files.cert, &files.key)));
        let Ok((stamp, loaded)) = read.await else { return };
        renewal.tried = stamp;
        match loaded {
            Ok(certificate) => {
                *self.current.write() = Arc::clone(&certificate.config);
                tracing::info!(expires = certificate.expires_text, "the TLS certificate was read again");
                renewal.serves(&certificate);
                self.announce(renewal);
            }
            Err(error) => {
                self.reload_failures.increment(1);
                tracing::error!("the TLS certificate stays as it was: {error}");
            }
        }
    }

    /// Exports when the certificate expires, and warns if that is soon.
    fn announce(&self, renewal: &mut Renewal) {
        renewal.warned = Instant::now();
        self.expires.set(renewal.expires as f64);
        let now = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default().as_secs() as i64;
        let (cert, expires) = (self.files.cert.display(), &renewal.expires_text);
        if now >= renewal.expires {
            tracing::warn!(%cert, %expires, "the TLS certificate has expired: clients refuse it; renew it");
        } else if now >= renewal.expires - CERTIFICATE_WARNING_DAYS * DAY.as_secs() as i64 {
            tracing::warn!(%cert, %expires, "the TLS certificate expires soon: renew it");
        }
    }
}

/// What the watch over the files remembers.
struct Renewal {
    /// The files as they were when they were last read, usable or not.
    tried: Stamp,
    /// The files as they were at the last poll.
    seen: Stamp,
    expires: i64,
    expires_text: String,
    warned: Instant,
}

impl Renewal {
    fn new(certificate: &Certificate) -> Self {
        Self {
            tried: certificate.stamp.clone(),
            seen: certificate.stamp.clone(),
            expires: certificate.expires,
            expires_text: certificate.expires_text.clone(),
            warned: Instant::now(),
        }
    }

    fn serves(&mut self, certificate: &Certificate) {
        (self.expires, self.expires_text) = (certificate.expires, certificate.expires_text.clone());
    }

    /// Returns true if the files changed since they were read, and no more since the last poll: who renews them writes
    /// one file after the other, and the pair does not match in between.
    fn has_settled(&mut self, now: Stamp) -> bool {
        let settled = now == self.seen && now != self.tried;
        self.seen = now;
        settled
    }
}

/// The answer to a plain HTTP request.
const NOT_TLS: &str = "this port speaks TLS: write https:// or wss://";

/// The bytes of that answer.
fn not_tls() -> Vec<u8> {
    let body = serde_json::json!({"code": "bad_message", "message": NOT_TLS}).to_string();
    let length = body.len();
    format!(
        "HTTP/1.1 400 Bad Request\r\ncontent-type: application/json\r\ncontent-length: {length}\r\n\
         connection: close\r\n\r\n{body}"
    )
    .into_bytes()
}

/// Why a handshake ended without an error of TLS: the peer left.
fn has_left(error: &io::Error) -> bool {
    use io::ErrorKind::{BrokenPipe, ConnectionAborted, ConnectionReset, TimedOut, UnexpectedEof};
    matches!(error.kind(), BrokenPipe | ConnectionAborted | ConnectionReset | TimedOut | UnexpectedEof)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_pair_that_is_still_being_written_is_not_read() {
        let [old, half, new] = [1, 2, 3].map(Stamp::of);
        let mut renewal = Renewal {
            tried: old.clone(),
            seen: old.clone(),
            expires: 0,
            expires_text: String::new(),
            warned: Instant::now(),
        };
        assert!(!renewal.has_settled(old));
        assert!(!renewal.has_settled(half), "one file was written");
        assert!(!renewal.has_settled(new.clone()), "now the other");
        assert!(renewal.has_settled(new.clone()));
        renewal.tried = new.clone();
        assert!(!renewal.has_settled(new), "it was read, usable or not");
    }
}
