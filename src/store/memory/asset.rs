use std::{
    collections::{BTreeMap, BTreeSet, HashMap},
    convert::Infallible,
};

use foldhash::fast::RandomState;

use super::outbox::MemoryOutbox;
use crate::{
    model::{AssetEvent, AssetName, AssetState, Grant, Millis, NewAsset, PlayerName, Units},
    store::{
        AssetKey, Call,
        last_calls::LastCalls,
        rules::{self, Ask, Counter, Decided, Ending, Outcome},
    },
};

/// So many holders are searched faster than what their players hold.
const FEW_HOLDERS: usize = 4;

/// One asset: its counter, its holders and the last calls.
#[derive(Debug)]
pub(super) struct Asset {
    pub(super) counter: Counter,
    /// By the revision of the grant. Boxed, because a map has memory for eleven as soon as it has one, and most assets have
    /// few holders.
    pub(super) holders: BTreeMap<u64, Box<Grant>>,
    /// The deadlines of grants, each with the grant's revision.
    deadlines: BTreeSet<(Millis, u64)>,
    calls: LastCalls<Outcome>,
}

/// An asset under decision.
struct Draft<'a> {
    key: &'a AssetKey,
    asset: &'a mut Asset,
    held: &'a mut Held,
    outbox: Option<&'a MemoryOutbox>,
}

impl Asset {
    pub(super) fn new(call: Call, new: &NewAsset) -> Self {
        let counter = Counter::new(new, call.origin(), call.at);
        Self { counter, holders: BTreeMap::new(), deadlines: BTreeSet::new(), calls: LastCalls::default() }
    }

    /// Decides a call and remembers its outcome. `created` says that the call has just created the asset.
    pub(super) fn decide(
        &mut self,
        held: &mut Held,
        key: &AssetKey,
        call: Call,
        ask: Ask<'_>,
        created: bool,
        outbox: Option<&MemoryOutbox>,
    ) -> Decided {
        let last = self.calls.last(call.node);
        let answered = last.and_then(|(seq, outcome)| (call.seq <= seq).then_some(outcome));
        let mut draft = Draft { key, asset: self, held, outbox };
        let Ok(decided) = rules::decide(&mut draft, call, ask, created, answered, Units::MAX);
        if !decided.repeated {
            self.calls.record(call, decided.outcome);
        }
        decided
    }

    fn set_holder(&mut self, grant: Grant) {
        self.deadlines.extend(grant.lease.ends_at().map(|at| (at, grant.revision)));
        self.holders.insert(grant.revision, Box::new(grant));
    }

    fn take_holder(&mut self, revision: u64) {
        if let Some(at) = self.holders.remove(&revision).and_then(|grant| grant.lease.ends_at()) {
            self.deadlines.remove(&(at, revision));
        }
    }

    /// With the first `holders` holders.
    pub(super) fn state(&self, asset: &AssetName, holders: usize) -> AssetState {
        self.counter.state(asset, self.holders_from(0).take(holders).cloned().collect())
    }

    /// The grants of a revision or a later one, by revision.
    pub(super) fn holders_from(&self, revision: u64) -> impl Iterator<Item = &Grant> {
        self.holders.range(revision..).map(|(_, grant)| &**grant)
    }
}

impl rules::Asset for Draft<'_> {
    type Error = Infallible;

    fn counter(&mut self) -> &mut Counter {
        &mut self.asset.counter
    }

    fn granted_at(&mut self, player: &PlayerName) -> Result<Option<u64>, Infallible> {
        let holders = &self.asset.holders;
        if holders.len() > FEW_HOLDERS {
            return Ok(self.held.revision(player, &self.key.asset));
        }
        Ok(holders.values().find(|grant| grant.player == *player).map(|grant| grant.revision))
    }

    fn grant(&mut self, player: &PlayerName) -> Result<Option<Grant>, Infallible> {
        let Ok(revision) = self.granted_at(player);
        Ok(revision.and_then(|revision| self.asset.holders.get(&revision)).map(|grant| (**grant).clone()))
    }

    fn ending(&mut self, now: Millis) -> Result<Ending, Infallible> {
        let Asset { holders, deadlines, .. } = &*self.asset;
        let due = deadlines.range(..=(now, u64::MAX)).filter_map(|(_, revision)| holders.get(revision));
        let next = deadlines.range((now + 1, 0)..).next().map(|(at, _)| *at);
        Ok(Ending { due: due.map(|grant| (**grant).clone()).collect(), next })
    }

    fn add_holder(&mut self, grant: Grant) -> Result<(), Infallible> {
        self.held.insert(&grant.player, &self.key.asset, grant.revision);
        self.asset.set_holder(grant);
        Ok(())
    }

    fn set_lease(&mut self, grant: &Grant) -> Result<(), Infallible> {
        self.asset.take_holder(grant.revision);
        self.asset.set_holder(grant.clone());
        Ok(())
    }

    fn remove_holder(&mut self, grant: &Grant) -> Result<(), Infallible> {
        self.held.remove(&grant.player, &self.key.asset);
        self.asset.take_holder(grant.revision);
        Ok(())
    }

    fn keeps_events(&self) -> bool {
        self.outbox.is_some()
    }

    /// The room is locked meanwhile, so events are in the order of the changes.
    fn keep_event(&mut self, event: AssetEvent) -> Result<(), Infallible> {
        if let Some(outbox) = self.outbox {
            outbox.append(self.key, event);
        }
        Ok(())
    }

    fn clear_holders(&mut self) -> Result<(), Infallible> {
        self.asset.deadlines.clear();
        for grant in std::mem::take(&mut self.asset.holders).values() {
            self.held.remove(&grant.player, &self.key.asset);
        }
        Ok(())
    }
}

/// The grants of each player of a room: their revisions, by asset. A player without a unit has no entry.
#[derive(Debug, Default)]
pub(super) struct Held(HashMap<PlayerName, HashMap<AssetName, u64, RandomState>, RandomState>);

impl Held {
    /// The revision of the player's grant of one asset.
    pub(super) fn revision(&self, player: &PlayerName, asset: &AssetName) -> Option<u64> {
        self.0.get(player)?.get(asset).copied()
    }

    /// The player's grants, ordered by asset.
    pub(super) fn by(&self, player: &PlayerName) -> Vec<(AssetName, u64)> {
        let held = self.0.get(player).into_iter().flatten();
        let mut held: Vec<_> = held.map(|(asset, revision)| (asset.clone(), *revision)).collect();
        held.sort_unstable();
        held
    }

    pub(super) fn insert(&mut self, player: &PlayerName, asset: &AssetName, revision: u64) {
        self.0.entry(player.clone()).or_default().insert(asset.clone(), revision);
    }

    pub(super) fn remove(&mut self, player: &PlayerName, asset: &AssetName) {
        let Some(held) = self.0.get_mut(player) else { return };
        held.remove(asset);
        if held.is_empty() {
            self.0.remove(player);
        }
    }
}
