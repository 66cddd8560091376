use metrics::{Counter, Gauge, counter, gauge};

use crate::model::CloseCode;

/// RFC 6455: the client violated the WebSocket protocol.
pub(super) const PROTOCOL_ERROR: u16 = 1002;
/// RFC 6455: a text message is not UTF-8.
pub(super) const INVALID_TEXT: u16 = 1007;

/// The metric handles for WebSockets.
pub(super) struct Meters {
    pub(super) open: Gauge,
    pub(super) received: Counter,
    pub(super) sent: Counter,
    closes: Vec<(u16, Counter)>,
    closed_by_client: Counter,
    broken: Counter,
}

/// How a connection ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum End {
    /// The server closed the connection with this code.
    Closed(u16),
    /// The client closed it.
    ByClient,
    /// The socket ended without a close frame.
    Broken,
}

impl Meters {
    pub(super) fn new() -> Self {
        let closes = |code: u16| counter!("asset_arbiter_closes_total", "code" => code.to_string());
        let ours = [
            CloseCode::MessageTooBig,
            CloseCode::Unauthorized,
            CloseCode::Forbidden,
            CloseCode::RoomRemoved,
            CloseCode::ProtocolViolation,
            CloseCode::Draining,
            CloseCode::StoreAway,
            CloseCode::Full,
            CloseCode::TooFast,
            CloseCode::TooSlow,
        ];
        let protocol = [PROTOCOL_ERROR, INVALID_TEXT];
        let codes = ours.map(CloseCode::number).into_iter().chain(protocol);
        Self {
            open: gauge!("asset_arbiter_connections"),
            received: counter!("asset_arbiter_messages_received_total"),
            sent: counter!("asset_arbiter_frames_sent_total"),
            closes: codes.map(|code| (code, closes(code))).collect(),
            closed_by_client: counter!("asset_arbiter_closes_total", "code" => "client"),
            broken: counter!("asset_arbiter_closes_total", "code" => "1006"),
        }
    }

    pub(super) fn ended(&self, end: End) {
        match end {
            End::ByClient => self.closed_by_client.increment(1),
            End::Broken => self.broken.increment(1),
            End::Closed(code) => {
                let counter = self.closes.iter().find(|(known, _)| *known == code);
                counter.into_iter().for_each(|(_, counter)| counter.increment(1));
            }
        }
    }
}
