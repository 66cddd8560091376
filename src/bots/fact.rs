use crate::model::{InvalidName, PlayerName, Units};

/// The change that a room frame reports. `P` is the player's name, borrowed from the frame or owned.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Fact<P> {
    Granted { player: P, units: Units, remaining: Units },
    Released { player: P, remaining: Units },
    Changed { units: Units, remaining: Units },
    Removed,
}

impl Fact<&str> {
    /// An owned copy that outlives the frame.
    pub(super) fn keep(&self) -> Result<Fact<PlayerName>, InvalidName> {
        Ok(match *self {
            Fact::Granted { player, units, remaining } => {
                Fact::Granted { player: PlayerName::parse(player)?, units, remaining }
            }
            Fact::Released { player, remaining } => {
                Fact::Released { player: PlayerName::parse(player)?, remaining }
            }
            Fact::Changed { units, remaining } => Fact::Changed { units, remaining },
            Fact::Removed => Fact::Removed,
        })
    }
}

impl Fact<PlayerName> {
    /// Borrows the name instead of copying it.
    pub(super) fn borrow(&self) -> Fact<&str> {
        match self {
            Fact::Granted { player, units, remaining } => {
                Fact::Granted { player: player.as_str(), units: *units, remaining: *remaining }
            }
            Fact::Released { player, remaining } => {
                Fact::Released { player: player.as_str(), remaining: *remaining }
            }
            Fact::Changed { units, remaining } => Fact::Changed { units: *units, remaining: *remaining },
            Fact::Removed => Fact::Removed,
        }
    }

    /// The player that was granted a unit, if the change is a grant.
    pub(super) fn winner(&self) -> Option<&PlayerName> {
        if let Fact::Granted { player, .. } = self { Some(player) } else { None }
    }
}
