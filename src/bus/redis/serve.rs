use std::{collections::HashMap, sync::Arc, time::Duration};

use redis::{Pipeline, ServerError, Value};
use tokio::time::sleep;

use super::{
    super::{
        BusError,
        desk::{Desk, Letter, Work},
        task::Task,
    },
    names::Names,
};
use crate::{
    link::redis::{Address, Line, Link, Map, Trouble, slot},
    model::{LogThrottle, RoomName},
};

/// Letters and rooms that go together: more would only make a slow server's answers come later.
const AT_ONCE: usize = 512;

/// What a server did not take, as its slot is on its way to another one, is tried again after this.
const MOVE_PAUSE: Duration = Duration::from_millis(50);

/// Has every server that has slots served, and rooms subscribed to anew where slots have moved.
pub(super) async fn conduct(desk: Arc<Desk>, map: Arc<Map>, names: Arc<Names>) {
    let mut owners = map.owners();
    let mut served: HashMap<Address, (Arc<Link>, Task)> = HashMap::new();
    loop {
        let ranges = owners.next().await;
        served.retain(|_, (link, _)| ranges.values().any(|owner| Arc::ptr_eq(owner, link)));
        for link in ranges.values() {
            served.entry(link.address.clone()).or_insert_with(|| {
                let (desk, map, names) = (Arc::clone(&desk), Arc::clone(&map), Arc::clone(&names));
                let server = Server {
                    desk,
                    map,
                    names,
                    link: Arc::clone(link),
                    late: false,
                    refusals: LogThrottle::each_minute(),
                };
                (Arc::clone(link), Task::spawn(server.serve()))
            });
        }
        desk.ask_all_again(slot);
    }
}

/// One server, and what is done with its connection.
struct Server {
    desk: Arc<Desk>,
    map: Arc<Map>,
    names: Arc<Names>,
    link: Arc<Link>,
    /// Rooms were subscribed to that nobody waited for.
    late: bool,
    refusals: LogThrottle,
}

/// The server answered something else than what it was asked: that a slot moved away was said in between. Only a new
/// connection is in step again.
struct OutOfStep;

impl Server {
    async fn serve(mut self) {
        loop {
            let mut line = self.link.next_line().await;
            self.desk.begin(slot, self.mine());
            if self.work(&mut line).await.is_err() {
                self.link.renew();
            }
            line.end().await;
        }
    }

    /// Whether a slot is this server's.
    fn mine(&self) -> impl Fn(u16) -> bool + use<> {
        let (ranges, link) = (self.map.now(), Arc::clone(&self.link));
        move |slot| ranges.range(slot..).next().is_some_and(|(_, owner)| Arc::ptr_eq(owner, &link))
    }

    /// Works until the connection breaks.
    async fn work(&mut self, line: &mut Line) -> Result<(), OutOfStep> {
        let mut bell = self.desk.bell();
        loop {
            let work = self.desk.work(self.mine(), AT_ONCE);
            if work.rooms.is_empty() && std::mem::take(&mut self.late) {
                self.desk.missed();
            }
            if work.is_empty() {
                tokio::select! {
                    biased;
                    () = line.end() => return Ok(()),
                    _ = bell.changed() => continue,
                }
            }
            let Ok(answers) = line.send(&self.commands(&work)).await else {
                // The rooms are subscribed to on the next connection.
                self.desk.lost(work.letters.len());
                return Ok(());
            };
            self.conclude(work, answers).await?;
        }
    }

    fn commands(&self, work: &Work) -> Pipeline {
        let mut commands = Pipeline::with_capacity(work.rooms.len() + work.letters.len());
        for (room, wanted) in &work.rooms {
            commands.add_command(self.names.settle(room, *wanted));
        }
        for letter in &work.letters {
            commands.add_command(self.names.publish(&letter.room, &letter.text));
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
                    self.late |= wanted && self.desk.subscribed(&room);
                    false
                }
                _ => {
                    self.desk.lost(work.letters.len());
                    return Err(OutOfStep);
                }
            };
        }
        let back = self.after_sending(work.letters, answers)?;
        if moved || !back.is_empty() {
            self.desk.put_back(back);
            self.map.doubt();
            sleep(MOVE_PAUSE).await;
        }
        Ok(())
    }

    /// Gives back what another server may take.
    fn after_sending(
        &self,
        letters: Vec<Letter>,
        answers: impl Iterator<Item = Value>,
    ) -> Result<Vec<Letter>, OutOfStep> {
        let (all, mut sent, mut back) = (letters.len(), 0, Vec::new());
        for (letter, answer) in letters.into_iter().zip(answers) {
            match answer {
                Value::Int(_) => sent += 1,
                Value::ServerError(refused) => match Trouble::Refused(refused) {
                    trouble if trouble.doubts_the_map() => back.push(letter),
                    trouble => self.complain(&letter.room, &trouble),
                },
                _ => {
                    self.desk.sent(sent);
                    self.desk.lost(all - sent);
                    return Err(OutOfStep);
                }
            }
        }
        self.desk.sent(sent);
        self.desk.lost(all - sent - back.len());
        Ok(back)
    }

    /// The server does not take the room; true if another one may.
    fn no_room(&self, room: &RoomName, refused: ServerError) -> bool {
        let trouble = Trouble::Refused(refused);
        let moved = trouble.doubts_the_map();
        if moved {
            self.desk.ask_again(room, slot(room));
        } else {
            self.complain(room, &trouble);
            self.desk.refused(room, || BusError::from(trouble.clone()));
        }
        moved
    }

    fn complain(&self, room: &RoomName, trouble: &Trouble) {
        if self.refusals.due().is_some() {
            let why = BusError::from(trouble.clone());
            tracing::warn!(server = %self.link.address, %room, %why, "the bus does not take it");
        }
    }
}
