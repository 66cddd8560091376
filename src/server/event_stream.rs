//! A member's frames as Server-Sent Events: the body of an HTTP answer that ends when the member has to go.

use std::{
    cell::RefCell,
    convert::Infallible,
    pin::Pin,
    sync::Arc,
    task::{Context, Poll},
};

use axum::body::{Bytes, HttpBody};
use hyper::body::Frame;
use tracing::Span;

use super::{
    App, closing,
    connections::{Entry, Signal},
    head_watch::HeadWatch,
    limits::AddressSlot,
    meters::{End, Wire},
    session_token::SessionToken,
};
use crate::{
    arbiter::Member,
    model::{
        CloseCode, CloseReason,
        limits::{EVENT_STREAM_RETRY_MS, WRITE_BUFFER},
        payloads,
    },
};

/// The maximum of batches taken from the member for one write.
const TAKES_PER_WRITE: usize = 4;

/// Keeps proxies and clients from taking the stream for dead.
const COMMENT: &[u8] = b":\n\n";

thread_local! {
    /// The frames that a stream takes from its member. Empty between two streams.
    static FRAMES: RefCell<Vec<u8>> = const { RefCell::new(Vec::new()) };
}

/// The events of one member. Dropping them makes the member leave.
pub(super) struct EventStream {
    app: Arc<App>,
    member: Member,
    token: Option<SessionToken>,
    entry: Entry,
    watch: Arc<HeadWatch>,
    /// The place among the connections of its address.
    _held: Option<Arc<AddressSlot>>,
    span: Span,
    /// Nothing was polled yet.
    is_new: bool,
    /// More may be ready than was taken last.
    due: bool,
    /// Other connections get their turn first.
    yields: bool,
    end: Option<CloseCode>,
}

impl EventStream {
    /// `watch` is the one of the connection, which is not idle as long as the stream lasts.
    pub(super) fn new(
        app: &Arc<App>,
        member: Member,
        token: Option<SessionToken>,
        watch: Arc<HeadWatch>,
        held: Option<Arc<AddressSlot>>,
    ) -> Self {
        let entry = app.connections.enter(member.mailbox(), Wire::EventStream);
        if let Some(token) = &token {
            entry.expires_in(token.expires_at().saturating_sub(app.arbiter.now()));
        }
        Self {
            app: Arc::clone(app),
            member,
            token,
            entry,
            watch,
            _held: held,
            span: Span::current(),
            is_new: true,
            due: true,
            yields: false,
            end: None,
        }
    }

    /// The next events, as one part of the body. `None`: the stream is over.
    fn poll_events(&mut self, cx: &mut Context<'_>) -> Poll<Option<Bytes>> {
        if self.end.is_some() {
            return Poll::Ready(None);
        }
        let mut events = Vec::new();
        if std::mem::take(&mut self.is_new) {
            self.watch.serving();
            append_retry(&mut events, fastrand::u64(EVENT_STREAM_RETRY_MS));
            events.push(b'\n');
        }
        loop {
            if std::mem::take(&mut self.yields) {
                cx.waker().wake_by_ref();
                return Poll::Pending;
            }
            let woken = self.member.mailbox().poll_woken(cx).is_ready();
            if !woken && !self.due {
                return Poll::Pending;
            }
            self.end = self.reason_to_end();
            self.due = self.take(&mut events);
            self.yields = self.due;
            if self.entry.liveness.take(Signal::Ping) {
                events.extend_from_slice(COMMENT);
            }
            if let Some(code) = self.end {
                let is_revoked = self.is_revoked();
                close_event(&mut events, code, closing::reason(code.number(), self.entry.among(), is_revoked));
            }
            if !events.is_empty() {
                return Poll::Ready(Some(events.into()));
            }
        }
    }

    /// Appends what is ready, up to the bound of one write. Returns true if more may be ready.
    fn take(&mut self, events: &mut Vec<u8>) -> bool {
        FRAMES.with_borrow_mut(|frames| {
            let mut more = true;
            let mut takes = 0;
            while more && takes < TAKES_PER_WRITE && events.len() < WRITE_BUFFER {
                let taken = self.member.take(frames);
                self.append(events, frames, taken.frames);
                self.entry.meters().sent.increment(taken.frames as u64);
                (takes, more) = (takes + 1, taken.more);
                frames.clear();
            }
            frames.shrink_to(4 * WRITE_BUFFER);
            more
        })
    }

    /// Appends `count` frames that were just taken, each with its offset, unless a client cannot resume there.
    fn append(&self, events: &mut Vec<u8>, frames: &[u8], count: usize) {
        events.reserve(frames.len() + count * (self.member.epoch().len() + 32));
        let last = self.member.resumable_at();
        for (payload, n) in payloads(frames).zip(1..) {
            if let Some(last) = last {
                let mut offset = itoa::Buffer::new();
                let offset = offset.format(last + n - count as u64);
                append_field(events, "id: ", &[self.member.epoch(), ".", offset]);
            }
            events.extend_from_slice(b"data: ");
            events.extend_from_slice(payload);
            events.extend_from_slice(b"\n\n");
        }
    }

    fn is_revoked(&mut self) -> bool {
        self.token.as_mut().is_some_and(|token| token.is_revoked())
    }

    fn reason_to_end(&mut self) -> Option<CloseCode> {
        let is_revoked = self.is_revoked();
        let liveness = &self.entry.liveness;
        let reasons = [
            (is_revoked, CloseCode::Forbidden),
            (liveness.has(Signal::TokenExpired), CloseCode::TokenExpired),
            (liveness.has(Signal::Drain), CloseCode::Draining),
        ];
        let other = reasons.into_iter().find(|(applies, _)| *applies).map(|(_, code)| code);
        self.member.ended().or(other)
    }
}

impl HttpBody for EventStream {
    type Data = Bytes;
    type Error = Infallible;

    fn poll_frame(
        self: Pin<&mut Self>,
        cx: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, Infallible>>> {
        self.get_mut().poll_events(cx).map(|events| events.map(|events| Ok(Frame::data(events))))
    }

    fn is_end_stream(&self) -> bool {
        self.end.is_some()
    }
}

/// The client needs no word to go, so one that is gone has left.
impl Drop for EventStream {
    fn drop(&mut self) {
        self.watch.answered();
        let too_slow = self.watch.is_stalled().then_some(CloseCode::TooSlow);
        let end = self.end.or(too_slow).map_or(End::ByClient(None), |code| End::Closed(code.number()));
        self.span.in_scope(|| self.app.player_log.left(&self.member, end, self.entry.stayed()));
        self.app.connections.meters.ended(end);
    }
}

/// Appends the last event of a stream. After a final code its id makes a client's next request end in 204, because an
/// `EventSource` that is not told to stop reconnects for ever.
pub(super) fn close_event(events: &mut Vec<u8>, code: CloseCode, reason: CloseReason) {
    append_field(events, "event: ", &["close"]);
    if code.is_final() {
        append_field(events, "id: ", &[itoa::Buffer::new().format(code.number())]);
    }
    if reason.retry_after_ms > 0 {
        append_retry(events, reason.retry_after_ms);
    }
    append_field(events, "data: ", &[&reason.encode()]);
    events.push(b'\n');
}

/// Appends when a client reconnects, in milliseconds.
fn append_retry(events: &mut Vec<u8>, after_ms: u64) {
    append_field(events, "retry: ", &[itoa::Buffer::new().format(after_ms)]);
}

/// Appends a line of an event.
fn append_field(events: &mut Vec<u8>, name: &str, value: &[&str]) {
    events.extend_from_slice(name.as_bytes());
    value.iter().for_each(|part| events.extend_from_slice(part.as_bytes()));
    events.push(b'\n');
}

#[cfg(test)]
mod tests {
    use super::*;

    fn close(code: CloseCode, retry_after_ms: u64) -> String {
        let mut event = Vec::new();
        close_event(&mut event, code, CloseReason { code: code.number(), retry_after_ms, message: None });
        String::from_utf8(event).unwrap()
    }

    #[test]
    fn a_stream_ends_with_its_code_and_when_to_come_back() {
        let draining = "event: close\nretry: 713\ndata: {\"code\":4100,\"retry_after_ms\":713}\n\n";
        assert_eq!(close(CloseCode::Draining, 713), draining);
        let kicked = "event: close\nid: 4005\ndata: {\"code\":4005,\"retry_after_ms\":0}\n\n";
        assert_eq!(close(CloseCode::Kicked, 0), kicked);
    }
}
