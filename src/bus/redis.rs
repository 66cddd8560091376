//! Redis and Valkey: publish and subscribe, sharded on a cluster. One connection per server carries it all; it speaks
//! RESP3, where what a server says unasked needs none of its own.

mod names;
mod serve;

use std::sync::Arc;

use ::redis::{PushInfo, PushKind, Value, cmd};
use async_trait::async_trait;
use tokio::{runtime::Handle, sync::mpsc};

use self::names::Names;
use super::{Bus, BusError, BusMessage, Driver, Incoming, desk::Desk, task::Task};
use crate::{
    link::redis::{Listener, Map, SCHEMES, Target, Trouble, advice, slot, with_advice},
    model::RoomName,
};

pub(super) const DRIVER: Driver = Driver {
    schemes: &SCHEMES,
    example: "redis://127.0.0.1:6379",
    summary: "Redis 6 or later, Valkey or ElastiCache; a redis store is its own; also rediss://, redis+cluster:// and \
              redis+sentinel://HOST/NAME; ?prefix=",
    of_a_store: Some(&["prefix"]),
    check: |url| target(url).map(drop),
    open,
};

/// What to do where a user may not do what only a bus does.
const MAY_NOT: &str = "let this user publish and subscribe on the channels of the prefix";

const BUS: &str = "redis";

struct RedisBus {
    desk: Arc<Desk>,
    map: Arc<Map>,
    _conductor: Task,
}

fn open(url: &str) -> Result<Arc<dyn Bus>, BusError> {
    let target = target(url)?;
    if Handle::try_current().is_err() {
        return Err(error("it connects in the background and needs a tokio runtime for it"));
    }
    let (desk, names) = (Arc::new(Desk::new(BUS)), Arc::new(Names::new(&target)));
    let map = Arc::new(Map::open(&target, Some(listener(&desk, &names))).map_err(error)?);
    let conductor = Task::spawn(serve::conduct(Arc::clone(&desk), Arc::clone(&map), names));
    Ok(Arc::new(RedisBus { desk, map, _conductor: conductor }))
}

fn target(url: &str) -> Result<Target, BusError> {
    let target = Target::parse(url).map_err(error)?;
    if target.options.wait.is_some() || target.options.room_ttl.is_some() {
        return Err(error("wait, wait_timeout_ms and ttl are for a store; the option of a bus is prefix"));
    }
    Ok(target)
}

/// Takes what the servers say unasked.
fn listener(desk: &Arc<Desk>, names: &Arc<Names>) -> Listener {
    let (desk, names) = (Arc::clone(desk), Arc::clone(names));
    Arc::new(move |PushInfo { kind, data }| match (kind, &data[..]) {
        (PushKind::Message | PushKind::SMessage, [Value::BulkString(channel), Value::BulkString(letter)]) => {
            if let Some(room) = names.room(channel) {
                desk.hear(room, letter);
            }
        }
        // Also said unasked, when a slot moves to another server.
        (PushKind::SUnsubscribe, [Value::BulkString(channel), ..]) => {
            if let Some(room) = names.room(channel) {
                desk.ask_again(&room, slot(&room));
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
        self.desk.publish(room, slot(room), message);
    }

    async fn subscribe(&self, room: &RoomName) -> Result<(), BusError> {
        let reached = async { Ok(self.map.of(slot(room)).await?.line().await.map(drop)?) };
        self.desk.subscribe(room, slot(room), reached).await
    }

    fn unsubscribe(&self, room: &RoomName) {
        self.desk.unwant(room, slot(room));
    }

    fn incoming(&self) -> Option<mpsc::Receiver<Incoming>> {
        self.desk.incoming()
    }

    async fn ping(&self) -> Result<(), BusError> {
        for link in self.map.all().await? {
            link.ask(cmd("PING")).await?;
        }
        Ok(())
    }
}

impl From<Trouble> for BusError {
    fn from(trouble: Trouble) -> Self {
        let said = trouble.to_string();
        match advice(&said, MAY_NOT) {
            Some(advice) => error(format!("{said}; {advice}")).hopeless(),
            None => error(with_advice(said)),
        }
    }
}

fn error(message: impl Into<String>) -> BusError {
    BusError::new(BUS, message)
}
