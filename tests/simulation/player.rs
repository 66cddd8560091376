//! Who takes part: joins, leaves, asks for this and that at any node, and looks at every answer.

use std::{collections::BTreeSet, sync::Arc, time::Duration};

use asset_arbiter::model::{AssetName, PlayerName};
use fastrand::Rng;
use tokio::time::{sleep, timeout};

use crate::linearizability::plan::Rules;

use super::{
    answers,
    client::{Client, Memory},
    plan::Made,
    tally::{Deed, Outcome},
    world::{Node, World},
};

/// How often somebody tries to be answered when nothing goes wrong any more.
const TRIES: usize = 200;

pub struct Player {
    world: Arc<World>,
    who: String,
    /// `None`: an observer.
    name: Option<PlayerName>,
    rng: Rng,
    pub client: Option<Client>,
    memory: Memory,
    /// Asked for and not decided yet.
    wants: BTreeSet<AssetName>,
    /// Snapshots told at earlier seats.
    snapshots: u64,
}

impl Player {
    pub fn new(world: &Arc<World>, name: Option<PlayerName>) -> Self {
        Self {
            who: name.as_ref().map_or("an observer".to_owned(), ToString::to_string),
            world: Arc::clone(world),
            name,
            rng: world.fork(),
            client: None,
            memory: Memory::default(),
            wants: BTreeSet::new(),
            snapshots: 0,
        }
    }

    /// Does as the plan says.
    pub async fn run(&mut self) -> Result<(), String> {
        for _ in 0..self.world.plan.steps {
            sleep(self.world.plan.think.mul_f64(self.rng.f64())).await;
            self.attend()?;
            self.step().await?;
        }
        Ok(())
    }

    /// Once nothing goes wrong any more: is seated and has its answers, those it insists on, too.
    pub async fn settle(&mut self) -> Result<(), String> {
        for _ in 0..TRIES {
            self.attend()?;
            if self.client.is_none() {
                self.join().await;
            }
            let insists = self.world.plan.rules == Rules::Selects;
            let wanted = if insists { self.wants.clone() } else { BTreeSet::new() };
            if let Some(client) = &mut self.client {
                wanted.iter().for_each(|asset| client.select(asset));
                self.answers(Duration::from_secs(10)).await?;
                if !self.waits() && (!insists || self.wants.is_empty()) {
                    return Ok(());
                }
            }
            sleep(Duration::from_millis(50)).await;
        }
        Err(format!("{} is not answered long after the last fault", self.who))
    }

    /// Joins the node at a place.
    pub async fn join_at(&mut self, node: Arc<Node>) {
        self.client = Client::take(&self.world, node, &self.who, self.name.clone(), &mut self.memory).await;
    }

    pub fn leave(&mut self) {
        if let Some(client) = self.client.take() {
            self.snapshots += client.snapshots;
            self.memory = client.leave();
        }
    }

    /// Takes what there is to be taken, if the node still is there.
    pub fn attend(&mut self) -> Result<(), String> {
        let Some(client) = &mut self.client else { return Ok(()) };
        if client.node.is_down() {
            self.leave();
            return Ok(());
        }
        for decided in client.listen()? {
            if let Deed::Select(asset, _) = decided {
                self.wants.remove(&asset);
            }
        }
        Ok(())
    }

    /// How often the whole room was told to it.
    pub fn snapshots(&self) -> u64 {
        self.snapshots + self.client.as_ref().map_or(0, |client| client.snapshots)
    }

    /// Who it is, if it is a player in the room.
    pub fn here(&self) -> Option<&PlayerName> {
        self.name.as_ref().filter(|_| self.client.is_some())
    }

    /// The client of a player whom a node must know to be there.
    pub fn is_at(&self, node: &Arc<Node>) -> bool {
        self.name.is_some() && self.client.as_ref().is_some_and(|client| Arc::ptr_eq(&client.node, node))
    }

    async fn step(&mut self) -> Result<(), String> {
        let Some(client) = &mut self.client else {
            self.join().await;
            return Ok(());
        };
        match self.rng.u8(..20) {
            0 => self.leave(),
            1 => client.sync(),
            2 => {}
            _ => self.wish().await?,
        }
        Ok(())
    }

    async fn join(&mut self) {
        if let Some(node) = self.world.node(self.rng.usize(..self.world.plan.nodes)) {
            self.join_at(node).await;
        }
    }

    async fn wish(&mut self) -> Result<(), String> {
        let (Some(client), Some(player)) = (&mut self.client, self.name.clone()) else { return Ok(()) };
        let assets = &self.world.plan.assets;
        let asset = assets[self.rng.usize(..assets.len())].0.clone();
        if !self.world.plan.options.is_none() && self.rng.u8(..4) == 0 {
            match self.rng.u8(..4) {
                0 => client.extend(&asset),
                n => client.confirm(&asset, n == 1),
            }
            return self.maybe_answers().await;
        }
        match (self.world.plan.rules, self.rng.u8(..20)) {
            (_, 0) => self.operate(Deed::Select(asset, player)).await?,
            (Rules::Changes | Rules::Lives, 1) => self.operate(Deed::Restock(asset)).await?,
            (Rules::Changes | Rules::Lives, 2) => self.operate(Deed::Release(asset, player)).await?,
            (Rules::Changes | Rules::Lives, 3..=8) => client.release(&asset),
            (Rules::Lives, 9) => self.operate(Deed::Remove(asset)).await?,
            (Rules::Lives, 10 | 11) => self.operate(Deed::Create(asset)).await?,
            _ => {
                client.select(&asset);
                self.wants.insert(asset);
            }
        }
        self.maybe_answers().await
    }

    async fn maybe_answers(&mut self) -> Result<(), String> {
        if self.rng.bool() { self.answers(Duration::from_secs(1)).await } else { Ok(()) }
    }

    fn waits(&self) -> bool {
        self.client.as_ref().is_some_and(Client::waits)
    }

    /// Waits for all answers, but not longer than this.
    async fn answers(&mut self, patience: Duration) -> Result<(), String> {
        let waiting = async {
            loop {
                self.attend()?;
                let Some(client) = self.client.as_ref().filter(|client| client.waits()) else { return Ok(()) };
                client.node.up(client.woken()).await;
            }
        };
        timeout(patience, waiting).await.unwrap_or(Ok(()))
    }

    /// Asks as one does who is no member, at any node; at times does not wait for the answer.
    async fn operate(&mut self, deed: Deed) -> Result<(), String> {
        let Some(node) = self.world.node(self.rng.usize(..self.world.plan.nodes)) else { return Ok(()) };
        let patience = if self.rng.u8(..8) == 0 { self.world.plan.think } else { Duration::from_secs(60) };
        let (n, more) = (self.rng.u32(1..=2), self.rng.u32(..2));
        self.world.trace.say(format_args!("{} asks at {}: {deed:?}", self.who, node.name));
        let answer = node.up(timeout(patience, self.change(&node, &deed, n, more))).await;
        let outcome = match answer {
            None | Some(Err(_)) => Outcome::Unknown,
            Some(Ok(outcome)) => outcome.map_err(|why| format!("{} at {}: {why}", self.who, node.name))?,
        };
        self.world.trace.say(format_args!("{} is answered: {outcome:?}", self.who));
        self.world.tally.count(deed, outcome);
        self.attend()
    }

    async fn change(&self, node: &Node, deed: &Deed, n: u32, more: u32) -> Result<Outcome, String> {
        let (world, arbiter) = (&*self.world, &node.arbiter);
        let World { room, plan, .. } = world;
        match deed {
            Deed::Select(asset, player) => {
                answers::of_reply(world, deed, &arbiter.select(room, asset, player).await)
            }
            Deed::Release(asset, player) => {
                answers::of_reply(world, deed, &arbiter.release(room, asset, player).await)
            }
            Deed::Restock(asset) => answers::of_state(world, deed, arbiter.restock(room, asset, n, None).await),
            Deed::Create(asset) => {
                // Of the others everybody knows with how many units they begin.
                let more = if plan.made == Made::First { more } else { 0 };
                match arbiter.create(room, asset, plan.new_asset(plan.units(asset) + more)).await {
                    Ok(created) if !created.created => Ok(Outcome::Refused),
                    answer => answers::of_state(world, deed, answer.map(|created| created.into_inner().state)),
                }
            }
            Deed::Remove(asset) => match arbiter.remove_asset(room, asset).await {
                Ok(_) => Ok(Outcome::Done),
                Err(refusal) => answers::of_error(world, deed, refusal.code),
            },
            Deed::Confirm(..) | Deed::Extend(..) => unreachable!("asked for by members alone"),
        }
    }
}
