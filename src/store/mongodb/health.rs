use std::collections::BTreeMap;

use crate::model::one_line;
use ::mongodb::{
    error::{Error, ErrorKind},
    event::sdam::SdamEvent,
};
use parking_lot::Mutex;

/// Why servers are unreachable, as reported by the driver's monitoring. One entry for each unreachable member
/// of the replica set, of which there are at most 50.
#[derive(Debug, Default)]
pub(super) struct Health(Mutex<BTreeMap<String, String>>);

impl Health {
    /// Takes in a monitoring event. An outage is logged once, however long it lasts.
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

    /// The unreachable servers and the reasons, in one line; `None` if there are none.
    pub(super) fn why(&self) -> Option<String> {
        let servers = self.0.lock();
        let lines: Vec<_> = servers.iter().map(|(server, why)| format!("{server}: {why}")).collect();
        (!lines.is_empty()).then(|| format!("cannot connect to {}", lines.join("; ")))
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
