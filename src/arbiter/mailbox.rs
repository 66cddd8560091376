use std::{
    collections::VecDeque,
    sync::{
        Arc,
        atomic::{AtomicBool, Ordering::AcqRel, Ordering::Acquire, Ordering::Release},
    },
    task::{Context, Poll},
};

use futures::task::AtomicWaker;
use parking_lot::Mutex;

use crate::model::{
    ServerMessage,
    limits::{IDLE_CAPACITY, MAILBOX_REPLIES},
};

/// Receives the replies to one caller and wakes the caller. A reply, a room frame and a signal from the server layer
/// all wake the same mailbox, so that one task waits in one place.
#[derive(Debug, Default)]
pub struct Mailbox {
    /// Set by a wake-up, cleared by the owner before reading. A second wake-up in between costs one atomic.
    woken: AtomicBool,
    waker: AtomicWaker,
    replies: Mutex<VecDeque<ServerMessage>>,
    /// The owner was dropped. Its pending requests need not be sent.
    closed: AtomicBool,
    /// The room was removed.
    room_removed: AtomicBool,
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

    pub(super) fn push(&self, reply: ServerMessage) {
        {
            let mut replies = self.replies.lock();
            if replies.len() < MAILBOX_REPLIES {
                replies.push_back(reply);
            } else {
                tracing::error!(
                    "a mailbox is full: a caller has more requests in flight than any limit allows"
                );
            }
        }
        self.wake();
    }

    pub(super) fn take(&self, into: &mut Vec<ServerMessage>) {
        let mut replies = self.replies.lock();
        into.extend(replies.drain(..));
        replies.shrink_to(IDLE_CAPACITY);
    }

    pub(super) fn close(&self) {
        self.closed.store(true, Release);
    }

    pub(super) fn is_closed(&self) -> bool {
        self.closed.load(Acquire)
    }

    pub(super) fn room_removed(&self) {
        self.room_removed.store(true, Release);
        self.wake();
    }

    pub(super) fn is_room_removed(&self) -> bool {
        self.room_removed.load(Acquire)
    }
}

/// A mailbox for one request of a caller that is no member. Dropping it cancels the interest in the reply.
#[derive(Debug)]
pub(super) struct Once(pub(super) Arc<Mailbox>);

impl Once {
    pub(super) fn new() -> Self {
        Self(Mailbox::new())
    }

    pub(super) async fn reply(self) -> ServerMessage {
        loop {
            if let Some(reply) = self.0.replies.lock().pop_front() {
                return reply;
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
