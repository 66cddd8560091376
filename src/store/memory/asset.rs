use std::collections::{BTreeMap, HashMap};

use super::{calls::LastCalls, unknown};
use crate::{
    model::{AssetName, AssetState, Grant, PlayerName, RevisionRow, Units, limits::HOLDERS_SHOWN},
    store::{Call, Result, Selected, StoreErrorKind, Verdict, outcome::Outcome},
};

/// One asset: its counter, its holders and the last calls.
#[derive(Debug)]
pub(super) struct Asset {
    origin: u64,
    pub(super) created_units: Units,
    units: Units,
    /// Never negative, because only winners are recorded.
    remaining: Units,
    pub(super) revision: u64,
    pub(super) removed: bool,
    pub(super) holders: BTreeMap<u64, Grant>,
    pub(super) by_player: HashMap<PlayerName, u64>,
    pub(super) calls: LastCalls,
}

impl Asset {
    pub(super) fn new(call: Call, units: Units) -> Self {
        Self {
            origin: call.origin(),
            created_units: units,
            units,
            remaining: units,
            revision: 0,
            removed: false,
            holders: BTreeMap::new(),
            by_player: HashMap::new(),
            calls: LastCalls::default(),
        }
    }

    /// The outcome, if the call was executed before. A new call on a removed asset is refused, and stays
    /// refused when retried.
    pub(super) fn answered(&mut self, call: Call, asset: &AssetName) -> Result<Option<Outcome>> {
        let nothing_there = Outcome::Refused(StoreErrorKind::UnknownAsset);
        match self.calls.answered(call) {
            None if self.removed => {
                self.over(call, nothing_there);
                Err(unknown(asset))
            }
            Some(outcome) if outcome == nothing_there => Err(unknown(asset)),
            answered => Ok(answered),
        }
    }

    pub(super) fn create_again(&mut self, call: Call, units: Units) -> Outcome {
        if !self.removed {
            let same = self.created_units == units;
            let conflict = Outcome::Refused(StoreErrorKind::Conflict);
            return self.over(call, if same { Outcome::Unchanged } else { conflict });
        }
        let (origin, revision, calls) = (self.origin, self.revision + 1, std::mem::take(&mut self.calls));
        *self = Self { origin, revision, calls, ..Self::new(call, units) };
        self.over(call, Outcome::Changed)
    }

    pub(super) fn select(&mut self, call: Call, asset: &AssetName, players: &[PlayerName]) -> Result<Selected> {
        let repeated = self.answered(call, asset)?.is_some();
        if self.removed {
            return Err(unknown(asset));
        }
        let verdicts: Vec<_> = players.iter().map(|player| self.decide(call, player, repeated)).collect();
        if !repeated {
            let granted = verdicts.iter().any(|verdict| matches!(verdict, Verdict::Granted { .. }));
            self.over(call, if granted { Outcome::Changed } else { Outcome::Unchanged });
        }
        Ok(Selected { verdicts, state: self.state(asset), repeated })
    }

    fn decide(&mut self, call: Call, player: &PlayerName, look_up_only: bool) -> Verdict {
        if let Some(&revision) = self.by_player.get(player) {
            return Verdict::AlreadyHeld { revision };
        }
        if look_up_only || self.remaining == 0 {
            return Verdict::SoldOut;
        }
        self.remaining -= 1;
        self.revision += 1;
        let revision = self.revision;
        self.holders.insert(revision, Grant { player: player.clone(), granted_at: call.at, revision });
        self.by_player.insert(player.clone(), revision);
        Verdict::Granted { revision }
    }

    pub(super) fn strike(&mut self, call: Call, player: &PlayerName) -> Outcome {
        let Some(revision) = self.by_player.remove(player) else {
            return self.over(call, Outcome::Refused(StoreErrorKind::NotHeld));
        };
        self.holders.remove(&revision);
        self.remaining += 1;
        self.revision += 1;
        self.over(call, Outcome::Changed)
    }

    pub(super) fn add(&mut self, call: Call, n: Units, condition: Option<u64>) -> Outcome {
        if condition.is_some_and(|revision| revision != self.revision) {
            return self.over(call, Outcome::Refused(StoreErrorKind::Conflict));
        }
        let Some(units) = self.units.checked_add(n) else {
            return self.over(call, Outcome::Refused(StoreErrorKind::LimitReached));
        };
        self.units = units;
        self.remaining += n;
        self.revision += 1;
        self.over(call, Outcome::Changed)
    }

    pub(super) fn remove(&mut self, call: Call) {
        self.revision += 1;
        self.removed = true;
        self.remaining = 0;
        self.holders.clear();
        self.by_player.clear();
        self.over(call, Outcome::Changed);
    }

    fn over(&mut self, call: Call, outcome: Outcome) -> Outcome {
        self.calls.record(call, outcome);
        outcome
    }

    pub(super) fn state(&self, asset: &AssetName) -> AssetState {
        let RevisionRow { asset, revision, remaining, held, removed, origin } = self.row(asset);
        let holders = self.holders.values().take(HOLDERS_SHOWN).cloned().collect();
        AssetState { asset, units: self.units, remaining, revision, held, holders, removed, origin }
    }

    pub(super) fn row(&self, asset: &AssetName) -> RevisionRow {
        RevisionRow {
            asset: asset.clone(),
            revision: self.revision,
            remaining: self.remaining,
            held: self.holders.len() as Units,
            removed: self.removed,
            origin: self.origin,
        }
    }
}
