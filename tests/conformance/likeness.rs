use std::{fmt::Debug, sync::Arc};

use asset_arbiter::{
    model::{
        AssetName, AssetOptions, EndReason, Millis, NewAsset, PlayerName, Units,
        limits::{BATCH_PLAYERS, ENDS_KEPT, ENDS_KEPT_IN_COOLDOWN, REMEMBERED_NODES},
    },
    store::{Call, MemoryStore, Result, Store, StoreErrorKind, Taker},
};
use fastrand::Rng;

use super::{
    BACKLOG,
    ground::{Ground, Node, asset, team},
    leases::NOW,
    seeds,
};

/// Plays the same random calls to a store and to the pure rules (the memory store is nothing but these), and
/// compares every answer and what is stored after it.
pub async fn answers_as_the_rules_do(store: &Arc<dyn Store>, count: u64) {
    for seed in seeds(count) {
        let mut pair = Pair::new(Arc::clone(store), seed);
        pair.announce().await;
        for step in 0..100 {
            pair.change().await;
            pair.compare(&format!("step {step} of SEED={seed}")).await;
        }
    }
}

/// More grants of an asset end at once than it remembers.
pub async fn remembers_ends_as_the_rules_do(store: &Arc<dyn Store>) {
    const MANY: usize = ENDS_KEPT_IN_COOLDOWN + 20;
    let mut pair = Pair::new(Arc::clone(store), 0);
    pair.players = team("p", MANY);
    let options = AssetOptions { grant_ms: Some(10), cooldown_ms: Some(1000), ..AssetOptions::NONE };
    let (sword, all) = (pair.assets[0].clone(), pair.players.clone());
    pair.play(&sword, NOW, Change::Create(NewAsset { units: MANY as Units, options })).await;
    for some in all.chunks(BATCH_PLAYERS) {
        pair.play(&sword, NOW, Change::Select(some.to_vec(), None)).await;
    }
    let oldest_and_newest = [&all[..2], &all[MANY - 2..]].concat();
    for (later, change, kept) in [
        (10, Change::Expire, ENDS_KEPT_IN_COOLDOWN),
        (10, Change::Select(oldest_and_newest, None), ENDS_KEPT_IN_COOLDOWN),
        (1010, Change::Expire, ENDS_KEPT),
    ] {
        pair.play(&sword, NOW + later, change).await;
        pair.compare("when many grants have ended").await;
        assert_eq!(pair.other.state(&sword).await.terms.unwrap().ends.len(), kept);
    }
}

/// The same room in both stores.
struct Pair {
    memory: Ground,
    other: Ground,
    nodes: Vec<Node>,
    assets: Vec<AssetName>,
    players: Vec<PlayerName>,
    /// What assets are created with.
    new: Vec<NewAsset>,
    /// The time of the last call.
    clock: Millis,
    rng: Rng,
    /// All that was asked.
    earlier: Vec<(AssetName, Call, Change)>,
    /// What was asked last, and what came of it in both.
    asked: String,
    answers: [String; 2],
}

#[derive(Debug, Clone)]
enum Change {
    Create(NewAsset),
    Select(Vec<PlayerName>, Option<NewAsset>),
    Release(PlayerName, EndReason),
    Confirm(PlayerName, bool),
    Extend(PlayerName, Millis),
    Prolong(Vec<PlayerName>),
    Expire,
    Restock(Units, Option<u64>),
    Reset,
    Remove,
}

impl Pair {
    fn new(store: Arc<dyn Store>, seed: u64) -> Self {
        let (other, players) = (Ground::new(store), team("p", 6));
        let memory = MemoryStore::new(None).with_events(other.store.keeps_events().then_some(BACKLOG));
        let mut rng = Rng::with_seed(seed);
        // The same options come again, as a repeated creation is not refused.
        let new = (0..4)
            .map(|_| NewAsset { units: rng.u32(..4), options: draw_options(&mut rng, &players) })
            .collect();
        Self {
            memory: Ground { store: Arc::new(memory), room: other.room.clone() },
            other,
            // As many as each of them remembers.
            nodes: (0..REMEMBERED_NODES).map(|_| Node::new()).collect(),
            assets: ["bow", "sword"].map(asset).to_vec(),
            players,
            new,
            clock: NOW,
            rng,
            earlier: Vec::new(),
            asked: String::new(),
            answers: Default::default(),
        }
    }

    /// Announces changes to a store that keeps them as events.
    async fn announce(&self) {
        self.other.store.mark(&self.other.room, Node::new().next().at).await.unwrap();
    }

    /// Asks for something, and at times once more for what was asked before.
    async fn change(&mut self) {
        if self.rng.u8(..60) == 0 {
            for ground in [&self.memory, &self.other] {
                ground.store.remove_room(&ground.room).await.unwrap();
            }
            if self.other.store.keeps_events() {
                // A late copy of the call that created a record creates one of the same origin. Its events have the ids of
                // those that still wait, and stores differ in how they keep both.
                self.earlier.clear();
            }
        }
        let name = self.assets[self.rng.usize(..self.assets.len())].clone();
        let change = self.draw();
        self.clock += self.rng.u64(..30);
        // At times the clock of the node that is asked is slow.
        let slow = if self.rng.u8(..4) == 0 { self.rng.u64(..60) } else { 0 };
        self.play(&name, self.clock - slow, change).await;
        if self.rng.u8(..3) == 0 {
            let (name, call, change) = self.earlier[self.rng.usize(..self.earlier.len())].clone();
            self.ask(&name, call, &change).await;
        }
    }

    /// Asks for something anew.
    async fn play(&mut self, name: &AssetName, at: Millis, change: Change) {
        let call = self.nodes[self.rng.usize(..self.nodes.len())].at(at);
        self.ask(name, call, &change).await;
        self.earlier.push((name.clone(), call, change));
    }

    fn draw(&mut self) -> Change {
        let rng = &mut self.rng;
        rng.shuffle(&mut self.players);
        let player = self.players[0].clone();
        let some = self.players[..rng.usize(..=self.players.len())].to_vec();
        let new = rng.choice(&self.new).unwrap().clone();
        match rng.u8(..24) {
            0..2 => Change::Create(new),
            2..9 => Change::Select(some, rng.bool().then_some(new)),
            9..11 => Change::Release(player, *rng.choice(&[EndReason::Released, EndReason::Kicked]).unwrap()),
            11..14 => Change::Confirm(player, rng.bool()),
            14..16 => Change::Extend(player, rng.u64(..200)),
            16..18 => Change::Prolong(some),
            18..20 => Change::Expire,
            20..22 => {
                Change::Restock(*rng.choice(&[1, 2, u32::MAX]).unwrap(), rng.bool().then(|| rng.u64(..20)))
            }
            22 => Change::Reset,
            _ => Change::Remove,
        }
    }

    async fn ask(&mut self, asset: &AssetName, call: Call, change: &Change) {
        self.asked = format!("{change:?} of {asset} by {call:?}");
        let memory = answer(&self.memory, asset, call, change).await;
        self.answers = [memory, answer(&self.other, asset, call, change).await];
    }

    async fn compare(&self, when: &str) {
        let Self { memory, other, asked, answers: [first, second], .. } = self;
        assert_eq!(first, second, "{asked}, {when}");
        let [first, second] = [memory.snapshot().await, other.snapshot().await];
        assert_eq!(words(Ok(first)), words(Ok(&second)), "after {asked}, {when}");
        for state in second {
            let ends = state.holders.iter().filter_map(|grant| grant.lease.ends_at()).min();
            let expected = state.terms.and_then(|terms| terms.next_end);
            assert!(ends.is_none() || expected.is_some_and(|at| at <= ends.unwrap()), "after {asked}, {when}");
        }
        assert_eq!(memory.revisions().await, other.revisions().await);
        assert_eq!(waiting(memory).await, waiting(other).await, "events after {asked}, {when}");
        for player in &self.players {
            assert_eq!(memory.held_by(player).await, other.held_by(player).await);
        }
        for asset in &self.assets {
            for (after, limit) in [(None, 99), (Some(3), 2)] {
                let key = memory.key(asset);
                let [first, second] = [memory, other].map(|ground| ground.store.holders(&key, after, limit));
                assert_eq!(words(first.await), words(second.await));
            }
        }
    }
}

/// The events that wait in a room, by asset.
async fn waiting(ground: &Ground) -> Vec<(AssetName, String)> {
    let taker = Taker { id: fastrand::u64(..), now: Millis::MAX / 4, until: 0 };
    let taken = ground.store.take_events(&ground.room, taker, 10_000).await.unwrap();
    let mut waiting: Vec<_> = taken.into_iter().map(|(asset, event)| (asset, event.to_string())).collect();
    waiting.sort();
    waiting
}

fn draw_options(rng: &mut Rng, players: &[PlayerName]) -> AssetOptions {
    let mut at_times = |often: u8| (rng.u8(..4) < often).then(|| *rng.choice(&[1, 20, 50, 100, 300]).unwrap());
    let options = AssetOptions {
        hold_ms: at_times(2),
        grant_ms: at_times(2),
        leave_ms: at_times(2),
        cooldown_ms: at_times(1),
        for_ms: at_times(1),
        reserved_for: Vec::new(),
    };
    let reserved_for = if options.for_ms.is_some() { players[..2].to_vec() } else { Vec::new() };
    AssetOptions { reserved_for, ..options }
}

async fn answer(ground: &Ground, asset: &AssetName, call: Call, change: &Change) -> String {
    let (store, key) = (&ground.store, &ground.key(asset));
    match change {
        Change::Create(new) => words(store.create(call, key, new).await),
        Change::Select(players, create) => {
            words(store.select(call, key, players, create.clone().map(Arc::new)).await)
        }
        Change::Release(player, reason) => words(store.release(call, key, player, *reason).await),
        Change::Confirm(player, retake) => words(store.confirm(call, key, player, *retake).await),
        Change::Extend(player, most) => words(store.extend(call, key, player, *most).await),
        Change::Prolong(players) => words(store.prolong(call, key, players).await),
        Change::Expire => words(store.expire(call, key).await),
        Change::Restock(n, condition) => words(store.restock(call, key, *n, *condition).await),
        Change::Reset => words(store.reset(call, key).await),
        Change::Remove => words(store.remove_asset(call, key).await),
    }
}

/// All that the contract says of an answer; of an error that is its kind. When a grant ends next is a lower bound, which
/// stores need not have alike.
fn words<T: Debug>(answer: Result<T>) -> String {
    let answer: std::result::Result<T, StoreErrorKind> = answer.map_err(|error| error.kind());
    let words = format!("{answer:?}");
    let mut parts = words.split("next_end: ");
    let begin = parts.next().unwrap_or_default().to_owned();
    parts.fold(begin, |words, part| words + part.split_once(", ").unwrap().1)
}
