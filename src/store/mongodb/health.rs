use std::{collections::BTreeMap, io};

use ::mongodb::{
    error::{Error, ErrorKind},
    event::sdam::SdamEvent,
};
use parking_lot::Mutex;

use crate::{link::ConnectError, model::one_line};

/// Why servers are unreachable, as reported by the driver's monitoring. One entry for each unreachable member
/// of the replica set, of which there are at most 50.
#[derive(Debug, Default)]
pub(super) struct Health(Mutex<BTreeMap<String, (String, Clues)>>);

/// The known reasons why one or more servers are unreachable.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub(super) struct Clues {
    /// It lasts until the configuration changes.
    pub(super) hopeless: bool,
    pub(super) unknown_host: bool,
    /// The server closed the connection without an answer, as one does that expects TLS.
    pub(super) closed: bool,
}

impl Clues {
    pub(super) fn of(error: &Error) -> Self {
        let ErrorKind::Io(error) = error.kind.as_ref() else { return Self::default() };
        let reason = ConnectError::of(&**error);
        Self {
            hopeless: matches!(reason, Some(ConnectError::Certificate | ConnectError::NoTls)),
            unknown_host: reason == Some(ConnectError::UnknownHost),
            // In the middle of an answer the driver wraps a text.
            closed: error.kind() == io::ErrorKind::UnexpectedEof && error.get_ref().is_none(),
        }
    }
}

impl Health {
    /// Takes in a monitoring event. An outage is logged once, however long it lasts.
    pub(super) fn hear(&self, event: SdamEvent) {
        match event {
            SdamEvent::ServerHeartbeatFailed(failed) => {
                let (server, why) = (failed.server_address.to_string(), in_words(&failed.failure));
                let down = (why.clone(), Clues::of(&failed.failure));
                if self.0.lock().insert(server.clone(), down).is_none() {
                    tracing::warn!(server, "{why}; trying again until it succeeds");
                }
            }
            SdamEvent::ServerHeartbeatSucceeded(well) => {
                let server = well.server_address.to_string();
                if self.0.lock().remove(&server).is_some() {
                    tracing::info!(server, "connected to mongodb again");
                }
            }
            SdamEvent::ServerClosed(closed) => drop(self.0.lock().remove(&closed.address.to_string())),
            _ => {}
        }
    }

    /// The unreachable servers and the reasons, in one line; `None` if there are none.
    pub(super) fn why(&self) -> Option<String> {
        let servers = self.0.lock();
        let lines: Vec<_> = servers.iter().map(|(server, (why, _))| format!("{server}: {why}")).collect();
        (!lines.is_empty()).then(|| format!("cannot connect to {}", lines.join("; ")))
    }

    /// The known reasons for all unreachable servers.
    pub(super) fn clues(&self) -> Clues {
        let servers = self.0.lock();
        let any = |is: fn(&Clues) -> bool| servers.values().any(|(_, clues)| is(clues));
        Clues {
            hopeless: any(|clues| clues.hopeless),
            unknown_host: any(|clues| clues.unknown_host),
            closed: any(|clues| clues.closed),
        }
    }
}

/// A driver's error in one line, without its wrapping.
pub(super) fn in_words(error: &Error) -> String {
    let words = match error.kind.as_ref() {
        ErrorKind::Io(error) => error.to_string(),
        ErrorKind::DnsResolve { message, .. } => message.clone(),
        ErrorKind::Command(refused) => format!("{} (code {})", refused.message, refused.code),
        kind => kind.to_string(),
    };
    one_line(&words)
}
