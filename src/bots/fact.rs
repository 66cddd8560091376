use crate::model::{EndReason, PlayerName, Units};

/// The change that a room frame reports. `P` is the player's name, borrowed from the frame or owned.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Fact<P> {
    Granted { player: P, units: Units, remaining: Units },
    Confirmed { player: P, remaining: Units },
    Extended { player: P, remaining: Units },
    Released { player: P, remaining: Units, reason: EndReason },
    Changed { units: Units, remaining: Units },
    Removed,
}

impl<P> Fact<P> {
    /// The same change with the name in another form; `None` if the name has none.
    fn with_name<'a, Q>(&'a self, form: impl FnOnce(&'a P) -> Option<Q>) -> Option<Fact<Q>> {
        Some(match self {
            &Self::Granted { ref player, units, remaining } => {
                Fact::Granted { player: form(player)?, units, remaining }
            }
            &Self::Confirmed { ref player, remaining } => Fact::Confirmed { player: form(player)?, remaining },
            &Self::Extended { ref player, remaining } => Fact::Extended { player: form(player)?, remaining },
            &Self::Released { ref player, remaining, reason } => {
                Fact::Released { player: form(player)?, remaining, reason }
            }
            &Self::Changed { units, remaining } => Fact::Changed { units, remaining },
            Self::Removed => Fact::Removed,
        })
    }
}

impl Fact<&str> {
    /// An owned copy that outlives the frame; `None` if the name is invalid.
    pub(super) fn keep(&self) -> Option<Fact<PlayerName>> {
        self.with_name(|player| PlayerName::parse(player).ok())
    }
}

impl Fact<PlayerName> {
    /// Returns true if `frame` reports the same change.
    pub(super) fn agrees_with(&self, frame: &Fact<&str>) -> bool {
        self.with_name(|player| Some(player.as_str())).as_ref() == Some(frame)
    }

    /// Returns true if the change is one of a player's grant, not of the asset.
    pub(super) fn is_of_a_grant(&self) -> bool {
        !matches!(self, Self::Changed { .. } | Self::Removed)
    }

    /// The player that was granted a unit, if the change is a grant.
    pub(super) fn winner(&self) -> Option<&PlayerName> {
        if let Fact::Granted { player, .. } = self { Some(player) } else { None }
    }
}
