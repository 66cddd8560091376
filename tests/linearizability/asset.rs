//! One asset, and what each request does to it. Says anew what the rules of the stores say.

use std::{collections::BTreeMap, sync::Arc};

use asset_arbiter::model::{Millis, NewAsset, PlayerName, Units};

use super::{
    deadlines::{Holder, Terms},
    spec::{Ask, Why},
};

/// The asset itself. `remaining` is no part of it: it is `units - holders`, always.
#[derive(Debug, Clone, Default, PartialEq, Eq, Hash)]
pub struct Asset {
    life: Life,
    created_units: Units,
    pub units: Units,
    pub revision: u64,
    /// By the revision of the grant.
    pub holders: BTreeMap<u64, Holder>,
    /// `None`: grants do not end by themselves.
    pub terms: Option<Arc<Terms>>,
}

#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Hash)]
enum Life {
    #[default]
    NeverMade,
    Alive,
    Removed,
}

/// What came of a request.
pub struct Done {
    /// The asset after it; `None`: as before.
    pub asset: Option<Asset>,
    /// Why the request itself did nothing. Grants may have ended all the same.
    pub why: Option<Why>,
}

impl Asset {
    pub fn after(&self, ask: &Ask, at: Millis) -> Done {
        if *ask == Ask::Look {
            let why = if self.is_never_made() { Why::UnknownAsset } else { Why::Looked };
            return Done { asset: None, why: Some(why) };
        }
        let now = self.changed_at().map_or(at, |changed_at| changed_at.max(at));
        let mut before = self.ended_by(now);
        if let Ask::Select { create: Some(new), .. } = ask
            && self.is_never_made()
        {
            before = Some(self.made(new, at, 0));
        }
        match before.as_ref().unwrap_or(self).carried_out(ask, now) {
            Ok(asset) => Done { asset: Some(asset), why: None },
            Err(why) => Done { asset: before, why: Some(why) },
        }
    }

    /// The asset after a request, or why it stays as it is.
    fn carried_out(&self, ask: &Ask, now: Millis) -> Result<Self, Why> {
        match ask {
            Ask::Create { new } => self.create(new, now),
            _ if self.life != Life::Alive => Err(Why::UnknownAsset),
            Ask::Select { player, .. } => self.select(player, now),
            Ask::Release { player } => {
                let revision = self.held_since(player).ok_or(Why::NotHeld)?;
                Ok(self.next(now).without(revision, now, false))
            }
            Ask::Confirm { player, retake } => self.confirm(player, *retake, now),
            Ask::Extend { player, most } => self.extend(player, *most, now),
            Ask::Prolong { players } => self.prolong(players, now),
            Ask::Expire | Ask::Ends | Ask::Look => Err(Why::Looked),
            Ask::Restock { condition: Some(revision), .. } if *revision != self.revision => Err(Why::Conflict),
            Ask::Restock { n, .. } => Ok(Self { units: self.units + n, ..self.next(now) }),
            Ask::Remove => {
                Ok(Self { life: Life::Removed, holders: BTreeMap::new(), terms: None, ..self.next(now) })
            }
        }
    }

    fn create(&self, new: &NewAsset, now: Millis) -> Result<Self, Why> {
        let same = || {
            let options = self.terms.as_ref().map(|terms| &terms.options);
            new.units == self.created_units && options.map_or(new.options.is_none(), |it| *it == new.options)
        };
        match self.life {
            Life::Alive if same() => Err(Why::Exists),
            Life::Alive => Err(Why::Conflict),
            Life::NeverMade => Ok(self.made(new, now, 0)),
            Life::Removed => Ok(self.made(new, now, self.revision + 1)),
        }
    }

    fn made(&self, new: &NewAsset, at: Millis, revision: u64) -> Self {
        let (units, terms) = (new.units, Terms::of_new(&new.options, at).map(Arc::new));
        Self { life: Life::Alive, created_units: units, units, revision, holders: BTreeMap::new(), terms }
    }

    fn select(&self, player: &PlayerName, now: Millis) -> Result<Self, Why> {
        if self.held_since(player).is_some() {
            return Err(Why::AlreadyHeld);
        }
        if let Some(why) = self.terms.as_ref().and_then(|terms| terms.bar(player, now)) {
            return Err(why);
        }
        if self.remaining() == 0 {
            return Err(Why::SoldOut);
        }
        Ok(self.granted(Holder::new(player, self.terms.as_deref(), now), now))
    }

    pub fn granted(&self, holder: Holder, now: Millis) -> Self {
        let mut after = self.next(now);
        after.holders.insert(after.revision, holder);
        after
    }

    /// One revision later.
    pub fn next(&self, now: Millis) -> Self {
        let changed = |terms: &Arc<Terms>| Arc::new(terms.changed(now));
        Self { revision: self.revision + 1, terms: self.terms.as_ref().map(changed), ..self.clone() }
    }

    pub fn remaining(&self) -> Units {
        if self.life == Life::Alive { self.units - self.holders.len() as Units } else { 0 }
    }

    pub fn held_since(&self, player: &PlayerName) -> Option<u64> {
        self.holders.iter().find(|(_, holder)| holder.player == *player).map(|(revision, _)| *revision)
    }

    pub fn is_never_made(&self) -> bool {
        self.life == Life::NeverMade
    }

    pub fn is_removed(&self) -> bool {
        self.life == Life::Removed
    }

    pub fn changed_at(&self) -> Option<Millis> {
        self.terms.as_ref().map(|terms| terms.changed_at)
    }
}
