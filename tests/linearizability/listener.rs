//! A member of a room who believes what it is told, and checks that it is told every change once, in order.

use std::{sync::Arc, time::Duration};

use asset_arbiter::{
    arbiter::{Arbiter, Join, Member},
    model::{AssetState, PlayerName, ServerMessage, payloads},
};
use tokio::time::sleep;

use super::{
    arena::Arena,
    follower::{Change, Follower, Known},
};

pub struct Listener {
    name: String,
    member: Member,
    pub follower: Follower,
    /// How often the whole room was told anew.
    pub snapshots: usize,
}

impl Listener {
    /// Joins, however often it takes.
    pub async fn join(arena: &Arena, node: &Arc<Arbiter>, name: String, player: Option<PlayerName>) -> Self {
        let join = Join {
            room: arena.key.room.clone(),
            player,
            display_name: None,
            resume: None,
            session: name.clone(),
            ping_interval_ms: 1000,
            token_ttl_ms: None,
        };
        let member = loop {
            match node.join(join.clone()).await {
                Ok(member) => break member,
                Err(_) => sleep(Duration::from_millis(50)).await,
            }
        };
        Self { name, member, follower: Follower::default(), snapshots: 0 }
    }

    /// Takes all that is ready.
    pub fn listen(&mut self, arena: &Arena) -> Result<(), String> {
        let mut frames = Vec::new();
        while self.member.take(&mut frames).more {}
        for message in payloads(&frames) {
            let message = serde_json::from_slice(message).map_err(|error| error.to_string())?;
            self.hear(arena, &message).map_err(|what| format!("{}: {what}", self.name))?;
        }
        Ok(())
    }

    /// Whether what it knows is what is stored.
    pub fn agrees_with(&self, stored: Option<&AssetState>) -> Result<(), String> {
        let stored = stored.filter(|state| !state.removed).map(Known::of);
        if self.follower.known == stored {
            return Ok(());
        }
        Err(format!("{} knows {:?}, but stored is {stored:?}", self.name, self.follower.known))
    }

    fn hear(&mut self, arena: &Arena, message: &ServerMessage) -> Result<(), String> {
        let shown = |assets: &[AssetState]| assets.iter().find(|state| state.asset == arena.key.asset).cloned();
        match message {
            ServerMessage::Welcome(welcome) => {
                self.follower.take(welcome.assets.as_deref().and_then(shown).as_ref())
            }
            ServerMessage::Snapshot { assets, .. } => {
                self.snapshots += 1;
                self.follower.take(shown(assets).as_ref())
            }
            other => match Change::of(other) {
                Some((_, revision, change)) => self.follower.follow(revision, change),
                None => Ok(()),
            },
        }
    }
}
