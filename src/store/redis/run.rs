//! Runs scripts on the server that has a room.

use std::fmt::Display;

use ::redis::{Cmd, Value};

use super::{
    RedisStore, keys,
    reply::{self, ScriptReply},
    script::Script,
};
use crate::{
    link::redis::{Address, Client, RedisError, slot, slot_of},
    model::RoomName,
    store::Result,
};

/// How many redirects of a moving slot a call follows before it fails as `Unavailable`.
const REDIRECTS: usize = 5;

/// A probe deletes its keys. This expiry covers the case that it could not.
const PROBE_LIVES_MS: &str = "10000";

impl RedisStore {
    /// Runs a script on the server that currently has the room.
    pub(super) async fn run(&self, room: &RoomName, script: &Script, args: Vec<String>) -> Result<Value> {
        self.run_with(room, Vec::new(), script, args).await
    }

    /// The same with more keys of the room.
    pub(super) async fn run_with(
        &self,
        room: &RoomName,
        more: Vec<String>,
        script: &Script,
        args: Vec<String>,
    ) -> Result<Value> {
        let args = [vec![self.ttl.to_string(), u8::from(self.waits).to_string()], args].concat();
        self.run_at(slot(room), &[self.keys(room), more].concat(), script, &args).await
    }

    /// The keys of a room, as listed in `common.lua`.
    fn keys(&self, room: &dyn Display) -> Vec<String> {
        let events = self.keeps_events.then(|| keys::of_events(&self.prefix, room));
        keys::of_room(&self.prefix, room).into_iter().chain(events.into_iter().flatten()).collect()
    }

    pub(super) async fn run_at(
        &self,
        slot: u16,
        keys: &[String],
        script: &Script,
        args: &[String],
    ) -> Result<Value> {
        match self.call(slot, script.by_hash(keys, args)).await {
            Err(RedisError::Refused(refused)) if refused.code() == "NOSCRIPT" => {
                Ok(self.call(slot, script.by_source(keys, args)).await?)
            }
            answer => Ok(answer?),
        }
    }

    /// Makes a change that leaves nothing, on the server that has the room.
    pub(super) async fn probe(&self, room: &str) -> Result<()> {
        let keys = self.keys(&room);
        let number = format!("{:016x}", 0);
        let args =
            [PROBE_LIVES_MS, &u8::from(self.waits).to_string(), "~", &number, &number, "0"].map(str::to_owned);
        let answer = self.run_at(slot_of(room), &keys, &self.scripts.probe, &args).await?;
        ScriptReply::open(answer, |_| reply::odd()).map(|_| ())
    }

    /// Runs a script whose reply is a list about a room.
    pub(super) async fn list(
        &self,
        room: &RoomName,
        script: &Script,
        args: Vec<String>,
    ) -> Result<ScriptReply> {
        ScriptReply::open(self.run(room, script, args).await?, |_| reply::odd())?.inner()
    }

    /// Runs a script on a key that belongs to no room.
    pub(super) async fn run_on(&self, key: String, script: &Script, args: &[String]) -> Result<ScriptReply> {
        let answer = self.run_at(slot_of(keys::NO_ROOM), &[key], script, args).await?;
        ScriptReply::open(answer, |_| reply::odd())
    }

    pub(super) async fn call(&self, slot: u16, cmd: Cmd) -> std::result::Result<Value, RedisError> {
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

/// Parses the target of a redirect, `SLOT HOST:PORT`. A node that does not know its own host name leaves it
/// empty and means itself.
fn redirection(details: &str, asked: &Address) -> Option<Address> {
    let (_, address) = details.split_once(' ')?;
    let (host, port) = address.rsplit_once(':')?;
    let host = if host.is_empty() { asked.host.clone() } else { host.to_owned() };
    Some(Address { host, port: port.parse().ok()? })
}
