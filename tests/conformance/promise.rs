//! The promise under faults: several nodes race for one asset, each as the arbiter does it (one call in flight,
//! repeats of the same call after a lost reply, the next number for what must be decided again, and at times
//! giving up), and every answer is held against the store.

use std::{
    collections::{BTreeMap, BTreeSet},
    future::Future,
    ops::Add,
    sync::Arc,
};

use asset_arbiter::{
    model::{AssetName, EndReason, Grant, NewAsset, PlayerName, Units},
    store::{
        Result, Store, StoreErrorKind, Verdict,
        faulty::{Faults, Faulty},
    },
};
use fastrand::Rng;
use futures::future::join_all;

use super::{
    ground::{Ground, Node, asset, check, team},
    retrying::{TRIES, answered},
};

/// What a race did, for a look at whether it met what it was to meet.
#[derive(Debug, Default, Clone, Copy)]
pub struct Met {
    pub granted: u64,
    pub denied: u64,
    pub given_up: u64,
    pub decided_again: u64,
}

/// Nobody releases, restocks or removes: once quiet, holders == min(units, distinct players who asked), and
/// everyone was told the truth.
pub async fn holders_are_as_many_as_can_be(inner: Arc<dyn Store>, faults: Faults, seed: u64) -> Met {
    let mut rng = Rng::with_seed(seed);
    let race = Race::new(inner, faults, &mut rng).await;
    let contenders = team("p", rng.usize(1..=40));
    // Every player asks somewhere; some ask at two nodes at once.
    let sides: Vec<_> = (0..rng.usize(1..=5)).map(|_| race.side(&mut rng)).collect();
    let mut asks = vec![Vec::new(); sides.len()];
    for player in contenders.iter().chain(&contenders[..contenders.len() / 2]) {
        asks[rng.usize(..sides.len())].push(player.clone());
    }
    let told = join_all(sides.into_iter().zip(asks).map(|(side, asks)| side.ask_all(asks))).await;
    let (met, holders) = (Met::of(&told), race.quiet().await);
    let expected = (race.units as usize).min(contenders.len());
    assert_eq!(holders.len(), expected, "holders == min({}, {})", race.units, contenders.len());
    assert_eq!(race.truth.state(&race.asset).await.revision as usize, expected, "nothing else ever happened");
    for (player, told) in told.iter().flat_map(|side| &side.told) {
        assert_eq!(*told, holders.get(player).copied(), "what {player} was told is so");
    }
    met
}

/// Players select and release, operators restock: every change that was answered took effect once, and no
/// other did.
pub async fn every_change_takes_effect_once(inner: Arc<dyn Store>, faults: Faults, seed: u64) -> Met {
    let mut rng = Rng::with_seed(seed);
    let race = Race::new(inner, faults, &mut rng).await;
    // Each player plays at one node, so that its last answer says whether it holds.
    let sides: Vec<_> = (0..rng.usize(1..=5)).map(|number| (number, race.side(&mut rng))).collect();
    let sides =
        join_all(sides.into_iter().map(|(number, side)| side.play(team(&format!("p{number}"), 8)))).await;
    let holders = race.quiet().await;
    let state = race.truth.state(&race.asset).await;
    let told: BTreeMap<&PlayerName, Option<u64>> =
        sides.iter().flat_map(|side| &side.told).map(|(player, &grant)| (player, grant)).collect();
    let winners = told.iter().filter_map(|(&player, &grant)| Some((player.clone(), grant?)));
    let unheard: BTreeSet<_> = holders.keys().filter(|player| told.get(player) == Some(&None)).collect();
    // A store may forget a denial, and then a late repeat of it grants what came free: the room is told of it.
    let heard = holders.iter().filter(|(player, _)| !unheard.contains(player));
    assert!(winners.eq(heard.map(|(player, &grant)| (player.clone(), grant))), "who was told and who holds");
    let restocked: Units = sides.iter().map(|side| side.restocked).sum();
    assert_eq!(state.units, race.units + restocked, "every restock counted once");
    let changes: u64 = sides.iter().map(|side| side.changes).sum();
    assert_eq!(state.revision, changes + unheard.len() as u64, "every change counted once");
    Met::of(&sides)
}

/// One asset of a few units behind faults.
struct Race {
    /// Past all faults.
    truth: Ground,
    faulty: Arc<Faulty>,
    asset: AssetName,
    units: Units,
}

/// One node's part in a race.
struct Side {
    ground: Ground,
    truth: Ground,
    node: Node,
    asset: AssetName,
    units: Units,
    rng: Rng,
    /// The last word to each player: the revision of its grant, or that there is none.
    told: BTreeMap<PlayerName, Option<u64>>,
    changes: u64,
    restocked: Units,
    met: Met,
}

impl Race {
    /// The asset is made by the first select, if the store can.
    async fn new(inner: Arc<dyn Store>, faults: Faults, rng: &mut Rng) -> Self {
        let truth = Ground::new(Arc::clone(&inner));
        let faulty = Arc::new(Faulty::new(inner, rng.u64(..), faults));
        let race = Self { truth, faulty, asset: asset("sword"), units: rng.u32(1..=12) };
        if !race.truth.store.limits().select_creates {
            let (store, key, call) = (&race.truth.store, race.truth.key(&race.asset), Node::new().next());
            let new = NewAsset::plain(race.units);
            answered(|| store.create(call, &key, &new)).await.unwrap();
        }
        race
    }

    fn side(&self, rng: &mut Rng) -> Side {
        Side {
            ground: Ground { store: Arc::clone(&self.faulty) as Arc<dyn Store>, room: self.truth.room.clone() },
            truth: self.truth.clone(),
            node: Node::numbered(rng.u64(..)),
            asset: self.asset.clone(),
            units: self.units,
            rng: rng.fork(),
            told: BTreeMap::new(),
            changes: 0,
            restocked: 0,
            met: Met::default(),
        }
    }

    /// Waits until nothing is on its way any more, and tells who holds.
    async fn quiet(&self) -> BTreeMap<PlayerName, u64> {
        self.faulty.settled().await;
        let holders = self.truth.holders(&self.asset).await;
        let held = holders.len();
        let holders: BTreeMap<_, _> =
            holders.into_iter().map(|Grant { player, revision, .. }| (player, revision)).collect();
        assert_eq!(holders.len(), held, "a player holds at most one unit");
        assert_eq!(self.truth.state(&self.asset).await.held as usize, held);
        holders
    }
}

impl Side {
    /// Asks for each player until each is answered.
    async fn ask_all(mut self, asks: Vec<PlayerName>) -> Self {
        self.ask_until_answered(asks).await;
        self
    }

    /// Then 20 turns of releases, restocks and more asking.
    async fn play(mut self, players: Vec<PlayerName>) -> Self {
        self.ask_until_answered(players.clone()).await;
        for _ in 0..20 {
            let (holding, others): (Vec<_>, Vec<_>) =
                players.iter().cloned().partition(|player| self.told[player].is_some());
            match self.rng.u8(..10) {
                0 => self.restock().await,
                1..=4 if !holding.is_empty() => {
                    let player = &holding[self.rng.usize(..holding.len())];
                    self.release(player).await;
                }
                _ => self.ask_until_answered(others).await,
            }
        }
        self
    }

    async fn ask_until_answered(&mut self, mut asks: Vec<PlayerName>) {
        while !asks.is_empty() {
            self.rng.shuffle(&mut asks);
            let size = self.rng.usize(1..=asks.len().min(8));
            let distinct: BTreeSet<_> = asks.drain(..size).collect();
            asks.extend(self.ask(distinct.into_iter().collect()).await);
        }
    }

    /// Asks for a batch. Those on whom it gave up come back.
    async fn ask(&mut self, mut batch: Vec<PlayerName>) -> Vec<PlayerName> {
        while !batch.is_empty() {
            let (call, units, patience) = (self.node.next(), Some(self.units), self.patience());
            let (store, key) = (Arc::clone(&self.ground.store), self.ground.key(&self.asset));
            let Some(selected) = self
                .attempt(patience, || {
                    store.select(call, &key, &batch, units.map(|units| Arc::new(NewAsset::plain(units))))
                })
                .await
            else {
                self.met.given_up += 1;
                return batch;
            };
            let selected = selected.unwrap();
            let mut again = Vec::new();
            for (player, verdict) in batch.into_iter().zip(&selected.verdicts) {
                match *verdict {
                    Verdict::SoldOut if selected.is_repeat() => again.push(player),
                    verdict => self.tell(player, verdict),
                }
            }
            self.met.decided_again += again.len() as u64;
            batch = again;
        }
        batch
    }

    fn tell(&mut self, player: PlayerName, verdict: Verdict) {
        let grant = match verdict {
            Verdict::Granted { revision, .. } | Verdict::AlreadyHeld { revision, .. } => Some(revision),
            Verdict::SoldOut | Verdict::Reserved { .. } | Verdict::Cooldown { .. } => None,
        };
        self.met.granted += u64::from(grant.is_some());
        self.met.denied += u64::from(grant.is_none());
        let before = self.told.insert(player, grant).flatten();
        self.changes += u64::from(grant.is_some() && grant != before);
    }

    /// Like a player that sends the same release again when nobody knows: "not held" then says that the first
    /// one took effect.
    async fn release(&mut self, player: &PlayerName) {
        let (store, key) = (Arc::clone(&self.ground.store), self.ground.key(&self.asset));
        let mut in_doubt = false;
        loop {
            let (call, patience) = (self.node.next(), self.patience());
            match self.attempt(patience, || store.release(call, &key, player, EndReason::Released)).await {
                None => in_doubt = true,
                Some(Err(error)) if in_doubt && error.kind() == StoreErrorKind::NotHeld => break,
                Some(released) => {
                    released.unwrap();
                    break;
                }
            }
        }
        self.changes += 1;
        self.told.insert(player.clone(), None);
    }

    /// Never gives up: without a condition nobody could find out.
    async fn restock(&mut self) {
        let (call, n) = (self.node.next(), self.rng.u32(1..=3));
        let key = self.ground.key(&self.asset);
        answered(|| self.ground.store.restock(call, &key, n, None)).await.unwrap();
        self.changes += 1;
        self.restocked += n;
    }

    /// How often a call is repeated before nobody waits for it any more: at times not at all.
    fn patience(&mut self) -> usize {
        if self.rng.u8(..8) == 0 { self.rng.usize(1..=2) } else { TRIES }
    }

    /// Makes the same call until it is answered or patience ends. Looks at the truth after every step.
    async fn attempt<T, F>(&self, patience: usize, call: impl Fn() -> F) -> Option<Result<T>>
    where
        F: Future<Output = Result<T>>,
    {
        for _ in 0..patience {
            let answer = call().await;
            if let Ok(state) = self.truth.store.asset(&self.truth.key(&self.asset)).await {
                check(&state);
            }
            match answer {
                Err(error) if error.kind().temporary() => {}
                answer => return Some(answer),
            }
        }
        None
    }
}

impl Met {
    fn of(sides: &[Side]) -> Self {
        sides.iter().fold(Self::default(), |sum, side| sum + side.met)
    }
}

impl Add for Met {
    type Output = Self;

    fn add(self, other: Self) -> Self {
        Self {
            granted: self.granted + other.granted,
            denied: self.denied + other.denied,
            given_up: self.given_up + other.given_up,
            decided_again: self.decided_again + other.decided_again,
        }
    }
}
