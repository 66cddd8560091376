//! One WebSocket session. A single task reads messages and sends replies and frames, batched into one write.

use std::{
    cell::Cell,
    future::poll_fn,
    io,
    sync::Arc,
    task::{Context, Poll, ready},
};

use tokio::time::Instant;

use super::{
    App,
    access::Denied,
    closing,
    connections::{Entry, Signal},
    linger::Linger,
    meters::{End, Wire},
    requests::Requests,
    session_token::SessionToken,
    websocket::{Ended, Incoming, Violation, WebSocket},
};
use crate::{
    arbiter::Member,
    model::{
        CloseCode, CloseReason, Opcode, append_frame,
        limits::{BAD_MESSAGES, RATE_REFUSALS},
    },
};

/// The maximum of messages handled before their results are sent.
const MESSAGES_PER_TURN: usize = 64;

/// The maximum of batches taken from the member before a turn ends. It leaves time for the client's messages in a busy
/// room.
const TAKES_PER_TURN: usize = 4;

thread_local! {
    /// Whether the last session that was woken on this thread had requests. A player who asks alone is answered at
    /// once, before its listeners are told.
    static OTHERS_ASK: Cell<bool> = const { Cell::new(false) };
}

/// The socket of a session.
pub(super) type Socket = WebSocket<Linger>;

/// One joined connection.
pub(super) struct Session {
    socket: Socket,
    pub(super) requests: Requests,
    pub(super) entry: Entry,
    /// The socket may still hold unread messages.
    unread: bool,
    /// Something may be ready to be sent. The welcome is, at first.
    due: bool,
    end: Option<End>,
}

impl Session {
    /// `response` is sent before the first frame.
    pub(super) fn new(
        app: &Arc<App>,
        socket: Socket,
        response: Vec<u8>,
        member: Member,
        token: Option<SessionToken>,
    ) -> Self {
        let entry = app.connections.enter(member.mailbox(), Wire::WebSocket);
        if let Some(token) = &token {
            entry.expires_in(token.expires_at().saturating_sub(app.arbiter.now()));
        }
        Self {
            entry,
            socket,
            requests: Requests::new(member, response, app, token),
            unread: true,
            due: true,
            end: None,
        }
    }

    /// Serves the connection until it ends.
    pub(super) async fn run(&mut self) -> End {
        let end = poll_fn(|cx| self.poll(cx)).await;
        Box::pin(self.finish(end)).await;
        end
    }

    /// Takes turns: handles what arrived, then sends what is ready.
    ///
    /// In between, the other sessions of this thread get their turn if they have requests, too. Their broadcasts and the
    /// replies to this client then leave in one write.
    fn poll(&mut self, cx: &mut Context<'_>) -> Poll<End> {
        // Nothing is left to read. What arrives from now on wakes this task.
        let mut is_drained = false;
        loop {
            if self.end.is_none() {
                self.end = self.told_to_go();
            }
            let handled = !is_drained && !self.socket.is_full() && self.poll_messages(cx, &mut is_drained);
            let handled = self.requests.poll_renewed(cx, &self.entry) || handled;
            if handled && !self.due && OTHERS_ASK.replace(true) {
                self.due = true;
                cx.waker().wake_by_ref();
                return Poll::Pending;
            }
            // While the socket is full, further wake-ups cost one atomic, and those that matter are seen afterwards.
            let woken = !self.socket.is_full() && self.requests.member.mailbox().poll_woken(cx).is_ready();
            if !handled && !self.due {
                OTHERS_ASK.set(false);
            }
            self.due |= handled || woken;
            if self.end.is_none() {
                self.end = self.reason_to_end();
            }
            // A connection that is gone takes nothing.
            if let Some(end @ (End::ByClient(_) | End::Broken)) = self.end {
                return Poll::Ready(end);
            }
            if !self.due && self.end.is_none() {
                return Poll::Pending;
            }
            // Meanwhile the session does not read, for up to `--write-timeout`.
            self.entry.liveness.set_reading(false);
            let more = match ready!(self.poll_send(cx)) {
                Ok(more) => more,
                Err(error) => return Poll::Ready(broken(&error)),
            };
            self.entry.liveness.set_reading(self.requests.are_welcome());
            self.due = more;
            if let Some(end) = self.end {
                return Poll::Ready(end);
            }
            if more {
                // A snapshot of megabytes, whose client reads fast, leaves the others their turns.
                cx.waker().wake_by_ref();
                return Poll::Pending;
            }
        }
    }

    /// Sends the ready messages, up to the bound of a turn. Returns true if more may be ready.
    fn poll_send(&mut self, cx: &mut Context<'_>) -> Poll<io::Result<bool>> {
        let Self { socket, requests, entry, .. } = self;
        let (mut takes, mut sent) = (0, 0);
        let mut more = true;
        let accepted = socket.poll_send(cx, |out| {
            let before = sent;
            (takes, more) = (takes + 1, requests.take(out, &mut sent));
            if entry.liveness.take(Signal::Ping) {
                append_frame(out, Opcode::Ping, &[]);
                sent += 1;
            }
            more && takes < TAKES_PER_TURN && sent > before
        });
        if sent > 0 {
            entry.meters().sent.increment(sent as u64);
        }
        accepted.map_ok(|()| more && takes > 0)
    }

    /// Handles received messages up to the limit of requests in flight. At the limit nothing is read.
    fn poll_messages(&mut self, cx: &mut Context<'_>, is_drained: &mut bool) -> bool {
        let mut handled = 0;
        let mut read = false;
        while self.end.is_none() && self.requests.are_welcome() && handled < MESSAGES_PER_TURN {
            let Self { socket, requests, end, .. } = self;
            let before = handled;
            // The messages of one read arrived together.
            let mut now = None;
            let received = socket.poll_receive(cx, |incoming| {
                handled += 1;
                match incoming {
                    Incoming::Text(text) => requests.handle(&text, *now.get_or_insert_with(Instant::now)),
                    Incoming::Binary(_) => requests.handle_binary(),
                    Incoming::Ping(payload) => requests.answer_ping(&payload),
                    Incoming::Pong(_) => {}
                    Incoming::Close(code) => *end = Some(End::ByClient(code)),
                }
                end.is_none() && requests.are_welcome() && handled < MESSAGES_PER_TURN
            });
            self.entry.heard(handled - before);
            match received {
                Poll::Pending => {
                    (self.unread, *is_drained) = (false, true);
                    break;
                }
                Poll::Ready(Ok(())) => (read, self.unread) = (true, true),
                Poll::Ready(Err(ended)) => {
                    let _ = self.end.get_or_insert(end_of(&ended));
                }
            }
        }
        read || handled > 0 || self.end.is_some()
    }

    /// Why no message is handled any longer.
    fn told_to_go(&mut self) -> Option<End> {
        let revoked = self.requests.are_revoked().then_some(CloseCode::Forbidden);
        let code = self.requests.member.ended().or(revoked)?;
        Some(End::Closed(code.number()))
    }

    fn reason_to_end(&self) -> Option<End> {
        let code = if let Some(code) = self.requests.member.ended() {
            code
        } else if self.entry.liveness.has(Signal::Silent) {
            CloseCode::TooSlow
        } else if self.entry.liveness.has(Signal::TokenExpired) {
            CloseCode::TokenExpired
        } else if let Some(code) = self.requests.denied {
            code
        } else if self.requests.bad > BAD_MESSAGES {
            CloseCode::ProtocolViolation
        } else if self.requests.refused > RATE_REFUSALS {
            CloseCode::TooFast
        } else if self.entry.liveness.has(Signal::Drain) && self.requests.in_flight == 0 && !self.unread {
            // Every message in the socket was read, and every message read was answered.
            CloseCode::Draining
        } else {
            return None;
        };
        Some(End::Closed(code.number()))
    }

    async fn finish(&mut self, end: End) {
        match end {
            End::Closed(code) => {
                let reason = closing::reason(code, self.entry.among(), self.requests.are_revoked());
                close(&mut self.socket, reason).await;
            }
            End::ByClient(code) => drop(self.socket.close(code, "").await),
            End::Broken => {}
        }
    }
}

/// Closes a connection that never became a session. `response` is sent before the close frame.
pub(super) async fn refuse(mut socket: Socket, response: &[u8], denied: Denied) -> End {
    if socket.send(response).await.is_err() {
        return End::Broken;
    }
    let reason = closing::refusal(denied);
    let end = End::Closed(reason.code);
    close(&mut socket, reason).await;
    end
}

/// Sends a close frame. The caller then drops the socket; `Linger` keeps a reset from overtaking the frame.
async fn close(socket: &mut Socket, reason: CloseReason) {
    let (code, reason) = (reason.code, reason.encode());
    if let Err(error) = socket.close(Some(code), &reason).await {
        tracing::debug!(%error, code, "the close frame could not be sent");
    }
}

fn end_of(ended: &Ended) -> End {
    match ended {
        Ended::Io(error) => broken(error),
        Ended::Violation(Violation::Protocol(_)) => End::Closed(CloseCode::ProtocolError.number()),
        Ended::Violation(Violation::InvalidText) => End::Closed(CloseCode::InvalidText.number()),
        Ended::Violation(Violation::TooBig) => End::Closed(CloseCode::MessageTooBig.number()),
    }
}

/// A socket that accepted nothing for `--write-timeout` is closed as too slow.
fn broken(error: &io::Error) -> End {
    match error.kind() {
        io::ErrorKind::TimedOut => End::Closed(CloseCode::TooSlow.number()),
        _ => End::Broken,
    }
}
