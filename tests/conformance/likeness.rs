use std::{fmt::Debug, sync::Arc};

use asset_arbiter::{
    model::{AssetName, EndReason, NewAsset, PlayerName, limits::REMEMBERED_NODES},
    store::{Call, MemoryStore, Result, Store, StoreErrorKind},
};
use fastrand::Rng;

use super::{
    ground::{Ground, Node, asset, team},
    seeds,
};

/// Plays the same random calls to a store and to the pure rules (the memory store is nothing but these), and
/// compares every answer and what is stored after it.
pub async fn answers_as_the_rules_do(store: &Arc<dyn Store>, count: u64) {
    for seed in seeds(count) {
        let mut pair = Pair::new(Arc::clone(store), seed);
        for step in 0..100 {
            pair.change().await;
            pair.compare(&format!("step {step} of SEED={seed}")).await;
        }
    }
}

/// The same room in both stores.
struct Pair {
    memory: Ground,
    other: Ground,
    nodes: Vec<Node>,
    assets: Vec<AssetName>,
    players: Vec<PlayerName>,
    rng: Rng,
    /// All that was asked.
    earlier: Vec<(AssetName, Call, Change)>,
    /// What was asked last, and what came of it in both.
    asked: String,
    answers: [String; 2],
}

#[derive(Debug, Clone)]
enum Change {
    Create(u32),
    Select(Vec<PlayerName>, Option<u32>),
    Release(PlayerName),
    Restock(u32, Option<u64>),
    Reset,
    Remove,
}

impl Pair {
    fn new(store: Arc<dyn Store>, seed: u64) -> Self {
        let other = Ground::new(store);
        Self {
            memory: Ground { store: Arc::new(MemoryStore::new(None)), room: other.room.clone() },
            other,
            // As many as each of them remembers.
            nodes: (0..REMEMBERED_NODES).map(|_| Node::new()).collect(),
            assets: ["bow", "sword"].map(asset).to_vec(),
            players: team("p", 6),
            rng: Rng::with_seed(seed),
            earlier: Vec::new(),
            asked: String::new(),
            answers: Default::default(),
        }
    }

    /// Asks for something, and at times once more for what was asked before.
    async fn change(&mut self) {
        if self.rng.u8(..60) == 0 {
            for ground in [&self.memory, &self.other] {
                ground.store.remove_room(&ground.room).await.unwrap();
            }
        }
        let name = self.assets[self.rng.usize(..self.assets.len())].clone();
        let call = self.nodes[self.rng.usize(..self.nodes.len())].next();
        let change = self.draw();
        self.ask(&name, call, &change).await;
        self.earlier.push((name, call, change));
        if self.rng.u8(..3) == 0 {
            let (name, call, change) = self.earlier[self.rng.usize(..self.earlier.len())].clone();
            self.ask(&name, call, &change).await;
        }
    }

    fn draw(&mut self) -> Change {
        let rng = &mut self.rng;
        let player = self.players[rng.usize(..self.players.len())].clone();
        match rng.u8(..13) {
            0..2 => Change::Create(rng.u32(..4)),
            2..7 => {
                rng.shuffle(&mut self.players);
                let count = rng.usize(..=self.players.len());
                Change::Select(self.players[..count].to_vec(), rng.bool().then(|| rng.u32(..4)))
            }
            7..9 => Change::Release(player),
            9..11 => {
                Change::Restock(*rng.choice(&[1, 2, u32::MAX]).unwrap(), rng.bool().then(|| rng.u64(..20)))
            }
            11 => Change::Reset,
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
        assert_eq!(memory.snapshot().await, other.snapshot().await, "after {asked}, {when}");
        assert_eq!(memory.revisions().await, other.revisions().await);
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

async fn answer(ground: &Ground, asset: &AssetName, call: Call, change: &Change) -> String {
    let (store, key) = (&ground.store, &ground.key(asset));
    match change {
        Change::Create(units) => words(store.create(call, key, &NewAsset::plain(*units)).await),
        Change::Select(players, create) => {
            let create = create.map(|units| Arc::new(NewAsset::plain(units)));
            words(store.select(call, key, players, create).await)
        }
        Change::Release(player) => words(store.release(call, key, player, EndReason::Released).await),
        Change::Restock(n, condition) => words(store.restock(call, key, *n, *condition).await),
        Change::Reset => words(store.reset(call, key).await),
        Change::Remove => words(store.remove_asset(call, key).await),
    }
}

/// All that the contract says of an answer; of an error that is its kind.
fn words<T: Debug>(answer: Result<T>) -> String {
    let answer: std::result::Result<T, StoreErrorKind> = answer.map_err(|error| error.kind());
    format!("{answer:?}")
}
