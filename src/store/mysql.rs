//! **Guarantee**: exactly once, on any number of nodes, as durable as the database's commit.
//! **Round trips**: one packet to read, and one to write if there is something to write: a whole pessimistic READ COMMITTED
//! transaction on the condition of what was read, for up to 128 players; an asset that other nodes change at the same
//! time is locked with the read.
//! **Survives**: what the database survives: TiDB the loss of a minority of its replicas, MySQL and MariaDB kill -9 and power
//! loss (with `innodb_flush_log_at_trx_commit=1`, the default).
//! **On timeout**: outcome unknown; the call is repeated, finds what was committed and takes effect once; a client that is
//! gone leaves all of its transaction or nothing, and no lock for longer than 10 s.

mod connector;
mod error;
#[cfg(feature = "test-util")]
pub(super) mod fuzzing;
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
    connector::Connector, pool::Pool, pooled_conn::PooledConn, reads::Part, sweeper::Sweeper, url::MysqlUrl,
};
use super::{
    AssetKey, Driver, Limits, Options, Result, Store, StoreError, StoreErrorKind,
    expiry::Expiry,
    optimistic::{Backend, Change, FIRST, Optimistic, Record, RecordStore},
    recent::Recent,
};
use crate::{
    link::needs_runtime,
    model::{
        AssetName, AssetState, Grant, Millis, PlayerName, RevisionRow, Revocation, RoomName,
        limits::HOLDERS_SHOWN,
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

struct Mysql {
    pool: Arc<Pool>,
    /// Assets under contention from other nodes. They are read with `FOR UPDATE`, because optimistic retries
    /// alone would starve the slower nodes. All other assets are read without a lock.
    contested: Recent<AssetKey>,
    expiry: Expiry,
    sweeper: Sweeper,
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
        expiry: Expiry::new(ttl),
        sweeper,
    })))
}

#[async_trait]
impl Backend for Mysql {
    const NAME: &'static str = NAME;
    const DEADLINES: bool = false;

    fn room_ttl(&self) -> Option<Duration> {
        self.expiry.ttl()
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

    async fn clock(&self) -> Result<Option<Millis>> {
        let rows = self.pool.read("SELECT CAST(UNIX_TIMESTAMP(NOW(3)) * 1000 AS UNSIGNED)").await?;
        rows.into_iter().next().map(|row| row::Cells::of(row).number("the time")).transpose()
    }

    async fn ping(&self) -> Result<()> {
        writes::probe(&self.pool).await
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
        _at: Millis,
    ) -> Result<(Option<Record>, Self::Seen)> {
        let parts = [Part::First { after: None, limit: FIRST }, Part::Of(players)];
        let (found, conn) = if self.contested.has(key) {
            reads::find_locked(&self.pool, key, &parts).await?
        } else {
            reads::find(&self.pool, key, &parts).await?
        };
        let (record, used_at) = found.map_or((None, None), |found| (Some(found.record), found.used_at));
        Ok((record, (used_at, conn)))
    }

    async fn write(&self, key: &AssetKey, (used_at, mut conn): Self::Seen, change: Change) -> Result<bool> {
        let written = writes::write(&mut conn, key, used_at, &change).await?;
        if !written {
            self.contested.note(key.clone());
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
        let first = Part::First { after: None, limit: HOLDERS_SHOWN };
        let (found, _) = reads::find(&self.pool, key, &[first]).await?;
        Ok(found.map(|found| found.record.state(&key.asset)))
    }

    async fn snapshot(&self, room: &RoomName) -> Result<Vec<AssetState>> {
        reads::snapshot(&self.pool, room).await
    }

    async fn revisions(&self, room: &RoomName) -> Result<Vec<RevisionRow>> {
        reads::revisions(&self.pool, room).await
    }

    async fn holders(&self, key: &AssetKey, after: Option<u64>, limit: usize) -> Result<Option<Vec<Grant>>> {
        let page = Part::First { after, limit };
        let (found, _) = reads::find(&self.pool, key, &[page]).await?;
        Ok(found.filter(|found| !found.record.counter.removed).map(|found| found.record.first))
    }

    async fn held_by(&self, room: &RoomName, player: &PlayerName) -> Result<Vec<(AssetName, u64)>> {
        reads::held_by(&self.pool, room, player).await
    }
}

fn error(kind: StoreErrorKind, message: impl Into<String>) -> StoreError {
    StoreError::new(NAME, kind, message)
}
