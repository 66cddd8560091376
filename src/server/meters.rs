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
    ends: Vec<(End, Counter)>,
}

/// How a connection ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum End {
    /// The server closed the connection with this code.
    Closed(u16),
    /// The client closed it with this code; `None`: without one.
    ByClient(Option<u16>),
    /// The socket ended without a close frame.
    Broken,
}

impl Meters {
    pub(super) fn new() -> Self {
        let ours = [
            CloseCode::MessageTooBig,
            CloseCode::Unauthorized,
            CloseCode::Forbidden,
            CloseCode::RoomRemoved,
            CloseCode::Kicked,
            CloseCode::Replaced,
            CloseCode::Duplicate,
            CloseCode::ProtocolViolation,
            CloseCode::Draining,
            CloseCode::StoreAway,
            CloseCode::TokenExpired,
            CloseCode::Full,
            CloseCode::TooFast,
            CloseCode::TooSlow,
        ];
        let codes = ours.map(CloseCode::number).into_iter().chain([PROTOCOL_ERROR, INVALID_TEXT]);
        let ends = codes.map(End::Closed).chain([End::ByClient(None), End::Broken]);
        let counter = |end: End| counter!("asset_arbiter_closes_total", "code" => end.label());
        Self {
            open: gauge!("asset_arbiter_connections"),
            received: counter!("asset_arbiter_messages_received_total"),
            sent: counter!("asset_arbiter_frames_sent_total"),
            ends: ends.map(|end| (end, counter(end))).collect(),
        }
    }

    pub(super) fn ended(&self, end: End) {
        let end = if let End::ByClient(_) = end { End::ByClient(None) } else { end };
        if let Some((_, counter)) = self.ends.iter().find(|(known, _)| *known == end) {
            counter.increment(1);
        }
    }
}

impl End {
    fn label(self) -> String {
        match self {
            Self::Closed(code) => code.to_string(),
            Self::ByClient(_) => "client".to_owned(),
            Self::Broken => "1006".to_owned(),
        }
    }
}
