//! **Guarantee**: exactly once while the primary lives; a failover can lose the newest writes (`?wait=N` has N replicas
//! acknowledge each call first), and what was lost shows as revisions that went back.
//! **Round trips**: one script call for up to 128 players, whatever they ask; one more after the server forgot the script.
//! **Survives**: what the server's own persistence survives; with `appendonly yes, appendfsync always` kill -9 and power loss.
//! **On timeout**: outcome unknown; the call is repeated under its number, also on a new connection, and takes effect once.
//! **Events**: in the script that changes the asset, in a key of the room's slot without an expiry; on a cluster a
//! failover can hide a room's events until its next change; the history of an asset is a key that expires.

mod error;
#[cfg(feature = "test-util")]
pub(super) mod fuzzing;
mod keys;
mod outbox;
mod reply;
mod run;
mod script;

use std::{sync::Arc, time::Duration};

use async_trait::async_trait;
use futures::future::try_join_all;

use self::{
    error::{refused, unknown},
    reply::ScriptReply,
    script::{Script, Scripts},
};
use super::{
    Applied, AssetKey, Call, Created, Driver, HistoryKept, HistoryLimits, HistoryPage, Leased, Limits, Options,
    Reply, Result, Selected, Store, StoreError, StoreErrorKind, StoreTime, Taker, revocation, rules::Ask,
};
use crate::{
    link::needs_runtime,
    link::redis::{RedisUrl, SCHEMES, Topology, slot_of},
    model::{
        AssetEvent, AssetName, AssetState, EndReason, EventId, Grant, Millis, NewAsset, PlayerName,
        RevisionRow, Revocation, RoomName, Terms, Units,
    },
};

pub(super) const DRIVER: Driver = Driver {
    schemes: &SCHEMES,
    example: "redis://127.0.0.1:6379",
    summary: "Redis, Valkey or ElastiCache; also rediss://, redis+cluster:// and redis+sentinel://HOST/NAME; \
              ?wait=N, wait_timeout_ms=, ttl= and prefix=",
    source: include_str!("redis.rs"),
    limits: Limits::NONE,
    check: |url, _| RedisUrl::parse(url).map(drop).map_err(|why| error(StoreErrorKind::Unavailable, why)),
    open,
};

const NAME: &str = "redis";

struct RedisStore {
    topology: Topology,
    prefix: String,
    /// Milliseconds an unused room is kept; 0: for ever.
    ttl: Millis,
    /// Whether calls wait for replicas.
    waits: bool,
    keeps_events: bool,
    /// How much is kept of the events that were acknowledged; `None`: nothing.
    history: Option<HistoryLimits>,
    scripts: Scripts,
}

fn open(url: &str, options: Options) -> Result<Arc<dyn Store>> {
    let unusable = |why| error(StoreErrorKind::Unavailable, why);
    let url = RedisUrl::parse(url).map_err(unusable)?;
    needs_runtime().map_err(unusable)?;
    let topology = Topology::open(&url, None).map_err(unusable)?;
    let ttl = options.room_ttl_unless(url.options.room_ttl).unwrap_or_default().as_millis() as Millis;
    let waits = url.options.wait.is_some();
    let (prefix, backlog) = (url.options.prefix, options.events_backlog);
    let scripts = Scripts::new(backlog.map_or(0, |backlog| backlog.max(1)));
    let (keeps_events, history) = (backlog.is_some(), options.history);
    Ok(Arc::new(RedisStore { topology, prefix, ttl, waits, keeps_events, history, scripts }))
}

impl RedisStore {
    /// Runs a script that changes an asset. Returns whether the call is a repeat, the asset, and the rest of the
    /// reply.
    async fn change(
        &self,
        call: Call,
        key: &AssetKey,
        script: &Script,
        ask: Ask<'_>,
        args: impl IntoIterator<Item = String>,
    ) -> Result<(bool, AssetState, ScriptReply)> {
        let Call { node, seq, at, by } = call;
        let at = match by.filter(|_| self.keeps_events) {
            Some(by) => format!("{at}/{}", by.as_str()),
            None => at.to_string(),
        };
        let common = [key.asset.to_string(), node.to_string(), format!("{seq:016x}"), at];
        let answer = self.run(&key.room, script, common.into_iter().chain(args).collect()).await?;
        let mut reply = ScriptReply::open(answer, |refusal| refused(&refusal, &key.asset, ask))?;
        Ok((reply.flag()?, reply.state(key.asset.clone())?, reply))
    }

    /// Runs a script whose answer is the asset after it.
    async fn changed(
        &self,
        call: Call,
        key: &AssetKey,
        script: &Script,
        ask: Ask<'_>,
        args: impl IntoIterator<Item = String>,
    ) -> Reply<AssetState> {
        let (repeated, state, _) = self.change(call, key, script, ask, args).await?;
        Ok(Applied::new(state, repeated))
    }

    /// Runs a script that confirms or extends what a player has.
    async fn lease(
        &self,
        call: Call,
        key: &AssetKey,
        script: &Script,
        (ask, player): (Ask<'_>, &PlayerName),
        option: String,
    ) -> Reply<Leased> {
        let args = [keys::holder(&key.asset, player), option];
        let (repeated, state, mut rest) = self.change(call, key, script, ask, args).await?;
        Ok(Applied::new(Leased { changed: rest.flag()?, grant: rest.grant_of(player)?, state }, repeated))
    }
}

#[async_trait]
impl Store for RedisStore {
    fn shared(&self) -> bool {
        true
    }

    fn limits(&self) -> Limits {
        Limits::NONE
    }

    fn room_ttl(&self) -> Option<Duration> {
        (self.ttl > 0).then(|| Duration::from_millis(self.ttl))
    }

    async fn create(&self, call: Call, key: &AssetKey, new: &NewAsset) -> Reply<Created> {
        let (ask, args) = (Ask::Create { new }, [description(new, call)]);
        let (repeated, state, mut rest) = self.change(call, key, &self.scripts.create, ask, args).await?;
        Ok(Applied::new(Created { created: rest.flag()?, state }, repeated))
    }

    async fn select(
        &self,
        call: Call,
        key: &AssetKey,
        players: &[PlayerName],
        create: Option<Arc<NewAsset>>,
    ) -> Reply<Selected> {
        let ask = Ask::Select { players, create: create.as_deref() };
        let create = create.as_ref().map(|new| description(new, call)).unwrap_or_default();
        let args = [create].into_iter().chain(keys::holders(&key.asset, players));
        let (repeated, state, mut rest) = self.change(call, key, &self.scripts.select, ask, args).await?;
        Ok(Applied::new(Selected { verdicts: rest.verdicts()?, state }, repeated))
    }

    async fn release(
        &self,
        call: Call,
        key: &AssetKey,
        player: &PlayerName,
        reason: EndReason,
    ) -> Reply<AssetState> {
        let ask = Ask::Release { player, reason };
        let args = [keys::holder(&key.asset, player), reason.letter().to_string()];
        self.changed(call, key, &self.scripts.release, ask, args).await
    }

    async fn confirm(&self, call: Call, key: &AssetKey, player: &PlayerName, retake: bool) -> Reply<Leased> {
        let ask = Ask::Confirm { player, retake };
        self.lease(call, key, &self.scripts.confirm, (ask, player), u8::from(retake).to_string()).await
    }

    async fn extend(&self, call: Call, key: &AssetKey, player: &PlayerName, most: Millis) -> Reply<Leased> {
        let ask = Ask::Extend { player, most };
        self.lease(call, key, &self.scripts.extend, (ask, player), most.to_string()).await
    }

    async fn prolong(&self, call: Call, key: &AssetKey, players: &[PlayerName]) -> Reply<AssetState> {
        let args = keys::holders(&key.asset, players);
        self.changed(call, key, &self.scripts.prolong, Ask::Prolong { players }, args).await
    }

    async fn expire(&self, call: Call, key: &AssetKey) -> Reply<AssetState> {
        self.changed(call, key, &self.scripts.expire, Ask::Expire, []).await
    }

    async fn restock(&self, call: Call, key: &AssetKey, n: Units, condition: Option<u64>) -> Reply<AssetState> {
        let ask = Ask::Restock { n, condition };
        let args = [n.to_string(), condition.map(|revision| revision.to_string()).unwrap_or_default()];
        self.changed(call, key, &self.scripts.restock, ask, args).await
    }

    async fn reset(&self, call: Call, key: &AssetKey) -> Reply<AssetState> {
        self.changed(call, key, &self.scripts.reset, Ask::Reset, []).await
    }

    async fn remove_asset(&self, call: Call, key: &AssetKey) -> Reply<AssetState> {
        self.changed(call, key, &self.scripts.remove, Ask::Remove, []).await
    }

    async fn remove_room(&self, room: &RoomName) -> Result<()> {
        let answer = self.run(room, &self.scripts.remove_room, Vec::new()).await?;
        ScriptReply::open(answer, |_| reply::odd()).map(|_| ())
    }

    async fn asset(&self, key: &AssetKey) -> Result<AssetState> {
        let answer = self.run(&key.room, &self.scripts.asset, vec![key.asset.to_string()]).await?;
        ScriptReply::open(answer, |refusal| unknown(&refusal, &key.asset))?.state(key.asset.clone())
    }

    async fn snapshot(&self, room: &RoomName) -> Result<Vec<AssetState>> {
        let list = self.list(room, &self.scripts.snapshot, Vec::new()).await?;
        let mut assets = list.all(|list| list.parsed().and_then(|asset| list.state(asset)))?;
        assets.sort_unstable_by(|a, b| a.asset.cmp(&b.asset));
        Ok(assets)
    }

    async fn revisions(&self, room: &RoomName) -> Result<Vec<RevisionRow>> {
        let list = self.list(room, &self.scripts.revisions, Vec::new()).await?;
        list.all(|list| list.parsed().and_then(|asset| list.row(asset)))
    }

    async fn holders(&self, key: &AssetKey, after_revision: Option<u64>, limit: usize) -> Result<Vec<Grant>> {
        let limit = i64::try_from(limit).unwrap_or(i64::MAX);
        let after = keys::grants_after(&key.asset, after_revision);
        let args = vec![key.asset.to_string(), after, limit.to_string()];
        let answer = self.run(&key.room, &self.scripts.holders, args).await?;
        ScriptReply::open(answer, |refusal| unknown(&refusal, &key.asset))?.grants()
    }

    async fn held_by(&self, room: &RoomName, player: &PlayerName) -> Result<Vec<(AssetName, u64)>> {
        let list = self.list(room, &self.scripts.held_by, vec![player.to_string()]).await?;
        list.all(|list| Ok((list.parsed()?, list.grant_revision()?)))
    }

    async fn touch(&self, room: &RoomName, _now: Millis) -> Result<()> {
        let answer = self.run(room, &self.scripts.touch, Vec::new()).await?;
        ScriptReply::open(answer, |_| reply::odd()).map(|_| ())
    }

    async fn revoke(&self, revocation: &Revocation, now: Millis) -> Result<()> {
        let text = revocation::text(NAME, revocation)?;
        let args = [text, revocation.until.to_string(), now.to_string()];
        self.run_on(keys::revocations(&self.prefix), &self.scripts.revoke, &args).await.map(|_| ())
    }

    async fn revocations(&self, now: Millis) -> Result<Vec<Revocation>> {
        let args = [now.to_string(), u8::from(self.waits).to_string()];
        let key = keys::revocations(&self.prefix);
        let texts = self.run_on(key, &self.scripts.revocations, &args).await?.inner()?;
        revocation::parse_all(NAME, texts.all(ScriptReply::text)?, now)
    }

    fn keeps_events(&self) -> bool {
        self.keeps_events
    }

    /// A room and the list of rooms are in different slots.
    fn needs_marks(&self) -> bool {
        self.keeps_events
    }

    async fn mark(&self, room: &RoomName, now: Millis) -> Result<()> {
        if self.keeps_events { outbox::mark(self, room, now).await } else { Ok(()) }
    }

    async fn waiting_rooms(&self, after: Option<RoomName>, limit: usize) -> Result<Vec<RoomName>> {
        outbox::waiting_rooms(self, after.as_ref(), limit).await
    }

    async fn take_events(
        &self,
        room: &RoomName,
        taker: Taker,
        limit: usize,
    ) -> Result<Vec<(AssetName, AssetEvent)>> {
        if self.keeps_events { outbox::take(self, room, taker, limit).await } else { Ok(Vec::new()) }
    }

    async fn acknowledge(&self, room: &RoomName, events: &[EventId], now: Millis) -> Result<()> {
        if self.keeps_events { outbox::acknowledge(self, room, events, now).await } else { Ok(()) }
    }

    fn keeps_history(&self) -> HistoryKept {
        HistoryKept::of(self.history.is_some())
    }

    async fn history(&self, key: &AssetKey, page: HistoryPage) -> Result<Vec<AssetEvent>> {
        let Some(limits) = self.history.filter(|_| self.keeps_events) else { return Ok(Vec::new()) };
        outbox::history(self, key, page, limits).await
    }

    async fn clock(&self) -> Result<Option<StoreTime>> {
        let time = reply::time(self.call(slot_of(keys::NO_ROOM), ::redis::cmd("TIME")).await?)?;
        Ok(Some(time..=time))
    }

    /// Probes every server that has slots.
    async fn ping(&self) -> Result<()> {
        let rooms = self.topology.one_of_each(keys::nobodys_rooms()).await?;
        try_join_all(rooms.iter().map(|room| self.probe(room))).await.map(|_| ())
    }
}

/// What an asset is created with, as the scripts read it: `ORIGIN UNITS[ TERMS]`.
fn description(new: &NewAsset, call: Call) -> String {
    let terms = Terms::of_new(&new.options, call.at).map(|terms| format!(" {terms}")).unwrap_or_default();
    format!("{:016x} {}{terms}", call.origin(), new.units)
}

fn error(kind: StoreErrorKind, message: impl Into<String>) -> StoreError {
    StoreError::new(NAME, kind, message)
}
