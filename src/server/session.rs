//! One WebSocket session. A single task reads messages and sends replies and frames, batched into one flush.

use std::{
    future::poll_fn,
    sync::Arc,
    task::{Context, Poll},
};

use axum::{
    body::Bytes,
    extract::ws::{CloseFrame, Message, Utf8Bytes, WebSocket},
};
use futures::{SinkExt, StreamExt};
use tungstenite::error::Error as WsError;

use super::{
    App,
    connections::{Entry, Signal},
    meters::{End, INVALID_TEXT, PROTOCOL_ERROR},
    rate_limit::RateLimit,
};
use crate::{
    arbiter::{Member, Ready, Refusal},
    model::{
        ClientMessage, CloseCode, CloseReason, ErrorCode, RequestId, ServerMessage,
        limits::{BAD_MESSAGES, RATE_REFUSALS},
    },
};

/// The maximum of messages handled before their results are sent.
const MESSAGES_PER_TURN: usize = 64;

/// The maximum of batches taken from the member before a flush.
const TAKES_PER_FLUSH: usize = 4;

/// One joined connection.
pub(super) struct Session {
    socket: WebSocket,
    pub(super) member: Member,
    pub(super) entry: Entry,
    ready: Ready,
    in_flight: usize,
    max_in_flight: usize,
    limit: RateLimit,
    /// The number of consecutive invalid messages.
    bad: u32,
    /// Rate-limited messages minus accepted ones. Not consecutive ones, because the limit lets some of any flood
    /// through.
    refused: u32,
    /// The socket may still hold unread messages.
    unread: bool,
    end: Option<End>,
}

impl Session {
    pub(super) fn new(app: &Arc<App>, socket: WebSocket, member: Member) -> Self {
        Self {
            entry: app.connections.enter(member.mailbox()),
            socket,
            member,
            ready: Ready::default(),
            in_flight: 0,
            max_in_flight: app.settings.in_flight,
            limit: RateLimit::new(app.settings.selects_per_second),
            bad: 0,
            refused: 0,
            unread: true,
            end: None,
        }
    }

    /// Serves the connection until it ends.
    pub(super) async fn run(&mut self) -> End {
        loop {
            match self.end {
                // The connection is gone, so sending is pointless.
                Some(end @ (End::ByClient | End::Broken)) => return self.finish(end).await,
                end => {
                    if let Err(broken) = self.send_ready().await {
                        return broken;
                    }
                    if let Some(end) = end {
                        return self.finish(end).await;
                    }
                }
            }
            poll_fn(|cx| self.poll_work(cx)).await;
        }
    }

    /// Sends the ready messages and flushes once. Bounded, so that a busy room still leaves time for the client's
    /// messages.
    async fn send_ready(&mut self) -> Result<(), End> {
        // The session may wait for the socket here without reading, for up to `--write-timeout`.
        self.entry.liveness.set_reading(false);
        let mut more = true;
        for _ in 0..TAKES_PER_FLUSH {
            // The next part of a snapshot is built only when the socket has accepted the previous one.
            poll_fn(|cx| self.socket.poll_ready_unpin(cx)).await.map_err(|error| broken(&error))?;
            more = self.member.take(&mut self.ready);
            self.write().await.map_err(|error| broken(&error))?;
            if !more {
                break;
            }
        }
        if more {
            self.member.mailbox().wake();
        }
        self.ready.shrink();
        self.socket.flush().await.map_err(|error| broken(&error))?;
        self.entry.liveness.set_reading(self.in_flight < self.max_in_flight);
        Ok(())
    }

    /// Writes replies and then frames into the socket's buffer, so that a winner reads its reply first.
    async fn write(&mut self) -> Result<(), axum::Error> {
        let mut sent = self.ready.replies.len() + self.ready.frames.len();
        for reply in self.ready.replies.drain(..) {
            if !matches!(reply, ServerMessage::Pong { .. }) {
                self.in_flight = self.in_flight.saturating_sub(1);
            }
            self.socket.feed(Message::Text(reply.encode().into())).await?;
        }
        for frame in self.ready.frames.drain(..) {
            let text = Utf8Bytes::try_from(frame).map_err(axum::Error::new)?;
            self.socket.feed(Message::Text(text)).await?;
        }
        if self.entry.liveness.take(Signal::Ping) {
            self.socket.feed(Message::Ping(Bytes::new())).await?;
            sent += 1;
        }
        self.entry.meters().sent.increment(sent as u64);
        Ok(())
    }

    /// Ready when there is something to send or the session ends.
    fn poll_work(&mut self, cx: &mut Context<'_>) -> Poll<()> {
        let handled = self.poll_messages(cx);
        let woken = self.member.mailbox().poll_woken(cx).is_ready();
        if self.end.is_none() {
            self.end = self.reason_to_end();
        }
        if handled || woken || self.end.is_some() { Poll::Ready(()) } else { Poll::Pending }
    }

    /// Handles received messages up to the limit of requests in flight. At the limit nothing is read.
    fn poll_messages(&mut self, cx: &mut Context<'_>) -> bool {
        let mut handled = 0;
        while self.end.is_none() && self.in_flight < self.max_in_flight && handled < MESSAGES_PER_TURN {
            match self.socket.poll_next_unpin(cx) {
                Poll::Pending => {
                    self.unread = false;
                    break;
                }
                Poll::Ready(Some(Ok(message))) => {
                    self.entry.heard();
                    self.unread = true;
                    self.handle(message);
                }
                Poll::Ready(Some(Err(error))) => self.end = Some(broken(&error)),
                Poll::Ready(None) => self.end = Some(End::Broken),
            }
            handled += 1;
        }
        handled > 0
    }

    fn reason_to_end(&self) -> Option<End> {
        let code = if self.member.is_room_removed() {
            CloseCode::RoomRemoved
        } else if self.entry.liveness.has(Signal::Silent) {
            CloseCode::TooSlow
        } else if self.bad > BAD_MESSAGES {
            CloseCode::ProtocolViolation
        } else if self.refused > RATE_REFUSALS {
            CloseCode::TooFast
        } else if self.entry.liveness.has(Signal::Drain) && self.in_flight == 0 && !self.unread {
            // Every message in the socket was read, and every message read was answered.
            CloseCode::Draining
        } else {
            return None;
        };
        Some(End::Closed(code.number()))
    }

    fn handle(&mut self, message: Message) {
        match message {
            Message::Text(text) => self.handle_text(text.as_str()),
            Message::Binary(_) => self.reject(
                ErrorCode::BadMessage,
                "binary frames are not spoken here; send JSON in text frames",
                None,
            ),
            Message::Ping(_) | Message::Pong(_) => {}
            Message::Close(_) => self.end = Some(End::ByClient),
        }
    }

    fn handle_text(&mut self, text: &str) {
        match ClientMessage::decode(text) {
            Err(rejected) => self.reject(rejected.code, rejected.message, rejected.request_id),
            Ok(message) if !self.limit.allows() => self.reject_rate(message),
            Ok(message) => {
                (self.bad, self.refused) = (0, self.refused.saturating_sub(1));
                self.request(message);
            }
        }
    }

    fn request(&mut self, message: ClientMessage) {
        match message {
            ClientMessage::SelectAsset { asset, request_id } => {
                self.in_flight += 1;
                self.member.select(asset, request_id);
            }
            ClientMessage::ReleaseAsset { asset, request_id } => {
                self.in_flight += 1;
                self.member.release(asset, request_id);
            }
            ClientMessage::Sync { request_id } => self.sync(request_id),
            ClientMessage::Ping { request_id } => self.member.pong(request_id),
        }
    }

    fn sync(&mut self, request_id: Option<RequestId>) {
        if let Err(Refusal { code, message, .. }) = self.member.sync() {
            self.error(code, message, request_id);
        }
    }

    fn reject(&mut self, code: ErrorCode, message: impl Into<String>, request_id: Option<RequestId>) {
        self.bad += 1;
        self.error(code, message, request_id);
    }

    fn reject_rate(&mut self, message: ClientMessage) {
        self.refused += 1;
        let request_id = match message {
            ClientMessage::SelectAsset { request_id, .. }
            | ClientMessage::ReleaseAsset { request_id, .. }
            | ClientMessage::Sync { request_id }
            | ClientMessage::Ping { request_id } => request_id,
        };
        self.error(
            ErrorCode::RateLimited,
            "more requests than --selects-per-second allows; slow down",
            request_id,
        );
    }

    /// An error reply counts as in flight until it is sent, so invalid messages are subject to the same limit.
    fn error(&mut self, code: ErrorCode, message: impl Into<String>, request_id: Option<RequestId>) {
        self.in_flight += 1;
        self.ready.replies.push(ServerMessage::error(code, message, request_id));
    }

    async fn finish(&mut self, end: End) -> End {
        match end {
            End::Closed(code) => {
                let among = self.entry.among();
                Box::pin(close(&mut self.socket, code, retry_after_ms(code, among))).await;
            }
            // Sends the echo of the client's close frame.
            End::ByClient => drop(self.socket.flush().await),
            End::Broken => {}
        }
        end
    }
}

/// Closes a connection that never became a session.
pub(super) async fn refuse(mut socket: WebSocket, code: CloseCode) -> End {
    close(&mut socket, code.number(), retry_after_ms(code.number(), 0)).await;
    End::Closed(code.number())
}

/// Sends a close frame. The caller then drops the socket; `Linger` keeps a reset from overtaking the frame.
async fn close(socket: &mut WebSocket, code: u16, retry_after_ms: u64) {
    let reason = CloseReason { code, retry_after_ms };
    let reason = serde_json::to_string(&reason).expect("two numbers are JSON").into();
    if let Err(error) = socket.send(Message::Close(Some(CloseFrame { code, reason }))).await {
        tracing::debug!(%error, code, "the close frame could not be sent");
    }
}

/// When the client should reconnect, with jitter: spread over half a second plus one second per 2,000 connections.
fn retry_after_ms(code: u16, among: usize) -> u64 {
    if (4100..4200).contains(&code) { 250 + fastrand::u64(0..500 + among as u64 / 2) } else { 0 }
}

/// Maps an error of the WebSocket library.
fn broken(error: &axum::Error) -> End {
    let source = std::error::Error::source(error).and_then(|source| source.downcast_ref::<WsError>());
    match source {
        Some(WsError::Capacity(_)) => End::Closed(CloseCode::MessageTooBig.number()),
        Some(WsError::Protocol(tungstenite::error::ProtocolError::ResetWithoutClosingHandshake)) => End::Broken,
        Some(WsError::Protocol(_)) => End::Closed(PROTOCOL_ERROR),
        Some(WsError::Utf8(_)) => End::Closed(INVALID_TEXT),
        Some(WsError::Io(error)) if error.kind() == std::io::ErrorKind::TimedOut => {
            End::Closed(CloseCode::TooSlow.number())
        }
        _ => End::Broken,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn clients_reconnect_at_two_thousand_a_second_at_most() {
        for (among, latest) in [(1, 750), (10_000, 5_750), (25_000, 13_250)] {
            let times: Vec<_> = (0..among).map(|_| retry_after_ms(4100, among)).collect();
            assert!(times.iter().all(|time| (250..latest).contains(time)), "{among}: {times:?}");
        }
        // About 2,000 of 10,000 clients in any second, within chance.
        let mut seconds = [0; 6];
        (0..10_000).for_each(|_| seconds[(retry_after_ms(4100, 10_000) / 1000) as usize] += 1);
        assert!(seconds.iter().all(|&came| came < 2_200), "{seconds:?}");
        assert_eq!(retry_after_ms(4200, 10_000), 0, "at once");
    }
}
