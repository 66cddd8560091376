use std::{collections::HashMap, sync::Arc, time::Duration};

use redis::{Pipeline, ServerError, Value};
use tokio::time::sleep;
use tokio_util::task::AbortOnDropHandle;

use super::{
    super::{
        BusError,
        outbox::{Envelope, Outbox, Work},
    },
    names::Names,
};
use crate::{
    link::redis::{Address, Client, Connection, RedisError, Topology, slot},
    model::{LogThrottle, RoomName},
};

/// Maximum number of envelopes and rooms in one pipeline. More would only delay a slow server's answers.
const AT_ONCE: usize = 512;

/// The pause before retrying a request that a server refused because its slot is being moved.
const MOVE_PAUSE: Duration = Duration::from_millis(50);

/// Serves every server that owns slots, and resubscribes rooms whose slots have moved.
pub(super) async fn conduct(outbox: Arc<Outbox>, topology: Arc<Topology>, names: Arc<Names>) {
    let mut owners = topology.owners();
    let mut served: HashMap<Address, (Arc<Client>, AbortOnDropHandle<()>)> = HashMap::new();
    loop {
        let ranges = owners.next().await;
        served.retain(|_, (client, _)| ranges.values().any(|owner| Arc::ptr_eq(owner, client)));
        for client in ranges.values() {
            served.entry(client.address.clone()).or_insert_with(|| {
                let (outbox, topology, names) =
                    (Arc::clone(&outbox), Arc::clone(&topology), Arc::clone(&names));
                let server = Server {
                    outbox,
                    topology,
                    names,
                    client: Arc::clone(client),
                    late: false,
                    refusals: LogThrottle::each_minute(),
                };
                (Arc::clone(client), AbortOnDropHandle::new(tokio::spawn(server.serve())))
            });
        }
        outbox.ask_all_again(slot);
    }
}

/// Serves the connection of one server.
struct Server {
    outbox: Arc<Outbox>,
    topology: Arc<Topology>,
    names: Arc<Names>,
    client: Arc<Client>,
    /// Whether a subscription was confirmed after all its callers gave up.
    late: bool,
    refusals: LogThrottle,
}

/// An answer did not match its command, because a push message about a moved slot arrived first. Only a new
/// connection is in sync again.
struct OutOfStep;

impl Server {
    async fn serve(mut self) {
        loop {
            let mut connection = self.client.next_connection().await;
            self.outbox.begin(slot, self.mine());
            if self.work(&mut connection).await.is_err() {
                self.client.renew();
            }
            connection.end().await;
        }
    }

    /// Whether this server owns a slot.
    fn mine(&self) -> impl Fn(u16) -> bool + use<> {
        let (ranges, client) = (self.topology.now(), Arc::clone(&self.client));
        move |slot| ranges.range(slot..).next().is_some_and(|(_, owner)| Arc::ptr_eq(owner, &client))
    }

    /// Processes the outbox until the connection breaks.
    async fn work(&mut self, connection: &mut Connection) -> Result<(), OutOfStep> {
        let mut bell = self.outbox.bell();
        loop {
            let work = self.outbox.work(self.mine(), AT_ONCE);
            if work.rooms.is_empty() && std::mem::take(&mut self.late) {
                self.outbox.missed();
            }
            if work.is_empty() {
                tokio::select! {
                    biased;
                    () = connection.end() => return Ok(()),
                    _ = bell.changed() => continue,
                }
            }
            let Ok(answers) = connection.send(&self.commands(&work)).await else {
                // The rooms are subscribed to again on the next connection.
                self.outbox.lost(work.envelopes.len());
                return Ok(());
            };
            self.conclude(work, answers).await?;
        }
    }

    fn commands(&self, work: &Work) -> Pipeline {
        let mut commands = Pipeline::with_capacity(work.rooms.len() + work.envelopes.len());
        for (room, wanted) in &work.rooms {
            commands.add_command(self.names.settle(room, *wanted));
        }
        for envelope in &work.envelopes {
            commands.add_command(self.names.publish(&envelope.room, &envelope.text));
        }
        commands
    }

    async fn conclude(&mut self, work: Work, answers: Vec<Value>) -> Result<(), OutOfStep> {
        let mut answers = answers.into_iter();
        let mut moved = false;
        for (room, wanted) in work.rooms {
            moved |= match answers.next() {
                Some(Value::ServerError(refused)) => self.no_room(&room, refused),
                Some(answer) if self.names.confirms(&room, wanted, &answer) => {
                    self.late |= wanted && self.outbox.subscribed(&room);
                    false
                }
                _ => {
                    self.outbox.lost(work.envelopes.len());
                    return Err(OutOfStep);
                }
            };
        }
        let back = self.after_sending(work.envelopes, answers)?;
        if moved || !back.is_empty() {
            self.outbox.put_back(back);
            self.topology.refresh();
            sleep(MOVE_PAUSE).await;
        }
        Ok(())
    }

    /// Counts the sent envelopes, and returns those that another server may take.
    fn after_sending(
        &self,
        envelopes: Vec<Envelope>,
        answers: impl Iterator<Item = Value>,
    ) -> Result<Vec<Envelope>, OutOfStep> {
        let (all, mut sent, mut back) = (envelopes.len(), 0, Vec::new());
        for (envelope, answer) in envelopes.into_iter().zip(answers) {
            match answer {
                Value::Int(_) => sent += 1,
                Value::ServerError(refused) => match RedisError::Refused(refused) {
                    error if error.makes_topology_stale() => back.push(envelope),
                    error => self.report_unreadable(&envelope.room, &error),
                },
                _ => {
                    self.outbox.sent(sent);
                    self.outbox.lost(all - sent);
                    return Err(OutOfStep);
                }
            }
        }
        self.outbox.sent(sent);
        self.outbox.lost(all - sent - back.len());
        Ok(back)
    }

    /// Handles a refused subscription. Returns true if another server may accept it.
    fn no_room(&self, room: &RoomName, refused: ServerError) -> bool {
        let error = RedisError::Refused(refused);
        let moved = error.makes_topology_stale();
        if moved {
            self.outbox.ask_again(room, slot(room));
        } else {
            self.report_unreadable(room, &error);
            self.outbox.refused(room, || BusError::from(error.clone()));
        }
        moved
    }

    fn report_unreadable(&self, room: &RoomName, error: &RedisError) {
        if self.refusals.due().is_some() {
            let why = BusError::from(error.clone());
            tracing::warn!(server = %self.client.address, %room, %why, "the bus does not take it");
        }
    }
}
