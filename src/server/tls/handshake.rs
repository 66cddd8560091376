use std::sync::Arc;

use metrics::{Counter, counter};
use tokio::io::AsyncWriteExt;
use tokio_rustls::TlsAcceptor;

use super::{Tls, has_left, not_tls};
use crate::{
    model::limits::WRITE_BUFFER,
    server::{timed_tcp::TimedTcp, transport::Transport},
};

/// The first byte of every TLS connection: a record of the handshake.
const HANDSHAKE_RECORD: u8 = 0x16;

/// The handshakes, counted by how they ended.
pub(super) struct Outcomes {
    done: Counter,
    /// Nothing in common, or a broken message.
    failed: Counter,
    plain_http: Counter,
    /// The peer left, or was too slow.
    abandoned: Counter,
}

impl Outcomes {
    pub(super) fn new() -> Self {
        let outcome =
            |outcome: &'static str| counter!("asset_arbiter_tls_handshakes_total", "outcome" => outcome);
        Self {
            done: outcome("done"),
            failed: outcome("failed"),
            plain_http: outcome("plain_http"),
            abandoned: outcome("abandoned"),
        }
    }
}

impl Tls {
    /// Encrypts a connection.
    ///
    /// # Errors
    /// The connection, of which nothing more is to be read. What it had to be told has been sent.
    pub(in crate::server) async fn accept(&self, tcp: TimedTcp) -> Result<Transport, TimedTcp> {
        let mut counted = Counted { outcomes: &self.outcomes, ended: false };
        let mut first = [0];
        match tcp.get_ref().peek(&mut first).await {
            Ok(1) if first[0] == HANDSHAKE_RECORD => {}
            Ok(1) => {
                counted.as_one_of(&self.outcomes.plain_http);
                return Err(refuse_plain(tcp).await);
            }
            _ => return Err(tcp),
        }
        let config = Arc::clone(&self.current.read());
        match TlsAcceptor::from(config).accept(tcp).into_fallible().await {
            Ok(mut stream) => {
                counted.as_one_of(&self.outcomes.done);
                stream.get_mut().1.set_buffer_limit(Some(WRITE_BUFFER));
                Ok(Transport::Tls(Box::new(stream)))
            }
            Err((error, tcp)) => {
                if !has_left(&error) {
                    counted.as_one_of(&self.outcomes.failed);
                }
                tracing::debug!(%error, "the TLS handshake failed");
                Err(tcp)
            }
        }
    }
}

async fn refuse_plain(mut tcp: TimedTcp) -> TimedTcp {
    if let Err(error) = tcp.write_all(&not_tls()).await {
        tracing::debug!(%error, "a plain request was not answered");
    }
    tcp
}

/// Counts a handshake that is dropped before it ended as abandoned.
struct Counted<'a> {
    outcomes: &'a Outcomes,
    ended: bool,
}

impl Counted<'_> {
    fn as_one_of(&mut self, outcome: &Counter) {
        self.ended = true;
        outcome.increment(1);
    }
}

impl Drop for Counted<'_> {
    fn drop(&mut self) {
        if !self.ended {
            self.outcomes.abandoned.increment(1);
        }
    }
}
