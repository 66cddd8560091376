//! Deadlines of grants: what an asset says about them at its creation, and what each grant has.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::{
    Millis, PlayerName, Units,
    limits::{LEASE_MS, RESERVED_PLAYERS},
};

/// The deadlines of an asset's grants, fixed at its creation. Durations are milliseconds.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[schemars(
    description = "The deadlines of an asset's grants, in milliseconds. They are fixed at its creation."
)]
pub struct AssetOptions {
    /// A grant ends after that long unless the player confirms it.
    #[serde(skip_serializing_if = "Option::is_none", default)]
    #[schemars(range(min = 1, max = LEASE_MS))]
    pub hold_ms: Option<Millis>,
    /// A grant ends after that long; with `hold_ms`, that long after it was confirmed.
    #[serde(skip_serializing_if = "Option::is_none", default)]
    #[schemars(range(min = 1, max = LEASE_MS))]
    pub grant_ms: Option<Millis>,
    /// The grant of a player who left the room ends after that long.
    #[serde(skip_serializing_if = "Option::is_none", default)]
    #[schemars(range(min = 1, max = LEASE_MS))]
    pub leave_ms: Option<Millis>,
    /// A player whose grant ended gets no other for that long.
    #[serde(skip_serializing_if = "Option::is_none", default)]
    #[schemars(range(min = 1, max = LEASE_MS))]
    pub cooldown_ms: Option<Millis>,
    /// Only these players may get a unit until `for_ms` after the creation.
    #[serde(rename = "for", skip_serializing_if = "Vec::is_empty", default)]
    #[schemars(length(max = RESERVED_PLAYERS))]
    pub reserved_for: Vec<PlayerName>,
    /// How long the asset is reserved for those players.
    #[serde(skip_serializing_if = "Option::is_none", default)]
    #[schemars(range(min = 1, max = LEASE_MS))]
    pub for_ms: Option<Millis>,
}

impl AssetOptions {
    /// No deadlines.
    pub const NONE: Self = Self {
        hold_ms: None,
        grant_ms: None,
        leave_ms: None,
        cooldown_ms: None,
        reserved_for: Vec::new(),
        for_ms: None,
    };

    /// Whether grants of the asset have no deadline, and no player is denied for another reason than `sold_out`.
    #[must_use]
    pub fn is_none(&self) -> bool {
        *self == Self::NONE
    }

    /// Checks the options.
    ///
    /// # Errors
    /// What is wrong, and what would be right.
    pub fn check(&self) -> Result<(), String> {
        let durations = [
            ("hold_ms", self.hold_ms),
            ("grant_ms", self.grant_ms),
            ("leave_ms", self.leave_ms),
            ("cooldown_ms", self.cooldown_ms),
            ("for_ms", self.for_ms),
        ];
        for (name, value) in durations {
            if let Some(value) = value.filter(|value| !(1..=LEASE_MS).contains(value)) {
                return Err(format!("{name} is 1 to {LEASE_MS} milliseconds, not {value}"));
            }
        }
        if self.reserved_for.is_empty() != self.for_ms.is_none() {
            return Err(
                "\"for\" (the players) and for_ms (how long) are given together or not at all".to_owned()
            );
        }
        if self.reserved_for.len() > RESERVED_PLAYERS {
            let count = self.reserved_for.len();
            return Err(format!("\"for\" names at most {RESERVED_PLAYERS} players, not {count}"));
        }
        let mut names: Vec<_> = self.reserved_for.iter().collect();
        names.sort_unstable();
        match names.windows(2).find(|pair| pair[0] == pair[1]) {
            Some(pair) => Err(format!("\"for\" names {} twice", pair[0])),
            None => Ok(()),
        }
    }
}

impl std::fmt::Display for AssetOptions {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let json = serde_json::to_string(self).map_err(|_| std::fmt::Error)?;
        f.write_str(&json)
    }
}

/// What an asset is created with.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct NewAsset {
    /// The number of units.
    pub units: Units,
    /// The deadlines of its grants.
    pub options: AssetOptions,
}

impl NewAsset {
    /// An asset whose grants have no deadline.
    #[must_use]
    pub fn plain(units: Units) -> Self {
        Self { units, options: AssetOptions::NONE }
    }
}

/// The deadlines of one grant. Stored as `ENDS/UNTIL/PRESENT/STATE`: `ENDS` is the earliest deadline in 16 digits, so that
/// texts sort by it, or `~`; the deadlines are decimal or `-`; `STATE` is `h` for a hold, else `c`.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Lease {
    /// The deadline of the hold or of the grant, in Unix milliseconds.
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub until: Option<Millis>,
    /// The deadline of a player who left, in Unix milliseconds. It is prolonged while the player is in the room.
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub present_until: Option<Millis>,
    /// Whether this is a hold that the player has not confirmed.
    #[serde(skip_serializing_if = "std::ops::Not::not", default)]
    pub is_hold: bool,
}

impl Lease {
    /// The lease of an asset without options: it never ends.
    pub const NONE: Self = Self { until: None, present_until: None, is_hold: false };

    /// Whether the grant never ends by itself.
    #[must_use]
    pub fn is_none(&self) -> bool {
        *self == Self::NONE
    }

    /// Whether clients are told no deadline.
    pub(super) fn is_not_shown(&self) -> bool {
        self.until.is_none()
    }

    /// What clients are told: `until`, and how long that is from `now`. The deadline of a player who left is not told,
    /// because it moves while the player is in the room.
    #[must_use]
    pub fn shown_from(&self, now: Millis) -> (Option<Millis>, Option<Millis>) {
        (self.until, self.until.map(|until| until.saturating_sub(now)))
    }

    /// When the grant ends by itself.
    #[must_use]
    pub fn ends_at(&self) -> Option<Millis> {
        self.until.into_iter().chain(self.present_until).min()
    }

    /// Why it ends then.
    #[must_use]
    pub fn reason(&self) -> EndReason {
        match (self.until, self.present_until) {
            (None, _) => EndReason::Left,
            (Some(until), Some(present)) if present < until => EndReason::Left,
            _ if self.is_hold => EndReason::Expired,
            _ => EndReason::Respawned,
        }
    }

    /// The text that sorts after every lease that ends at `now` or before, and before all others.
    #[must_use]
    pub fn after(now: Millis) -> String {
        format!("{:016}", now.saturating_add(1))
    }
}

impl std::fmt::Display for Lease {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self.ends_at() {
            Some(at) => write!(f, "{at:016}")?,
            None => f.write_str("~")?,
        }
        for deadline in [self.until, self.present_until] {
            match deadline {
                Some(at) => write!(f, "/{at}")?,
                None => f.write_str("/-")?,
            }
        }
        f.write_str(if self.is_hold { "/h" } else { "/c" })
    }
}

/// What is no text of a [`Lease`].
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("not a lease")]
pub struct NoLease;

impl std::str::FromStr for Lease {
    type Err = NoLease;

    fn from_str(text: &str) -> Result<Self, NoLease> {
        let mut parts = text.split('/').skip(1);
        let mut next = || parts.next().ok_or(NoLease);
        let deadline = |text: &str| match text {
            "-" => Ok(None),
            text => text.parse().map(Some).map_err(|_| NoLease),
        };
        let (until, present_until) = (deadline(next()?)?, deadline(next()?)?);
        let is_hold = match next()? {
            "h" => true,
            "c" => false,
            _ => return Err(NoLease),
        };
        let lease = Self { until, present_until, is_hold };
        (lease.to_string() == text).then_some(lease).ok_or(NoLease)
    }
}

/// Why a grant ended.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
#[schemars(description = "Why a grant ended.")]
pub enum EndReason {
    /// The player released it, or somebody for the player.
    #[default]
    Released,
    /// A hold was not confirmed in time.
    Expired,
    /// A grant of limited time was over.
    Respawned,
    /// The player left the room and did not come back in time.
    Left,
    /// The player was kicked, with its grants.
    Kicked,
}

impl EndReason {
    /// Every reason, with the letter that stores keep.
    const LETTERS: [(Self, char); 5] = [
        (Self::Released, 'r'),
        (Self::Expired, 'x'),
        (Self::Respawned, 's'),
        (Self::Left, 'l'),
        (Self::Kicked, 'k'),
    ];

    /// Whether the grant ended because a deadline passed.
    #[must_use]
    pub fn is_deadline(self) -> bool {
        matches!(self, Self::Expired | Self::Respawned | Self::Left)
    }

    pub(super) fn letter(self) -> char {
        let found = Self::LETTERS.iter().find(|(reason, _)| *reason == self);
        found.map_or('r', |(_, letter)| *letter)
    }

    pub(super) fn of_letter(letter: &str) -> Option<Self> {
        Self::LETTERS.iter().find(|(_, known)| letter.chars().eq([*known])).map(|(reason, _)| *reason)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_lease_is_read_back_and_sorts_by_its_end() {
        let lease = |until, present_until, is_hold| Lease { until, present_until, is_hold };
        let by_end = [
            lease(Some(1), Some(9), true),
            lease(Some(9), Some(2), false),
            lease(None, Some(10), false),
            lease(Some(1_795_000_000_000), None, false),
            lease(None, None, false),
        ];
        let texts = by_end.map(|lease| lease.to_string());
        assert!(texts.is_sorted(), "{texts:?}");
        assert_eq!(texts.clone().map(|text| text.parse::<Lease>().unwrap()), by_end);
        assert!(texts[1] < Lease::after(2) && Lease::after(2) < texts[2]);
        for odd in ["", "~", "~/-/-", "~/-/-/x", "0000000000000002/1/-/h", "~/1/-/c", "~/-/-/c/", "1/1/-/c"] {
            assert_eq!(odd.parse::<Lease>(), Err(NoLease), "{odd}");
        }
    }

    #[test]
    fn the_earlier_deadline_is_the_reason() {
        let reason = |until, present_until, is_hold| Lease { until, present_until, is_hold }.reason();
        assert_eq!(reason(Some(5), None, true), EndReason::Expired);
        assert_eq!(reason(Some(5), Some(5), false), EndReason::Respawned);
        assert_eq!(reason(Some(5), Some(4), true), EndReason::Left);
        assert_eq!(reason(None, Some(4), false), EndReason::Left);
    }

    #[test]
    fn every_reason_has_a_letter_of_its_own() {
        for (reason, letter) in EndReason::LETTERS {
            assert_eq!(reason.letter(), letter);
            assert_eq!(EndReason::of_letter(&letter.to_string()), Some(reason));
        }
        assert_eq!(EndReason::of_letter("rx"), None);
    }

    #[test]
    fn bad_options_are_named() {
        let none = AssetOptions::NONE;
        let players = |names: &[&str]| names.iter().map(|name| name.parse().unwrap()).collect::<Vec<_>>();
        let many: Vec<_> = (0..=RESERVED_PLAYERS).map(|n| format!("p{n}")).collect();
        let many: Vec<_> = many.iter().map(String::as_str).collect();
        for (options, said) in [
            (AssetOptions { hold_ms: Some(0), ..none.clone() }, "hold_ms is 1 to"),
            (AssetOptions { cooldown_ms: Some(LEASE_MS + 1), ..none.clone() }, "cooldown_ms"),
            (AssetOptions { for_ms: Some(1), ..none.clone() }, "together"),
            (AssetOptions { reserved_for: players(&["ann"]), ..none.clone() }, "together"),
            (
                AssetOptions { reserved_for: players(&["a", "b", "a"]), for_ms: Some(1), ..none.clone() },
                "a twice",
            ),
            (AssetOptions { reserved_for: players(&many), for_ms: Some(1), ..none.clone() }, "at most"),
        ] {
            let why = options.check().unwrap_err();
            assert!(why.contains(said), "{why}");
        }
        assert_eq!(none.check(), Ok(()));
        let all =
            AssetOptions { hold_ms: Some(1), for_ms: Some(LEASE_MS), reserved_for: players(&["-"]), ..none };
        assert_eq!(all.check(), Ok(()));
    }
}
