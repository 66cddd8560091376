use std::collections::BTreeMap;

use ::mongodb::{
    error::{Error, ErrorKind},
    event::sdam::SdamEvent,
};
use parking_lot::Mutex;

/// Why servers cannot be reached, as the driver's own watch over them hears it. One line for each server of the replica set
/// that is away; there are at most 50.
#[derive(Debug, Default)]
pub(super) struct Health(Mutex<BTreeMap<String, String>>);

impl Health {
    /// Takes in what became of a server. Once is enough for the log, however long it lasts.
    pub(super) fn hear(&self, event: SdamEvent) {
        match event {
            SdamEvent::ServerHeartbeatFailed(failed) => {
                let (server, why) = (failed.server_address.to_string(), in_words(&failed.failure));
                if self.0.lock().insert(server.clone(), why.clone()).is_none() {
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

    /// Which servers are away and why, in one line; `None` if none is known to be.
    pub(super) fn why(&self) -> Option<String> {
        let servers = self.0.lock();
        let lines: Vec<_> = servers.iter().map(|(server, why)| format!("{server}: {why}")).collect();
        (!lines.is_empty()).then(|| format!("cannot connect to {}", lines.join("; ")))
    }
}

/// What a driver's error says, in one line and without what it wraps it in.
pub(super) fn in_words(error: &Error) -> String {
    let words = match error.kind.as_ref() {
        ErrorKind::Io(error) => error.to_string(),
        ErrorKind::DnsResolve { message, .. } => message.clone(),
        ErrorKind::Command(refused) => format!("{} (code {})", refused.message, refused.code),
        kind => kind.to_string(),
    };
    words.split_whitespace().collect::<Vec<_>>().join(" ")
}
