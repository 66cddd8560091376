//! Redis and Valkey: publish and subscribe, sharded on a cluster. One connection per server carries everything,
//! because it speaks RESP3, in which push messages need no connection of their own.

mod names;
mod serve;

use std::sync::Arc;

use ::redis::{PushInfo, PushKind, Value, cmd};
use async_trait::async_trait;
use tokio::sync::mpsc;
use tokio_util::task::AbortOnDropHandle;

use self::names::Names;
use super::{Bus, BusError, BusMessage, Driver, Incoming, outbox::Outbox};
use crate::{
    link::needs_runtime,
    link::redis::{Listener, RedisError, RedisUrl, SCHEMES, Topology, slot},
    model::RoomName,
};

pub(super) const DRIVER: Driver = Driver {
    schemes: &SCHEMES,
    example: "redis://127.0.0.1:6379",
    summary: "Redis 6 or later, Valkey or ElastiCache; a redis store is its own; also rediss://, redis+cluster:// and \
              redis+sentinel://HOST/NAME; ?prefix=",
    of_a_store: Some(&["prefix"]),
    check: |url| parsed(url).map(drop),
    open,
};

/// The advice if the user lacks a permission that only the bus needs.
const MAY_NOT: &str = "let this user publish and subscribe on the channels of the prefix";

const BUS: &str = "redis";

struct RedisBus {
    outbox: Arc<Outbox>,
    topology: Arc<Topology>,
    _conductor: AbortOnDropHandle<()>,
}

fn open(url: &str) -> Result<Arc<dyn Bus>, BusError> {
    let url = parsed(url)?;
    needs_runtime().map_err(bus_error)?;
    let (outbox, names) = (Arc::new(Outbox::new(BUS)), Arc::new(Names::new(&url)));
    let topology = Arc::new(Topology::open(&url, Some(listener(&outbox, &names))).map_err(bus_error)?);
    let conductor =
        AbortOnDropHandle::new(tokio::spawn(serve::conduct(Arc::clone(&outbox), Arc::clone(&topology), names)));
    Ok(Arc::new(RedisBus { outbox, topology, _conductor: conductor }))
}

fn parsed(url: &str) -> Result<RedisUrl, BusError> {
    let url = RedisUrl::parse(url).map_err(bus_error)?;
    if url.options.wait.is_some() || url.options.room_ttl.is_some() {
        return Err(bus_error("wait, wait_timeout_ms and ttl are for a store; the option of a bus is prefix"));
    }
    Ok(url)
}

/// Handles the servers' push messages.
fn listener(outbox: &Arc<Outbox>, names: &Arc<Names>) -> Listener {
    let (outbox, names) = (Arc::clone(outbox), Arc::clone(names));
    Arc::new(move |PushInfo { kind, data }| match (kind, &data[..]) {
        (PushKind::Message | PushKind::SMessage, [Value::BulkString(channel), Value::BulkString(envelope)]) => {
            if let Some(room) = names.room(channel) {
                outbox.hear(room, envelope);
            }
        }
        // The server also pushes this unrequested, when a slot moves to another server.
        (PushKind::SUnsubscribe, [Value::BulkString(channel), ..]) => {
            if let Some(room) = names.room(channel) {
                outbox.ask_again(&room, slot(&room));
            }
        }
        _ => {}
    })
}

#[async_trait]
impl Bus for RedisBus {
    fn reaches_other_nodes(&self) -> bool {
        true
    }

    fn publish(&self, room: &RoomName, message: &BusMessage) {
        self.outbox.publish(room, slot(room), message);
    }

    async fn subscribe(&self, room: &RoomName) -> Result<(), BusError> {
        let reached = async { Ok(self.topology.of(slot(room)).await?.connection().await.map(drop)?) };
        self.outbox.subscribe(room, slot(room), reached).await
    }

    fn unsubscribe(&self, room: &RoomName) {
        self.outbox.unwant(room, slot(room));
    }

    fn incoming(&self) -> Option<mpsc::Receiver<Incoming>> {
        self.outbox.incoming()
    }

    async fn ping(&self) -> Result<(), BusError> {
        for client in self.topology.all().await? {
            client.ask(cmd("PING")).await?;
        }
        Ok(())
    }
}

impl From<RedisError> for BusError {
    fn from(error: RedisError) -> Self {
        let (said, hopeless) = error.advised(MAY_NOT);
        bus_error(said).hopeless_if(hopeless)
    }
}

fn bus_error(message: impl Into<String>) -> BusError {
    BusError::new(BUS, message)
}
