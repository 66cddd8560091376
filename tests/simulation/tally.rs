//! What was asked for, and how often it was done: never without having been asked, never twice for one attempt.

use std::{
    collections::{BTreeMap, BTreeSet},
    fmt::Debug,
};

use asset_arbiter::model::{AssetName, PlayerName};
use parking_lot::Mutex;

/// Something that changes an asset.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub enum Deed {
    Select(AssetName, PlayerName),
    Release(AssetName, PlayerName),
    Confirm(AssetName, PlayerName),
    Extend(AssetName, PlayerName),
    Restock(AssetName),
    Remove(AssetName),
    Create(AssetName),
}

/// What an answer says of an attempt, or its absence.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Outcome {
    Done,
    /// It was decided, and is so; whether by this very attempt nobody knows.
    Found,
    /// It may have been done, or may be yet.
    Unknown,
    /// It was decided, and nothing was done.
    Refused,
    /// Nothing was done, and nothing was decided.
    Void,
}

#[derive(Debug, Default)]
pub struct Tally(Mutex<BTreeMap<Deed, Attempts>>);

#[derive(Debug, Clone, Copy, Default)]
struct Attempts {
    done: u64,
    unknown: u64,
    answered: u64,
}

impl Tally {
    pub fn count(&self, deed: Deed, outcome: Outcome) {
        let mut tally = self.0.lock();
        let attempts = tally.entry(deed).or_default();
        attempts.done += u64::from(outcome == Outcome::Done);
        attempts.unknown += u64::from(matches!(outcome, Outcome::Found | Outcome::Unknown));
        attempts.answered += u64::from(!matches!(outcome, Outcome::Unknown | Outcome::Void));
    }

    /// Whether each attempt took effect once, or at most once if nobody knows; a store that was `emptied` has lost what it
    /// knew of an attempt, and a repeat takes effect anew.
    pub fn explains(&self, effects: &BTreeMap<Deed, u64>, emptied: bool) -> Result<(), String> {
        let tally = self.0.lock();
        for deed in tally.keys().chain(effects.keys()) {
            let Attempts { done, unknown, .. } = tally.get(deed).copied().unwrap_or_default();
            let effects = effects.get(deed).copied().unwrap_or_default();
            let most = if emptied { u64::MAX } else { done + unknown };
            if !(done..=most).contains(&effects) {
                return Err(format!(
                    "{deed:?}: {done} done, {unknown} unknown, but {effects} times in the store"
                ));
            }
        }
        Ok(())
    }

    /// The players who were answered about an asset, and those who may have got a unit without knowing.
    pub fn askers(&self, asset: &AssetName) -> (BTreeSet<PlayerName>, BTreeSet<PlayerName>) {
        let (mut answered, mut others) = (BTreeSet::new(), BTreeSet::new());
        for (deed, attempts) in &*self.0.lock() {
            let Deed::Select(of, player) = deed else { continue };
            if of == asset && attempts.answered > 0 {
                answered.insert(player.clone());
            } else if of == asset && attempts.unknown > 0 {
                others.insert(player.clone());
            }
        }
        (answered, others)
    }

    /// How many attempts were answered, and of how many nobody knows.
    pub fn sums(&self) -> (u64, u64) {
        let tally = self.0.lock();
        let sum = |of: fn(&Attempts) -> u64| tally.values().map(of).sum();
        (sum(|it| it.answered), sum(|it| it.unknown))
    }
}
