//! NATS: core publish and subscribe over one connection; the NATS client resubscribes by itself.

mod server;
mod url;
mod work;

use std::sync::Arc;

use async_trait::async_trait;
use tokio::sync::{mpsc, watch};
use tokio_util::task::AbortOnDropHandle;

use self::{
    server::{Server, State},
    url::NatsUrl,
    work::work,
};
use super::{Bus, BusError, BusMessage, Driver, Incoming, outbox::Outbox};
use crate::{link::needs_runtime, model::RoomName};

pub(super) const DRIVER: Driver = Driver {
    schemes: &url::SCHEMES,
    example: "nats://127.0.0.1:4222",
    summary: "NATS; also tls:// and more hosts of one cluster; ?prefix=",
    of_a_store: None,
    check: |url| NatsUrl::parse(url).map(drop).map_err(error),
    open,
};

const BUS: &str = "nats";

/// The only slot, because all rooms are on the same server.
const SLOT: u16 = 0;

struct NatsBus {
    outbox: Arc<Outbox>,
    state: watch::Receiver<State>,
    _worker: AbortOnDropHandle<()>,
}

fn open(url: &str) -> Result<Arc<dyn Bus>, BusError> {
    let url = NatsUrl::parse(url).map_err(error)?;
    needs_runtime().map_err(error)?;
    let (outbox, (sender, state)) = (Arc::new(Outbox::new(BUS)), watch::channel(State::Connecting));
    let server = Server::new(&url, &outbox, sender).map_err(error)?;
    let worker = AbortOnDropHandle::new(tokio::spawn(work(Arc::clone(&outbox), url, server, state.clone())));
    Ok(Arc::new(NatsBus { outbox, state, _worker: worker }))
}

impl NatsBus {
    /// Whether the bus is connected. Waits for the first attempt to connect.
    async fn reached(&self) -> Result<(), BusError> {
        let mut state = self.state.clone();
        match state.wait_for(|state| !matches!(state, State::Connecting)).await.as_deref() {
            Ok(State::Up(_)) => Ok(()),
            Ok(State::Down(away)) => Err(away.error()),
            Ok(State::Connecting) | Err(_) => Err(error("it is closed")),
        }
    }
}

#[async_trait]
impl Bus for NatsBus {
    fn reaches_other_nodes(&self) -> bool {
        true
    }

    fn publish(&self, room: &RoomName, message: &BusMessage) {
        self.outbox.publish(room, SLOT, message);
    }

    async fn subscribe(&self, room: &RoomName) -> Result<(), BusError> {
        self.outbox.subscribe(room, SLOT, self.reached()).await
    }

    fn unsubscribe(&self, room: &RoomName) {
        self.outbox.unwant(room, SLOT);
    }

    fn incoming(&self) -> Option<mpsc::Receiver<Incoming>> {
        self.outbox.incoming()
    }

    async fn ping(&self) -> Result<(), BusError> {
        self.reached().await
    }
}

fn error(message: impl Into<String>) -> BusError {
    BusError::new(BUS, message)
}
