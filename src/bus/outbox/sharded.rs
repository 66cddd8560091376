//! Operations for buses that shard rooms over changing servers, where the bus itself must resubscribe.

use super::{super::BusError, Envelope, Outbox, State};
use crate::model::RoomName;

impl Outbox {
    /// Handles a new connection, whose server has no subscriptions for these slots.
    pub(in crate::bus) fn begin(&self, slot_of: impl Fn(&RoomName) -> u16, mine: impl Fn(u16) -> bool) {
        let mut state = self.state.lock();
        let State { rooms, asked, unsettled, .. } = &mut *state;
        asked.retain(|room| !mine(slot_of(room)));
        unsettled.retain(|(slot, _)| !mine(*slot));
        unsettled
            .extend(rooms.keys().map(|room| (slot_of(room), room.clone())).filter(|(slot, _)| mine(*slot)));
    }

    /// Requests all subscriptions again, because rooms may have moved to other servers.
    pub(in crate::bus) fn ask_all_again(&self, slot_of: impl Fn(&RoomName) -> u16) {
        let mut state = self.state.lock();
        let State { rooms, unsettled, .. } = &mut *state;
        unsettled.extend(rooms.keys().map(|room| (slot_of(room), room.clone())));
        drop(state);
        self.ring();
    }

    /// Handles a lost subscription. If the room is wanted, it is requested again.
    pub(in crate::bus) fn ask_again(&self, room: &RoomName, slot: u16) {
        let mut state = self.state.lock();
        if state.rooms.contains_key(room) {
            state.unsettled.insert((slot, room.clone()));
        }
        drop(state);
        self.ring();
    }

    /// Returns envelopes to the front of the queue, to be sent first.
    pub(in crate::bus) fn put_back(&self, envelopes: Vec<Envelope>) {
        let dropped = self.state.lock().envelopes.put_back(envelopes);
        self.lost(dropped);
    }

    /// Reports a refused subscription to the waiting callers.
    pub(in crate::bus) fn refused(&self, room: &RoomName, why: impl Fn() -> BusError) {
        let waiting = self.state.lock().rooms.get_mut(room).map(std::mem::take);
        // The callers may have given up.
        waiting.into_iter().flatten().for_each(|one| drop(one.send(Err(why()))));
    }
}

#[cfg(test)]
mod tests {
    use super::{
        super::{
            tests::{room, slot},
            waiting::WAITING_ENVELOPES,
        },
        *,
    };
    use crate::bus::BusMessage;

    #[tokio::test]
    async fn what_nobody_wants_any_more_is_not_kept_while_a_server_is_away() {
        let outbox = Outbox::new("test");
        let (old, new) = (room("old"), room("new"));
        drop(outbox.want(&old, slot(&old)));
        assert_eq!(outbox.work(|_| true, 9).rooms, [(old.clone(), true)]);
        for name in (0..100).map(|n| room(&format!("r{n}"))) {
            drop(outbox.want(&name, slot(&name)));
            outbox.unwant(&name, slot(&name));
        }
        outbox.unwant(&old, slot(&old));
        drop(outbox.want(&new, slot(&new)));
        assert_eq!(outbox.work(|_| true, 99).rooms, [(new.clone(), true), (old, false)]);
        outbox.begin(slot, |_| true);
        assert_eq!(outbox.work(|_| true, 99).rooms, [(new, true)]);
    }

    #[tokio::test]
    async fn what_is_put_back_comes_first_as_far_as_there_is_a_place() {
        let (outbox, arena) = (Outbox::new("test"), room("arena"));
        let publish = |n: usize| (0..n).for_each(|_| outbox.publish(&arena, 0, &BusMessage::RoomRemoved));
        publish(3);
        let mut envelopes = outbox.work(|_| true, 9).envelopes;
        envelopes.iter_mut().zip(b'a'..).for_each(|(envelope, name)| envelope.text = vec![name]);
        publish(WAITING_ENVELOPES - 2);
        outbox.put_back(envelopes);
        let texts: Vec<_> =
            outbox.work(|_| true, 2).envelopes.into_iter().map(|envelope| envelope.text).collect();
        assert_eq!(texts, [b"b", b"c"], "the oldest has no place any more");
    }

    #[tokio::test]
    async fn whoever_waits_for_a_room_that_is_refused_is_told() {
        let (outbox, arena) = (Outbox::new("test"), room("arena"));
        let waiting = outbox.want(&arena, 0);
        outbox.refused(&arena, || BusError::new("test", "no"));
        assert!(waiting.await.unwrap().is_err());
    }
}
