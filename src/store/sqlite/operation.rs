use rusqlite::Connection;

use super::{
    asset::Asset,
    calls,
    error::{Decided, not_held, other_revision, other_units, too_many_units, unknown},
    rooms,
};
use crate::{
    model::{AssetName, PlayerName, RoomName, Units},
    store::{Call, Created, Done, Selected, StoreErrorKind, Verdict, outcome::Outcome},
};

/// One changing call on one asset. It may run more than once, but only the committed run counts.
pub(super) struct Operation {
    pub(super) call: Call,
    pub(super) room: RoomName,
    pub(super) asset: AssetName,
}

impl Operation {
    pub(super) fn create(&self, db: &Connection, units: Units) -> Decided<Created> {
        let Some(mut asset) = Asset::find(db, &self.room, &self.asset)? else {
            let asset = self.make(db, units)?;
            calls::record(db, &asset, self.call, Outcome::Changed)?;
            return Ok(Created { created: true, state: asset.state(db)?, repeated: false });
        };
        self.use_room(db)?;
        let answered = calls::answered(db, &asset, self.call)?;
        let outcome = match answered {
            Some(outcome) => outcome,
            None => self.create_again(db, &mut asset, units)?,
        };
        if outcome == Outcome::Refused(StoreErrorKind::Conflict) {
            return Err(other_units(&self.asset, asset.created_units, units));
        }
        let created = outcome == Outcome::Changed;
        Ok(Created { created, state: asset.state(db)?, repeated: answered.is_some() })
    }

    pub(super) fn select(
        &self,
        db: &Connection,
        players: &[PlayerName],
        create: Option<Units>,
    ) -> Decided<Selected> {
        let found = Asset::find(db, &self.room, &self.asset)?;
        let made = found.is_none();
        let (mut asset, answered) = match (found, create) {
            (Some(asset), _) => self.resume(db, asset)?,
            (None, Some(units)) => (self.make(db, units)?, None),
            (None, None) => return Err(unknown(&self.asset)),
        };
        if asset.removed {
            return Err(unknown(&self.asset));
        }
        let repeated = answered.is_some();
        let mut verdicts = Vec::with_capacity(players.len());
        for player in players {
            verdicts.push(asset.decide(db, player, self.call.at, repeated)?);
        }
        let granted = verdicts.iter().any(|verdict| matches!(verdict, Verdict::Granted { .. }));
        if granted {
            asset.save(db)?;
        }
        if !repeated {
            let outcome = if granted || made { Outcome::Changed } else { Outcome::Unchanged };
            calls::record(db, &asset, self.call, outcome)?;
        }
        Ok(Selected { verdicts, state: asset.state(db)?, repeated })
    }

    pub(super) fn release(&self, db: &Connection, player: &PlayerName) -> Decided<Done> {
        let (mut asset, answered) = self.begin(db)?;
        let outcome = match answered {
            Some(outcome) => outcome,
            None if asset.strike(db, player)? => self.over(db, &asset, Outcome::Changed)?,
            None => self.over(db, &asset, Outcome::Refused(StoreErrorKind::NotHeld))?,
        };
        match outcome {
            Outcome::Changed => Ok(Done { state: asset.state(db)?, repeated: answered.is_some() }),
            _ => Err(not_held(&self.asset, player)),
        }
    }

    pub(super) fn restock(&self, db: &Connection, n: Units, condition: Option<u64>) -> Decided<Done> {
        let (mut asset, answered) = self.begin(db)?;
        let outcome = match answered {
            Some(outcome) => outcome,
            None if condition.is_some_and(|revision| revision != asset.revision) => {
                self.over(db, &asset, Outcome::Refused(StoreErrorKind::Conflict))?
            }
            None if asset.add(n) => self.over(db, &asset, Outcome::Changed)?,
            None => self.over(db, &asset, Outcome::Refused(StoreErrorKind::LimitReached))?,
        };
        match outcome {
            Outcome::Changed => Ok(Done { state: asset.state(db)?, repeated: answered.is_some() }),
            Outcome::Refused(StoreErrorKind::LimitReached) => Err(too_many_units(&self.asset, n)),
            _ => Err(other_revision(&self.asset, asset.revision)),
        }
    }

    pub(super) fn remove(&self, db: &Connection) -> Decided<Done> {
        let (mut asset, answered) = self.begin(db)?;
        if answered.is_none() {
            asset.remove(db)?;
            self.over(db, &asset, Outcome::Changed)?;
        }
        Ok(Done { state: asset.state(db)?, repeated: answered.is_some() })
    }

    fn begin(&self, db: &Connection) -> Decided<(Asset, Option<Outcome>)> {
        let asset = Asset::find(db, &self.room, &self.asset)?.ok_or_else(|| unknown(&self.asset))?;
        self.resume(db, asset)
    }

    /// Returns the asset, and the outcome if the call was executed before. A new call on a removed asset is
    /// refused, and stays refused when retried.
    fn resume(&self, db: &Connection, asset: Asset) -> Decided<(Asset, Option<Outcome>)> {
        let nothing_there = Outcome::Refused(StoreErrorKind::UnknownAsset);
        self.use_room(db)?;
        match calls::answered(db, &asset, self.call)? {
            None if asset.removed => {
                calls::record(db, &asset, self.call, nothing_there)?;
                Err(unknown(&self.asset))
            }
            Some(outcome) if outcome == nothing_there => Err(unknown(&self.asset)),
            answered => Ok((asset, answered)),
        }
    }

    fn make(&self, db: &Connection, units: Units) -> Decided<Asset> {
        rooms::enter(db, &self.room, self.call.at)?;
        Ok(Asset::make(db, &self.room, &self.asset, units, self.call.origin())?)
    }

    fn create_again(&self, db: &Connection, asset: &mut Asset, units: Units) -> Decided<Outcome> {
        if asset.removed {
            asset.revive(units);
            self.over(db, asset, Outcome::Changed)
        } else if asset.created_units == units {
            self.over(db, asset, Outcome::Unchanged)
        } else {
            self.over(db, asset, Outcome::Refused(StoreErrorKind::Conflict))
        }
    }

    /// Persists the decision.
    fn over(&self, db: &Connection, asset: &Asset, outcome: Outcome) -> Decided<Outcome> {
        if outcome == Outcome::Changed {
            asset.save(db)?;
        }
        calls::record(db, asset, self.call, outcome)?;
        Ok(outcome)
    }

    fn use_room(&self, db: &Connection) -> Decided<()> {
        Ok(rooms::used(db, &self.room, self.call.at)?)
    }
}
