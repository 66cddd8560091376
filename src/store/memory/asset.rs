use std::collections::{BTreeMap, HashMap};

use super::{calls::LastCalls, error, other_revision, unknown};
use crate::{
    model::{AssetName, AssetState, Grant, PlayerName, RevisionRow, Units, limits::HOLDERS_SHOWN},
    store::{Call, Result, Selected, StoreErrorKind, Verdict},
};

/// One asset: its counter, its holders and the calls that changed it.
#[derive(Debug)]
pub(super) struct Asset {
    pub(super) created_units: Units,
    units: Units,
    /// Only winners are recorded, so the counter never passes 0.
    remaining: Units,
    pub(super) revision: u64,
    pub(super) removed: bool,
    pub(super) holders: BTreeMap<u64, Grant>,
    pub(super) by_player: HashMap<PlayerName, u64>,
    pub(super) calls: LastCalls,
}

impl Asset {
    pub(super) fn new(units: Units) -> Self {
        Self {
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

    pub(super) fn alive(&self, asset: &AssetName) -> Result<()> {
        if self.removed { Err(unknown(asset)) } else { Ok(()) }
    }

    pub(super) fn create_again(&mut self, call: Call, units: Units) -> bool {
        let created = self.removed;
        if created {
            let calls = std::mem::take(&mut self.calls);
            *self = Self { revision: self.revision + 1, calls, ..Self::new(units) };
        }
        self.calls.record(call, created);
        created
    }

    pub(super) fn select(&mut self, call: Call, asset: &AssetName, players: &[PlayerName]) -> Result<Selected> {
        self.alive(asset)?;
        let repeated = self.calls.answered(call).is_some();
        let verdicts: Vec<_> = players.iter().map(|player| self.decide(call, player, repeated)).collect();
        if !repeated {
            let changed = verdicts.iter().any(|verdict| matches!(verdict, Verdict::Granted { .. }));
            self.calls.record(call, changed);
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

    pub(super) fn strike(&mut self, call: Call, player: &PlayerName) -> bool {
        let revision = self.by_player.remove(player);
        if let Some(revision) = revision {
            self.holders.remove(&revision);
            self.remaining += 1;
            self.revision += 1;
        }
        self.calls.record(call, revision.is_some());
        revision.is_some()
    }

    pub(super) fn add(
        &mut self,
        call: Call,
        asset: &AssetName,
        n: Units,
        condition: Option<u64>,
    ) -> Result<()> {
        self.alive(asset)?;
        if condition.is_some_and(|revision| revision != self.revision) {
            self.calls.record(call, false);
            return Err(other_revision(asset, self.revision));
        }
        let units = self.units.checked_add(n).ok_or_else(|| {
            error(StoreErrorKind::LimitReached, format!("asset {asset} cannot have {n} units more"))
        })?;
        self.units = units;
        self.remaining += n;
        self.revision += 1;
        self.calls.record(call, true);
        Ok(())
    }

    pub(super) fn remove(&mut self, call: Call) {
        self.calls.record(call, true);
        self.revision += 1;
        self.removed = true;
        self.remaining = 0;
        self.holders.clear();
        self.by_player.clear();
    }

    pub(super) fn state(&self, asset: &AssetName) -> AssetState {
        let RevisionRow { asset, revision, remaining, held, removed } = self.row(asset);
        let holders = self.holders.values().take(HOLDERS_SHOWN).cloned().collect();
        AssetState { asset, units: self.units, remaining, revision, held, holders, removed }
    }

    pub(super) fn row(&self, asset: &AssetName) -> RevisionRow {
        RevisionRow {
            asset: asset.clone(),
            revision: self.revision,
            remaining: self.remaining,
            held: self.holders.len() as Units,
            removed: self.removed,
        }
    }
}
