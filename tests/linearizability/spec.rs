//! One asset to which one thing happens after the other: what the promise means without concurrency.

use std::{
    cell::Cell,
    collections::{BTreeMap, BTreeSet},
    sync::Arc,
};

use asset_arbiter::model::{AssetState, PlayerName, Units, limits::HOLDERS_SHOWN};
use todc_utils::Specification;

/// A step of a history.
#[derive(Debug, Clone)]
pub enum Step {
    /// A client asked, and was told.
    Asked {
        ask: Ask,
        answer: Answer,
        /// For one without an answer: it takes effect before this deadline passes, or never.
        deadline: Deadline,
        /// For one that changed nothing at a revision it names: how many of these began before it.
        turn: usize,
        named: Arc<Named>,
    },
    /// Time passes.
    Passed(Deadline),
}

/// A point in time, by its number among all such.
pub type Deadline = usize;

/// The last one: all is over.
pub const THE_END: Deadline = usize::MAX;

/// What the answers of a whole history name. It takes nothing from what is possible, but much from what the
/// search would try in vain.
#[derive(Debug, Clone, Default)]
pub struct Named {
    /// The revisions that changes name as their own: no other change can have made them.
    pub changes: BTreeSet<u64>,
    /// Whose grants revisions are, as far as an answer shows a holder: nothing else can have made them.
    pub grants: BTreeMap<u64, PlayerName>,
    /// How many saw the asset at a revision, and did not change it. Their order is of no matter, so they come
    /// in that of their beginnings, and before the next change.
    pub looks: BTreeMap<u64, usize>,
}

#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Ask {
    Create { units: Units },
    Select { player: PlayerName, create: Option<Units> },
    Release { player: PlayerName },
    Restock { n: Units, condition: Option<u64> },
    Remove,
    Look,
}

#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Answer {
    /// It took effect, and this is what was seen of the asset.
    Changed(Sight),
    /// It took no effect.
    Unchanged(Why, Sight),
    /// A select whose reply was lost and whose repeat found the player to hold a unit, by it or otherwise.
    Found,
    /// No answer: it took effect once or never.
    Unknown,
}

/// Why nothing changes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Why {
    Looked,
    UnknownAsset,
    Exists,
    Conflict,
    AlreadyHeld,
    SoldOut,
    NotHeld,
}

/// What an answer tells of the asset; what it does not tell is `None`.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Sight {
    pub revision: Option<Revision>,
    pub remaining: Option<Units>,
    pub units: Option<Units>,
    pub removed: Option<bool>,
    /// The first holders, by revision.
    pub holders: Option<Vec<(u64, PlayerName)>>,
    /// One holder and the revision of its grant.
    pub holder: Option<(u64, PlayerName)>,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Revision {
    At(u64),
    /// The answer is a repeat's: other changes may have come since.
    NotAfter(u64),
}

/// The asset itself. `remaining` is no part of it: it is `units - holders`, always.
#[derive(Debug, Clone, Default, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct Asset {
    life: Life,
    created_units: Units,
    units: Units,
    revision: u64,
    holders: BTreeMap<u64, PlayerName>,
}

#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Hash, PartialOrd, Ord)]
enum Life {
    #[default]
    NeverMade,
    Alive,
    Removed,
}

thread_local! {
    /// How many steps the search on this thread may still try: what many operations without an answer may have
    /// done takes for ever to find out.
    pub static PATIENCE: Cell<u64> = const { Cell::new(0) };
}

/// One asset under a history.
pub struct OneAsset;

#[derive(Debug, Clone, Default, PartialEq, Eq, Hash)]
pub struct State {
    asset: Arc<Asset>,
    /// The last deadline.
    passed: Deadline,
    /// How many looked since the last change.
    looked: usize,
}

impl Specification for OneAsset {
    type State = State;
    type Operation = Step;

    fn init() -> State {
        State::default()
    }

    fn apply(step: &Step, state: &State) -> (bool, State) {
        let patient = PATIENCE.get() > 0;
        PATIENCE.set(PATIENCE.get().saturating_sub(1));
        let after = if patient { state.after(step) } else { None };
        (after.is_some(), after.unwrap_or_else(|| state.clone()))
    }
}

impl State {
    /// `None`: this cannot have come now.
    fn after(&self, step: &Step) -> Option<Self> {
        let (ask, answer, deadline, turn, named) = match step {
            Step::Passed(deadline) => return Some(Self { passed: *deadline, ..self.clone() }),
            Step::Asked { ask, answer, deadline, turn, named } => (ask, answer, *deadline, *turn, named),
        };
        match answer {
            // That it never took effect is decided last, so that the search does not do so in vain.
            Answer::Found | Answer::Unknown if self.passed == THE_END => Some(self.clone()),
            Answer::Found | Answer::Unknown if self.passed >= deadline => None,
            Answer::Found | Answer::Unknown => self.changed(ask, &Sight::default(), named),
            Answer::Changed(sight) => self.changed(ask, sight, named),
            Answer::Unchanged(why, sight) => {
                let right = self.asset.after(ask).err() == Some(*why) && sight.fits(&self.asset);
                let named = sight.exact().is_some();
                let fits = right && (!named || turn == self.looked);
                fits.then(|| Self { looked: self.looked + usize::from(named), ..self.clone() })
            }
        }
    }

    fn changed(&self, ask: &Ask, sight: &Sight, named: &Named) -> Option<Self> {
        let before = &self.asset;
        let after = before.after(ask).ok()?;
        let looks = named.looks.get(&before.revision).copied().unwrap_or_default();
        let all_looked = before.life == Life::NeverMade || self.looked == looks;
        let own = sight.exact().is_some() || !named.changes.contains(&after.revision);
        let grant = named.grants.get(&after.revision).is_none_or(|holder| ask.is_select_of(holder));
        let fits = all_looked && own && grant && sight.fits(&after);
        fits.then(|| Self { asset: Arc::new(after), looked: 0, passed: self.passed })
    }
}

impl Ask {
    fn is_select_of(&self, holder: &PlayerName) -> bool {
        matches!(self, Self::Select { player, .. } if player == holder)
    }
}

impl Asset {
    /// The asset after a request, or why it stays as it is.
    fn after(&self, ask: &Ask) -> Result<Self, Why> {
        match ask {
            Ask::Look if self.life == Life::NeverMade => Err(Why::UnknownAsset),
            Ask::Look => Err(Why::Looked),
            Ask::Create { units } => self.create(*units),
            Ask::Select { player, create: Some(units) } if self.life == Life::NeverMade => {
                self.create(*units)?.select(player)
            }
            _ if self.life != Life::Alive => Err(Why::UnknownAsset),
            Ask::Select { player, .. } => self.select(player),
            Ask::Release { player } => {
                let revision = self.held_since(player).ok_or(Why::NotHeld)?;
                let mut after = self.next();
                after.holders.remove(&revision);
                Ok(after)
            }
            Ask::Restock { condition: Some(revision), .. } if *revision != self.revision => Err(Why::Conflict),
            Ask::Restock { n, .. } => Ok(Self { units: self.units + n, ..self.next() }),
            Ask::Remove => Ok(Self { life: Life::Removed, holders: BTreeMap::new(), ..self.next() }),
        }
    }

    fn create(&self, units: Units) -> Result<Self, Why> {
        let revision = match self.life {
            Life::Alive if units == self.created_units => return Err(Why::Exists),
            Life::Alive => return Err(Why::Conflict),
            Life::NeverMade => 0,
            Life::Removed => self.revision + 1,
        };
        Ok(Self { life: Life::Alive, created_units: units, units, revision, holders: BTreeMap::new() })
    }

    fn select(&self, player: &PlayerName) -> Result<Self, Why> {
        if self.held_since(player).is_some() {
            return Err(Why::AlreadyHeld);
        }
        if self.remaining() == 0 {
            return Err(Why::SoldOut);
        }
        let mut after = self.next();
        after.holders.insert(after.revision, player.clone());
        Ok(after)
    }

    fn next(&self) -> Self {
        Self { revision: self.revision + 1, ..self.clone() }
    }

    fn remaining(&self) -> Units {
        if self.life == Life::Alive { self.units - self.holders.len() as Units } else { 0 }
    }

    fn held_since(&self, player: &PlayerName) -> Option<u64> {
        self.holders.iter().find(|(_, holder)| *holder == player).map(|(revision, _)| *revision)
    }
}

impl Sight {
    /// Of a whole state.
    pub fn of(state: &AssetState) -> Self {
        let holders = state.holders.iter().map(|grant| (grant.revision, grant.player.clone())).collect();
        Self {
            revision: Some(Revision::At(state.revision)),
            remaining: Some(state.remaining),
            // What a tombstone had is of no meaning.
            units: (!state.removed).then_some(state.units),
            removed: Some(state.removed),
            holders: Some(holders),
            holder: None,
        }
    }

    /// Of a counter alone.
    pub fn counter(revision: u64, remaining: Units) -> Self {
        Self { revision: Some(Revision::At(revision)), remaining: Some(remaining), ..Self::default() }
    }

    /// No more than that the change came before this revision, or with it.
    pub fn not_after(revision: u64) -> Self {
        Self { revision: Some(Revision::NotAfter(revision)), ..Self::default() }
    }

    /// The very revision at which it was.
    pub fn exact(&self) -> Option<u64> {
        match self.revision {
            Some(Revision::At(revision)) => Some(revision),
            _ => None,
        }
    }

    /// The grants that it shows.
    pub fn grants(&self) -> impl Iterator<Item = &(u64, PlayerName)> {
        self.holders.iter().flatten().chain(&self.holder)
    }

    fn fits(&self, asset: &Asset) -> bool {
        let revision = match self.revision {
            Some(Revision::At(revision)) => asset.revision == revision,
            Some(Revision::NotAfter(revision)) => asset.revision <= revision,
            None => true,
        };
        let shown = || asset.holders.iter().map(|(revision, player)| (*revision, player.clone()));
        revision
            && self.remaining.is_none_or(|remaining| remaining == asset.remaining())
            && self.units.is_none_or(|units| units == asset.units)
            && self.removed.is_none_or(|removed| removed == (asset.life == Life::Removed))
            && self.holders.as_ref().is_none_or(|seen| shown().take(HOLDERS_SHOWN).eq(seen.iter().cloned()))
            && self.holder.as_ref().is_none_or(|(revision, player)| asset.holders.get(revision) == Some(player))
    }
}
