use std::{collections::HashMap, sync::Arc, time::Duration};

use async_nats::{Client, Request, RequestErrorKind, Subscriber};
use futures::StreamExt;
use tokio::sync::watch;
use tokio_util::task::AbortOnDropHandle;

use super::{
    super::outbox::{Outbox, Work},
    server::{Server, State},
    url::NatsUrl,
};
use crate::model::RoomName;

/// Maximum number of envelopes and rooms between two checks of the connection.
const AT_ONCE: usize = 512;

/// How long the server may take to confirm the sent messages before the request is repeated.
const SEEN_WITHIN: Duration = Duration::from_secs(1);

/// Publishes the outbox and keeps the rooms subscribed.
pub(super) struct Worker {
    outbox: Arc<Outbox>,
    url: NatsUrl,
    client: Client,
    state: watch::Receiver<State>,
    rooms: HashMap<RoomName, AbortOnDropHandle<()>>,
    /// Subscriptions that the server has not confirmed yet.
    unseen: Vec<RoomName>,
    /// Whether messages may be missing, because a subscription was confirmed after its caller gave up or the
    /// connection was lost.
    late: bool,
}

/// Processes the outbox over the current connection.
pub(super) async fn work(outbox: Arc<Outbox>, url: NatsUrl, server: Server, state: watch::Receiver<State>) {
    let client = server.connect().await;
    let (rooms, unseen) = (HashMap::new(), Vec::new());
    Worker { outbox, url, client, state, rooms, unseen, late: false }.run().await;
}

impl Worker {
    async fn run(mut self) {
        let (mut bell, mut known) = (self.outbox.bell(), 1);
        loop {
            let Some(times) = self.up().await else { return };
            // The connection is new, and the client has subscribed to everything again.
            let again = std::mem::replace(&mut known, times) != times;
            self.late |= again;
            let work = self.outbox.work(|_| true, AT_ONCE);
            if work.is_empty() && self.unseen.is_empty() && !self.late {
                tokio::select! {
                    biased;
                    _ = self.state.changed() => {}
                    _ = bell.changed() => {}
                }
                continue;
            }
            self.send(work).await;
            if (self.late || !self.unseen.is_empty()) && self.is_seen().await {
                self.conclude();
            }
        }
    }

    /// Waits for a connection and returns its number; `None` if the bus is closed.
    async fn up(&mut self) -> Option<u64> {
        match *self.state.wait_for(|state| matches!(state, State::Up(_))).await.ok()? {
            State::Up(times) => Some(times),
            State::Connecting | State::Down(_) => None,
        }
    }

    async fn send(&mut self, work: Work) {
        for (room, wanted) in work.rooms {
            if wanted && !self.rooms.contains_key(&room) {
                // Subjects are always valid, and a closed client has no waiting callers.
                let Ok(subscriber) = self.client.subscribe(self.url.subject(&room)).await else { continue };
                let heard = hear(Arc::clone(&self.outbox), room.clone(), subscriber);
                self.rooms.insert(room.clone(), AbortOnDropHandle::new(tokio::spawn(heard)));
            }
            if wanted {
                self.unseen.push(room);
            } else {
                self.rooms.remove(&room);
            }
        }
        let all = work.envelopes.len();
        let mut sent = 0;
        for envelope in work.envelopes {
            let subject = self.url.subject(&envelope.room);
            sent += usize::from(self.client.publish(subject, envelope.text.into()).await.is_ok());
        }
        self.outbox.sent(sent);
        self.outbox.lost(all - sent);
    }

    /// Sends a request without responders. The server's reply proves that it has processed everything sent
    /// before.
    async fn is_seen(&self) -> bool {
        let request = Request::new().timeout(Some(SEEN_WITHIN));
        match self.client.send_request(self.url.nowhere(), request).await {
            Ok(_) => true,
            Err(error) => error.kind() == RequestErrorKind::NoResponders,
        }
    }

    fn conclude(&mut self) {
        for room in std::mem::take(&mut self.unseen) {
            self.late |= self.outbox.subscribed(&room);
        }
        if std::mem::take(&mut self.late) {
            self.outbox.missed();
        }
    }
}

async fn hear(outbox: Arc<Outbox>, room: RoomName, mut subscriber: Subscriber) {
    while let Some(message) = subscriber.next().await {
        outbox.hear(room.clone(), &message.payload);
    }
}
