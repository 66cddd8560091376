use serde::Serialize;

use crate::model::{AssetName, PlayerName, Units};

/// A violation of the promise.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, thiserror::Error)]
#[serde(tag = "kind", rename_all = "snake_case")]
#[allow(missing_docs, reason = "each variant's message says what it is and its fields are its message's words")]
pub enum Violation {
    #[error("{asset}: the store does not know it any more, and nobody removed it")]
    AssetLost { asset: AssetName },
    #[error("{asset}: {holders} players hold one of {units} units")]
    TooManyHolders { asset: AssetName, holders: usize, units: Units },
    #[error("{asset}: {holders} of {units} units are held although {askers} players asked")]
    TooFewHolders { asset: AssetName, holders: usize, units: Units, askers: usize },
    #[error("{asset}: remaining is {remaining}, but {units} units less {holders} holders is another number")]
    WrongRemaining { asset: AssetName, remaining: Units, units: Units, holders: usize },
    #[error("{asset}: the room says {held} units are held, the list of holders has {holders}")]
    WrongCount { asset: AssetName, held: Units, holders: usize },
    #[error("{asset}: units went from {before} to {after} and nobody was told")]
    WrongUnits { asset: AssetName, before: Units, after: Units },
    #[error("{asset}: {player} is in the list of holders twice")]
    HeldTwice { asset: AssetName, player: PlayerName },
    #[error("{asset}: revision {revision} is beyond the asset's own or the grant of two holders")]
    WrongRevision { asset: AssetName, revision: u64 },
    #[error("{asset}: {member} was never told that {player} got a unit (revision {revision})")]
    NotTold { asset: AssetName, member: PlayerName, player: PlayerName, revision: u64 },
    #[error("{asset}: {member} was told nothing of revisions {from} to {to}")]
    Gap { asset: AssetName, member: PlayerName, from: u64, to: u64 },
    #[error("{asset}: {member} was told revision {revision} twice")]
    ToldTwice { asset: AssetName, member: PlayerName, revision: u64 },
    #[error("{asset}: {member} was told revision {revision} after a later one")]
    ToldLate { asset: AssetName, member: PlayerName, revision: u64 },
    #[error("{asset}: {member} was told otherwise of revision {revision} than others")]
    ToldOtherwise { asset: AssetName, member: PlayerName, revision: u64 },
    #[error(
        "{asset}: {member} was told {units} units, {held} held and {remaining} remaining at revision {revision}"
    )]
    WrongState {
        asset: AssetName,
        member: PlayerName,
        revision: u64,
        units: Units,
        held: Units,
        remaining: Units,
    },
    #[error(
        "{asset}: members were told that {player} got a unit (revision {revision}), the store does not know it"
    )]
    ToldNotStored { asset: AssetName, player: PlayerName, revision: u64 },
    #[error("{asset}: the frame of revision {revision} says {remaining} remaining; it should say {expected}")]
    WrongFrame { asset: AssetName, revision: u64, remaining: Units, expected: Units },
    #[error("{asset}: {player} was answered granted (revision {revision}), the store does not know it")]
    AnsweredNotStored { asset: AssetName, player: PlayerName, revision: u64 },
    #[error("{asset}: {player} was answered granted (revision {revision}), members were told something else")]
    AnsweredOtherwise { asset: AssetName, player: PlayerName, revision: u64 },
    #[error("{asset}: {player} was answered sold out but holds a unit (revision {revision})")]
    DeniedButHolds { asset: AssetName, player: PlayerName, revision: u64 },
    #[error("{asset}: {grants} grants of {units} units, although {askers} players asked")]
    TooFewGrants { asset: AssetName, grants: usize, units: Units, askers: usize },
    #[error("{asset}: at revision {revision} {holders} players hold one of {units} units")]
    TooManyAtOnce { asset: AssetName, revision: u64, holders: usize, units: Units },
    #[error("{asset}: members were told that {player} got a unit (revision {revision}) that it held already")]
    GrantedTwice { asset: AssetName, player: PlayerName, revision: u64 },
    #[error(
        "{asset}: members were told that {player} held no longer (revision {revision}), but it held nothing"
    )]
    EndedTwice { asset: AssetName, player: PlayerName, revision: u64 },
    #[error("{asset}: members were told that {player} confirmed (revision {revision}), but it had no hold")]
    ConfirmedNotHeld { asset: AssetName, player: PlayerName, revision: u64 },
    #[error("{asset}: the confirmed grant of {player} expired (revision {revision})")]
    ConfirmedExpired { asset: AssetName, player: PlayerName, revision: u64 },
    #[error("{asset}: the hold of {player} expired (revision {revision}) after {lasted_ms} of {hold_ms} ms")]
    ExpiredEarly { asset: AssetName, player: PlayerName, revision: u64, lasted_ms: u64, hold_ms: u64 },
    #[error("{asset}: the hold of {player} (revision {revision}) was neither confirmed nor did it expire")]
    NeverEnded { asset: AssetName, player: PlayerName, revision: u64 },
    #[error(
        "{asset}: the store says that {player} holds a unit (revision {revision}), members were told otherwise"
    )]
    StoredNotTold { asset: AssetName, player: PlayerName, revision: u64 },
    #[error(
        "{asset}: {player} was answered confirmed (revision {revision}), the store does not know the grant"
    )]
    ConfirmedNotStored { asset: AssetName, player: PlayerName, revision: u64 },
    #[error(
        "{asset}: {player} was answered that its hold had expired (revision {revision}), but it holds the unit"
    )]
    ExpiredButHolds { asset: AssetName, player: PlayerName, revision: u64 },
    #[error("{asset}: {player} was answered sold out with {remaining} units remaining")]
    DeniedTooEarly { asset: AssetName, player: PlayerName, remaining: Units },
}
