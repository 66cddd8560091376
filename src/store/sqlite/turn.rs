use rusqlite::Connection;

use super::{
    asset::Asset,
    calls,
    failure::{Decided, not_held, other_revision, other_units, too_many_units, unknown},
    rooms,
};
use crate::{
    model::{AssetName, PlayerName, RoomName, Units},
    store::{Call, Created, Done, Selected, Verdict},
};

/// One changing call on one asset. It may run more than once: only what is committed counts.
pub(super) struct Turn {
    pub(super) call: Call,
    pub(super) room: RoomName,
    pub(super) asset: AssetName,
}

impl Turn {
    pub(super) fn create(&self, db: &Connection, units: Units) -> Decided<Created> {
        let Some(mut asset) = Asset::find(db, &self.room, &self.asset)? else {
            let asset = self.make(db, units)?;
            calls::record(db, &asset, self.call, true)?;
            return Ok(Created { created: true, state: asset.state(db)?, repeated: false });
        };
        self.use_room(db)?;
        let answered = calls::answered(db, &asset, self.call)?;
        let created = match answered {
            Some(changed) => changed,
            None => self.create_again(db, &mut asset, units)?,
        };
        if !created && !asset.removed && asset.created_units != units {
            return Err(other_units(&self.asset, asset.created_units, units));
        }
        Ok(Created { created, state: asset.state(db)?, repeated: answered.is_some() })
    }

    /// A select that grants nothing changes nothing, and so writes nothing: it needs no record.
    pub(super) fn select(
        &self,
        db: &Connection,
        players: &[PlayerName],
        create: Option<Units>,
    ) -> Decided<Selected> {
        let found = Asset::find(db, &self.room, &self.asset)?;
        let made = found.is_none();
        let mut asset = match (found, create) {
            (Some(asset), _) if !asset.removed => asset,
            (None, Some(units)) => self.make(db, units)?,
            _ => return Err(unknown(&self.asset)),
        };
        if !made {
            self.use_room(db)?;
        }
        let repeated = calls::answered(db, &asset, self.call)?.is_some();
        let mut verdicts = Vec::with_capacity(players.len());
        for player in players {
            verdicts.push(asset.decide(db, player, self.call.at, repeated)?);
        }
        let granted = verdicts.iter().any(|verdict| matches!(verdict, Verdict::Granted { .. }));
        if granted {
            asset.save(db)?;
        }
        if granted || made {
            calls::record(db, &asset, self.call, granted)?;
        }
        Ok(Selected { verdicts, state: asset.state(db)?, repeated })
    }

    pub(super) fn release(&self, db: &Connection, player: &PlayerName) -> Decided<Done> {
        let (mut asset, answered) = self.begin(db)?;
        let changed = match answered {
            Some(changed) => changed,
            None => {
                let struck = asset.strike(db, player)?;
                if struck {
                    asset.save(db)?;
                }
                calls::record(db, &asset, self.call, struck)?;
                struck
            }
        };
        if !changed {
            return Err(not_held(&self.asset, player));
        }
        Ok(Done { state: asset.state(db)?, repeated: answered.is_some() })
    }

    pub(super) fn restock(&self, db: &Connection, n: Units, condition: Option<u64>) -> Decided<Done> {
        let (mut asset, answered) = self.begin(db)?;
        match answered {
            Some(true) => {}
            Some(false) => return Err(other_revision(&self.asset, asset.revision)),
            None if condition.is_some_and(|revision| revision != asset.revision) => {
                calls::record(db, &asset, self.call, false)?;
                return Err(other_revision(&self.asset, asset.revision));
            }
            None if asset.add(n) => {
                asset.save(db)?;
                calls::record(db, &asset, self.call, true)?;
            }
            None => return Err(too_many_units(&self.asset, n)),
        }
        Ok(Done { state: asset.state(db)?, repeated: answered.is_some() })
    }

    pub(super) fn remove(&self, db: &Connection) -> Decided<Done> {
        let (mut asset, answered) = self.begin(db)?;
        if answered.is_none() {
            asset.remove(db)?;
            asset.save(db)?;
            calls::record(db, &asset, self.call, true)?;
        }
        Ok(Done { state: asset.state(db)?, repeated: answered.is_some() })
    }

    /// The asset and what the call was answered before. A removed one is only there for repeats.
    fn begin(&self, db: &Connection) -> Decided<(Asset, Option<bool>)> {
        let asset = Asset::find(db, &self.room, &self.asset)?.ok_or_else(|| unknown(&self.asset))?;
        self.use_room(db)?;
        let answered = calls::answered(db, &asset, self.call)?;
        if answered.is_none() && asset.removed {
            return Err(unknown(&self.asset));
        }
        Ok((asset, answered))
    }

    fn make(&self, db: &Connection, units: Units) -> Decided<Asset> {
        rooms::enter(db, &self.room, self.call.at)?;
        Ok(Asset::make(db, &self.room, &self.asset, units)?)
    }

    fn create_again(&self, db: &Connection, asset: &mut Asset, units: Units) -> Decided<bool> {
        let created = asset.removed;
        if created {
            asset.revive(units);
            asset.save(db)?;
        }
        calls::record(db, asset, self.call, created)?;
        Ok(created)
    }

    fn use_room(&self, db: &Connection) -> Decided<()> {
        Ok(rooms::used(db, &self.room, self.call.at)?)
    }
}
