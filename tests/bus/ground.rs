use std::{collections::BTreeSet, sync::Arc, time::Duration};

use asset_arbiter::{
    bus::{Bus, BusMessage, Incoming, open},
    model::{Change, Event, RoomName},
    server::Metrics,
};
use futures::future::try_join_all;
use tokio::{sync::mpsc, time::timeout};

use crate::engines::{PATIENCE, eventually};

/// What is quick.
pub(crate) const AT_ONCE: Duration = Duration::from_millis(500);

/// A node's end of a bus.
pub(crate) struct Node {
    pub(crate) bus: Arc<dyn Bus>,
    incoming: mpsc::Receiver<Incoming>,
    metrics: Metrics,
}

impl Node {
    /// One that has reached its servers.
    pub(crate) async fn start(url: &str) -> Self {
        let node = Self::open(url);
        eventually("the bus to answer", async || node.bus.ping().await.ok()).await;
        node
    }

    pub(crate) fn open(url: &str) -> Self {
        let metrics = Metrics::new();
        let bus = metrics.scope(|| open(url)).unwrap_or_else(|error| panic!("{url}: {error}"));
        let incoming = bus.incoming().unwrap();
        assert!(bus.incoming().is_none(), "it is handed out once");
        Self { bus, incoming, metrics }
    }

    pub(crate) async fn subscribe(&self, rooms: &[RoomName]) {
        try_join_all(rooms.iter().map(|room| self.bus.subscribe(room))).await.unwrap();
    }

    pub(crate) fn tell(&self, room: &RoomName, revision: u64) {
        let change = Change::granted("ann".parse().unwrap(), 1, 1);
        let event = Event { asset: "sword".parse().unwrap(), origin: 1, revision, remaining: 0, change };
        self.bus.publish(room, &BusMessage::Event(event));
    }

    pub(crate) async fn next(&mut self) -> Incoming {
        timeout(PATIENCE, self.incoming.recv()).await.expect("something to arrive").expect("the bus is open")
    }

    /// The next message, which must be one.
    pub(crate) async fn hears(&mut self) -> (RoomName, u64) {
        match self.next().await {
            Incoming::Message(room, BusMessage::Event(event)) => (room, event.revision),
            other => panic!("a message, not {other:?}"),
        }
    }

    /// Waits until it has heard of each of these rooms.
    pub(crate) async fn hears_all(&mut self, rooms: &[RoomName]) {
        let mut heard = BTreeSet::new();
        while heard.len() < rooms.len() {
            heard.insert(self.hears().await.0);
        }
    }

    /// Whatever comes before a certain message.
    pub(crate) async fn hears_at_last(&mut self, room: &RoomName, revision: u64) {
        loop {
            if let Incoming::Message(told, BusMessage::Event(event)) = self.next().await
                && (&told, event.revision) == (room, revision)
            {
                return;
            }
        }
    }

    /// Waits until it is said that messages may be missing; tells how many came before.
    pub(crate) async fn reconnects(&mut self) -> usize {
        let mut before = 0;
        while !matches!(self.next().await, Incoming::Reconnected) {
            before += 1;
        }
        before
    }

    /// Nothing more is here now.
    pub(crate) fn is_quiet(&mut self) -> bool {
        self.incoming.try_recv().is_err()
    }

    /// A metric without its prefix, such as `published_total`.
    pub(crate) fn count(&self, name: &str) -> u64 {
        let (text, name) = (self.metrics.render(), format!("asset_arbiter_bus_{name} "));
        let value = text.lines().find_map(|line| line.strip_prefix(&name));
        value.unwrap_or_else(|| panic!("no {name} in {text}")).parse().unwrap()
    }

    /// Messages that did not go out, or may not have.
    pub(crate) fn dropped(&self) -> u64 {
        self.count("dropped_total{direction=\"out\"}")
    }
}

pub(crate) fn room(name: &str) -> RoomName {
    name.parse().unwrap()
}

pub(crate) fn rooms(count: usize) -> Vec<RoomName> {
    (0..count).map(|n| room(&format!("r{n}"))).collect()
}
