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

/// Where the replies to one caller arrive, and what wakes it. Everything that concerns a connection
/// (a reply, a room frame, a sign from the server layer) is a wake-up here, so one task waits in one place.
#[derive(Debug, Default)]
pub struct Mailbox {
    /// Set by a wake-up, cleared by the owner before it looks; a second wake-up in between costs one atomic.
    woken: AtomicBool,
    waker: AtomicWaker,
    replies: Mutex<VecDeque<ServerMessage>>,
    /// The owner is gone: what was not yet sent for it need not be sent.
    closed: AtomicBool,
    /// The room was removed.
    room_removed: AtomicBool,
}

impl Mailbox {
    pub(super) fn new() -> Arc<Self> {
        Arc::default()
    }

    /// Makes the owner look again.
    pub fn wake(&self) {
        if !self.woken.swap(true, AcqRel) {
            self.waker.wake();
        }
    }

    /// Ready once per wake-up. What arrives after it is a new wake-up: look at everything after it, then poll again.
    pub fn poll_woken(&self, cx: &mut Context<'_>) -> Poll<()> {
        if self.woken.swap(false, AcqRel) {
            return Poll::Ready(());
        }
        self.waker.register(cx.waker());
        if self.woken.swap(false, AcqRel) { Poll::Ready(()) } else { Poll::Pending }
    }

    /// Whatever came until now is about to be looked at.
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

/// A mailbox for one request of a caller that is no member; dropping it drops the interest.
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
