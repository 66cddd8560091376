//! Refuses requests that exceed the configured limits.

use super::{
    config::Config,
    refusal::{Refusal, Scope},
    view::View,
};
use crate::model::{ErrorCode, Units};

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
/// `LimitReached`: `units` exceed the most that the store can count.
pub(super) fn check_units_of_store(most: Units, units: Units) -> Result<(), Refusal> {
    if units <= most {
        return Ok(());
    }
    let message = format!("an asset in this store has at most {most} units");
    Err(Refusal::new(ErrorCode::LimitReached, message))
}

/// The refusal of a node that has `--max-rooms` active rooms.
pub(super) fn too_many_rooms(config: &Config) -> Refusal {
    let message = format!("this node has {} active rooms, as many as --max-rooms allows", config.max_rooms);
    Refusal::new(ErrorCode::LimitReached, message).about(Scope::Node)
}
