use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

/// Who makes a change that is no player's.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
#[schemars(description = "Who made a change that is no player's.")]
pub enum By {
    /// An operator with the admin key.
    Admin,
    /// Anybody, because the server has no keys.
    Anyone,
}

impl By {
    const ALL: [Self; 2] = [Self::Admin, Self::Anyone];

    /// The name in events and logs.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Admin => "admin",
            Self::Anyone => "anyone",
        }
    }

    pub(super) fn named(name: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|by| by.as_str() == name)
    }
}
