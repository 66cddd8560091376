use std::{
    error::Error,
    future::{Ready, ready},
    sync::{
        Arc,
        atomic::{AtomicU64, Ordering::Relaxed},
    },
    time::Duration,
};

use async_nats::{Client, ClientError, ConnectError, ConnectErrorKind, ConnectOptions, Event, ServerAddr};
use tokio::{sync::watch, time::sleep};

use super::{
    super::{BusError, outbox::Outbox},
    error,
    url::{Login, NatsUrl},
};
use crate::{
    link::{
        self, FIND_HOST, TRUST,
        texts::{self, Author, Meaning},
        tls::tls,
    },
    model::{LogThrottle, jittered, one_line},
};

/// The servers of a URL, and how to connect to them.
pub(super) struct Server {
    addresses: Vec<ServerAddr>,
    options: ConnectOptions,
    name: String,
    state: Arc<watch::Sender<State>>,
}

/// The state of the connection.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum State {
    /// The first attempt to connect is in progress.
    Connecting,
    /// Connected, with the number of this connection.
    Up(u64),
    /// Not connected.
    Down(Away),
}

/// Why there is no connection, in one line, and what an operator can do about it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Away {
    why: String,
    advice: Option<Advice>,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Advice {
    /// The error may be temporary.
    Wait(&'static str),
    /// The error lasts until the configuration changes.
    Change(&'static str),
}

/// The timeout of name resolution, handshake and login.
const CONNECT_WITHIN: Duration = Duration::from_secs(2);
/// The backoff between attempts to connect doubles from the first value to the longest, with jitter.
const FIRST_PAUSE: Duration = Duration::from_millis(20);
const LONGEST_PAUSE: Duration = Duration::from_millis(500);
/// The ping interval. A server that has left two pings unanswered when the third is due counts as unreachable.
const PING_EVERY: Duration = Duration::from_millis(500);
/// How many messages the client buffers before it applies backpressure. Further ones stay in the outbox, which
/// drops the oldest when it is full.
const HANDED_OVER: usize = 512;
/// Capacity of a subscription's buffer, in messages. The buffer is read without delay.
const UNSEEN: usize = 4096;

impl Server {
    /// Prepares for connecting.
    ///
    /// # Errors
    /// No root certificates were found for encrypted connections.
    pub(super) fn new(
        url: &NatsUrl,
        outbox: &Arc<Outbox>,
        state: watch::Sender<State>,
    ) -> Result<Self, String> {
        let names: Vec<_> = url.servers.iter().map(ToString::to_string).collect();
        let (name, state) = (names.join(","), Arc::new(state));
        let mut options = ConnectOptions::new()
            .name(env!("CARGO_PKG_NAME"))
            .no_echo()
            .connection_timeout(CONNECT_WITHIN)
            .reconnect_delay_callback(pause)
            .ping_interval(PING_EVERY)
            .client_capacity(HANDED_OVER)
            .subscription_capacity(UNSEEN)
            .require_tls(url.tls)
            .event_callback(follow(name.clone(), Arc::clone(outbox), Arc::clone(&state)));
        // The server may require TLS even if the URL does not.
        match tls() {
            Ok(config) => options = options.tls_client_config(config),
            Err(why) if url.tls => return Err(why),
            Err(_) => {}
        }
        options = match url.login.clone() {
            Login::Nobody => options,
            Login::Token(token) => options.token(token),
            Login::User(user, password) => options.user_and_password(user, password),
        };
        let addresses = names.iter().map(|name| name.parse::<ServerAddr>().map_err(|error| error.to_string()));
        Ok(Self { addresses: addresses.collect::<Result<_, _>>()?, options, name, state })
    }

    /// Connects, however long it takes. Later the client reconnects by itself.
    pub(super) async fn connect(&self) -> Client {
        let mut attempts = 1;
        loop {
            match self.options.clone().connect(&self.addresses[..]).await {
                Ok(client) => return client,
                Err(error) => {
                    let away = Away::at(&self.name, &error.to_string(), advice(&error));
                    if attempts == 1 {
                        tracing::warn!("{}; trying again until it succeeds", away.why);
                    }
                    self.state.send_replace(State::Down(away));
                }
            }
            attempts += 1;
            sleep(pause(attempts)).await;
        }
    }
}

impl Away {
    fn at(server: &str, why: &str, advice: Option<Advice>) -> Self {
        Self { why: format!("cannot connect to {server}: {}", one_line(why)), advice }
    }

    /// The error to report while there is no connection.
    pub(super) fn error(&self) -> BusError {
        let Some(advice) = self.advice else { return error(&self.why) };
        let (Advice::Wait(text) | Advice::Change(text)) = advice;
        error(format!("{}; {text}", self.why)).hopeless_if(matches!(advice, Advice::Change(_)))
    }
}

/// The advice on a failed attempt to connect.
fn advice(error: &ConnectError) -> Option<Advice> {
    let says_other = |error: &(dyn Error + 'static)| {
        texts::meaning(Author::AsyncNats, &error.to_string()) == Some(Meaning::OtherProtocol)
    };
    advice_on(&error.kind()).or_else(|| match link::ConnectError::of(error) {
        Some(link::ConnectError::Certificate) => Some(Advice::Change(TRUST)),
        _ if link::chain(error).any(says_other) => {
            Some(Advice::Change("correct host and port in the URL: it is not a NATS server"))
        }
        _ => None,
    })
}

fn advice_on(kind: &ConnectErrorKind) -> Option<Advice> {
    match kind {
        ConnectErrorKind::AuthorizationViolation => {
            Some(Advice::Change("correct user and password, or the token, in the URL"))
        }
        ConnectErrorKind::Dns => Some(Advice::Wait(FIND_HOST)),
        _ => None,
    }
}

/// The advice on a failed attempt to reconnect. The client reports only the kind of the failure, as a text.
fn advice_again(failed: &ClientError) -> Option<Advice> {
    let ClientError::Other(kind) = failed else { return None };
    let kinds = [ConnectErrorKind::AuthorizationViolation, ConnectErrorKind::Dns];
    advice_on(kinds.iter().find(|known| known.to_string() == *kind)?)
}

/// Follows the client's connection events.
fn follow(
    name: String,
    outbox: Arc<Outbox>,
    state: Arc<watch::Sender<State>>,
) -> impl Fn(Event) -> Ready<()> + Send + Sync {
    let (refusals, times) = (LogThrottle::each_minute(), AtomicU64::new(0));
    move |event| {
        match event {
            Event::Connected => {
                let times = 1 + times.fetch_add(1, Relaxed);
                tracing::info!(server = name, times, "connected to nats");
                state.send_replace(State::Up(times));
            }
            Event::Disconnected => {
                tracing::warn!(server = name, "the connection to nats broke");
                let why = format!("the connection to {name} broke");
                state.send_replace(State::Down(Away { why, advice: None }));
            }
            Event::ClientError(why) => {
                state.send_replace(State::Down(Away::at(&name, &why.to_string(), advice_again(&why))));
            }
            Event::ServerError(why) if refusals.due().is_some() => {
                tracing::warn!(server = name, %why, "the bus does not take it");
            }
            Event::SlowConsumer(_) => outbox.missed(),
            _ => {}
        }
        ready(())
    }
}

/// The backoff before an attempt to connect; none before the first.
fn pause(attempts: usize) -> Duration {
    let doublings = u32::try_from(attempts).unwrap_or(u32::MAX).saturating_sub(2).min(10);
    let longest = (FIRST_PAUSE * 2_u32.pow(doublings)).min(LONGEST_PAUSE);
    if attempts < 2 { Duration::ZERO } else { jittered(longest, fastrand::f64()) }
}

#[cfg(test)]
mod tests {
    use tokio::{io::AsyncWriteExt, net::TcpListener};

    use super::*;

    /// The client's error about a server that greets with these words.
    async fn greeted_with(words: &'static [u8]) -> ConnectError {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let address = listener.local_addr().unwrap();
        let greet = tokio::spawn(async move {
            let (mut stream, _) = listener.accept().await.unwrap();
            stream.write_all(words).await.unwrap();
        });
        let error = async_nats::connect(address.to_string()).await.unwrap_err();
        greet.await.unwrap();
        error
    }

    #[tokio::test]
    async fn a_server_of_another_kind_is_hopeless() {
        for words in [&b"PING\r\n"[..], b"HTTP/1.1 400 Bad Request\r\n", b"SSH-2.0-OpenSSH\r\n", b""] {
            let error = greeted_with(words).await;
            let away = Away::at("a:1", &error.to_string(), advice(&error)).error();
            assert!(away.is_hopeless() && away.to_string().contains("not a NATS server"), "{away}");
        }
    }

    #[tokio::test]
    async fn a_host_that_is_not_found_is_waited_for() {
        let error = async_nats::connect("no-such-host.invalid").await.unwrap_err();
        assert_eq!(advice(&error), Some(Advice::Wait(FIND_HOST)), "{error}");
    }

    #[test]
    fn a_reconnect_has_the_advice_of_its_kind() {
        let untrusted = rustls::Error::InvalidCertificate(rustls::CertificateError::UnknownIssuer);
        let untrusted = ConnectError::from(std::io::Error::other(untrusted));
        assert_eq!(advice(&untrusted), Some(Advice::Change(TRUST)));
        for kind in
            [ConnectErrorKind::AuthorizationViolation, ConnectErrorKind::Dns, ConnectErrorKind::TimedOut]
        {
            let again = advice_again(&ClientError::Other(kind.to_string()));
            assert_eq!(again, advice(&ConnectError::new(kind)));
        }
        assert_eq!(advice_again(&ClientError::MaxReconnects), None);
    }

    #[test]
    fn pauses_grow_and_are_never_long() {
        assert_eq!(pause(1), Duration::ZERO);
        assert!((FIRST_PAUSE / 2..FIRST_PAUSE * 2).contains(&pause(2)));
        for attempts in [10, 1000, usize::MAX] {
            assert!((LONGEST_PAUSE / 2..LONGEST_PAUSE * 2).contains(&pause(attempts)));
        }
    }
}
