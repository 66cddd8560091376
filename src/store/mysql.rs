//! **Guarantee**: exactly once, on any number of nodes, as durable as the database's commit.
//! **Round trips**: one packet to read, and one to write if there is something to write: a whole pessimistic READ COMMITTED
//! transaction on the condition of what was read, for up to 128 players; an asset that other nodes change at the same
//! time is locked with the read; one more for a node's first read of an asset with deadlines, and for a change that merges
//! events.
//! **Survives**: what the database survives: TiDB the loss of a minority of its replicas, MySQL and MariaDB kill -9 and power
//! loss (with `innodb_flush_log_at_trx_commit=1`, the default).
//! **On timeout**: outcome unknown; the call is repeated, finds what was committed and takes effect once; a client that is
//! gone leaves all of its transaction or nothing, and no lock for longer than 10 s.
//! **Events**: rows of the change's own transaction, in the same packet; acknowledged ones move to the history in one.

mod connector;
mod error;
#[cfg(feature = "test-util")]
pub(super) mod fuzzing;
mod history;
mod outbox;
mod packet;
mod pool;
mod pooled_conn;
mod reads;
mod revocations;
mod rooms;
mod row;
mod schema;
mod sweeper;
mod transaction;
mod url;
mod writes;

use std::{sync::Arc, time::Duration};

use async_trait::async_trait;
use rustls::crypto::ring;

use self::{
    connector::Connector,
    outbox::{Append, Outbox},
    pool::Pool,
    pooled_conn::PooledConn,
    reads::{Found, Holders, MOST_DUE, Part},
    sweeper::Sweeper,
    url::MysqlUrl,
};
use super::{
    AssetKey, Driver, HistoryLimits, HistoryPage, Limits, Options, Result, Store, StoreError, StoreErrorKind,
    StoreTime, Taker,
    expiry::Expiry,
    optimistic::{Backend, Change, Counter, EventStore, FIRST, Optimistic, Record, RecordStore},
    recent::Recent,
};
use crate::{
    link::needs_runtime,
    model::{
        AssetEvent, AssetName, AssetState, EventId, Grant, Millis, PlayerName, RevisionRow, Revocation,
        RoomName, limits::HOLDERS_SHOWN,
    },
};

pub(super) const DRIVER: Driver = Driver {
    schemes: &["mysql"],
    example: "mysql://USER:PASSWORD@127.0.0.1:3306/DATABASE",
    summary: "TiDB, MySQL or MariaDB; the database must be there, tables are made; ?tls=true, tls_ca=FILE, pool=N, \
              statement_timeout_ms= and ttl=",
    source: include_str!("mysql.rs"),
    limits: Limits::NONE,
    check: |url, _| MysqlUrl::parse(url).map(drop).map_err(|why| error(StoreErrorKind::Unavailable, why)),
    open,
};

const NAME: &str = "mysql";

/// How long an asset counts as contested after a lost race.
const CONTESTED_FOR: Duration = Duration::from_secs(1);

/// How long a node remembers that the grants of an asset have deadlines.
const LEASED_FOR: Duration = Duration::from_secs(3600);

struct Mysql {
    pool: Arc<Pool>,
    /// Assets under contention from other nodes. They are read with `FOR UPDATE`, because optimistic retries
    /// alone would starve the slower nodes. All other assets are read without a lock.
    contested: Recent<AssetKey>,
    /// Assets whose grants have deadlines. Their first read takes a second one, because a read must know the table of
    /// the holders.
    leased: Recent<AssetKey>,
    expiry: Expiry,
    sweeper: Sweeper,
    /// `None`: changes are not kept as events.
    outbox: Option<Outbox>,
}

fn open(url: &str, options: Options) -> Result<Arc<dyn Store>> {
    let unusable = |why| error(StoreErrorKind::Unavailable, why);
    let url = MysqlUrl::parse(url).map_err(unusable)?;
    needs_runtime().map_err(unusable)?;
    // The crates of several stores bring more than one cryptography provider, and mysql_async leaves the choice to
    // the process. An error means that another one is installed already, which is as good.
    drop(ring::default_provider().install_default());
    let ttl = options.room_ttl_unless(url.options.room_ttl);
    let pool = Arc::new(Pool::new(Connector::new(&url).map_err(unusable)?, &url.options));
    let sweeper = Sweeper::start(Arc::clone(&pool));
    Ok(Arc::new(Optimistic::new(Mysql {
        pool,
        contested: Recent::for_time(CONTESTED_FOR),
        leased: Recent::for_time(LEASED_FOR),
        expiry: Expiry::new(ttl),
        sweeper,
        outbox: options.events_backlog.map(|backlog| Outbox::new(backlog, options.history)),
    })))
}

impl Mysql {
    /// Reads an asset and some of its holders, from the table where they are. With `to_change`, a contested asset is locked.
    async fn find<'a>(
        &self,
        key: &AssetKey,
        to_change: bool,
        parts: impl Fn(Holders) -> Vec<Part<'a>>,
    ) -> Result<(Option<Found>, PooledConn)> {
        loop {
            let holders = if self.leased.has(key) { Holders::Leased } else { Holders::Plain };
            let parts = parts(holders);
            let (found, conn) = if to_change && self.contested.has(key) {
                reads::find_locked(&self.pool, key, holders, &parts).await?
            } else {
                reads::find(&self.pool, key, holders, &parts).await?
            };
            match found.as_ref().map(|found| &found.record.counter).filter(|counter| !counter.removed) {
                Some(counter) if Holders::of(counter) != holders => self.note_holders(key, counter),
                _ => return Ok((found, conn)),
            }
        }
    }

    fn note_holders(&self, key: &AssetKey, counter: &Counter) {
        match Holders::of(counter) {
            Holders::Plain => self.leased.forget(key),
            Holders::Leased => self.leased.note(key.clone()),
        }
    }
}

#[async_trait]
impl Backend for Mysql {
    const NAME: &'static str = NAME;

    fn room_ttl(&self) -> Option<Duration> {
        self.expiry.ttl()
    }

    fn events_backlog(&self) -> Option<usize> {
        self.outbox.as_ref().map(|outbox| outbox.backlog)
    }

    async fn remove_room(&self, room: &RoomName) -> Result<()> {
        rooms::remove(&self.pool, room).await?;
        self.sweeper.leftovers();
        Ok(())
    }

    async fn touch(&self, room: &RoomName, now: Millis) -> Result<()> {
        rooms::touch(&self.pool, room, now).await
    }

    async fn revoke(&self, revocation: &Revocation, now: Millis) -> Result<()> {
        revocations::add(&self.pool, revocation, now).await
    }

    async fn revocations(&self, now: Millis) -> Result<Vec<Revocation>> {
        revocations::all(&self.pool, now).await
    }

    async fn clock(&self) -> Result<Option<StoreTime>> {
        let rows = self.pool.read("SELECT CAST(UNIX_TIMESTAMP(NOW(3)) * 1000 AS UNSIGNED)").await?;
        let time = rows.into_iter().next().map(|row| row::Cells::of(row).number("the time")).transpose()?;
        Ok(time.map(|time| time..=time))
    }

    async fn waiting_rooms(&self, after: Option<RoomName>, limit: usize) -> Result<Vec<RoomName>> {
        outbox::waiting_rooms(&self.pool, after, limit).await
    }

    fn history_limits(&self) -> Option<HistoryLimits> {
        self.outbox.as_ref().and_then(|outbox| outbox.history)
    }

    async fn ping(&self) -> Result<()> {
        writes::probe(&self.pool, self.outbox.is_some()).await
    }
}

#[async_trait]
impl EventStore for Mysql {
    async fn take_events(
        &self,
        room: &RoomName,
        taker: Taker,
        limit: usize,
    ) -> Result<Vec<(AssetName, AssetEvent)>> {
        outbox::take(&self.pool, room, taker, limit).await
    }

    async fn acknowledge(&self, room: &RoomName, events: &[EventId], now: Millis) -> Result<()> {
        outbox::acknowledge(&self.pool, room, events, self.history_limits()).await?;
        if let Some(too_old) = self.outbox.as_ref().and_then(|outbox| outbox.too_old(now)) {
            self.sweeper.delete_history(too_old);
        }
        Ok(())
    }

    async fn history(&self, key: &AssetKey, page: HistoryPage) -> Result<Vec<AssetEvent>> {
        let Some(limits) = self.history_limits() else { return Ok(Vec::new()) };
        history::page(&self.pool, key, page, limits).await
    }
}

#[async_trait]
impl RecordStore for Mysql {
    /// When the room was last noted as used, and the connection of the read.
    type Seen = (Option<Millis>, PooledConn);

    async fn read(
        &self,
        key: &AssetKey,
        players: &[PlayerName],
        at: Millis,
    ) -> Result<(Option<Record>, Self::Seen)> {
        let first = |limit| Part::First { after: None, limit };
        let parts = |holders| match holders {
            Holders::Plain => vec![first(FIRST), Part::Of(players)],
            Holders::Leased => vec![first(FIRST + MOST_DUE), Part::Of(players), Part::Ending { at }],
        };
        let (found, conn) = self.find(key, true, parts).await?;
        let (record, used_at) = found.map_or((None, None), |found| (Some(found.record), found.used_at));
        Ok((record, (used_at, conn)))
    }

    async fn write(&self, key: &AssetKey, (used_at, mut conn): Self::Seen, change: Change) -> Result<bool> {
        let written = match &self.outbox {
            Some(outbox) if !change.events.is_empty() => outbox.write(&mut conn, key, used_at, &change).await?,
            _ => writes::write(&mut conn, key, used_at, &change, &Append::default()).await?,
        };
        if !written {
            self.contested.note(key.clone());
        }
        if written && !change.after.removed {
            self.note_holders(key, &change.after);
        }
        if written && writes::ended(&change).is_some() {
            self.sweeper.leftovers();
        }
        if written
            && change.before.is_none()
            && let Some(before) = self.expiry.due(change.at)
        {
            self.sweeper.expire(before);
        }
        Ok(written)
    }

    async fn asset(&self, key: &AssetKey) -> Result<Option<AssetState>> {
        let first = |_| vec![Part::First { after: None, limit: HOLDERS_SHOWN }];
        let (found, _) = self.find(key, false, first).await?;
        Ok(found.map(|found| found.record.state(&key.asset)))
    }

    async fn snapshot(&self, room: &RoomName) -> Result<Vec<AssetState>> {
        reads::snapshot(&self.pool, room).await
    }

    async fn revisions(&self, room: &RoomName) -> Result<Vec<RevisionRow>> {
        reads::revisions(&self.pool, room).await
    }

    async fn holders(&self, key: &AssetKey, after: Option<u64>, limit: usize) -> Result<Option<Vec<Grant>>> {
        let page = |_| vec![Part::First { after, limit }];
        let (found, _) = self.find(key, false, page).await?;
        Ok(found.filter(|found| !found.record.counter.removed).map(|found| found.record.first))
    }

    async fn held_by(&self, room: &RoomName, player: &PlayerName) -> Result<Vec<(AssetName, u64)>> {
        reads::held_by(&self.pool, room, player).await
    }
}

fn error(kind: StoreErrorKind, message: impl Into<String>) -> StoreError {
    StoreError::new(NAME, kind, message)
}
