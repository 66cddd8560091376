use std::{
    sync::{
        Arc, OnceLock,
        atomic::{
            AtomicBool, AtomicU64,
            Ordering::{AcqRel, Acquire, Release},
        },
    },
    task::{Context, Poll},
};

use futures::task::AtomicWaker;
use parking_lot::Mutex;

use crate::model::{CloseCode, Selection, ServerMessage, append_json, limits::MAILBOX_REPLIES};

/// Receives the replies to one caller and wakes the caller. A reply, a room frame and a signal from the server layer
/// all wake the same mailbox, so that one task waits in one place.
#[derive(Debug, Default)]
pub struct Mailbox {
    /// Set by a wake-up, cleared by the owner before reading. A second wake-up in between costs one atomic.
    woken: AtomicBool,
    waker: AtomicWaker,
    /// The offset of the last room frame that the owner has read.
    read: AtomicU64,
    replies: Mutex<Replies>,
    /// The owner was dropped. Its pending requests need not be sent.
    closed: AtomicBool,
    /// Why the server ends the connection.
    ended: OnceLock<CloseCode>,
}

/// Replies that the owner has not taken yet.
#[derive(Debug)]
enum Replies {
    /// As frames, ready to be sent. An idle member keeps no memory for them.
    Frames { bytes: Vec<u8>, count: usize },
    /// The only one, as a message.
    Message(Option<Box<ServerMessage>>),
}

impl Default for Replies {
    fn default() -> Self {
        Self::Frames { bytes: Vec::new(), count: 0 }
    }
}

impl Mailbox {
    pub(super) fn new() -> Arc<Self> {
        Arc::default()
    }

    /// Makes the owner read again.
    pub fn wake(&self) {
        if !self.woken.swap(true, AcqRel) {
            self.waker.wake();
        }
    }

    /// Ready once per wake-up. Read everything after it, then poll again; later arrivals cause a new wake-up.
    pub fn poll_woken(&self, cx: &mut Context<'_>) -> Poll<()> {
        if self.woken.swap(false, AcqRel) {
            return Poll::Ready(());
        }
        self.waker.register(cx.waker());
        if self.woken.swap(false, AcqRel) { Poll::Ready(()) } else { Poll::Pending }
    }

    /// Clears the wake-up, because the owner is about to read everything.
    pub(super) fn clear_wakeup(&self) {
        self.woken.swap(false, AcqRel);
    }

    /// The owner has read the room's log up to `offset`.
    pub(super) fn has_read_to(&self, offset: u64) {
        self.read.store(offset, Release);
    }

    /// Whether the owner has read the room's log up to `offset`.
    pub(super) fn has_read(&self, offset: u64) -> bool {
        self.read.load(Acquire) >= offset
    }

    pub(super) fn push(&self, reply: ServerMessage) {
        self.add(|bytes| append_json(bytes, &reply), || reply.clone());
    }

    pub(super) fn push_selection(&self, reply: Selection<'_>) {
        self.add(|bytes| reply.append_to(bytes), || reply.to_message());
    }

    /// Adds a reply in the form that the owner takes.
    fn add(&self, append: impl FnOnce(&mut Vec<u8>), message: impl FnOnce() -> ServerMessage) {
        match &mut *self.replies.lock() {
            Replies::Frames { bytes, count } if *count < MAILBOX_REPLIES => {
                append(bytes);
                *count += 1;
            }
            Replies::Message(reply @ None) => *reply = Some(Box::new(message())),
            Replies::Frames { .. } | Replies::Message(_) => {
                tracing::error!("a mailbox is full: a caller has more requests in flight than any limit allows")
            }
        }
        self.wake();
    }

    /// Appends the replies as frames. Returns their number.
    pub(super) fn take(&self, out: &mut Vec<u8>) -> usize {
        match &mut *self.replies.lock() {
            Replies::Frames { count: 0, .. } | Replies::Message(_) => 0,
            Replies::Frames { bytes, count } => {
                out.extend_from_slice(&std::mem::take(bytes));
                std::mem::take(count)
            }
        }
    }

    pub(super) fn close(&self) {
        self.closed.store(true, Release);
    }

    /// Whether nobody reads replies any longer: the owner was dropped, or its player has to go.
    pub(super) fn is_closed(&self) -> bool {
        self.closed.load(Acquire) || self.ended().is_some_and(|code| code != CloseCode::RoomRemoved)
    }

    /// Makes the owner end its connection. Only the first code counts.
    pub(super) fn end(&self, code: CloseCode) {
        let _ = self.ended.set(code);
        self.wake();
    }

    /// Why the server ends the connection, if it does.
    pub(super) fn ended(&self) -> Option<CloseCode> {
        self.ended.get().copied()
    }

    pub(super) fn is_room_removed(&self) -> bool {
        self.ended() == Some(CloseCode::RoomRemoved)
    }
}

/// A mailbox for one request of a caller that is no member. Dropping it cancels the interest in the reply.
#[derive(Debug)]
pub(super) struct Once(pub(super) Arc<Mailbox>);

impl Once {
    pub(super) fn new() -> Self {
        Self(Arc::new(Mailbox { replies: Mutex::new(Replies::Message(None)), ..Mailbox::default() }))
    }

    pub(super) async fn reply(self) -> ServerMessage {
        loop {
            if let Replies::Message(reply) = &mut *self.0.replies.lock()
                && let Some(reply) = reply.take()
            {
                return *reply;
            }
            std::future::poll_fn(|cx| self.0.poll_woken(cx)).await;
        }
    }
}

impl Drop for Once {
    fn drop(&mut self) {
        self.0.close();
    }
}
