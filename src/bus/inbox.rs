use std::sync::Arc;

use metrics::{Counter, counter};
use parking_lot::Mutex;
use tokio::sync::{Notify, mpsc};
use tokio_util::task::AbortOnDropHandle;

use super::{Incoming, envelope::SenderId};
use crate::model::{LogThrottle, RoomName};

/// Maximum number of messages queued for the arbiter: some seconds of a busy room, about 4 MB. Beyond it
/// messages are dropped, and the rooms are compared with the store instead.
const WAITING: usize = 16_384;

/// Queues received messages for the arbiter.
pub(super) struct Inbox {
    arrived: mpsc::Sender<Incoming>,
    receiver: Mutex<Option<mpsc::Receiver<Incoming>>>,
    missed: Arc<Notify>,
    unreadable_log: LogThrottle,
    received: Counter,
    dropped: Counter,
    unreadable: Counter,
    _notifier: AbortOnDropHandle<()>,
}

impl Inbox {
    pub(super) fn new() -> Self {
        let (arrived, receiver) = mpsc::channel(WAITING);
        let missed = Arc::<Notify>::default();
        Self {
            _notifier: AbortOnDropHandle::new(tokio::spawn(notify_missed(
                Arc::clone(&missed),
                arrived.clone(),
            ))),
            arrived,
            receiver: Mutex::new(Some(receiver)),
            missed,
            unreadable_log: LogThrottle::each_minute(),
            received: counter!("asset_arbiter_bus_received_total"),
            dropped: counter!("asset_arbiter_bus_dropped_total", "direction" => "in"),
            unreadable: counter!("asset_arbiter_bus_unreadable_total"),
        }
    }

    pub(super) fn receiver(&self) -> Option<mpsc::Receiver<Incoming>> {
        self.receiver.lock().take()
    }

    /// Parses and queues an envelope. Does not block.
    pub(super) fn take(&self, sender_id: &SenderId, room: RoomName, envelope: &[u8]) {
        let message = match sender_id.read(envelope) {
            Ok(None) => return,
            Ok(Some(message)) => message,
            Err(why) => return self.report_unreadable(&room, &why),
        };
        match self.arrived.try_send(Incoming::Message(room, message)) {
            Ok(()) => self.received.increment(1),
            Err(_) => {
                self.dropped.increment(1);
                self.missed();
            }
        }
    }

    /// Reports that messages may be missing, as soon as the queue has space. Calls until then are merged into
    /// one report.
    pub(super) fn missed(&self) {
        self.missed.notify_one();
    }

    fn report_unreadable(&self, room: &RoomName, why: &str) {
        self.unreadable.increment(1);
        if self.unreadable_log.due().is_some() {
            tracing::warn!(%room, why, "what came over the bus cannot be read; is another version of the server on it?");
        }
    }
}

async fn notify_missed(missed: Arc<Notify>, arrived: mpsc::Sender<Incoming>) {
    loop {
        missed.notified().await;
        if arrived.send(Incoming::Reconnected).await.is_err() {
            return;
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::bus::BusMessage;

    #[tokio::test]
    async fn what_the_arbiter_is_too_slow_for_is_dropped_and_said_once() {
        let (inbox, me, other) = (Inbox::new(), SenderId::random(), SenderId::random());
        let envelope = other.write(&BusMessage::RoomRemoved).unwrap();
        let room = RoomName::parse("arena").unwrap();
        let mut receiver = inbox.receiver().unwrap();
        for _ in 0..WAITING + 100 {
            inbox.take(&me, room.clone(), &envelope);
            inbox.take(&other, room.clone(), &envelope);
            inbox.take(&me, room.clone(), b"unreadable_log");
        }
        tokio::task::yield_now().await;
        for _ in 0..WAITING {
            assert!(matches!(receiver.recv().await, Some(Incoming::Message(..))));
        }
        assert!(matches!(receiver.recv().await, Some(Incoming::Reconnected)));
        inbox.take(&me, room.clone(), &envelope);
        assert!(
            matches!(receiver.recv().await, Some(Incoming::Message(..))),
            "it goes on, and it was said once"
        );
    }
}
