//! The one store under everything, and the chronicle of what became of it: each change, and the asset after it.

use std::{collections::BTreeMap, sync::Arc};

use asset_arbiter::{
    model::{AssetName, AssetState, EndReason, NewAsset, PlayerName, RoomName, Units},
    store::{Applied, AssetKey, Call, Created, MemoryStore, Reply, Selected, Store, Verdict, layer::Layer},
};
use async_trait::async_trait;
use parking_lot::Mutex;

use crate::linearizability::follower::{Change, Follower, Known};

use super::{tally::Deed, trace::Trace};

/// `Err`: why what somebody knows was never so.
type Checked = std::result::Result<(), String>;

pub struct RecordingStore {
    inner: Arc<dyn Store>,
    trace: Arc<Trace>,
    chronicle: Mutex<Chronicle>,
}

#[derive(Default)]
struct Chronicle {
    assets: BTreeMap<AssetName, Page>,
    /// How often each thing was done.
    effects: BTreeMap<Deed, u64>,
    /// The first that must never be.
    broken: Option<String>,
    emptied: bool,
}

/// An asset's lives: one, and one more each time that it is made again in a store that lost it.
#[derive(Default)]
struct Page {
    past: Vec<Life>,
    now: Life,
}

#[derive(Default)]
struct Life {
    follower: Follower,
    /// The asset at each revision; `None`: removed.
    states: BTreeMap<u64, Option<Known>>,
}

impl RecordingStore {
    pub fn new(trace: Arc<Trace>) -> Self {
        Self { inner: Arc::new(MemoryStore::default()), trace, chronicle: Mutex::default() }
    }

    /// What members see of an asset that nobody selected yet.
    pub fn show(&self, asset: &AssetName, units: Units) {
        let known = Known { units, remaining: units, ..Known::default() };
        self.chronicle.lock().assets.entry(asset.clone()).or_default().now.states.insert(0, Some(known));
    }

    /// Loses everything.
    pub async fn empty(&self, room: &RoomName) {
        self.inner.remove_room(room).await.expect("it has no faults of its own");
        self.trace.say(format_args!("store: lost everything"));
        let mut chronicle = self.chronicle.lock();
        chronicle.emptied = true;
        for page in chronicle.assets.values_mut() {
            let life = std::mem::take(&mut page.now);
            page.past.push(life);
        }
    }

    pub fn was_emptied(&self) -> bool {
        self.chronicle.lock().emptied
    }

    /// Says that something must never be.
    pub fn complain(&self, why: String) {
        self.chronicle.lock().broken.get_or_insert(why);
    }

    /// Whether the asset ever was as somebody knows it.
    pub fn had(&self, asset: &AssetName, revision: u64, known: Option<&Known>) -> Checked {
        let chronicle = self.chronicle.lock();
        let states: Vec<_> = chronicle.lives(asset).filter_map(|life| life.states.get(&revision)).collect();
        let was = states.iter().any(|state| state.as_ref() == known);
        was.then_some(()).ok_or_else(|| {
            format!("{asset} at revision {revision} is known as {known:?}, but it was {states:?}")
        })
    }

    /// Whether so many units were left at a revision.
    pub fn had_left(&self, asset: &AssetName, revision: u64, remaining: Units) -> Checked {
        let chronicle = self.chronicle.lock();
        let states = chronicle.lives(asset).filter_map(|life| life.states.get(&revision));
        let left: Vec<_> = states.map(|state| state.as_ref().map_or(0, |known| known.remaining)).collect();
        let was = left.contains(&remaining);
        was.then_some(()).ok_or_else(|| {
            format!("{asset} is said to have {remaining} left at revision {revision}, not {left:?}")
        })
    }

    /// Whether a revision is this player's grant.
    pub fn granted(&self, asset: &AssetName, revision: u64, to: &PlayerName) -> Checked {
        let chronicle = self.chronicle.lock();
        let told: Vec<_> =
            chronicle.lives(asset).filter_map(|life| life.follower.told.get(&revision)).collect();
        let was = told.iter().any(|change| matches!(change, Change::Granted { player, .. } if player == to));
        was.then_some(()).ok_or_else(|| {
            format!("{to} is said to have got {asset} at revision {revision}, but that is {told:?}")
        })
    }

    /// The asset as members must see it in the end.
    pub fn shown(&self, asset: &AssetName) -> Option<Known> {
        let chronicle = self.chronicle.lock();
        chronicle.assets.get(asset).and_then(|page| page.now.states.last_key_value()?.1.clone())
    }

    pub fn effects(&self) -> BTreeMap<Deed, u64> {
        self.chronicle.lock().effects.clone()
    }

    /// Whether every step was one that may be.
    pub fn is_sound(&self) -> Checked {
        self.chronicle.lock().broken.clone().map_or(Ok(()), Err)
    }

    fn note(&self, call: Call, asset: &AssetName, revision: u64, change: Change, deed: Deed) {
        self.trace.say(format_args!("store: {asset} at {revision}: {change:?} by {}/{}", call.node, call.seq));
        let mut chronicle = self.chronicle.lock();
        *chronicle.effects.entry(deed).or_default() += 1;
        let page = &mut chronicle.assets.entry(asset.clone()).or_default().now;
        let followed = page.follower.follow(revision, change);
        let known = page.follower.known.clone();
        let holds = known
            .as_ref()
            .is_none_or(|known| known.held <= known.units && known.remaining == known.units - known.held);
        page.states.insert(revision, known.clone());
        let sound = if holds { followed } else { Err(format!("the promise does not hold: {known:?}")) };
        if let Err(why) = sound {
            chronicle.broken.get_or_insert(format!("store: {why}"));
        }
    }

    fn note_done(
        &self,
        call: Call,
        done: &Applied<AssetState>,
        change: impl FnOnce(&AssetState) -> Change,
        deed: Deed,
    ) {
        if let Applied::Now(state) = done {
            self.note(call, &state.asset, state.revision, change(state), deed);
        }
    }
}

impl Chronicle {
    fn lives(&self, asset: &AssetName) -> impl Iterator<Item = &Life> {
        self.assets.get(asset).into_iter().flat_map(|page| page.past.iter().chain([&page.now]))
    }
}

#[async_trait]
impl Layer for RecordingStore {
    fn inner(&self) -> &Arc<dyn Store> {
        &self.inner
    }

    fn shared(&self) -> bool {
        true
    }

    async fn create(&self, call: Call, key: &AssetKey, new: &NewAsset) -> Reply<Created> {
        let created = self.inner.create(call, key, new).await?;
        let state = &created.state;
        if created.created && !created.is_repeat() {
            let change = Change::Changed { units: new.units, remaining: new.units };
            self.note(call, &key.asset, state.revision, change, Deed::Create(key.asset.clone()));
        }
        Ok(created)
    }

    async fn select(
        &self,
        call: Call,
        key: &AssetKey,
        players: &[PlayerName],
        create: Option<Arc<NewAsset>>,
    ) -> Reply<Selected> {
        let selected = self.inner.select(call, key, players, create).await?;
        let state = &selected.state;
        for (player, verdict) in players.iter().zip(&selected.verdicts) {
            let Verdict::Granted { revision, .. } = *verdict else { continue };
            // Those after a grant in the same step were grants, too.
            let remaining = state.remaining + (state.revision - revision) as Units;
            let change = Change::Granted { player: player.clone(), units: state.units, remaining };
            self.note(call, &key.asset, revision, change, Deed::Select(key.asset.clone(), player.clone()));
        }
        Ok(selected)
    }

    async fn release(
        &self,
        call: Call,
        key: &AssetKey,
        player: &PlayerName,
        reason: EndReason,
    ) -> Reply<AssetState> {
        let done = self.inner.release(call, key, player, reason).await?;
        let change =
            |state: &AssetState| Change::Released { player: player.clone(), remaining: state.remaining };
        self.note_done(call, &done, change, Deed::Release(key.asset.clone(), player.clone()));
        Ok(done)
    }

    async fn restock(&self, call: Call, key: &AssetKey, n: Units, condition: Option<u64>) -> Reply<AssetState> {
        let done = self.inner.restock(call, key, n, condition).await?;
        let change = |state: &AssetState| Change::Changed { units: state.units, remaining: state.remaining };
        self.note_done(call, &done, change, Deed::Restock(key.asset.clone()));
        Ok(done)
    }

    async fn remove_asset(&self, call: Call, key: &AssetKey) -> Reply<AssetState> {
        let done = self.inner.remove_asset(call, key).await?;
        self.note_done(call, &done, |_| Change::Removed, Deed::Remove(key.asset.clone()));
        Ok(done)
    }
}
