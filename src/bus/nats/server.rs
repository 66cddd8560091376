use std::{
    future::{Ready, ready},
    sync::{
        Arc,
        atomic::{AtomicU64, Ordering::Relaxed},
    },
    time::Duration,
};

use async_nats::{Client, ConnectOptions, Event, ServerAddr};
use tokio::{sync::watch, time::sleep};

use super::{
    super::{BusError, outbox::Outbox},
    error,
    url::{Login, NatsUrl},
};
use crate::{
    link::tls::tls,
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
    /// Not connected, with the reason.
    Down(String),
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

/// Parts of messages whose errors last until the configuration changes, with advice.
const HOPELESS: [(&str, &str); 4] = [
    ("authorization violation", "correct user and password, or the token, in the URL"),
    ("certificate", "name the host as its certificate does, or what to trust in SSL_CERT_FILE"),
    ("expected INFO", "correct host and port in the URL: it is not a NATS server"),
    ("invalid server operation", "correct host and port in the URL: it is not a NATS server"),
];

/// Part of a message whose error may be temporary, or caused by the URL.
const UNFOUND: &str = "DNS error";

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
                    let why = in_one_line(&self.name, &error.to_string());
                    if attempts == 1 {
                        tracing::warn!("{why}; trying again until it succeeds");
                    }
                    self.state.send_replace(State::Down(why));
                }
            }
            attempts += 1;
            sleep(pause(attempts)).await;
        }
    }
}

/// The error to report while there is no connection.
pub(super) fn away(why: &str) -> BusError {
    match HOPELESS.iter().find(|(words, _)| why.contains(words)) {
        Some((_, advice)) => error(format!("{why}; {advice}")).hopeless(),
        None if why.contains(UNFOUND) => {
            error(format!("{why}; is the host in the URL right? waiting until it is found"))
        }
        None => error(why),
    }
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
                state.send_replace(State::Down(format!("the connection to {name} broke")));
            }
            Event::ClientError(why) => {
                state.send_replace(State::Down(in_one_line(&name, &why.to_string())));
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

fn in_one_line(server: &str, why: &str) -> String {
    format!("cannot connect to {server}: {}", one_line(why))
}

/// The backoff before an attempt to connect; none before the first.
fn pause(attempts: usize) -> Duration {
    let doublings = u32::try_from(attempts).unwrap_or(u32::MAX).saturating_sub(2).min(10);
    let longest = (FIRST_PAUSE * 2_u32.pow(doublings)).min(LONGEST_PAUSE);
    if attempts < 2 { Duration::ZERO } else { jittered(longest, fastrand::f64()) }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn pauses_grow_and_are_never_long() {
        assert_eq!(pause(1), Duration::ZERO);
        assert!((FIRST_PAUSE / 2..FIRST_PAUSE * 2).contains(&pause(2)));
        for attempts in [10, 1000, usize::MAX] {
            assert!((LONGEST_PAUSE / 2..LONGEST_PAUSE * 2).contains(&pause(attempts)));
        }
    }
}
