//! A client straight on the store: it repeats a call until it is answered, at times gives up, and takes every
//! answer for what it says and no more.

mod deadlines;

use std::{future::Future, sync::Arc, time::Duration};

use asset_arbiter::{
    model::{AssetState, EndReason, NewAsset, PlayerName, Units},
    store::{Applied, Call, Result, Selected, Store, StoreErrorKind, Verdict},
};
use fastrand::Rng;
use tokio::time::sleep;

use crate::conformance::ground::Node;

use super::{
    arena::Arena,
    clock::Clock,
    history::{Moment, Ticket},
    spec::{Answer, Ask, Sight, Why},
};

/// Tries before a store is taken for dead.
const TRIES: usize = 1000;

pub struct Racer {
    arena: Arc<Arena>,
    node: Node,
    clock: Clock,
    name: String,
    rng: Rng,
}

/// A call that was made until it was answered.
struct Settled<T> {
    answer: Result<T>,
    /// When the attempt began that was answered.
    since: Moment,
    /// An earlier attempt may have taken effect.
    in_doubt: bool,
}

impl Racer {
    pub fn new(arena: Arc<Arena>, number: usize, mut rng: Rng) -> Self {
        let (node, clock) = (Node::numbered(rng.u64(..)), Clock::of(number));
        Self { arena, node, clock, name: format!("client {number}"), rng }
    }

    /// Does as the plan says.
    pub async fn run(mut self) {
        for _ in 0..self.arena.plan.steps {
            sleep(self.arena.pace.think.mul_f64(self.rng.f64())).await;
            match self.arena.plan.wish(&mut self.rng) {
                Ask::Select { player, create } => self.select(player, create).await,
                ask => self.change(ask).await,
            }
        }
    }

    /// The asset is there before the race.
    pub async fn create(&mut self) {
        while !self.created(Ask::Create { new: self.arena.plan.new_asset(self.arena.plan.units) }).await {}
    }

    async fn change(&mut self, ask: Ask) {
        match ask {
            Ask::Create { .. } => drop(self.created(ask).await),
            Ask::Look => self.look().await,
            Ask::Confirm { .. } | Ask::Extend { .. } => self.leased(ask).await,
            Ask::Prolong { .. } | Ask::Expire => self.settled(ask).await,
            ask => self.done(ask).await,
        }
    }

    /// The client's next call.
    fn call(&self) -> Call {
        self.node.at(self.clock.now(self.arena.recorder.elapsed()))
    }

    fn begin(&self, call: Call, ask: Ask) -> Ticket {
        self.arena.recorder.call_at(&self.name, ask, call.at)
    }

    /// For up to three players in one call; each is an operation of its own.
    async fn select(&mut self, player: PlayerName, create: Option<Arc<NewAsset>>) {
        let mut players = self.arena.plan.players.clone();
        players.retain(|other| *other != player);
        self.rng.shuffle(&mut players);
        players.truncate(self.rng.usize(..3));
        players.insert(self.rng.usize(..=players.len()), player);
        let ask = |player: &PlayerName| Ask::Select { player: player.clone(), create: create.clone() };
        let (call, arena) = (self.call(), Arc::clone(&self.arena));
        let tickets: Vec<_> = players.iter().map(|player| self.begin(call, ask(player))).collect();
        match self.settle_call(call, || arena.faulty.select(call, &arena.key, &players, create.clone())).await {
            None => tickets.into_iter().for_each(|ticket| self.give_up(ticket)),
            Some(Settled { answer: Ok(selected), since, in_doubt }) => {
                self.selected(&players, &tickets, &selected, in_doubt);
                arena.recorder.look(&self.name, since, Sight::of(&selected.state));
            }
            Some(Settled { answer: Err(error), in_doubt, .. }) => {
                assert_eq!(error.kind(), StoreErrorKind::UnknownAsset, "{error}");
                for ticket in tickets {
                    self.nothing_there(ticket, in_doubt);
                }
            }
        }
    }

    fn selected(
        &self,
        players: &[PlayerName],
        tickets: &[Ticket],
        selected: &Applied<Selected>,
        in_doubt: bool,
    ) {
        let state = &selected.state;
        for ((player, &ticket), verdict) in players.iter().zip(tickets).zip(&selected.verdicts) {
            let answer = match *verdict {
                Verdict::Granted { revision, lease } => {
                    // Those after a grant in the same step were grants, too.
                    let remaining = state.remaining + (state.revision - revision) as Units;
                    let (units, leases) = (Some(state.units), vec![(revision, lease)]);
                    Answer::Changed(Sight { units, leases, ..Sight::counter(revision, remaining) })
                }
                // Who holds shows in the state that came with it.
                Verdict::AlreadyHeld { .. } if in_doubt || selected.is_repeat() => Answer::Found,
                Verdict::AlreadyHeld { revision, .. } => {
                    let holder = Some((revision, player.clone()));
                    Answer::Unchanged(Why::AlreadyHeld, Sight { holder, ..Sight::default() })
                }
                // Denied then, of which a repeat does not say when, or granted and ended since.
                _ if selected.is_repeat() => {
                    self.arena.recorder.give_up(ticket, Duration::ZERO);
                    continue;
                }
                Verdict::SoldOut => Answer::Unchanged(Why::SoldOut, Sight::of(state)),
                Verdict::Reserved { .. } => Answer::Unchanged(Why::Reserved, Sight::of(state)),
                Verdict::Cooldown { .. } => Answer::Unchanged(Why::Cooldown, Sight::of(state)),
            };
            self.arena.recorder.answer(ticket, answer);
        }
    }

    async fn created(&mut self, ask: Ask) -> bool {
        let Ask::Create { new } = ask.clone() else { unreachable!("only creates") };
        let (call, arena) = (self.call(), Arc::clone(&self.arena));
        let ticket = self.begin(call, ask);
        match self.settle_call(call, || arena.faulty.create(call, &arena.key, &new)).await {
            None => self.give_up(ticket),
            Some(Settled { answer: Ok(created), since, in_doubt }) => {
                let sight = seen(&created.state, created.is_repeat() || in_doubt);
                let answer = if created.created {
                    Answer::Changed(sight)
                } else {
                    Answer::Unchanged(Why::Exists, sight)
                };
                arena.recorder.answer(ticket, answer);
                arena.recorder.look(&self.name, since, Sight::of(&created.state));
                return true;
            }
            Some(Settled { answer: Err(error), .. }) => self.refused(ticket, error.kind()),
        }
        false
    }

    async fn done(&mut self, ask: Ask) {
        let (call, arena) = (self.call(), Arc::clone(&self.arena));
        let ticket = self.begin(call, ask.clone());
        let settled = self
            .settle_call(call, || {
                let (store, key) = (&arena.faulty, &arena.key);
                match &ask {
                    Ask::Release { player } => store.release(call, key, player, EndReason::Released),
                    Ask::Restock { n, condition } => store.restock(call, key, *n, *condition),
                    _ => store.remove_asset(call, key),
                }
            })
            .await;
        match settled {
            None => self.give_up(ticket),
            Some(Settled { answer: Ok(state), since, in_doubt }) => {
                arena.recorder.answer(ticket, Answer::Changed(seen(&state, state.is_repeat() || in_doubt)));
                arena.recorder.look(&self.name, since, Sight::of(&state));
            }
            Some(Settled { answer: Err(error), .. }) => self.refused(ticket, error.kind()),
        }
    }

    async fn look(&mut self) {
        let arena = Arc::clone(&self.arena);
        let settled = self.settle(|| arena.faulty.asset(&arena.key)).await;
        if let Some(Settled { answer: Ok(state), since, .. }) = settled {
            arena.recorder.look(&self.name, since, Sight::of(&state));
        }
    }

    /// The same for a call that changes the asset, and that may end what is over in a step before its own.
    async fn settle_call<T, F>(&mut self, call: Call, make: impl Fn() -> F) -> Option<Settled<T>>
    where
        F: Future<Output = Result<T>>,
    {
        let ends = self.arena.ends_apart.then(|| self.begin(call, Ask::Ends));
        let settled = self.settle(make).await;
        match ends {
            // Whatever comes late finds what was answered.
            Some(ends) if settled.is_some() => self.arena.recorder.give_up(ends, Duration::ZERO),
            Some(ends) => self.give_up(ends),
            None => {}
        }
        settled
    }

    /// Makes the same call until it is answered or, at times, nobody waits for it any more.
    async fn settle<T, F>(&mut self, call: impl Fn() -> F) -> Option<Settled<T>>
    where
        F: Future<Output = Result<T>>,
    {
        let patience = if self.rng.u8(..8) == 0 { self.rng.usize(1..=2) } else { TRIES };
        let mut in_doubt = false;
        for _ in 0..patience {
            let since = self.arena.recorder.now();
            match call().await {
                Err(error) if error.kind() == StoreErrorKind::Unavailable => {}
                Err(error) if error.kind() == StoreErrorKind::OutcomeUnknown => in_doubt = true,
                answer => return Some(Settled { answer, since, in_doubt }),
            }
        }
        None
    }

    fn give_up(&self, ticket: Ticket) {
        self.arena.recorder.give_up(ticket, self.arena.grace());
    }

    fn nothing_there(&self, ticket: Ticket, in_doubt: bool) {
        // It may have been there, and removed since.
        if in_doubt { self.give_up(ticket) } else { self.refused(ticket, StoreErrorKind::UnknownAsset) }
    }

    fn refused(&self, ticket: Ticket, kind: StoreErrorKind) {
        let why = match kind {
            StoreErrorKind::UnknownAsset => Why::UnknownAsset,
            StoreErrorKind::NotHeld => Why::NotHeld,
            StoreErrorKind::Conflict => Why::Conflict,
            other => panic!("no plan leads to {other:?}"),
        };
        self.arena.recorder.answer(ticket, Answer::Unchanged(why, Sight::default()));
    }
}

/// What the answer to a change tells: all there is right after it, unless other changes may have come since.
fn seen(state: &AssetState, later: bool) -> Sight {
    if later { Sight::not_after(state.revision) } else { Sight::of(state) }
}
