mod advance;

use std::{
    collections::BTreeMap,
    ops::Bound::{self, Excluded, Included, Unbounded},
    sync::Arc,
};

use super::{
    deadlines::Deadlines,
    parts::{Parts, SharedAssets, Slot},
};
use crate::model::{
    Asset, AssetName, AssetState, Change, Event, Grant, Millis, NameMap, NewAsset, PlayerName, RevisionRow,
    Terms, Units,
    limits::{HOLDERS_SHOWN, WAITING_EVENTS},
};

/// A node's view of one room's assets. Events are applied in revision order, each once. An event that is ahead waits
/// for the missing ones. An event with another `origin` waits until a read from the store settles which record exists.
#[derive(Debug)]
pub(super) struct View {
    /// Stored assets, including tombstones. Shared with the snapshots that are being read.
    assets: Assets,
    /// Number of stored assets without tombstones.
    live: usize,
    /// Encoded parts for snapshots.
    parts: Parts,
    waiting: BTreeMap<AssetName, BTreeMap<u64, Event>>,
    /// When this node ends grants: at their deadlines, or a little later if other nodes may do it, too.
    ends: Deadlines,
    /// Milliseconds by which this node is later.
    lateness: Millis,
    /// When the assets were last shown while a grant was about to end.
    shown_at: Millis,
    templates: Vec<(AssetName, Arc<NewAsset>)>,
    loaded: bool,
    /// A regression was seen. Selects create no assets until the room is removed.
    regressed: bool,
}

/// How many milliseconds ago what is shown of a grant's time may have been counted.
const COUNTED_MS: Millis = 100;

type Assets = NameMap<Asset, Arc<AssetState>>;

/// The place of an event in the revisions of its asset.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Place {
    /// The view has it already.
    Old,
    /// It can be applied.
    Next,
    /// An earlier event is missing, or the event has another `origin` than the view's record.
    Later,
}

impl View {
    pub(super) fn new(mut templates: Vec<(AssetName, Arc<NewAsset>)>, lateness: Millis) -> Self {
        templates.sort_by(|(a, _), (b, _)| a.cmp(b));
        let (assets, waiting, parts) = (Assets::default(), BTreeMap::new(), Parts::default());
        let ends = Deadlines::default();
        Self {
            assets,
            live: 0,
            parts,
            waiting,
            ends,
            lateness,
            shown_at: 0,
            templates,
            loaded: false,
            regressed: false,
        }
    }

    /// Hides the templates, because selects no longer create assets and nobody could get the units shown.
    pub(super) fn mark_regressed(&mut self) {
        self.regressed = true;
        self.parts.clear();
    }

    /// Shows the templates again, because the room was removed.
    pub(super) fn clear_regression(&mut self) {
        self.regressed = false;
        self.parts.clear();
    }

    pub(super) fn is_regressed(&self) -> bool {
        self.regressed
    }

    /// Whether the asset is stored, was removed, or has waiting events.
    pub(super) fn has_seen(&self, asset: &AssetName) -> bool {
        self.assets.contains(asset) || self.waiting.contains_key(asset)
    }

    /// Replaces the view by the store's snapshot. Applies newer waiting events and returns them in order.
    pub(super) fn load(&mut self, snapshot: Vec<AssetState>) -> Vec<Event> {
        self.assets = snapshot.into_iter().map(|state| (state.asset.clone(), Arc::new(state))).collect();
        self.live = self.stored().filter(|state| !state.removed).count();
        self.parts.clear();
        self.ends.clear();
        let ends: Vec<_> =
            self.stored().filter(|state| state.terms.is_some()).map(|state| state.asset.clone()).collect();
        ends.iter().for_each(|asset| self.watch_ends_of(asset));
        self.loaded = true;
        let mut applied = Vec::new();
        for asset in self.gaps() {
            self.drain(&asset, &mut applied);
        }
        applied
    }

    /// Removes all assets and waiting events.
    pub(super) fn clear(&mut self) {
        self.assets.clear();
        self.live = 0;
        self.parts.clear();
        self.ends.clear();
        self.waiting.clear();
    }

    /// Takes one asset's state from the store if it is newer than the view. Returns the waiting events it then applied.
    pub(super) fn catch_up(&mut self, state: AssetState) -> Option<Vec<Event>> {
        if !self.is_behind(&state.asset, state.revision) {
            return None;
        }
        let asset = state.asset.clone();
        self.live += usize::from(!state.removed);
        let before = self.assets.insert(&asset, Arc::new(state));
        self.live -= usize::from(before.is_some_and(|before| !before.removed));
        self.parts.touch(&asset);
        self.watch_ends_of(&asset);
        let mut applied = Vec::new();
        self.drain(&asset, &mut applied);
        Some(applied)
    }

    /// Applies an event, or stores it until the events before it have arrived. Appends the applied events to `applied`,
    /// in order. Returns the event's place before.
    pub(super) fn apply(&mut self, event: Event, applied: &mut Vec<Event>) -> Place {
        let place = self.place(&event);
        match place {
            Place::Old => {}
            Place::Next => {
                let asset = event.asset.clone();
                self.advance(event, applied);
                self.drain(&asset, applied);
            }
            Place::Later => {
                let waiting = self.waiting.entry(event.asset.clone()).or_default();
                if waiting.len() < WAITING_EVENTS {
                    waiting.insert(event.revision, event);
                }
            }
        }
        place
    }

    /// Whether the view was read from the store. Until then, all events wait.
    pub(super) fn is_loaded(&self) -> bool {
        self.loaded
    }

    /// The assets with waiting events.
    pub(super) fn gaps(&self) -> Vec<AssetName> {
        self.waiting.keys().cloned().collect()
    }

    /// Whether the asset has waiting events.
    pub(super) fn has_gap(&self, asset: &AssetName) -> bool {
        self.waiting.contains_key(asset)
    }

    /// The last revision applied; `None` while the asset is not known to be stored.
    pub(super) fn revision(&self, asset: &AssetName) -> Option<u64> {
        self.assets.get(asset).map(|state| state.revision)
    }

    pub(super) fn get(&self, asset: &AssetName) -> Option<&AssetState> {
        self.assets.get(asset).map(|state| &**state)
    }

    /// Every stored asset, including tombstones.
    pub(super) fn stored(&self) -> impl Iterator<Item = &AssetState> {
        self.assets.iter().map(|(_, state)| &**state)
    }

    /// Whether no asset is known to be stored, not even a tombstone.
    pub(super) fn is_empty(&self) -> bool {
        self.assets.is_empty()
    }

    /// Whether the view matches the store's revision rows.
    pub(super) fn agrees_with(&self, rows: &[RevisionRow]) -> bool {
        let same =
            |row: &RevisionRow| self.get(&row.asset).is_some_and(|known| RevisionRow::from(known) == *row);
        rows.len() == self.assets.len() && rows.iter().all(same)
    }

    pub(super) fn is_template(&self, asset: &AssetName) -> bool {
        self.templates.binary_search_by(|(name, _)| name.cmp(asset)).is_ok()
    }

    /// The number of assets that count against `--max-assets`.
    pub(super) fn count(&self) -> usize {
        self.live
    }

    /// The assets as members see them now: no tombstones, and unselected templates with all units unless the view is
    /// regressed. Parts are encoded when they are read; their content does not change.
    /// How long grants last is counted from `now`, or from some milliseconds before.
    pub(super) fn share(&mut self, now: Millis) -> Arc<SharedAssets> {
        if self.ends.first().is_some() && self.shown_at + COUNTED_MS < now {
            self.ends.assets().for_each(|asset| self.parts.touch(asset));
            self.shown_at = now;
        }
        let Self { assets, templates, parts, regressed, .. } = self;
        let templates: &[_] = if *regressed { &[] } else { templates };
        parts.share(|from, to| shown(assets, templates, (from, to), now))
    }

    /// Once a second. Returns unused parts, so that the caller can drop them outside the lock.
    #[must_use]
    pub(super) fn rest(&mut self) -> Vec<Slot> {
        self.parts.rest()
    }

    /// Whether fewer holders are listed than should be shown, because a listed one released.
    pub(super) fn lacks_holders(&self, asset: &AssetName) -> bool {
        self.get(asset).is_some_and(|state| state.holders.len() < HOLDERS_SHOWN.min(state.held as usize))
    }

    /// Takes the first holders by revision from the store. Skips grants newer than the view.
    pub(super) fn set_holders(&mut self, asset: &AssetName, page: Vec<Grant>) {
        if let Some(state) = self.assets.get_mut(asset) {
            let known = state.revision;
            Arc::make_mut(state).holders = page.into_iter().filter(|grant| grant.revision <= known).collect();
            self.parts.touch(asset);
        }
    }

    /// Takes from a stored state of the view's revision what events do not tell: when grants end, and which ended.
    pub(super) fn learn_terms(&mut self, stored: &AssetState) {
        if let Some(state) = self.assets.get_mut(&stored.asset)
            && state.revision == stored.revision
            && state.terms != stored.terms
        {
            Arc::make_mut(state).terms.clone_from(&stored.terms);
            self.watch_ends_of(&stored.asset);
        }
    }

    /// When this node has to end a grant next.
    pub(super) fn next_end(&self) -> Option<Millis> {
        self.ends.first()
    }

    /// The assets whose grants this node has to end at `now`. If that fails, they are due again at `again`.
    pub(super) fn take_ends(&mut self, now: Millis, again: Millis) -> Vec<AssetName> {
        let due = self.ends.take_due(now);
        due.iter().for_each(|asset| self.ends.set(asset, Some(again)));
        due
    }

    pub(super) fn forget_ends(&mut self) {
        self.ends.clear();
    }

    fn watch_ends_of(&mut self, asset: &AssetName) {
        let terms = self.get(asset).filter(|state| !state.removed).and_then(|state| state.terms.as_ref());
        let at = terms.and_then(|terms| terms.next_end).map(|at| at.saturating_add(self.lateness));
        self.ends.set(asset, at);
    }

    /// A player's holdings according to the listed holders, each with the grant's revision. May be incomplete.
    pub(super) fn listed_holdings(&self, player: &PlayerName) -> Vec<(AssetName, u64)> {
        let grant = |state: &AssetState| {
            let grant = state.holders.iter().find(|grant| grant.player == *player)?;
            Some((state.asset.clone(), grant.revision))
        };
        self.stored().filter_map(grant).collect()
    }

    /// Whether the view's asset is older than `revision`.
    pub(super) fn is_behind(&self, asset: &AssetName, revision: u64) -> bool {
        self.revision(asset).is_none_or(|known| known < revision)
    }

    /// Drops the asset's waiting events, which will never apply.
    pub(super) fn forget_waiting(&mut self, asset: &AssetName) {
        self.waiting.remove(asset);
    }

    fn place(&self, event: &Event) -> Place {
        let Some(known) = self.get(&event.asset) else {
            // An asset is created at revision 0. A grant at revision 1 carries the full state.
            let first =
                event.revision == 0 || event.revision == 1 && matches!(event.change, Change::Granted { .. });
            return if self.loaded && first { Place::Next } else { Place::Later };
        };
        match event.revision.checked_sub(known.revision) {
            _ if event.origin != known.origin => Place::Later,
            None | Some(0) => Place::Old,
            Some(1) => Place::Next,
            Some(_) => Place::Later,
        }
    }

    fn drain(&mut self, asset: &AssetName, applied: &mut Vec<Event>) {
        let mut still = BTreeMap::new();
        for (revision, event) in self.waiting.remove(asset).into_iter().flatten() {
            match self.place(&event) {
                Place::Next => self.advance(event, applied),
                Place::Later => drop(still.insert(revision, event)),
                Place::Old => {}
            }
        }
        if !still.is_empty() {
            self.waiting.insert(asset.clone(), still);
        }
    }

    fn advance(&mut self, event: Event, applied: &mut Vec<Event>) {
        // Drops the part's reference first, so that `make_mut` copies the state only if it is being read.
        self.parts.touch(&event.asset);
        if let Some(state) = self.assets.get_mut(&event.asset) {
            let was_live = !state.removed;
            advance::advance(Arc::make_mut(state), &event);
            self.live = self.live + usize::from(!state.removed) - usize::from(was_live);
        } else {
            let mut state = AssetState { origin: event.origin, ..untouched(&event.asset, 0) };
            advance::advance(&mut state, &event);
            self.live += usize::from(!state.removed);
            self.assets.insert(&event.asset, Arc::new(state));
        }
        self.watch_ends_of(&event.asset);
        applied.push(event);
    }
}

/// The assets as members see them, ordered by name: `from` inclusive, `to` exclusive.
fn shown(
    assets: &Assets,
    templates: &[(AssetName, Arc<NewAsset>)],
    (from, to): (Option<&AssetName>, Option<&AssetName>),
    now: Millis,
) -> Vec<Arc<AssetState>> {
    let (lower, upper): (Bound<&AssetName>, Bound<&AssetName>) =
        (from.map_or(Unbounded, Included), to.map_or(Unbounded, Excluded));
    let stored = assets.range((lower.cloned(), upper.cloned())).map(|(_, state)| state);
    let mut shown: Vec<_> =
        stored.filter(|state| !state.removed).map(|state| state_shown(state, now)).collect();
    let place = |name: Option<&AssetName>, none| {
        name.map_or(none, |name| templates.partition_point(|(template, _)| template < name))
    };
    let templates = &templates[place(from, 0)..place(to, templates.len())];
    let stored = shown.len();
    let missing = templates.iter().filter(|(name, _)| !assets.contains(name));
    shown.extend(missing.map(|(name, new)| Arc::new(template(name, new))));
    if shown.len() > stored {
        shown.sort_by(|a, b| a.asset.cmp(&b.asset));
    }
    shown
}

/// With how long its grants last.
fn state_shown(state: &Arc<AssetState>, now: Millis) -> Arc<AssetState> {
    if state.holders.iter().all(|grant| grant.lease.until.is_none()) {
        return Arc::clone(state);
    }
    let holders = state.holders.iter().map(|grant| grant.clone().shown_at(now)).collect();
    Arc::new(AssetState { holders, ..AssetState::clone(state) })
}

pub(super) fn untouched(asset: &AssetName, units: Units) -> AssetState {
    let (asset, holders) = (asset.clone(), Vec::new());
    let (remaining, revision, held, terms, removed, origin) = (units, 0, 0, None, false, 0);
    AssetState { asset, units, remaining, revision, held, holders, terms, removed, origin }
}

fn template(asset: &AssetName, new: &NewAsset) -> AssetState {
    AssetState { terms: Terms::of_new(&new.options, 0), ..untouched(asset, new.units) }
}

#[cfg(test)]
mod tests;
