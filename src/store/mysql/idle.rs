use std::{mem, time::Duration};

use mysql_async::Conn;
use parking_lot::Mutex;
use tokio::time::Instant;

use super::packet::close;

/// The connections nobody uses right now: the one used last at the end, and used first, so that those that are too many
/// grow old.
#[derive(Default)]
pub(super) struct Idle(Mutex<Vec<Parked>>);

struct Parked {
    conn: Conn,
    since: Instant,
}

/// A connection that nobody used for so long is closed: well before the server would.
const LONG: Duration = Duration::from_secs(5);

impl Idle {
    pub(super) fn give_back(&self, conn: Conn) {
        self.0.lock().push(Parked { conn, since: Instant::now() });
    }

    pub(super) fn take(&self) -> Option<Conn> {
        let mut parked = self.0.lock();
        let young = parked.partition_point(|parked| parked.since.elapsed() > LONG);
        let old: Vec<_> = parked.drain(..young).collect();
        let newest = parked.pop();
        drop(parked);
        old.into_iter().for_each(|parked| close(parked.conn));
        newest.map(|parked| parked.conn)
    }

    /// Closes them all.
    pub(super) fn forget(&self) {
        let parked = mem::take(&mut *self.0.lock());
        parked.into_iter().for_each(|parked| close(parked.conn));
    }
}

impl Drop for Idle {
    fn drop(&mut self) {
        self.forget();
    }
}
