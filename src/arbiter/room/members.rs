use std::sync::{
    Arc,
    atomic::{
        AtomicBool, AtomicU64,
        Ordering::{Acquire, SeqCst},
    },
};

use parking_lot::RwLock;
use slab::Slab;
use tokio::{runtime::Handle, task::yield_now, time::Instant};

use crate::{
    arbiter::mailbox::Mailbox,
    model::{CloseCode, PlayerName},
};

/// Members woken in one go: half a millisecond of writes. Requests that arrive meanwhile are answered before the next group
/// is woken.
const GROUP: usize = 128;

/// The members of a room, by their connections.
#[derive(Default)]
pub(in crate::arbiter) struct Members {
    connections: RwLock<Slab<Connection>>,
    /// The number of the last connection.
    last: AtomicU64,
    /// The offset of the newest frame that the members are to read.
    head: AtomicU64,
    /// A task wakes the members group by group.
    waking: AtomicBool,
}

/// One member's connection.
#[derive(Clone)]
pub(in crate::arbiter) struct Connection {
    /// Where it is woken, and told to end.
    pub(in crate::arbiter) mailbox: Arc<Mailbox>,
    player: Option<PlayerName>,
    /// Rises with every connection of the room on this node.
    pub(in crate::arbiter) number: u64,
    pub(in crate::arbiter) since: Instant,
}

/// The room has the maximum number of members.
pub(in crate::arbiter) struct RoomFull;

impl Members {
    /// Adds a member and returns its id.
    pub(super) fn insert(
        &self,
        mailbox: &Arc<Mailbox>,
        player: Option<&PlayerName>,
        max: usize,
    ) -> Result<usize, RoomFull> {
        let mut connections = self.connections.write();
        if connections.len() >= max {
            return Err(RoomFull);
        }
        let number = self.last.fetch_add(1, SeqCst) + 1;
        let (mailbox, player, since) = (Arc::clone(mailbox), player.cloned(), Instant::now());
        Ok(connections.insert(Connection { mailbox, player, number, since }))
    }

    pub(super) fn remove(&self, id: usize) {
        self.connections.write().remove(id);
    }

    pub(super) fn is_empty(&self) -> bool {
        self.connections.read().is_empty()
    }

    pub(in crate::arbiter) fn len(&self) -> usize {
        self.connections.read().len()
    }

    pub(super) fn for_each(&self, visit: impl Fn(&Mailbox)) {
        self.connections.read().iter().for_each(|(_, connection)| visit(&connection.mailbox));
    }

    /// The connection of the member `id`.
    pub(in crate::arbiter) fn connection(&self, id: usize) -> Option<Connection> {
        self.connections.read().get(id).cloned()
    }

    /// The connections of a player that are not told to end.
    pub(in crate::arbiter) fn of(&self, player: &PlayerName) -> Vec<Connection> {
        let connections = self.connections.read();
        let of = |connection: &&Connection| connection.player.as_ref() == Some(player);
        let of_player = connections.iter().map(|(_, connection)| connection).filter(of);
        of_player.filter(|connection| connection.mailbox.ended().is_none()).cloned().collect()
    }

    /// Ends the connection with this number.
    pub(in crate::arbiter) fn end(&self, number: u64, code: CloseCode) {
        let connections = self.connections.read();
        if let Some((_, connection)) = connections.iter().find(|(_, connection)| connection.number == number) {
            connection.mailbox.end(code);
        }
    }

    /// Makes every member read the log up to `head`.
    pub(super) fn wake(self: &Arc<Self>, head: u64) {
        self.head.fetch_max(head, SeqCst);
        if self.connections.read().capacity() <= GROUP {
            self.wake_group(0);
        } else if let Ok(runtime) = Handle::try_current()
            // Without a runtime, which is gone when the last members are dropped, nobody listens.
            && !self.waking.swap(true, SeqCst)
        {
            let members = Arc::clone(self);
            runtime.spawn(async move { members.wake_in_groups().await });
        }
    }

    /// Goes round until every member was woken since the newest frame.
    async fn wake_in_groups(&self) {
        let (mut next, mut owed, mut known) = (0, 0, 0);
        loop {
            let (head, capacity) = (self.head.load(SeqCst), self.connections.read().capacity());
            if head > known {
                (known, owed) = (head, capacity.div_ceil(GROUP));
            }
            if owed > 0 {
                self.wake_group(next);
                next = if next + GROUP < capacity { next + GROUP } else { 0 };
                owed -= 1;
                yield_now().await;
                continue;
            }
            self.waking.store(false, SeqCst);
            // A frame that came before the store saw a task at work.
            if self.head.load(SeqCst) == known || self.waking.swap(true, SeqCst) {
                return;
            }
        }
    }

    fn wake_group(&self, from: usize) {
        let (connections, head) = (self.connections.read(), self.head.load(Acquire));
        let mailboxes = (from..from + GROUP).filter_map(|id| Some(&connections.get(id)?.mailbox));
        mailboxes.filter(|mailbox| !mailbox.has_read(head)).for_each(|mailbox| mailbox.wake());
    }
}

#[cfg(test)]
mod tests {
    use std::task::{Context, Poll, Waker};

    use super::*;

    fn members(count: usize) -> (Arc<Members>, Vec<Arc<Mailbox>>) {
        let members = Arc::new(Members::default());
        let mailboxes: Vec<_> = (0..count).map(|_| Mailbox::new()).collect();
        for mailbox in &mailboxes {
            assert!(members.insert(mailbox, None, count).is_ok());
        }
        (members, mailboxes)
    }

    /// The number of members that were woken since the last call.
    fn woken(mailboxes: &[Arc<Mailbox>]) -> usize {
        let mut cx = Context::from_waker(Waker::noop());
        mailboxes.iter().filter(|mailbox| mailbox.poll_woken(&mut cx) == Poll::Ready(())).count()
    }

    #[tokio::test]
    async fn a_small_room_is_woken_at_once() {
        let (members, mailboxes) = members(GROUP);
        members.wake(1);
        assert_eq!(woken(&mailboxes), GROUP);
    }

    #[tokio::test]
    async fn a_large_room_is_woken_in_groups_and_nobody_is_left_out() {
        let (members, mailboxes) = members(10 * GROUP + 1);
        members.wake(1);
        assert_eq!(woken(&mailboxes), 0, "not by the caller");
        yield_now().await;
        assert_eq!(woken(&mailboxes), GROUP);
        mailboxes[7 * GROUP].has_read_to(1);
        members.remove(5 * GROUP);
        for _ in 0..20 {
            yield_now().await;
        }
        assert_eq!(
            woken(&mailboxes),
            9 * GROUP + 1 - 2,
            "all but one that left and one that has read the frame"
        );
        members.wake(2);
        for _ in 0..20 {
            yield_now().await;
        }
        assert_eq!(woken(&mailboxes), 10 * GROUP, "a second round begins");
    }

    #[test]
    fn a_large_room_outlives_its_runtime() {
        members(10 * GROUP).0.wake(1);
    }

    #[tokio::test]
    async fn a_frame_in_mid_round_wakes_everybody_once_more() {
        let (members, mailboxes) = members(10 * GROUP);
        members.wake(1);
        for _ in 0..5 {
            yield_now().await;
        }
        assert_eq!(woken(&mailboxes), 5 * GROUP);
        members.wake(2);
        for _ in 0..20 {
            yield_now().await;
        }
        assert_eq!(woken(&mailboxes), 10 * GROUP, "the others once, with both frames");
    }
}
