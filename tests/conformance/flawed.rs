use std::sync::{
    Arc,
    atomic::{AtomicU64, Ordering},
};

use asset_arbiter::{
    model::{
        AssetName, AssetState, EndReason, Grant, Lease, Millis, NewAsset, PlayerName, RevisionRow, Revocation,
        RoomName, Units,
    },
    store::{
        Applied, AssetKey, Call, Created, Leased, NodeId, Reply, Result, Selected, Store, StoreErrorKind,
        Verdict, layer::Layer,
    },
};
use async_trait::async_trait;

use super::ground::asset as named;

/// A store that breaks the contract in one way: the suite must notice.
pub struct Flawed {
    inner: Arc<dyn Store>,
    flaw: Flaw,
    calls: AtomicU64,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Flaw {
    /// Takes a repeat for a new call.
    ForgetsCalls,
    /// Keeps 32 bits of a node's number.
    CutsNodeNumbers,
    /// Grants what is sold out.
    Oversells,
    /// A creating select creates a removed asset again.
    RevivesRemoved,
    /// A restock's condition is not looked at.
    IgnoresConditions,
    /// A confirmation that is too late takes no unit.
    IgnoresRetakes,
    /// Of the players who are in the room, the last loses what it holds.
    OverlooksAPlayer,
    /// Answers a release of what is not held as if it were.
    ReleasesAnything,
    /// Asset names that differ by case are one.
    FoldsCase,
    /// Rooms whose names begin alike are one.
    JoinsRooms,
    /// A removed room keeps its assets.
    KeepsRooms,
    /// Shows one holder less than there are.
    HidesAHolder,
    /// A page begins one too late.
    SkipsAHolder,
    /// A snapshot leaves tombstones out.
    HidesTombstones,
    /// Revocations of one player, token or key are one.
    MergesRevocations,
    /// Revocations do not end.
    KeepsRevocations,
}

impl Flawed {
    pub fn new(inner: Arc<dyn Store>, flaw: Flaw) -> Self {
        Self { inner, flaw, calls: AtomicU64::new(1) }
    }

    fn has(&self, flaw: Flaw) -> bool {
        self.flaw == flaw
    }

    fn call(&self, call: Call) -> Call {
        match self.flaw {
            Flaw::ForgetsCalls => Call { seq: self.calls.fetch_add(1, Ordering::Relaxed), ..call },
            Flaw::CutsNodeNumbers => Call { node: NodeId(call.node.0 & u64::from(u32::MAX)), ..call },
            _ => call,
        }
    }

    fn key(&self, AssetKey { room, asset }: &AssetKey) -> AssetKey {
        let folds = self.has(Flaw::FoldsCase);
        let asset = if folds { named(&asset.as_str().to_lowercase()) } else { asset.clone() };
        AssetKey { room: self.room(room), asset }
    }

    fn room(&self, room: &RoomName) -> RoomName {
        let shared = &room.as_str()[..room.as_str().len().min(28)];
        if self.has(Flaw::JoinsRooms) { super::ground::room(shared) } else { room.clone() }
    }

    fn state(&self, mut state: AssetState) -> AssetState {
        if self.has(Flaw::HidesAHolder) {
            state.holders.pop();
        }
        state
    }
}

#[async_trait]
impl Layer for Flawed {
    fn inner(&self) -> &Arc<dyn Store> {
        &self.inner
    }

    async fn create(&self, call: Call, key: &AssetKey, new: &NewAsset) -> Reply<Created> {
        self.inner.create(self.call(call), &self.key(key), new).await
    }

    async fn select(
        &self,
        call: Call,
        key: &AssetKey,
        players: &[PlayerName],
        create: Option<Arc<NewAsset>>,
    ) -> Reply<Selected> {
        let (call, key) = (self.call(call), self.key(key));
        if let (true, Some(new)) = (self.has(Flaw::RevivesRemoved), &create) {
            let _ = self.inner.create(Call { node: NodeId(0), ..call }, &key, new).await;
        }
        let selected = self.inner.select(call, &key, players, create).await?;
        Ok(selected.map(|mut selected| {
            for verdict in &mut selected.verdicts {
                if self.has(Flaw::Oversells) && *verdict == Verdict::SoldOut {
                    *verdict = Verdict::Granted { revision: selected.state.revision, lease: Lease::NONE };
                }
            }
            Selected { state: self.state(selected.state), ..selected }
        }))
    }

    async fn release(
        &self,
        call: Call,
        key: &AssetKey,
        player: &PlayerName,
        reason: EndReason,
    ) -> Reply<AssetState> {
        let (call, key) = (self.call(call), self.key(key));
        match self.inner.release(call, &key, player, reason).await {
            Err(error) if self.has(Flaw::ReleasesAnything) && error.kind() == StoreErrorKind::NotHeld => {
                Ok(Applied::Now(self.inner.asset(&key).await?))
            }
            answer => answer,
        }
    }

    async fn confirm(&self, call: Call, key: &AssetKey, player: &PlayerName, retake: bool) -> Reply<Leased> {
        let retake = retake && !self.has(Flaw::IgnoresRetakes);
        self.inner.confirm(self.call(call), &self.key(key), player, retake).await
    }

    async fn extend(&self, call: Call, key: &AssetKey, player: &PlayerName, most: Millis) -> Reply<Leased> {
        self.inner.extend(self.call(call), &self.key(key), player, most).await
    }

    async fn prolong(&self, call: Call, key: &AssetKey, players: &[PlayerName]) -> Reply<AssetState> {
        let overlooked = usize::from(self.has(Flaw::OverlooksAPlayer));
        let players = &players[..players.len().saturating_sub(overlooked)];
        self.inner.prolong(self.call(call), &self.key(key), players).await
    }

    async fn expire(&self, call: Call, key: &AssetKey) -> Reply<AssetState> {
        self.inner.expire(self.call(call), &self.key(key)).await
    }

    async fn restock(&self, call: Call, key: &AssetKey, n: Units, condition: Option<u64>) -> Reply<AssetState> {
        let condition = condition.filter(|_| !self.has(Flaw::IgnoresConditions));
        self.inner.restock(self.call(call), &self.key(key), n, condition).await
    }

    async fn reset(&self, call: Call, key: &AssetKey) -> Reply<AssetState> {
        self.inner.reset(self.call(call), &self.key(key)).await
    }

    async fn remove_asset(&self, call: Call, key: &AssetKey) -> Reply<AssetState> {
        self.inner.remove_asset(self.call(call), &self.key(key)).await
    }

    async fn remove_room(&self, room: &RoomName) -> Result<()> {
        if self.has(Flaw::KeepsRooms) { Ok(()) } else { self.inner.remove_room(&self.room(room)).await }
    }

    async fn asset(&self, key: &AssetKey) -> Result<AssetState> {
        self.inner.asset(&self.key(key)).await.map(|state| self.state(state))
    }

    async fn snapshot(&self, room: &RoomName) -> Result<Vec<AssetState>> {
        let assets = self.inner.snapshot(&self.room(room)).await?;
        let shown = assets.into_iter().filter(|asset| !(asset.removed && self.has(Flaw::HidesTombstones)));
        Ok(shown.map(|asset| self.state(asset)).collect())
    }

    async fn revisions(&self, room: &RoomName) -> Result<Vec<RevisionRow>> {
        self.inner.revisions(&self.room(room)).await
    }

    async fn holders(&self, key: &AssetKey, after_revision: Option<u64>, limit: usize) -> Result<Vec<Grant>> {
        let late = u64::from(self.has(Flaw::SkipsAHolder));
        let after = after_revision.map(|revision| revision.saturating_add(late));
        self.inner.holders(&self.key(key), after, limit).await
    }

    async fn held_by(&self, room: &RoomName, player: &PlayerName) -> Result<Vec<(AssetName, u64)>> {
        self.inner.held_by(&self.room(room), player).await
    }

    async fn touch(&self, room: &RoomName, now: Millis) -> Result<()> {
        self.inner.touch(&self.room(room), now).await
    }

    async fn revoke(&self, revocation: &Revocation, now: Millis) -> Result<()> {
        let issued_before = if self.has(Flaw::MergesRevocations) { 0 } else { revocation.issued_before };
        self.inner.revoke(&Revocation { issued_before, ..revocation.clone() }, now).await
    }

    async fn revocations(&self, now: Millis) -> Result<Vec<Revocation>> {
        self.inner.revocations(if self.has(Flaw::KeepsRevocations) { 0 } else { now }).await
    }
}
