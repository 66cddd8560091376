use metrics::{Counter, Gauge, counter, gauge};

use crate::model::CloseCode;

/// The metric handles for members' connections.
pub(super) struct Meters {
    web_sockets: Gauge,
    event_streams: Gauge,
    pub(super) received: Counter,
    pub(super) sent: Counter,
    ends: Vec<(End, Counter)>,
}

/// How a member is told what happens.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Wire {
    WebSocket,
    /// Server-Sent Events. The client sends nothing.
    EventStream,
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
        let ours = CloseCode::ALL.into_iter().map(|code| End::Closed(code.number()));
        let ends = ours.chain([End::ByClient(None), End::Broken]);
        let counter = |end: End| counter!("asset_arbiter_closes_total", "code" => end.label());
        Self {
            web_sockets: gauge!("asset_arbiter_connections"),
            event_streams: gauge!("asset_arbiter_event_streams"),
            received: counter!("asset_arbiter_messages_received_total"),
            sent: counter!("asset_arbiter_frames_sent_total"),
            ends: ends.map(|end| (end, counter(end))).collect(),
        }
    }

    /// The open connections of one kind.
    pub(super) fn open(&self, wire: Wire) -> &Gauge {
        match wire {
            Wire::WebSocket => &self.web_sockets,
            Wire::EventStream => &self.event_streams,
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
