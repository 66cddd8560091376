//! What deadlines of grants mean without concurrency.

use std::{
    collections::BTreeMap,
    hash::{Hash, Hasher},
    sync::Arc,
};

use asset_arbiter::model::{AssetOptions, Lease, Millis, PlayerName};

use super::{asset::Asset, spec::Why};

/// What an asset with options knows besides its numbers.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Terms {
    pub options: AssetOptions,
    created_at: Millis,
    pub changed_at: Millis,
    /// How the last grant of each player ended. Stores forget the oldest of many; rooms of this suite are small.
    ends: BTreeMap<PlayerName, End>,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
struct End {
    at: Millis,
    by_deadline: bool,
}

#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Holder {
    pub player: PlayerName,
    granted_at: Millis,
    pub lease: Lease,
}

impl Terms {
    pub fn of_new(options: &AssetOptions, at: Millis) -> Option<Self> {
        let terms = || Self { options: options.clone(), created_at: at, changed_at: at, ends: BTreeMap::new() };
        (!options.is_none()).then(terms)
    }

    pub fn changed(&self, now: Millis) -> Self {
        Self { changed_at: now, ..self.clone() }
    }

    /// Why a player gets no unit, however many are left.
    pub fn bar(&self, player: &PlayerName, now: Millis) -> Option<Why> {
        let AssetOptions { reserved_for, for_ms, cooldown_ms, .. } = &self.options;
        let last = self.ends.get(player).map(|end| end.at);
        if for_ms.is_some_and(|ms| now < self.created_at + ms) && !reserved_for.contains(player) {
            Some(Why::Reserved)
        } else if cooldown_ms.zip(last).is_some_and(|(ms, ended)| now < ended + ms) {
            Some(Why::Cooldown)
        } else {
            None
        }
    }
}

impl Holder {
    /// One who selects now.
    pub fn new(player: &PlayerName, terms: Option<&Terms>, now: Millis) -> Self {
        let lease = terms.map_or(Lease::NONE, |terms| {
            let AssetOptions { hold_ms, grant_ms, leave_ms, .. } = terms.options;
            let until = hold_ms.or(grant_ms).map(|ms| now + ms);
            Lease { until, present_until: leave_ms.map(|ms| now + ms), is_hold: hold_ms.is_some() }
        });
        Self { player: player.clone(), granted_at: now, lease }
    }

    /// The same, confirmed now.
    fn confirmed(self, terms: Option<&Terms>, now: Millis) -> Self {
        let until = terms.and_then(|terms| terms.options.grant_ms).map(|ms| now + ms);
        Self { lease: Lease { until, is_hold: false, ..self.lease }, ..self }
    }

    fn ends_at(&self) -> Option<Millis> {
        match (self.lease.until, self.lease.present_until) {
            (Some(until), Some(present_until)) => Some(until.min(present_until)),
            (until, present_until) => until.or(present_until),
        }
    }
}

impl Asset {
    /// The asset after the end of all grants that are over; `None`: none is.
    pub fn ended_by(&self, now: Millis) -> Option<Self> {
        let over = |(revision, holder): (&u64, &Holder)| {
            holder.ends_at().filter(|end| *end <= now).map(|end| (end, *revision))
        };
        let mut over: Vec<_> = self.holders.iter().filter_map(over).collect();
        over.sort_unstable();
        let end = |asset: Option<Self>, (at, revision)| {
            Some(asset.as_ref().unwrap_or(self).next(now).without(revision, at, true))
        };
        over.into_iter().fold(None, end)
    }

    /// The asset without a grant that ended.
    pub fn without(mut self, revision: u64, at: Millis, by_deadline: bool) -> Self {
        let ended = self.holders.remove(&revision);
        if let (Some(holder), Some(terms)) = (ended, &mut self.terms) {
            Arc::make_mut(terms).ends.insert(holder.player, End { at, by_deadline });
        }
        self
    }

    pub fn confirm(&self, player: &PlayerName, retake: bool, now: Millis) -> Result<Self, Why> {
        let terms = self.terms.as_deref();
        let confirmed = |holder: Holder| holder.confirmed(terms, now);
        match self.holding(player) {
            Ok((_, holder)) if !holder.lease.is_hold => Err(Why::AlreadyConfirmed),
            Ok((revision, holder)) => Ok(self.with(revision, confirmed(holder.clone()), now)),
            Err(Why::HoldExpired) if retake && self.remaining() > 0 => {
                Ok(self.granted(confirmed(Holder::new(player, terms, now)), now))
            }
            Err(why) => Err(why),
        }
    }

    pub fn extend(&self, player: &PlayerName, most: Millis, now: Millis) -> Result<Self, Why> {
        let (revision, holder) = self.holding(player)?;
        let hold = self.terms.as_ref().and_then(|terms| terms.options.hold_ms);
        let Some((hold, until)) = hold.zip(holder.lease.until).filter(|_| holder.lease.is_hold) else {
            return Err(Why::NoHold);
        };
        let longer = (now + hold).min(holder.granted_at + most);
        if longer <= until {
            return Err(Why::LongEnough);
        }
        let lease = Lease { until: Some(longer), ..holder.lease };
        Ok(self.with(revision, Holder { lease, ..holder.clone() }, now))
    }

    pub fn prolong(&self, players: &[PlayerName], now: Millis) -> Result<Self, Why> {
        let leave = self.terms.as_ref().and_then(|terms| terms.options.leave_ms).ok_or(Why::LongEnough)?;
        let mut after = self.next(now);
        for holder in after.holders.values_mut().filter(|holder| players.contains(&holder.player)) {
            holder.lease.present_until = holder.lease.present_until.max(Some(now + leave));
        }
        if after.holders == self.holders { Err(Why::LongEnough) } else { Ok(after) }
    }

    /// A player's grant, or why there is none.
    fn holding(&self, player: &PlayerName) -> Result<(u64, &Holder), Why> {
        if let Some(revision) = self.held_since(player) {
            return Ok((revision, &self.holders[&revision]));
        }
        let last = self.terms.as_ref().and_then(|terms| terms.ends.get(player));
        Err(if last.is_some_and(|end| end.by_deadline) { Why::HoldExpired } else { Why::NotHeld })
    }

    fn with(&self, revision: u64, holder: Holder, now: Millis) -> Self {
        let mut after = self.next(now);
        after.holders.insert(revision, holder);
        after
    }
}

// Neither options nor leases can be hashed; times tell most states apart.

impl Hash for Terms {
    fn hash<H: Hasher>(&self, state: &mut H) {
        (self.created_at, self.changed_at, &self.ends).hash(state);
    }
}

impl Hash for Holder {
    fn hash<H: Hasher>(&self, state: &mut H) {
        (&self.player, self.granted_at, self.lease.until, self.lease.present_until).hash(state);
    }
}
