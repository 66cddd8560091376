use super::{KeyId, NamePattern};
use crate::model::{AssetName, DisplayName, Millis, PlayerName, RoomName, SignedToken};

/// What a verified token allows.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Grants {
    /// The player (`sub`).
    pub player: PlayerName,
    /// The name to show (`name`), if it is one that can be shown.
    pub display_name: Option<DisplayName>,
    /// When the token was signed (`iat`). Revocations count by it.
    pub issued_at: Millis,
    /// When the token ends (`exp`), without leeway.
    pub expires_at: Millis,
    /// The token's own id (`jti`).
    pub jti: Option<Box<str>>,
    /// The key that signed it.
    pub key: KeyId,
    pub(super) rooms: Box<[NamePattern]>,
    pub(super) can: Actions,
    /// `None`: all.
    pub(super) assets: Option<Box<[NamePattern]>>,
}

impl Grants {
    /// What a revocation can name of the token.
    #[must_use]
    pub fn token(&self) -> SignedToken<'_> {
        SignedToken {
            player: &self.player,
            jti: self.jti.as_deref(),
            key: self.key.as_str(),
            issued_at: self.issued_at,
        }
    }

    /// Whether the player may join the room.
    #[must_use]
    pub fn allows_room(&self, room: &RoomName) -> bool {
        self.rooms.iter().any(|pattern| pattern.matches(room.as_str()))
    }

    /// Whether the player may do this in the token's rooms at all.
    #[must_use]
    pub fn can(&self, action: Action) -> bool {
        self.can.contains(action)
    }

    /// Whether the token names the asset, or all.
    #[must_use]
    pub fn allows_asset(&self, asset: &AssetName) -> bool {
        self.assets.as_ref().is_none_or(|assets| assets.iter().any(|pattern| pattern.matches(asset.as_str())))
    }

    /// Whether the player may do this with the asset.
    #[must_use]
    pub fn allows(&self, action: Action, asset: &AssetName) -> bool {
        self.can(action) && self.allows_asset(asset)
    }
}

/// What a token can allow.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[repr(u8)]
pub enum Action {
    /// Select assets.
    Select = 1,
    /// Release them.
    Release = 2,
    /// Confirm them.
    Confirm = 4,
    /// Read a room over HTTP, and listen in it without playing.
    Observe = 8,
}

impl Action {
    /// Every action.
    pub const ALL: [Self; 4] = [Self::Select, Self::Release, Self::Confirm, Self::Observe];

    /// The word in a token's `can`.
    #[must_use]
    pub const fn word(self) -> &'static str {
        match self {
            Self::Select => "select",
            Self::Release => "release",
            Self::Confirm => "confirm",
            Self::Observe => "observe",
        }
    }

    /// The action of a word.
    #[must_use]
    pub fn of(word: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|action| action.word() == word)
    }
}

/// A set of actions.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Actions(u8);

impl Actions {
    /// Of a token without `can`: a player who plays.
    pub(super) const DEFAULT: Self = Self(Action::Select as u8 | Action::Release as u8 | Action::Confirm as u8);

    fn contains(self, action: Action) -> bool {
        self.0 & action as u8 != 0
    }
}

impl FromIterator<Action> for Actions {
    fn from_iter<I: IntoIterator<Item = Action>>(actions: I) -> Self {
        Self(actions.into_iter().fold(0, |set, action| set | action as u8))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_action_has_a_word_and_a_bit() {
        for action in Action::ALL {
            assert_eq!(Action::of(action.word()), Some(action));
            let only: Actions = [action].into_iter().collect();
            assert!(Action::ALL.into_iter().all(|other| only.contains(other) == (other == action)));
        }
        assert_eq!(Action::of("create"), None);
        assert!(!Actions::DEFAULT.contains(Action::Observe));
    }
}
