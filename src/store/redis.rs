//! **Guarantee**: exactly once while the primary lives; a failover can lose the newest writes (`?wait=N` has N replicas
//! acknowledge each call first), and what was lost shows as revisions that went back.
//! **Round trips**: one script call for up to 128 players, whatever they ask; one more after the server forgot the script.
//! **Survives**: what the server's own persistence survives; with `appendonly yes, appendfsync always` kill -9 and power loss.
//! **On timeout**: outcome unknown; the call is repeated under its number, also on a new connection, and takes effect once.

mod error;
#[cfg(feature = "test-util")]
pub(super) mod fuzzing;
mod keys;
mod reply;
mod script;

use std::{sync::Arc, time::Duration};

use ::redis::{Cmd, Value};
use async_trait::async_trait;
use futures::future::try_join_all;

use self::{
    reply::{Refusal, ScriptReply},
    script::Script,
};
use super::{
    Applied, AssetKey, Call, Created, Driver, Leased, Limits, Options, Reply, Result, Selected, Store,
    StoreError, StoreErrorKind, revocation, rules::Ask,
};
use crate::{
    link::needs_runtime,
    link::redis::{Address, Client, RedisError, RedisUrl, SCHEMES, Topology, slot, slot_of},
    model::{
        AssetName, AssetState, EndReason, Grant, Millis, NewAsset, PlayerName, RevisionRow, Revocation,
        RoomName, Terms, Units,
    },
};

pub(super) const DRIVER: Driver = Driver {
    schemes: &SCHEMES,
    example: "redis://127.0.0.1:6379",
    summary: "Redis, Valkey or ElastiCache; also rediss://, redis+cluster:// and redis+sentinel://HOST/NAME; \
              ?wait=N, wait_timeout_ms=, ttl= and prefix=",
    source: include_str!("redis.rs"),
    limits: Limits::NONE,
    keeps_events: false,
    check: |url, _| RedisUrl::parse(url).map(drop).map_err(|why| error(StoreErrorKind::Unavailable, why)),
    open,
};

const NAME: &str = "redis";

/// How many redirects of a moving slot a call follows before it fails as `Unavailable`.
const REDIRECTS: usize = 5;

/// A probe deletes its keys. This expiry covers the case that it could not.
const PROBE_LIVES_MS: &str = "10000";

struct RedisStore {
    topology: Topology,
    prefix: String,
    /// Milliseconds an unused room is kept; 0: for ever.
    ttl: Millis,
    /// Whether calls wait for replicas.
    waits: bool,
}

fn open(url: &str, options: Options) -> Result<Arc<dyn Store>> {
    let unusable = |why| error(StoreErrorKind::Unavailable, why);
    let url = RedisUrl::parse(url).map_err(unusable)?;
    needs_runtime().map_err(unusable)?;
    let topology = Topology::open(&url, None).map_err(unusable)?;
    let ttl = options.room_ttl_unless(url.options.room_ttl).unwrap_or_default().as_millis() as Millis;
    let waits = url.options.wait.is_some();
    Ok(Arc::new(RedisStore { topology, prefix: url.options.prefix, ttl, waits }))
}

impl RedisStore {
    /// Runs a script on the server that currently has the room.
    async fn run(&self, room: &RoomName, script: &Script, args: Vec<String>) -> Result<Value> {
        let args = [vec![self.ttl.to_string(), u8::from(self.waits).to_string()], args].concat();
        self.run_at(slot(room), &keys::of_room(&self.prefix, room), script, &args).await
    }

    async fn run_at(&self, slot: u16, keys: &[String], script: &Script, args: &[String]) -> Result<Value> {
        match self.call(slot, script.by_hash(keys, args)).await {
            Err(RedisError::Refused(refused)) if refused.code() == "NOSCRIPT" => {
                Ok(self.call(slot, script.by_source(keys, args)).await?)
            }
            answer => Ok(answer?),
        }
    }

    /// Makes a change that leaves nothing, on the server that has the room.
    async fn probe(&self, room: &str) -> Result<()> {
        let keys = keys::of_room(&self.prefix, &room);
        let number = format!("{:016x}", 0);
        let args =
            [PROBE_LIVES_MS, &u8::from(self.waits).to_string(), "~", &number, &number].map(str::to_owned);
        let answer = self.run_at(slot_of(room), &keys, &script::PROBE, &args).await?;
        ScriptReply::open(answer, |_| reply::odd()).map(|_| ())
    }

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
        let Call { node, seq, at } = call;
        let common = [key.asset.to_string(), node.to_string(), format!("{seq:016x}"), at.to_string()];
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

    /// Runs a script whose reply is a list about a room.
    async fn list(&self, room: &RoomName, script: &Script, args: Vec<String>) -> Result<ScriptReply> {
        ScriptReply::open(self.run(room, script, args).await?, |_| reply::odd())?.inner()
    }

    /// Runs a script on the revocations.
    async fn run_revocations(&self, script: &Script, args: &[String]) -> Result<ScriptReply> {
        let keys = [keys::revocations(&self.prefix)];
        let answer = self.run_at(slot_of(keys::NO_ROOM), &keys, script, args).await?;
        ScriptReply::open(answer, |_| reply::odd())
    }

    async fn call(&self, slot: u16, cmd: Cmd) -> std::result::Result<Value, RedisError> {
        let mut client = self.topology.of(slot).await?;
        let mut asking = false;
        for _ in 0..REDIRECTS {
            let refused = match client.call(cmd.clone(), asking).await {
                Err(RedisError::Refused(refused)) if matches!(refused.code(), "MOVED" | "ASK") => refused,
                answer => return answer.inspect_err(|error| self.watch(error, &client)),
            };
            asking = refused.code() == "ASK";
            self.topology.refresh();
            let Some(address) = redirection(refused.details().unwrap_or_default(), &client.address) else {
                return Err(RedisError::Refused(refused));
            };
            client = self.topology.at(&address);
        }
        Err(RedisError::away(format!(
            "the slot of the room is being moved; {} was the last to say so",
            client.address
        )))
    }

    /// After a failed call, refreshes the topology or the connection if the error calls for it.
    fn watch(&self, error: &RedisError, client: &Client) {
        if error.makes_topology_stale() {
            self.topology.refresh();
        }
        if matches!(error, RedisError::Refused(refused) if refused.code() == "READONLY") {
            client.renew();
        }
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
        let (ask, args) = (Ask::Create { new }, [description(new, call.at)]);
        let (repeated, state, mut rest) = self.change(call, key, &script::CREATE, ask, args).await?;
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
        let create = create.as_ref().map(|new| description(new, call.at)).unwrap_or_default();
        let args = [create].into_iter().chain(keys::holders(&key.asset, players));
        let (repeated, state, mut rest) = self.change(call, key, &script::SELECT, ask, args).await?;
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
        self.changed(call, key, &script::RELEASE, ask, args).await
    }

    async fn confirm(&self, call: Call, key: &AssetKey, player: &PlayerName, retake: bool) -> Reply<Leased> {
        let ask = Ask::Confirm { player, retake };
        self.lease(call, key, &script::CONFIRM, (ask, player), u8::from(retake).to_string()).await
    }

    async fn extend(&self, call: Call, key: &AssetKey, player: &PlayerName, most: Millis) -> Reply<Leased> {
        let ask = Ask::Extend { player, most };
        self.lease(call, key, &script::EXTEND, (ask, player), most.to_string()).await
    }

    async fn prolong(&self, call: Call, key: &AssetKey, players: &[PlayerName]) -> Reply<AssetState> {
        let args = keys::holders(&key.asset, players);
        self.changed(call, key, &script::PROLONG, Ask::Prolong { players }, args).await
    }

    async fn expire(&self, call: Call, key: &AssetKey) -> Reply<AssetState> {
        self.changed(call, key, &script::EXPIRE, Ask::Expire, []).await
    }

    async fn restock(&self, call: Call, key: &AssetKey, n: Units, condition: Option<u64>) -> Reply<AssetState> {
        let ask = Ask::Restock { n, condition };
        let args = [n.to_string(), condition.map(|revision| revision.to_string()).unwrap_or_default()];
        self.changed(call, key, &script::RESTOCK, ask, args).await
    }

    async fn reset(&self, call: Call, key: &AssetKey) -> Reply<AssetState> {
        self.changed(call, key, &script::RESET, Ask::Reset, []).await
    }

    async fn remove_asset(&self, call: Call, key: &AssetKey) -> Reply<AssetState> {
        self.changed(call, key, &script::REMOVE, Ask::Remove, []).await
    }

    async fn remove_room(&self, room: &RoomName) -> Result<()> {
        let answer = self.run(room, &script::REMOVE_ROOM, Vec::new()).await?;
        ScriptReply::open(answer, |_| reply::odd()).map(|_| ())
    }

    async fn asset(&self, key: &AssetKey) -> Result<AssetState> {
        let answer = self.run(&key.room, &script::ASSET, vec![key.asset.to_string()]).await?;
        ScriptReply::open(answer, |refusal| unknown(&refusal, &key.asset))?.state(key.asset.clone())
    }

    async fn snapshot(&self, room: &RoomName) -> Result<Vec<AssetState>> {
        let list = self.list(room, &script::SNAPSHOT, Vec::new()).await?;
        let mut assets = list.all(|list| list.parsed().and_then(|asset| list.state(asset)))?;
        assets.sort_unstable_by(|a, b| a.asset.cmp(&b.asset));
        Ok(assets)
    }

    async fn revisions(&self, room: &RoomName) -> Result<Vec<RevisionRow>> {
        let list = self.list(room, &script::REVISIONS, Vec::new()).await?;
        list.all(|list| list.parsed().and_then(|asset| list.row(asset)))
    }

    async fn holders(&self, key: &AssetKey, after_revision: Option<u64>, limit: usize) -> Result<Vec<Grant>> {
        let limit = i64::try_from(limit).unwrap_or(i64::MAX);
        let after = keys::grants_after(&key.asset, after_revision);
        let args = vec![key.asset.to_string(), after, limit.to_string()];
        let answer = self.run(&key.room, &script::HOLDERS, args).await?;
        ScriptReply::open(answer, |refusal| unknown(&refusal, &key.asset))?.grants()
    }

    async fn held_by(&self, room: &RoomName, player: &PlayerName) -> Result<Vec<(AssetName, u64)>> {
        let list = self.list(room, &script::HELD_BY, vec![player.to_string()]).await?;
        list.all(|list| Ok((list.parsed()?, list.grant_revision()?)))
    }

    async fn touch(&self, room: &RoomName, _now: Millis) -> Result<()> {
        let answer = self.run(room, &script::TOUCH, Vec::new()).await?;
        ScriptReply::open(answer, |_| reply::odd()).map(|_| ())
    }

    async fn revoke(&self, revocation: &Revocation, now: Millis) -> Result<()> {
        let text = revocation::text(NAME, revocation)?;
        let args = [text, revocation.until.to_string(), now.to_string()];
        self.run_revocations(&script::REVOKE, &args).await.map(|_| ())
    }

    async fn revocations(&self, now: Millis) -> Result<Vec<Revocation>> {
        let args = [now.to_string(), u8::from(self.waits).to_string()];
        let texts = self.run_revocations(&script::REVOCATIONS, &args).await?.inner()?;
        revocation::parse_all(NAME, texts.all(ScriptReply::text)?, now)
    }

    async fn clock(&self) -> Result<Option<Millis>> {
        let Value::Array(time) = self.call(slot_of(keys::NO_ROOM), ::redis::cmd("TIME")).await? else {
            return Err(reply::odd());
        };
        let numbers: Option<Vec<Millis>> =
            time.iter().map(|number| ::redis::from_redis_value_ref(number).ok()).collect();
        match numbers.as_deref() {
            Some(&[seconds, micros]) => Ok(Some(seconds * 1000 + micros / 1000)),
            _ => Err(reply::odd()),
        }
    }

    /// Probes every server that has slots.
    async fn ping(&self) -> Result<()> {
        let rooms = self.topology.one_of_each(keys::nobodys_rooms()).await?;
        try_join_all(rooms.iter().map(|room| self.probe(room))).await.map(|_| ())
    }
}

/// What an asset is created with, as the scripts read it: `UNITS[ TERMS]`.
fn description(new: &NewAsset, at: Millis) -> String {
    let terms = Terms::of_new(&new.options, at);
    terms.map_or_else(|| new.units.to_string(), |terms| format!("{} {terms}", new.units))
}

fn refused(refusal: &Refusal, asset: &AssetName, ask: Ask<'_>) -> StoreError {
    match (refusal, ask) {
        (
            Refusal::NotHeld,
            Ask::Release { player, .. } | Ask::Confirm { player, .. } | Ask::Extend { player, .. },
        ) => StoreError::not_held(NAME, asset, player),
        // The script answers with the units and the terms of the creation.
        (Refusal::Conflict(created, terms), Ask::Create { new }) => {
            let created = Units::try_from(*created).unwrap_or(Units::MAX);
            let options = terms.as_ref().map(|terms| &terms.options);
            StoreError::created_otherwise(NAME, asset, (created, options), new)
        }
        (Refusal::Conflict(..), Ask::Extend { player, .. }) => StoreError::no_hold(NAME, asset, player),
        (Refusal::Conflict(revision, _), Ask::Restock { .. }) => {
            StoreError::other_revision(NAME, asset, *revision)
        }
        (Refusal::Limit, Ask::Restock { .. }) => StoreError::too_many_units(NAME, asset, Units::MAX),
        _ => unknown(refusal, asset),
    }
}

fn unknown(refusal: &Refusal, asset: &AssetName) -> StoreError {
    match refusal {
        Refusal::Unknown => StoreError::unknown_asset(NAME, asset),
        _ => reply::odd(),
    }
}

/// Parses the target of a redirect, `SLOT HOST:PORT`. A node that does not know its own host name leaves it
/// empty and means itself.
fn redirection(details: &str, asked: &Address) -> Option<Address> {
    let (_, address) = details.split_once(' ')?;
    let (host, port) = address.rsplit_once(':')?;
    let host = if host.is_empty() { asked.host.clone() } else { host.to_owned() };
    Some(Address { host, port: port.parse().ok()? })
}

fn error(kind: StoreErrorKind, message: impl Into<String>) -> StoreError {
    StoreError::new(NAME, kind, message)
}
