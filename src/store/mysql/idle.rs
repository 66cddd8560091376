use std::{mem, time::Duration};

use mysql_async::Conn;
use parking_lot::Mutex;
use tokio::time::Instant;

use super::packet::close;

/// The idle connections. The most recently used one is last and is taken first, so that surplus connections
/// grow old.
#[derive(Default)]
pub(super) struct Idle(Mutex<Vec<Parked>>);

struct Parked {
    conn: Conn,
    since: Instant,
}

/// How long a connection may be idle before it is closed: well before the server would close it.
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

    /// Closes all idle connections.
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
