//! One asset to which one thing happens after the other: what the promise means without concurrency.

use std::{
    cell::Cell,
    collections::{BTreeMap, BTreeSet},
    sync::Arc,
};

use asset_arbiter::model::{AssetState, Lease, Millis, NewAsset, PlayerName, Units, limits::HOLDERS_SHOWN};
use todc_utils::Specification;

use super::asset::{Asset, Done};

/// A step of a history.
#[derive(Debug, Clone)]
pub enum Step {
    /// A client asked, and was told.
    Asked {
        ask: Ask,
        /// By the client's clock.
        at: Millis,
        answer: Answer,
        /// For one without an answer: it takes effect before this deadline passes, or never.
        deadline: Deadline,
        /// For one that changed nothing at a revision it names: how many of these began before it. `None`: their order
        /// matters, or it names none.
        turn: Option<usize>,
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

/// What is asked. `Ends` is asked by nobody: a store ends what a call finds over in a step of its own, before the call's.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Ask {
    Create { new: Arc<NewAsset> },
    Select { player: PlayerName, create: Option<Arc<NewAsset>> },
    Release { player: PlayerName },
    Confirm { player: PlayerName, retake: bool },
    Extend { player: PlayerName, most: Millis },
    Prolong { players: Vec<PlayerName> },
    Expire,
    Restock { n: Units, condition: Option<u64> },
    Remove,
    Look,
    Ends,
}

#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Answer {
    /// It took effect, and this is what was seen of the asset.
    Changed(Sight),
    /// It took no effect.
    Unchanged(Why, Sight),
    /// It did what there was to do, if anything.
    Settled(Sight),
    /// A select whose reply was lost and whose repeat found the player to hold a unit, by it or otherwise.
    Found,
    /// No answer: it took effect once or never.
    Unknown,
}

/// Why nothing changes but the grants whose deadlines have passed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Why {
    Looked,
    UnknownAsset,
    Exists,
    Conflict,
    AlreadyHeld,
    SoldOut,
    Reserved,
    Cooldown,
    NotHeld,
    HoldExpired,
    AlreadyConfirmed,
    NoHold,
    LongEnough,
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
    /// The deadlines of some grants, by revision.
    pub leases: Vec<(u64, Lease)>,
    /// The time of the last change of an asset with options.
    pub changed_at: Option<Millis>,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Revision {
    At(u64),
    /// The answer is a repeat's: other changes may have come since.
    NotAfter(u64),
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
        let (ask, at, answer, deadline, turn, named) = match step {
            Step::Passed(deadline) => return Some(Self { passed: *deadline, ..self.clone() }),
            Step::Asked { ask, at, answer, deadline, turn, named } => {
                (ask, *at, answer, *deadline, *turn, named)
            }
        };
        if matches!(answer, Answer::Found | Answer::Unknown) && self.passed >= deadline {
            // That it never took effect is decided last, so that the search does not do so in vain.
            return (self.passed == THE_END).then(|| self.clone());
        }
        let Done { asset, why } = self.asset.after(ask, at);
        let (sight, fits) = match answer {
            Answer::Changed(sight) => (sight, why.is_none()),
            Answer::Unchanged(expected, sight) => (sight, why == Some(*expected)),
            Answer::Settled(sight) => (sight, true),
            Answer::Found | Answer::Unknown => (&Sight::default(), asset.is_some()),
        };
        match asset.filter(|_| fits) {
            Some(asset) => self.changed(asset, ask, sight, named),
            None => (fits && sight.fits(&self.asset)).then(|| self.looked(turn)).flatten(),
        }
    }

    fn changed(&self, after: Asset, ask: &Ask, sight: &Sight, named: &Named) -> Option<Self> {
        let before = &self.asset;
        let looks = named.looks.get(&before.revision).copied().unwrap_or_default();
        let all_looked = before.is_never_made() || self.looked == looks;
        let own = sight.exact().is_some() || !named.changes.contains(&after.revision);
        let grant = named.grants.get(&after.revision).is_none_or(|holder| ask.grants_to(holder));
        let fits = all_looked && own && grant && sight.fits(&after);
        fits.then(|| Self { asset: Arc::new(after), looked: 0, passed: self.passed })
    }

    fn looked(&self, turn: Option<usize>) -> Option<Self> {
        let in_turn = turn.is_none_or(|turn| turn == self.looked);
        in_turn.then(|| Self { looked: self.looked + usize::from(turn.is_some()), ..self.clone() })
    }
}

impl Ask {
    /// Whether it creates an asset whose grants end.
    pub fn creates_deadlines(&self) -> bool {
        let (Self::Create { new } | Self::Select { create: Some(new), .. }) = self else { return false };
        !new.options.is_none()
    }

    /// Whether the revision it ends with may be a grant to this player.
    fn grants_to(&self, holder: &PlayerName) -> bool {
        match self {
            Self::Select { player, .. } | Self::Confirm { player, retake: true } => player == holder,
            _ => false,
        }
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
            leases: state.holders.iter().map(|grant| (grant.revision, grant.lease)).collect(),
            changed_at: state.terms.as_ref().map(|terms| terms.changed_at),
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
        let shown = || asset.holders.iter().map(|(revision, holder)| (*revision, &holder.player));
        let holds = |(revision, player): &(u64, PlayerName)| shown().any(|held| held == (*revision, player));
        let seen = |holders: &Vec<(u64, PlayerName)>| {
            let is_shown = |(shown, (revision, player)): (_, &(u64, PlayerName))| shown == (*revision, player);
            holders.len() == asset.holders.len().min(HOLDERS_SHOWN) && shown().zip(holders).all(is_shown)
        };
        let lease = |revision| asset.holders.get(revision).map(|holder| holder.lease);
        revision
            && self.remaining.is_none_or(|remaining| remaining == asset.remaining())
            && self.units.is_none_or(|units| units == asset.units)
            && self.removed.is_none_or(|removed| removed == asset.is_removed())
            && self.holders.as_ref().is_none_or(seen)
            && self.holder.as_ref().is_none_or(holds)
            && self.leases.iter().all(|(revision, seen)| lease(revision) == Some(*seen))
            && self.changed_at.is_none_or(|at| asset.changed_at() == Some(at))
    }
}
