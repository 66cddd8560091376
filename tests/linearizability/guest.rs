//! A client of an arbiter: asks at any node, in any player's name, and at times goes away before it is answered.

use std::{sync::Arc, time::Duration};

use asset_arbiter::{
    arbiter::{Arbiter, Refusal},
    model::{ErrorCode, PlayerName, ServerMessage},
    store::{Applied, AssetKey, Created, faulty::Faults},
};
use fastrand::Rng;
use tokio::time::{sleep, timeout};

use super::{
    arena::Arena,
    plan::{Rules, Unplanned},
    spec::{Answer, Ask, Sight, Why},
};

pub struct Guest {
    arena: Arc<Arena>,
    nodes: Vec<Arc<Arbiter>>,
    name: String,
    rng: Rng,
}

/// What an answer says of the operation, and what else it shows of the asset.
struct Told(Answer, Option<Sight>);

impl Guest {
    pub fn new(arena: Arc<Arena>, nodes: Vec<Arc<Arbiter>>, number: usize, rng: Rng) -> Self {
        Self { arena, nodes, name: format!("client {number}"), rng }
    }

    /// Does as the plan says. Where nothing but selects happens, each is repeated until it is answered.
    pub async fn run(mut self) {
        for _ in 0..self.arena.plan.steps {
            sleep(self.arena.pace.think.mul_f64(self.rng.f64())).await;
            let wish = self.arena.plan.wish(&mut self.rng);
            while !self.act(wish.clone()).await && self.arena.plan.rules == Rules::Selects {}
        }
    }

    /// The asset is there before the race.
    pub async fn create(&mut self) {
        while !self.act(Ask::Create { new: self.arena.plan.new_asset(self.arena.plan.units) }).await {}
    }

    /// Asks and records; true if there was an answer.
    async fn act(&mut self, ask: Ask) -> bool {
        let (arena, number) = (Arc::clone(&self.arena), self.rng.usize(..self.nodes.len()));
        let (node, who) = (Arc::clone(&self.nodes[number]), format!("{} node {number}", self.name));
        if ask == Ask::Look {
            self.look(&node, &who).await;
            return true;
        }
        let patience = if self.rng.u8(..12) == 0 { arena.pace.think } else { Duration::MAX };
        let (since, ticket) = (arena.recorder.now(), arena.recorder.call(&who, ask.clone()));
        match timeout(patience, self.outcome(&node, ask)).await {
            // Once sent, it is tried until the deadline.
            Err(_) => arena.recorder.give_up(ticket, arena.plan.deadline + arena.grace()),
            Ok(Err(ErrorCode::OutcomeUnknown)) => arena.recorder.give_up(ticket, arena.grace()),
            Ok(Err(ErrorCode::StoreUnavailable)) => arena.recorder.void(ticket),
            Ok(Err(code)) => {
                arena.recorder.answer(ticket, Answer::Unchanged(why(code), Sight::default()));
                return true;
            }
            Ok(Ok(Told(answer, also))) => {
                arena.recorder.answer(ticket, answer);
                also.into_iter().for_each(|sight| arena.recorder.look(&who, since, sight));
                return true;
            }
        }
        false
    }

    async fn look(&self, node: &Arc<Arbiter>, who: &str) {
        let since = self.arena.recorder.now();
        if let Ok(page) = node.holders(&self.arena.key.room, &self.arena.key.asset, None, 1000).await {
            let holders = page.into_iter().map(|grant| (grant.revision, grant.player)).collect();
            self.arena.recorder.look(who, since, Sight { holders: Some(holders), ..Sight::default() });
        }
    }

    async fn outcome(&self, node: &Arc<Arbiter>, ask: Ask) -> Result<Told, ErrorCode> {
        let AssetKey { room, asset } = &self.arena.key;
        let code = |refusal: Refusal| refusal.code;
        match ask {
            Ask::Select { player, .. } => self.selection(&player, node.select(room, asset, &player).await),
            Ask::Release { player } => self.release(node.release(room, asset, &player).await),
            Ask::Create { new } => {
                node.create(room, asset, (*new).clone()).await.map(|it| self.created(&it)).map_err(code)
            }
            Ask::Restock { n, condition } => {
                let state = node.restock(room, asset, n, condition).await.map_err(code)?;
                Ok(self.changed(Sight::of(&state), state.revision))
            }
            Ask::Remove => {
                let revision = node.remove_asset(room, asset).await.map_err(code)?;
                Ok(Told(Answer::Changed(Sight::not_after(revision)), None))
            }
            Ask::Look | Ask::Ends => unreachable!("these are recorded on their own"),
            Ask::Confirm { .. } | Ask::Extend { .. } | Ask::Prolong { .. } | Ask::Expire => {
                unreachable!("no asset has options here")
            }
        }
    }

    fn selection(&self, player: &PlayerName, reply: ServerMessage) -> Result<Told, ErrorCode> {
        match reply {
            ServerMessage::Selection { granted: true, already_held: true, revision, remaining, .. } => {
                let holder = Some((revision, player.clone()));
                let sight = Sight { holder, remaining: Some(remaining), ..Sight::default() };
                Ok(if self.nothing_is_lost() {
                    Told(Answer::Unchanged(Why::AlreadyHeld, sight), None)
                } else {
                    Told(Answer::Found, Some(sight))
                })
            }
            ServerMessage::Selection { granted: true, revision, remaining, .. } => {
                Ok(Told(Answer::Changed(Sight::counter(revision, remaining)), None))
            }
            ServerMessage::Selection { revision, remaining, .. } => {
                Ok(Told(Answer::Unchanged(Why::SoldOut, Sight::counter(revision, remaining)), None))
            }
            other => Err(error(&other)),
        }
    }

    fn release(&self, reply: ServerMessage) -> Result<Told, ErrorCode> {
        match reply {
            ServerMessage::Release { released: true, revision, remaining, .. } => {
                Ok(self.changed(Sight::counter(revision, remaining), revision))
            }
            other => Err(error(&other)),
        }
    }

    fn created(&self, created: &Applied<Created>) -> Told {
        let state = &created.state;
        let sight = if created.is_repeat() { Sight::not_after(state.revision) } else { Sight::of(state) };
        let answer =
            if created.created { Answer::Changed(sight) } else { Answer::Unchanged(Why::Exists, sight) };
        Told(answer, Some(Sight::of(state)))
    }

    /// An answer does not say whether it comes from a repeat; then it tells of the asset as it is later.
    fn changed(&self, sight: Sight, revision: u64) -> Told {
        if self.nothing_is_lost() {
            Told(Answer::Changed(sight), None)
        } else {
            Told(Answer::Changed(Sight::not_after(revision)), Some(sight))
        }
    }

    fn nothing_is_lost(&self) -> bool {
        self.arena.pace.unplanned == Unplanned::Nothing && self.arena.plan.faults == Faults::default()
    }
}

fn error(reply: &ServerMessage) -> ErrorCode {
    match reply {
        ServerMessage::Error { code, .. } => *code,
        other => panic!("no reply to this: {other:?}"),
    }
}

fn why(code: ErrorCode) -> Why {
    match code {
        ErrorCode::UnknownAsset => Why::UnknownAsset,
        ErrorCode::NotHeld => Why::NotHeld,
        ErrorCode::Conflict => Why::Conflict,
        other => panic!("no plan leads to {}", other.as_str()),
    }
}
