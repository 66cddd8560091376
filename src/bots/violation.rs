use serde::Serialize;

use crate::model::{AssetName, PlayerName, Units};

use super::limits::VIOLATIONS_SHOWN;

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
    #[error("{asset}: {player} was answered sold out with {remaining} units remaining")]
    DeniedTooEarly { asset: AssetName, player: PlayerName, remaining: Units },
}

/// The violations found: all are counted, the first few are kept.
#[derive(Debug, Default)]
pub(super) struct Violations {
    pub(super) count: u64,
    pub(super) shown: Vec<Violation>,
}

impl Violations {
    pub(super) fn push(&mut self, violation: Violation) {
        self.count += 1;
        if self.shown.len() < VIOLATIONS_SHOWN {
            self.shown.push(violation);
        }
    }

    pub(super) fn append(&mut self, other: Self) {
        let hidden = other.count - other.shown.len() as u64;
        other.shown.into_iter().for_each(|violation| self.push(violation));
        self.count += hidden;
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn violations_beyond_the_bound_are_counted() {
        let violation = |revision| Violation::WrongRevision { asset: AssetName::parse("a").unwrap(), revision };
        let mut first = Violations::default();
        (0..70).for_each(|revision| first.push(violation(revision)));
        let mut all = Violations::default();
        all.push(violation(99));
        all.append(first);
        assert_eq!((all.count, all.shown.len(), &all.shown[0]), (71, VIOLATIONS_SHOWN, &violation(99)));
    }
}
