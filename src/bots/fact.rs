use crate::model::{InvalidName, PlayerName, Units};

/// What a room frame says happened to an asset; `P` is the player's name, borrowed from the frame or kept.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Fact<P> {
    Granted { player: P, units: Units, remaining: Units },
    Released { player: P, remaining: Units },
    Changed { units: Units, remaining: Units },
    Removed,
}

impl Fact<&str> {
    /// A copy that outlives the frame.
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
    /// Without copying the name.
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

    /// Who was granted a unit, if that is what happened.
    pub(super) fn winner(&self) -> Option<&PlayerName> {
        if let Fact::Granted { player, .. } = self { Some(player) } else { None }
    }
}
