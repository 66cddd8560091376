//! What an answer means, held against what the store really did.

use asset_arbiter::{
    arbiter::Refusal,
    model::{AssetState, Denial, ErrorCode, ServerMessage},
};

use crate::linearizability::{follower::Known, plan::Rules};

use super::{
    tally::{Deed, Outcome},
    world::World,
};

/// Of what a player asked for itself.
pub fn of_reply(world: &World, deed: &Deed, reply: &ServerMessage) -> Result<Outcome, String> {
    let recording = &world.recording;
    match (deed, reply) {
        (
            Deed::Select(of, player),
            &ServerMessage::Selection { ref asset, granted, reason, remaining, revision, already_held, .. },
        ) if of == asset => match (granted, already_held) {
            (true, true) => recording.granted(asset, revision, player).map(|()| Outcome::Found),
            (true, false) => {
                recording.granted(asset, revision, player)?;
                recording.had_left(asset, revision, remaining).map(|()| Outcome::Done)
            }
            (false, _) if matches!(reason, Some(Denial::Cooldown | Denial::Reserved)) => {
                recording.had_left(asset, revision, remaining).map(|()| Outcome::Refused)
            }
            (false, _) if remaining > 0 => Err(format!("denied too early: {reply:?}")),
            (false, _) => recording.had_left(asset, revision, 0).map(|()| Outcome::Refused),
        },
        (Deed::Release(of, _), &ServerMessage::Release { ref asset, remaining, revision, .. })
            if of == asset =>
        {
            recording.had_left(asset, revision, remaining).map(|()| Outcome::Done)
        }
        (
            Deed::Confirm(of, _),
            &ServerMessage::Confirmation {
                ref asset, confirmed, already_confirmed, remaining, revision, ..
            },
        ) if of == asset => {
            let outcome = if confirmed && !already_confirmed { Outcome::Done } else { Outcome::Refused };
            recording.had_left(asset, revision, remaining).map(|()| outcome)
        }
        // It may have been long enough before.
        (Deed::Extend(of, _), ServerMessage::Extension { asset, .. }) if of == asset => Ok(Outcome::Found),
        (_, ServerMessage::Error { code, .. }) => of_error(world, deed, *code),
        _ => Err(format!("no answer to {deed:?}: {reply:?}")),
    }
}

/// Of what an operator asked for, where the answer is the asset as it is then.
pub fn of_state(world: &World, deed: &Deed, answer: Result<AssetState, Refusal>) -> Result<Outcome, String> {
    match answer {
        Ok(state) => {
            let known = (!state.removed).then(|| Known::of(&state));
            world.recording.had(&state.asset, state.revision, known.as_ref()).map(|()| Outcome::Done)
        }
        Err(refusal) => of_error(world, deed, refusal.code),
    }
}

/// Of a refusal.
pub fn of_error(world: &World, deed: &Deed, code: ErrorCode) -> Result<Outcome, String> {
    let was_emptied = world.recording.was_emptied();
    let is_there = world.plan.rules == Rules::Selects && !was_emptied;
    match (code, deed) {
        // What was done and not answered is lost, and nothing says that it was done.
        (ErrorCode::UnknownAsset, Deed::Select(..)) if was_emptied => Ok(Outcome::Refused),
        (ErrorCode::UnknownAsset | ErrorCode::NotHeld, _) if was_emptied => Ok(Outcome::Unknown),
        (ErrorCode::OutcomeUnknown, _) => Ok(Outcome::Unknown),
        (ErrorCode::StoreUnavailable, _) => Ok(Outcome::Void),
        // A copy of the call that overtook it may have got a unit of what was removed since.
        (ErrorCode::UnknownAsset, Deed::Select(..)) if world.plan.faults.duplicated_late > 0.0 && !is_there => {
            Ok(Outcome::Unknown)
        }
        (ErrorCode::UnknownAsset, _) if !is_there => Ok(Outcome::Refused),
        (ErrorCode::NotHeld, Deed::Release(..) | Deed::Confirm(..) | Deed::Extend(..))
        | (ErrorCode::HoldExpired | ErrorCode::Conflict, Deed::Extend(..))
        | (ErrorCode::Conflict, Deed::Create(_)) => Ok(Outcome::Refused),
        _ => Err(format!("{deed:?} is answered {}", code.as_str())),
    }
}
