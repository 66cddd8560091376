//! The one store under everything, and the chronicle of what became of it: each change, and the asset after it.

use std::{
    collections::{BTreeMap, BTreeSet},
    sync::Arc,
    time::Duration,
};

use asset_arbiter::{
    model::{
        AssetName, AssetOptions, AssetState, EndReason, Ended, Millis, NewAsset, PlayerName, RoomName, Units,
    },
    store::{
        Applied, AssetKey, Call, Created, Leased, MemoryStore, NodeId, Reply, Selected, Store, Verdict,
        layer::Layer,
    },
};
use async_trait::async_trait;
use parking_lot::Mutex;

use crate::linearizability::follower::{Change, Follower, Known};

use super::{
    deadlines::{Deadlines, When},
    tally::Deed,
    trace::Trace,
};

/// `Err`: why what somebody knows was never so.
type Checked = std::result::Result<(), String>;

pub struct RecordingStore {
    inner: Arc<dyn Store>,
    trace: Arc<Trace>,
    options: AssetOptions,
    skew: Duration,
    chronicle: Mutex<Chronicle>,
}

#[derive(Default)]
struct Chronicle {
    /// When a node sent a call.
    sent: BTreeMap<(NodeId, u64), When>,
    /// Players who are in the room for long, and must not lose a grant as if they had left.
    present: BTreeSet<PlayerName>,
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
    /// Of an asset whose grants end.
    deadlines: Option<Deadlines>,
    /// The last call of each node that the store decided.
    last_calls: BTreeMap<NodeId, u64>,
}

impl RecordingStore {
    /// Of assets with such options, for nodes whose clocks differ by so much.
    pub fn new(trace: Arc<Trace>, options: &AssetOptions, skew: Duration) -> Self {
        let (inner, options) = (Arc::new(MemoryStore::default()), options.clone());
        Self { inner, trace, options, skew, chronicle: Mutex::default() }
    }

    /// A node sends a call, perhaps not for the first time.
    pub fn begins(&self, call: Call, sent: Duration) {
        self.chronicle.lock().sent.insert((call.node, call.seq), When { sent, at: call.at });
    }

    /// From now on these players must not lose a grant as if they had left.
    pub fn are_present(&self, players: BTreeSet<PlayerName>) {
        self.chronicle.lock().present = players;
    }

    /// Whether a revision changed deadlines alone: members are not told of prolongations, and a node that missed a
    /// confirmation or an extension tells it late, or not if the grant has ended since.
    pub fn is_of_deadlines(&self, asset: &AssetName, revision: u64) -> bool {
        let chronicle = self.chronicle.lock();
        chronicle.lives(asset).any(|life| life.is_of_deadlines(revision))
    }

    /// Whether somebody knows the asset as it is in the end, but for its last changes of deadlines.
    pub fn is_last(&self, asset: &AssetName, known: Option<&Known>) -> bool {
        let shown = self.shown(asset);
        let (Some(known), Some(shown)) = (known, &shown) else { return known.is_none() && shown.is_none() };
        let newest = (known.revision + 1..=shown.revision).all(|later| self.is_of_deadlines(asset, later));
        newest && Known { revision: shown.revision, ..known.clone() } == *shown
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

    fn when(&self, call: Call) -> When {
        let sent = self.chronicle.lock().sent.get(&(call.node, call.seq)).copied();
        sent.unwrap_or(When { sent: self.trace.elapsed(), at: call.at })
    }

    /// Notes what ended before a call did its own, if it was carried out.
    async fn note_ends<T>(&self, call: Call, key: &AssetKey, answer: &Reply<T>) {
        if self.options.is_none() {
            return;
        }
        // The store forgets the calls that found no asset.
        let Ok(state) = self.inner.asset(key).await else { return };
        let is_first = self.chronicle.lock().decides(call, &key.asset);
        if !is_first || answer.as_ref().is_ok_and(Applied::is_repeat) {
            return;
        }
        let when = self.when(call);
        if !state.removed {
            self.with_deadlines(&key.asset, |deadlines| deadlines.is_there(when));
        }
        let ends = state.terms.iter().flat_map(|terms| &terms.ends);
        for end in ends.filter(|end| end.reason.is_deadline()) {
            if self.chronicle.lock().ends(&key.asset, end, when, self.trace.elapsed()) {
                let change = Change::Released { player: end.player.clone(), remaining: end.remaining };
                self.note(call, &key.asset, end.revision, change, None);
            }
        }
        self.chronicle.lock().nothing_is_over(&key.asset, when);
    }

    fn note(
        &self,
        call: Call,
        asset: &AssetName,
        revision: u64,
        change: Change,
        deed: impl Into<Option<Deed>>,
    ) {
        let when = self.when(call);
        self.with_deadlines(asset, |deadlines| deadlines.follow(&change, when));
        self.trace.say(format_args!("store: {asset} at {revision}: {change:?} by {}/{}", call.node, call.seq));
        let mut chronicle = self.chronicle.lock();
        if let Some(deed) = deed.into() {
            *chronicle.effects.entry(deed).or_default() += 1;
        }
        let page = &mut chronicle.assets.entry(asset.clone()).or_default().now;
        let followed = page.follower.follow(revision, change);
        let known = page.follower.known.clone();
        let holds = known
            .as_ref()
            .is_none_or(|known| known.held <= known.units && known.remaining == known.units - known.held);
        page.states.insert(revision, known.clone());
        let sound = if holds { followed } else { Err(format!("the promise does not hold: {known:?}")) };
        chronicle.expect(sound);
    }

    fn with_deadlines(&self, asset: &AssetName, change: impl FnOnce(&mut Deadlines)) {
        if self.options.is_none() {
            return;
        }
        let mut chronicle = self.chronicle.lock();
        let life = &mut chronicle.assets.entry(asset.clone()).or_default().now;
        change(life.deadlines.get_or_insert_with(|| Deadlines::new(&self.options, self.skew)));
    }

    fn note_prolonged(&self, call: Call, state: &AssetState, players: &[PlayerName]) {
        let when = self.when(call);
        self.with_deadlines(&state.asset, |deadlines| deadlines.prolonged(players, when));
        let known = self.chronicle.lock().revision(&state.asset);
        if known.is_none_or(|known| known < state.revision) {
            self.note(call, &state.asset, state.revision, Change::Prolonged, None);
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

impl Life {
    fn is_of_deadlines(&self, revision: u64) -> bool {
        let change = self.follower.told.get(&revision);
        matches!(change, Some(Change::Confirmed { .. } | Change::Extended { .. } | Change::Prolonged))
    }
}

impl Chronicle {
    fn revision(&self, asset: &AssetName) -> Option<u64> {
        self.assets.get(asset)?.now.follower.revision
    }

    /// Whether the store decides a call for the first time, and not once more or after a later one of its node.
    fn decides(&mut self, call: Call, asset: &AssetName) -> bool {
        let last = &mut self.assets.entry(asset.clone()).or_default().now.last_calls;
        last.insert(call.node, call.seq.max(last.get(&call.node).copied().unwrap_or_default())) < Some(call.seq)
    }

    /// Whether a grant ends that was not known to have ended.
    fn ends(&mut self, asset: &AssetName, end: &Ended, when: When, now: Duration) -> bool {
        if self.revision(asset).is_some_and(|known| end.revision <= known) {
            return false;
        }
        let life = &mut self.assets.entry(asset.clone()).or_default().now;
        let ended = life.deadlines.as_mut().map_or(Ok(()), |deadlines| deadlines.end(end, when, now));
        let is_here = end.reason == EndReason::Left && self.present.contains(&end.player);
        let here = if is_here { Err(format!("as if the player had left: {end:?}")) } else { Ok(()) };
        self.expect(ended.and(here));
        true
    }

    fn nothing_is_over(&mut self, asset: &AssetName, when: When) {
        let deadlines = self.assets.get(asset).and_then(|life| life.now.deadlines.as_ref());
        let none = deadlines.map_or(Ok(()), |deadlines| deadlines.none_is_over(when));
        self.expect(none);
    }

    fn expect(&mut self, sound: Checked) {
        if let Err(why) = sound {
            self.broken.get_or_insert(format!("store: {why}"));
        }
    }

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
        let created = self.inner.create(call, key, new).await;
        self.note_ends(call, key, &created).await;
        let created = created?;
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
        let selected = self.inner.select(call, key, players, create).await;
        self.note_ends(call, key, &selected).await;
        let selected = selected?;
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
        let done = self.inner.release(call, key, player, reason).await;
        self.note_ends(call, key, &done).await;
        let done = done?;
        let change =
            |state: &AssetState| Change::Released { player: player.clone(), remaining: state.remaining };
        self.note_done(call, &done, change, Deed::Release(key.asset.clone(), player.clone()));
        Ok(done)
    }

    async fn confirm(&self, call: Call, key: &AssetKey, player: &PlayerName, retake: bool) -> Reply<Leased> {
        let done = self.inner.confirm(call, key, player, retake).await;
        self.note_ends(call, key, &done).await;
        let done = done?;
        if let (Applied::Now(Leased { changed: true, state, .. }), Some(grant)) = (&done, &done.grant) {
            let (player, remaining) = (player.clone(), state.remaining);
            let deed = Deed::Confirm(key.asset.clone(), player.clone());
            let change = if grant.revision == state.revision {
                Change::Granted { player, units: state.units, remaining }
            } else {
                Change::Confirmed { player, remaining }
            };
            self.note(call, &key.asset, state.revision, change, deed);
            // Another unit is confirmed at once.
            let confirmed = Change::Confirmed { player: grant.player.clone(), remaining };
            let when = self.when(call);
            self.with_deadlines(&key.asset, |deadlines| deadlines.follow(&confirmed, when));
        }
        Ok(done)
    }

    async fn extend(&self, call: Call, key: &AssetKey, player: &PlayerName, most: Millis) -> Reply<Leased> {
        let done = self.inner.extend(call, key, player, most).await;
        self.note_ends(call, key, &done).await;
        let done = done?;
        if let Applied::Now(Leased { changed: true, state, .. }) = &done {
            let change = Change::Extended { player: player.clone(), remaining: state.remaining };
            self.note(
                call,
                &key.asset,
                state.revision,
                change,
                Deed::Extend(key.asset.clone(), player.clone()),
            );
        }
        Ok(done)
    }

    async fn prolong(&self, call: Call, key: &AssetKey, players: &[PlayerName]) -> Reply<AssetState> {
        let done = self.inner.prolong(call, key, players).await;
        self.note_ends(call, key, &done).await;
        if let Ok(Applied::Now(state)) = &done {
            self.note_prolonged(call, state, players);
        }
        done
    }

    async fn expire(&self, call: Call, key: &AssetKey) -> Reply<AssetState> {
        let done = self.inner.expire(call, key).await;
        self.note_ends(call, key, &done).await;
        done
    }

    async fn restock(&self, call: Call, key: &AssetKey, n: Units, condition: Option<u64>) -> Reply<AssetState> {
        let done = self.inner.restock(call, key, n, condition).await;
        self.note_ends(call, key, &done).await;
        let done = done?;
        let change = |state: &AssetState| Change::Changed { units: state.units, remaining: state.remaining };
        self.note_done(call, &done, change, Deed::Restock(key.asset.clone()));
        Ok(done)
    }

    async fn remove_asset(&self, call: Call, key: &AssetKey) -> Reply<AssetState> {
        // A tombstone does not tell what ended before it.
        let seq = self.chronicle.lock().sent.len() as u64;
        let before = Call { node: NodeId(u64::MAX), seq, ..call };
        if !self.options.is_none() {
            let ended = self.inner.expire(before, key).await;
            self.note_ends(before, key, &ended).await;
        }
        let done = self.inner.remove_asset(call, key).await;
        self.note_ends(call, key, &done).await;
        let done = done?;
        self.note_done(call, &done, |_| Change::Removed, Deed::Remove(key.asset.clone()));
        Ok(done)
    }
}
