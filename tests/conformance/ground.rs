use std::{
    sync::{
        Arc,
        atomic::{AtomicU64, Ordering},
    },
    time::{SystemTime, UNIX_EPOCH},
};

use asset_arbiter::{
    model::{
        AssetName, AssetState, EndReason, Grant, Lease, Millis, NewAsset, PlayerName, RevisionRow, RoomName,
        Units, limits::HOLDERS_SHOWN,
    },
    store::{Applied, AssetKey, Call, Created, NodeId, Result, Selected, Store, StoreErrorKind, Verdict},
};

/// A room of its own on the store under test. Its answers are checked for the part of the promise that holds
/// after every step; errors that a property does not ask for fail it.
#[derive(Clone)]
pub struct Ground {
    pub store: Arc<dyn Store>,
    pub room: RoomName,
}

/// A node of its own: hands out its calls in order.
pub struct Node {
    id: NodeId,
    seq: AtomicU64,
}

impl Ground {
    /// A room whose name no other ground ever had, so that a real server can be shared and reused.
    pub fn new(store: Arc<dyn Store>) -> Self {
        Self { store, room: room(&format!("conformance-{:016x}", fastrand::u64(..))) }
    }

    /// The same store, another room, whose name begins like this one's.
    pub fn sibling(&self, suffix: &str) -> Self {
        Self { store: Arc::clone(&self.store), room: room(&format!("{}{suffix}", self.room)) }
    }

    /// The key of an asset of this room.
    pub fn key(&self, asset: &AssetName) -> AssetKey {
        AssetKey::new(&self.room, asset)
    }

    /// An asset of so many units, and the node that created it.
    pub async fn sword(&self, units: Units) -> (AssetName, Node) {
        let (sword, node) = (asset("sword"), Node::new());
        self.create(node.next(), &sword, units).await;
        (sword, node)
    }

    pub async fn create(&self, call: Call, asset: &AssetName, units: Units) -> Applied<Created> {
        let created = self.store.create(call, &self.key(asset), &NewAsset::plain(units)).await.unwrap();
        check(&created.state);
        created
    }

    pub async fn select(&self, call: Call, asset: &AssetName, players: &[PlayerName]) -> Applied<Selected> {
        self.select_or_create(call, asset, players, None).await
    }

    pub async fn select_or_create(
        &self,
        call: Call,
        asset: &AssetName,
        players: &[PlayerName],
        create: Option<Units>,
    ) -> Applied<Selected> {
        let create = create.map(|units| Arc::new(NewAsset::plain(units)));
        let selected = self.store.select(call, &self.key(asset), players, create).await.unwrap();
        assert_eq!(selected.verdicts.len(), players.len(), "one verdict per player");
        check(&selected.state);
        selected
    }

    /// Selects from an asset that has so many units when it is new, whoever makes it in this store.
    pub async fn select_made(
        &self,
        node: &Node,
        asset: &AssetName,
        players: &[PlayerName],
        units: Units,
    ) -> Applied<Selected> {
        if !self.store.limits().select_creates {
            self.create(node.next(), asset, units).await;
        }
        self.select_or_create(node.next(), asset, players, Some(units)).await
    }

    pub async fn release(&self, call: Call, asset: &AssetName, player: &PlayerName) -> Applied<AssetState> {
        let done = self.store.release(call, &self.key(asset), player, EndReason::Released).await.unwrap();
        check(&done);
        done
    }

    pub async fn restock(&self, call: Call, asset: &AssetName, n: Units) -> Applied<AssetState> {
        let done = self.store.restock(call, &self.key(asset), n, None).await.unwrap();
        check(&done);
        done
    }

    pub async fn reset(&self, call: Call, asset: &AssetName) -> Applied<AssetState> {
        let done = self.store.reset(call, &self.key(asset)).await.unwrap();
        check(&done);
        done
    }

    pub async fn remove(&self, call: Call, asset: &AssetName) -> Applied<AssetState> {
        let done = self.store.remove_asset(call, &self.key(asset)).await.unwrap();
        check(&done);
        done
    }

    pub async fn state(&self, asset: &AssetName) -> AssetState {
        let state = self.store.asset(&self.key(asset)).await.unwrap();
        check(&state);
        state
    }

    pub async fn snapshot(&self) -> Vec<AssetState> {
        let assets = self.store.snapshot(&self.room).await.unwrap();
        assets.iter().for_each(check);
        assets
    }

    /// By name.
    pub async fn revisions(&self) -> Vec<RevisionRow> {
        let mut rows = self.store.revisions(&self.room).await.unwrap();
        rows.sort_by(|a, b| a.asset.cmp(&b.asset));
        rows
    }

    pub async fn holders(&self, asset: &AssetName) -> Vec<Grant> {
        self.store.holders(&self.key(asset), None, 10_000).await.unwrap()
    }

    /// By name.
    pub async fn held_by(&self, player: &PlayerName) -> Vec<(AssetName, u64)> {
        let mut held = self.store.held_by(&self.room, player).await.unwrap();
        held.sort();
        held
    }
}

impl Node {
    pub fn new() -> Self {
        Self::numbered(fastrand::u64(..))
    }

    pub fn numbered(id: u64) -> Self {
        Self { id: NodeId(id), seq: AtomicU64::new(0) }
    }

    /// This node's next call.
    pub fn next(&self) -> Call {
        self.numbered_call(self.seq.fetch_add(1, Ordering::Relaxed) + 1)
    }

    /// This node's next call, at a time.
    pub fn at(&self, at: Millis) -> Call {
        Call { at, ..self.next() }
    }

    /// The call of this node that has this number.
    pub fn numbered_call(&self, seq: u64) -> Call {
        let now = SystemTime::now().duration_since(UNIX_EPOCH).unwrap();
        Call { node: self.id, seq, at: now.as_millis() as u64, by: None }
    }
}

/// What holds for every state a store ever shows.
pub fn check(state: &AssetState) {
    if state.removed {
        assert_eq!((state.remaining, state.held), (0, 0), "a tombstone has nothing: {state:?}");
    } else {
        assert!(state.held <= state.units, "never more holders than units: {state:?}");
        assert_eq!(state.remaining, state.units - state.held, "remaining == units - holders: {state:?}");
    }
    assert_eq!(state.holders.len(), HOLDERS_SHOWN.min(state.held as usize), "the first holders: {state:?}");
    let in_order = state.holders.is_sorted_by(|a, b| a.revision < b.revision);
    assert!(in_order, "holders come by revision, each its own: {state:?}");
    let newest = state.holders.last().map_or(0, |grant| grant.revision);
    assert!(newest <= state.revision, "no grant is newer than the asset: {state:?}");
}

/// The kind of error an answer must be.
pub fn refusal<T: std::fmt::Debug>(answer: Result<T>) -> StoreErrorKind {
    answer.unwrap_err().kind()
}

pub fn granted(revision: u64) -> Verdict {
    Verdict::Granted { revision, lease: Lease::NONE }
}

pub fn already(revision: u64) -> Verdict {
    Verdict::AlreadyHeld { revision, until: None }
}

pub fn room(name: &str) -> RoomName {
    RoomName::parse(name).unwrap()
}

pub fn asset(name: &str) -> AssetName {
    AssetName::parse(name).unwrap()
}

pub fn player(name: &str) -> PlayerName {
    PlayerName::parse(name).unwrap()
}

pub fn players<const N: usize>(names: [&str; N]) -> [PlayerName; N] {
    names.map(player)
}

/// `count` players called after `team`.
pub fn team(team: &str, count: usize) -> Vec<PlayerName> {
    (0..count).map(|i| player(&format!("{team}-{i}"))).collect()
}
