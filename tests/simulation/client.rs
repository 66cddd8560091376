//! A connection to a node. Everything it is told is held against what the store really did.

use std::{
    collections::{BTreeMap, BTreeSet},
    future::poll_fn,
    mem,
    sync::Arc,
};

use asset_arbiter::{
    arbiter::{Join, Member, Resume},
    model::{AssetName, AssetState, PlayerName, ServerMessage, Welcome, payloads},
};

use crate::linearizability::follower::{Change, Follower};

use tokio::time::Instant;

use super::{
    answers,
    tally::{Deed, Outcome},
    world::{Node, World},
};

pub struct Client {
    pub node: Arc<Node>,
    world: Arc<World>,
    member: Member,
    who: String,
    player: Option<PlayerName>,
    memory: Memory,
    /// What it was last told that it holds.
    held: BTreeSet<AssetName>,
    /// What was asked and not answered, by request.
    pending: BTreeMap<u64, Deed>,
    next_request: u64,
    pub snapshots: u64,
}

/// What a client knows, also after a drop.
#[derive(Default)]
pub struct Memory {
    epoch: String,
    offset: u64,
    followers: BTreeMap<AssetName, Follower>,
}

impl Client {
    /// Joins, and goes on where the memory ends if the node can. `None`: it was sent away.
    pub async fn take(
        world: &Arc<World>,
        node: Arc<Node>,
        who: &str,
        player: Option<PlayerName>,
        memory: &mut Memory,
    ) -> Option<Self> {
        let resume = Resume { epoch: memory.epoch.clone(), offset: memory.offset };
        let join = Join {
            room: world.room.clone(),
            player: player.clone(),
            display_name: None,
            resume: Some(resume),
            session: who.to_owned(),
            ping_interval_ms: 1000,
            token_ttl_ms: None,
        };
        let member = node.up(node.arbiter.join(join)).await?.ok()?;
        let who = format!("{who} at {}", node.name);
        world.trace.say(format_args!("{who} joined"));
        Some(Self {
            node,
            world: Arc::clone(world),
            member,
            who,
            player,
            memory: mem::take(memory),
            held: BTreeSet::new(),
            pending: BTreeMap::new(),
            next_request: 1,
            snapshots: 0,
        })
    }

    /// Leaves, or is cut off; nobody will know what becomes of what was asked.
    pub fn leave(self) -> Memory {
        self.world.trace.say(format_args!("{} left", self.who));
        for deed in self.pending.into_values() {
            self.world.tally.count(deed, Outcome::Unknown);
        }
        self.memory
    }

    pub fn select(&mut self, asset: &AssetName) {
        if let Some(player) = self.player.clone() {
            let id = self.ask(Deed::Select(asset.clone(), player));
            self.member.select(asset.clone(), serde_json::from_str(&id).ok(), Instant::now());
        }
    }

    pub fn release(&mut self, asset: &AssetName) {
        if let Some(player) = self.player.clone() {
            let id = self.ask(Deed::Release(asset.clone(), player));
            self.member.release(asset.clone(), serde_json::from_str(&id).ok(), Instant::now());
        }
    }

    pub fn confirm(&mut self, asset: &AssetName, retake: bool) {
        if let Some(player) = self.player.clone() {
            let id = self.ask(Deed::Confirm(asset.clone(), player));
            self.member.confirm(asset.clone(), retake, serde_json::from_str(&id).ok(), Instant::now());
        }
    }

    pub fn extend(&mut self, asset: &AssetName) {
        if let Some(player) = self.player.clone() {
            let id = self.ask(Deed::Extend(asset.clone(), player));
            self.member.extend(asset.clone(), serde_json::from_str(&id).ok(), Instant::now());
        }
    }

    pub fn sync(&mut self) {
        // Refused if the last one was a moment ago; the frames say as much.
        let _ = self.member.sync();
    }

    pub fn waits(&self) -> bool {
        !self.pending.is_empty()
    }

    /// Ready when there may be something to listen to.
    pub async fn woken(&self) {
        poll_fn(|cx| self.member.mailbox().poll_woken(cx)).await;
    }

    /// Takes all that is ready; gives back what was decided.
    pub fn listen(&mut self) -> Result<Vec<Deed>, String> {
        let mut frames = Vec::new();
        while self.member.take(&mut frames).more {}
        let heard = self.hear_all(&frames);
        heard.map_err(|why| format!("{}: {why}", self.who))
    }

    /// Whether it knows of every asset what is stored, and what it holds; to be asked after a `sync`.
    pub fn agrees(&self) -> Result<(), String> {
        for (asset, _) in &self.world.plan.assets {
            let stored = self.world.recording.shown(asset);
            let known = self.memory.followers.get(asset).and_then(|follower| follower.known.as_ref());
            if !self.world.recording.is_last(asset, known) {
                return Err(format!("{} knows {asset} as {known:?}, but stored is {stored:?}", self.who));
            }
            let holds =
                stored.is_some_and(|known| self.player.iter().any(|player| known.holders.contains(player)));
            if holds != self.held.contains(asset) {
                let not = if holds { "not " } else { "" };
                return Err(format!("{} is {not}told that it holds {asset}", self.who));
            }
        }
        Ok(())
    }

    fn ask(&mut self, deed: Deed) -> String {
        self.world.trace.say(format_args!("{} asks {}: {deed:?}", self.who, self.next_request));
        self.pending.insert(self.next_request, deed);
        self.next_request += 1;
        (self.next_request - 1).to_string()
    }

    fn hear_all(&mut self, frames: &[u8]) -> Result<Vec<Deed>, String> {
        let mut decided = Vec::new();
        for message in payloads(frames) {
            let message = serde_json::from_slice(message).map_err(|error| error.to_string())?;
            match message {
                ServerMessage::Selection { .. }
                | ServerMessage::Release { .. }
                | ServerMessage::Confirmation { .. }
                | ServerMessage::Extension { .. }
                | ServerMessage::Error { .. }
                | ServerMessage::Pong { .. } => decided.extend(self.answer(&message)?),
                message => self.hear(message)?,
            }
        }
        Ok(decided)
    }

    fn hear(&mut self, message: ServerMessage) -> Result<(), String> {
        match message {
            ServerMessage::Welcome(welcome) => self.welcome(*welcome),
            ServerMessage::Snapshot { offset, assets, held, .. } => {
                self.snapshots += 1;
                self.take_whole(offset, &assets, held)
            }
            other => {
                self.memory.offset += 1;
                let next = self.memory.offset;
                match frame_offset(&other) {
                    Some(offset) if offset == next => self.follow(&other),
                    offset => Err(format!("frame {offset:?} came instead of {next}: {other:?}")),
                }
            }
        }
    }

    fn welcome(&mut self, welcome: Welcome) -> Result<(), String> {
        if welcome.recovered {
            let at = (welcome.epoch.as_str(), welcome.offset);
            let known = (self.memory.epoch.as_str(), self.memory.offset);
            return if at == known { Ok(()) } else { Err(format!("recovered {at:?} instead of {known:?}")) };
        }
        self.memory = Memory { epoch: welcome.epoch, ..Memory::default() };
        self.take_whole(welcome.offset, &welcome.assets.unwrap_or_default(), welcome.held.unwrap_or_default())
    }

    fn take_whole(&mut self, offset: u64, assets: &[AssetState], held: Vec<AssetName>) -> Result<(), String> {
        self.memory.offset = offset;
        self.held = held.into_iter().collect();
        for (asset, _) in &self.world.plan.assets {
            let follower = self.memory.followers.entry(asset.clone()).or_default();
            if self.world.recording.was_emptied() {
                *follower = Follower::default();
            }
            follower.take(assets.iter().find(|state| state.asset == *asset))?;
            if let Some(known) = &follower.known {
                self.world.trace.say(format_args!("{} is shown {asset}: {known:?}", self.who));
                self.world.recording.had(asset, known.revision, Some(known))?;
            }
        }
        Ok(())
    }

    fn follow(&mut self, message: &ServerMessage) -> Result<(), String> {
        let Some((asset, revision, change)) = Change::of(message) else { return Ok(()) };
        self.world.trace.say(format_args!("{} hears of {asset} at {revision}: {change:?}", self.who));
        let follower = self.memory.followers.entry(asset.clone()).or_default();
        follower.pass_over(revision, |untold| self.world.recording.is_of_deadlines(&asset, untold));
        follower.follow(revision, change)?;
        self.world.recording.had(&asset, revision, follower.known.as_ref())
    }

    /// Checks a reply; gives back what was decided by it, if anything was.
    fn answer(&mut self, reply: &ServerMessage) -> Result<Option<Deed>, String> {
        let (ServerMessage::Selection { request_id: Some(id), .. }
        | ServerMessage::Release { request_id: Some(id), .. }
        | ServerMessage::Confirmation { request_id: Some(id), .. }
        | ServerMessage::Extension { request_id: Some(id), .. }
        | ServerMessage::Error { request_id: Some(id), .. }) = reply
        else {
            return Err(format!("no reply to a request: {reply:?}"));
        };
        let asked = id.as_json().parse().ok().and_then(|id| self.pending.remove(&id));
        let deed = asked.ok_or_else(|| format!("nobody waits for this: {reply:?}"))?;
        let outcome = answers::of_reply(&self.world, &deed, reply)?;
        self.world.trace.say(format_args!("{} is answered {}: {outcome:?}", self.who, id.as_json()));
        self.world.tally.count(deed.clone(), outcome);
        Ok((!matches!(outcome, Outcome::Unknown | Outcome::Void)).then_some(deed))
    }
}

/// Where in the room log a frame stands.
fn frame_offset(message: &ServerMessage) -> Option<u64> {
    match *message {
        ServerMessage::AssetGranted { offset, .. }
        | ServerMessage::AssetReleased { offset, .. }
        | ServerMessage::AssetConfirmed { offset, .. }
        | ServerMessage::AssetExtended { offset, .. }
        | ServerMessage::AssetChanged { offset, .. }
        | ServerMessage::AssetRemoved { offset, .. }
        | ServerMessage::PlayerJoined { offset, .. }
        | ServerMessage::PlayerLeft { offset, .. }
        | ServerMessage::Players { offset, .. } => Some(offset),
        _ => None,
    }
}
