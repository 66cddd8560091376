use rusqlite::Connection;

use super::{
    asset::{Asset, Draft},
    calls,
    error::{Decided, SqliteError, unknown},
    rooms,
};
use crate::{
    model::{AssetState, NewAsset, PlayerName, Units},
    store::{
        Applied, AssetKey, Call, Created, Leased, Selected,
        rules::{self, Ask, Outcome},
    },
};

/// One changing call on one asset. It may run more than once; only the committed run counts.
pub(super) struct Operation {
    pub(super) call: Call,
    pub(super) key: AssetKey,
    /// Maximum number of events of one asset; `None`: changes are not kept as events.
    pub(super) events_backlog: Option<usize>,
}

impl Operation {
    pub(super) fn create(&self, db: &Connection, new: &NewAsset) -> Decided<Applied<Created>> {
        let (decided, asset) = self.decide(db, Ask::Create { new })?;
        let created = decided.outcome == Outcome::Changed;
        Ok(Applied::new(Created { created, state: asset.state(db)? }, decided.repeated))
    }

    pub(super) fn select(
        &self,
        db: &Connection,
        players: &[PlayerName],
        create: Option<&NewAsset>,
    ) -> Decided<Applied<Selected>> {
        let (decided, asset) = self.decide(db, Ask::Select { players, create })?;
        let rules::Decided { verdicts, repeated, .. } = decided;
        Ok(Applied::new(Selected { verdicts, state: asset.state(db)? }, repeated))
    }

    /// A confirmation or an extension.
    pub(super) fn lease(&self, db: &Connection, ask: Ask<'_>) -> Decided<Applied<Leased>> {
        let (rules::Decided { outcome, grant, repeated, .. }, asset) = self.decide(db, ask)?;
        let changed = outcome == Outcome::Changed;
        Ok(Applied::new(Leased { changed, grant, state: asset.state(db)? }, repeated))
    }

    /// A change whose answer is the asset.
    pub(super) fn change(&self, db: &Connection, ask: Ask<'_>) -> Decided<Applied<AssetState>> {
        let (decided, asset) = self.decide(db, ask)?;
        Ok(Applied::new(asset.state(db)?, decided.repeated))
    }

    /// Decides the call and records it. Returns the asset after the call.
    fn decide(&self, db: &Connection, ask: Ask<'_>) -> Decided<(rules::Decided, Asset)> {
        let found = Asset::find(db, &self.key)?;
        let created = found.is_none();
        let (asset, answered) = match (found, ask.creates()) {
            (Some(asset), _) => {
                rooms::used(db, &self.key.room, self.call.at)?;
                let answered = calls::answered(db, &asset, self.call)?;
                (asset, answered)
            }
            (None, Some(new)) => {
                rooms::enter(db, &self.key.room, self.call.at)?;
                (Asset::make(db, &self.key, new, self.call)?, None)
            }
            (None, None) => {
                return Err(unknown(&self.key.asset));
            }
        };
        let mut draft = Draft { db, asset, events_backlog: self.events_backlog };
        let decided = rules::decide(&mut draft, self.call, ask, created, answered, Units::MAX)?;
        let Draft { asset, .. } = draft;
        if !decided.repeated {
            if decided.changed() {
                asset.save(db)?;
            }
            calls::record(db, &asset, self.call, decided.outcome)?;
        }
        let outcome = (decided.outcome, decided.repeated);
        rules::unless_refused(super::NAME, outcome, ask, &self.key.asset, &asset.counter, Units::MAX)
            .map_err(SqliteError::Refused)?;
        Ok((decided, asset))
    }
}
