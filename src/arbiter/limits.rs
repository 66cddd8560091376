//! Refuses requests that exceed the configured limits.

use super::{
    config::Config,
    refusal::{Refusal, Scope},
    view::View,
};
use crate::{
    model::{ErrorCode, NewAsset, Units},
    store,
};

/// # Errors
/// `LimitReached`: the room has `--max-assets` assets.
pub(super) fn check_assets(config: &Config, view: &View) -> Result<(), Refusal> {
    if view.count() < config.max_assets {
        return Ok(());
    }
    let message = format!("the room has {} assets, as many as --max-assets allows", config.max_assets);
    Err(Refusal::new(ErrorCode::LimitReached, message))
}

/// # Errors
/// `LimitReached`: `units` are more than `--max-units`.
pub(super) fn check_units(config: &Config, units: Units) -> Result<(), Refusal> {
    if units <= config.max_units {
        return Ok(());
    }
    let message = format!("an asset has at most {} units, as --max-units says", config.max_units);
    Err(Refusal::new(ErrorCode::LimitReached, message))
}

/// # Errors
/// `LimitReached`: the units exceed `--max-units` or the most that the store can count, or a hold is
/// longer than `--max-hold`.
pub(super) fn check_new(config: &Config, of_store: store::Limits, new: &NewAsset) -> Result<(), Refusal> {
    check_units(config, new.units)?;
    if new.units > of_store.units {
        let message = format!("an asset in this store has at most {} units", of_store.units);
        return Err(Refusal::new(ErrorCode::LimitReached, message));
    }
    let max_hold = config.max_hold.as_millis();
    match new.options.hold_ms.filter(|hold| u128::from(*hold) > max_hold) {
        Some(hold) => {
            let message = format!("hold_ms is at most {max_hold}, as --max-hold says, not {hold}");
            Err(Refusal::new(ErrorCode::LimitReached, message))
        }
        None => Ok(()),
    }
}

/// The refusal of a node that has `--max-rooms` active rooms.
pub(super) fn too_many_rooms(config: &Config) -> Refusal {
    let message = format!("this node has {} active rooms, as many as --max-rooms allows", config.max_rooms);
    Refusal::new(ErrorCode::LimitReached, message).about(Scope::Node)
}
