//! A member of a room who believes what it is told, and checks that it is told every change once, in order.

use std::{
    collections::{BTreeMap, BTreeSet},
    sync::Arc,
    time::Duration,
};

use asset_arbiter::{
    arbiter::{Arbiter, Join, Member, Ready},
    model::{AssetState, PlayerName, ServerMessage, Units},
};
use tokio::time::sleep;

use super::arena::Arena;

pub struct Listener {
    name: String,
    member: Member,
    /// The newest revision heard of.
    revision: Option<u64>,
    known: Option<Known>,
    /// What was told of each revision.
    pub told: BTreeMap<u64, Change>,
    /// How often the whole room was told anew.
    pub snapshots: usize,
}

/// The asset, as one knows it from frames.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Known {
    revision: u64,
    units: Units,
    remaining: Units,
    held: Units,
    /// All of them; rooms of this suite are small.
    holders: BTreeSet<PlayerName>,
}

/// A change as it was told, without what is a matter of the log it stands in.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Change {
    Granted(PlayerName, Units),
    Released(PlayerName, Units),
    Changed(Units, Units),
    Removed,
}

impl Listener {
    /// Joins, however often it takes.
    pub async fn join(arena: &Arena, node: &Arc<Arbiter>, name: String, player: Option<PlayerName>) -> Self {
        let join = Join {
            room: arena.room.clone(),
            player,
            resume: None,
            session: name.clone(),
            ping_interval_ms: 1000,
        };
        let member = loop {
            match node.join(join.clone()).await {
                Ok(member) => break member,
                Err(_) => sleep(Duration::from_millis(50)).await,
            }
        };
        Self { name, member, revision: None, known: None, told: BTreeMap::new(), snapshots: 0 }
    }

    /// Takes all that is ready.
    pub fn listen(&mut self, arena: &Arena) -> Result<(), String> {
        let mut ready = Ready::default();
        while self.member.take(&mut ready) {}
        for frame in &ready.frames {
            let message = serde_json::from_slice(frame).map_err(|error| error.to_string())?;
            self.hear(arena, message).map_err(|what| format!("{}: {what}", self.name))?;
        }
        Ok(())
    }

    /// Whether what it knows is what is stored.
    pub fn agrees_with(&self, stored: Option<&AssetState>) -> Result<(), String> {
        let stored = stored.filter(|state| !state.removed).map(Known::of);
        if self.known == stored {
            return Ok(());
        }
        Err(format!("{} knows {:?}, but stored is {stored:?}", self.name, self.known))
    }

    fn hear(&mut self, arena: &Arena, message: ServerMessage) -> Result<(), String> {
        match message {
            ServerMessage::Welcome(welcome) => self.take_whole(arena, &welcome.assets.unwrap_or_default()),
            ServerMessage::Snapshot { assets, .. } => {
                self.snapshots += 1;
                self.take_whole(arena, &assets);
            }
            ServerMessage::AssetGranted { player, units, remaining, revision, .. } => {
                self.follow(revision, Change::Granted(player, remaining))?;
                self.known.get_or_insert_default().units = units;
            }
            ServerMessage::AssetReleased { player, remaining, revision, .. } => {
                self.follow(revision, Change::Released(player, remaining))?;
            }
            ServerMessage::AssetChanged { units, remaining, revision, .. } => {
                self.follow(revision, Change::Changed(units, remaining))?;
            }
            ServerMessage::AssetRemoved { revision, .. } => self.follow(revision, Change::Removed)?,
            _ => {}
        }
        Ok(())
    }

    fn take_whole(&mut self, arena: &Arena, assets: &[AssetState]) {
        self.known = assets.iter().find(|state| state.asset == arena.asset).map(Known::of);
        self.revision = self.known.as_ref().map(|known| known.revision);
    }

    fn follow(&mut self, revision: u64, change: Change) -> Result<(), String> {
        // One that was not there may have been removed before; its revision goes on.
        if let Some(known) = self.revision.filter(|&known| known + 1 != revision) {
            return Err(format!("is told {change:?} at revision {revision} after revision {known}"));
        }
        self.revision = Some(revision);
        self.told.insert(revision, change.clone());
        if change == Change::Removed {
            self.known = None;
            return Ok(());
        }
        let known = self.known.get_or_insert_default();
        known.revision = revision;
        let whole = match change {
            Change::Granted(player, remaining) => {
                known.remaining = remaining;
                known.held += 1;
                known.holders.insert(player)
            }
            Change::Released(player, remaining) => {
                known.remaining = remaining;
                known.held = known.held.wrapping_sub(1);
                known.holders.remove(&player)
            }
            Change::Changed(units, remaining) => {
                (known.units, known.remaining) = (units, remaining);
                true
            }
            Change::Removed => true,
        };
        if whole { Ok(()) } else { Err(format!("revision {revision} does not fit: {known:?}")) }
    }
}

impl Known {
    fn of(state: &AssetState) -> Self {
        let AssetState { revision, units, remaining, held, .. } = *state;
        let holders = state.holders.iter().map(|grant| grant.player.clone()).collect();
        Self { revision, units, remaining, held, holders }
    }
}
