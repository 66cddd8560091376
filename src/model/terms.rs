//! What an asset with options keeps besides its numbers.

use std::{collections::VecDeque, fmt, str::FromStr};

use super::{
    AssetOptions, EndReason, Lease, Millis, PlayerName, Units,
    limits::{ENDS_KEPT, ENDS_KEPT_IN_COOLDOWN},
};

/// The options of an asset, the time of its last change, and how its last grants ended.
///
/// Stored as text: `HOLD GRANT LEAVE COOLDOWN FOR_MS FOR CREATED CHANGED NEXT END ...`, with `-` for what is absent. `FOR`
/// is a comma and the players, each followed by a comma. An `END` is `PLAYER/GRANT/GRANTED_AT/REVISION/REMAINING/AT/REASON`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Terms {
    /// The options of the asset's creation.
    pub options: AssetOptions,
    /// When the asset was created, created again or reset.
    pub created_at: Millis,
    /// The time of the last change. It never decreases.
    pub changed_at: Millis,
    /// No grant ends before this time. `None`: none ends.
    pub next_end: Option<Millis>,
    /// The last grants that ended, the newest last.
    pub ends: VecDeque<Ended>,
}

/// A grant that ended.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Ended {
    /// The holder.
    pub player: PlayerName,
    /// The revision of the grant.
    pub grant: u64,
    /// The time of the grant.
    pub granted_at: Millis,
    /// The revision of the end.
    pub revision: u64,
    /// The units left after it.
    pub remaining: Units,
    /// When it ended: the deadline, if one passed.
    pub at: Millis,
    /// Why it ended.
    pub reason: EndReason,
}

/// Why a player gets no unit although one may be left.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Barred {
    /// The asset is reserved for others.
    Reserved {
        /// Milliseconds until it is not.
        retry_after: Millis,
    },
    /// The player's last grant ended too recently.
    Cooldown {
        /// Milliseconds until the player may get another.
        retry_after: Millis,
    },
}

impl Terms {
    /// The terms of an asset that is created; `None`: it has no options.
    #[must_use]
    pub fn of_new(options: &AssetOptions, at: Millis) -> Option<Box<Self>> {
        let terms = || Self {
            options: options.clone(),
            created_at: at,
            changed_at: at,
            next_end: None,
            ends: VecDeque::new(),
        };
        (!options.is_none()).then(|| Box::new(terms()))
    }

    /// The time of a change that a node makes at `at`.
    #[must_use]
    pub fn time_of_change(&self, at: Millis) -> Millis {
        self.changed_at.max(at)
    }

    /// The lease of a grant at `now`, as a hold if the asset has holds.
    #[must_use]
    pub fn new_lease(&self, now: Millis) -> Lease {
        let AssetOptions { hold_ms, grant_ms, leave_ms, .. } = self.options;
        let until = hold_ms.or(grant_ms).map(|ms| now + ms);
        Lease { until, present_until: leave_ms.map(|ms| now + ms), is_hold: hold_ms.is_some() }
    }

    /// The lease of a grant that is confirmed at `now`.
    #[must_use]
    pub fn confirmed_lease(&self, now: Millis, present_until: Option<Millis>) -> Lease {
        Lease { until: self.options.grant_ms.map(|ms| now + ms), present_until, is_hold: false }
    }

    /// Why a player gets no unit at `now`.
    #[must_use]
    pub fn bars(&self, player: &PlayerName, now: Millis) -> Option<Barred> {
        let AssetOptions { reserved_for, for_ms, cooldown_ms, .. } = &self.options;
        let left = |until: Millis| Some(until.saturating_sub(now)).filter(|left| *left > 0);
        let reserved = for_ms.filter(|_| !reserved_for.contains(player));
        if let Some(retry_after) = reserved.and_then(|ms| left(self.created_at + ms)) {
            return Some(Barred::Reserved { retry_after });
        }
        let ended_at = self.last_end(player)?.at;
        let retry_after = cooldown_ms.and_then(|ms| left(ended_at + ms))?;
        Some(Barred::Cooldown { retry_after })
    }

    /// The end of the player's last grant.
    #[must_use]
    pub fn last_end(&self, player: &PlayerName) -> Option<&Ended> {
        self.ends.iter().rev().find(|end| end.player == *player)
    }

    /// Notes that a grant exists, so that it ends in time.
    pub fn expect_end_of(&mut self, lease: &Lease) {
        self.next_end = self.next_end.into_iter().chain(lease.ends_at()).min();
    }

    /// Remembers an end, and forgets the oldest: [`ENDS_KEPT`] are kept, and up to [`ENDS_KEPT_IN_COOLDOWN`] of players who
    /// may get no other grant yet.
    pub fn remember(&mut self, end: Ended, now: Millis) {
        self.ends.push_back(end);
        let cooldown = self.options.cooldown_ms.unwrap_or_default();
        while let Some(oldest) = self.ends.front()
            && self.ends.len() > ENDS_KEPT
            && (self.ends.len() > ENDS_KEPT_IN_COOLDOWN || oldest.at + cooldown <= now)
        {
            self.ends.pop_front();
        }
    }

    /// Begins a new incarnation at `now`, with what the asset remembers of players.
    pub fn begin_again(&mut self, now: Millis) {
        (self.created_at, self.changed_at, self.next_end) = (now, now, None);
    }
}

impl fmt::Display for Terms {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let AssetOptions { hold_ms, grant_ms, leave_ms, cooldown_ms, reserved_for, for_ms } = &self.options;
        for number in [hold_ms, grant_ms, leave_ms, cooldown_ms, for_ms] {
            write!(f, "{} ", OrDash(*number))?;
        }
        f.write_str(",")?;
        for player in reserved_for {
            write!(f, "{player},")?;
        }
        write!(f, " {} {} {}", self.created_at, self.changed_at, OrDash(self.next_end))?;
        for Ended { player, grant, granted_at, revision, remaining, at, reason } in &self.ends {
            write!(f, " {player}/{grant}/{granted_at}/{revision}/{remaining}/{at}/{}", reason.letter())?;
        }
        Ok(())
    }
}

struct OrDash(Option<Millis>);

impl fmt::Display for OrDash {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.0 {
            Some(number) => number.fmt(f),
            None => f.write_str("-"),
        }
    }
}

/// What is no text of [`Terms`].
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("not the terms of an asset")]
pub struct NoTerms;

impl FromStr for Terms {
    type Err = NoTerms;

    fn from_str(text: &str) -> Result<Self, NoTerms> {
        let mut words = text.split(' ');
        let mut word = || words.next().ok_or(NoTerms);
        let number = |word: &str| word.parse::<Millis>().map_err(|_| NoTerms);
        let optional = |word: &str| if word == "-" { Ok(None) } else { number(word).map(Some) };
        let options = AssetOptions {
            hold_ms: optional(word()?)?,
            grant_ms: optional(word()?)?,
            leave_ms: optional(word()?)?,
            cooldown_ms: optional(word()?)?,
            for_ms: optional(word()?)?,
            reserved_for: players(word()?).ok_or(NoTerms)?,
        };
        let (created_at, changed_at, next_end) = (number(word()?)?, number(word()?)?, optional(word()?)?);
        let ends = words.map(|word| ended(word).ok_or(NoTerms)).collect::<Result<_, _>>()?;
        Ok(Self { options, created_at, changed_at, next_end, ends })
    }
}

fn players(text: &str) -> Option<Vec<PlayerName>> {
    let names = text.strip_prefix(',')?;
    names.split_terminator(',').map(|name| name.parse().ok()).collect()
}

fn ended(text: &str) -> Option<Ended> {
    let mut parts = text.split('/');
    let end = Ended {
        player: parts.next()?.parse().ok()?,
        grant: parts.next()?.parse().ok()?,
        granted_at: parts.next()?.parse().ok()?,
        revision: parts.next()?.parse().ok()?,
        remaining: parts.next()?.parse().ok()?,
        at: parts.next()?.parse().ok()?,
        reason: EndReason::of_letter(parts.next()?)?,
    };
    parts.next().is_none().then_some(end)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn player(name: &str) -> PlayerName {
        name.parse().unwrap()
    }

    fn terms(options: AssetOptions) -> Terms {
        *Terms::of_new(&options, 100).unwrap()
    }

    fn end(name: &str, at: Millis) -> Ended {
        Ended {
            player: player(name),
            grant: 1,
            granted_at: 2,
            revision: 3,
            remaining: 4,
            at,
            reason: EndReason::Left,
        }
    }

    #[test]
    fn terms_are_read_back_whatever_the_names() {
        let mut full = terms(AssetOptions {
            hold_ms: Some(1),
            for_ms: Some(2),
            reserved_for: vec![player("-"), player("auth0|5f7c@x.y:z+=~")],
            ..AssetOptions::NONE
        });
        (full.changed_at, full.next_end) = (u64::MAX, Some(7));
        full.ends.extend([end("-", 4), end("a|b", u64::MAX)]);
        let bare = terms(AssetOptions { cooldown_ms: Some(9), ..AssetOptions::NONE });
        for terms in [full, bare] {
            assert_eq!(terms.to_string().parse(), Ok(terms));
        }
        for odd in [
            "",
            "1",
            "- - - - - , 1 2",
            "- - - - - ann 1 2 -",
            "- - - - - , 1 2 - ann/1/2/3/4/5",
            "- - - - - , 1 2 - ",
        ] {
            assert_eq!(odd.parse::<Terms>(), Err(NoTerms), "{odd:?}");
        }
    }

    #[test]
    fn an_asset_is_reserved_for_a_while() {
        let reserved_for = vec![player("ann")];
        let terms = terms(AssetOptions { reserved_for, for_ms: Some(50), ..AssetOptions::NONE });
        assert_eq!(terms.bars(&player("ann"), 100), None);
        assert_eq!(terms.bars(&player("bob"), 149), Some(Barred::Reserved { retry_after: 1 }));
        assert_eq!(terms.bars(&player("bob"), 150), None);
    }

    #[test]
    fn a_player_whose_grant_ended_waits() {
        let mut terms = terms(AssetOptions { cooldown_ms: Some(50), ..AssetOptions::NONE });
        terms.remember(end("ann", 100), 100);
        terms.remember(end("ann", 120), 120);
        assert_eq!(terms.bars(&player("ann"), 130), Some(Barred::Cooldown { retry_after: 40 }));
        assert_eq!(terms.bars(&player("ann"), 170), None);
        assert_eq!(terms.bars(&player("bob"), 130), None);
    }

    #[test]
    fn what_is_remembered_has_a_bound() {
        let mut terms = terms(AssetOptions { cooldown_ms: Some(1000), ..AssetOptions::NONE });
        for n in 0..ENDS_KEPT_IN_COOLDOWN as u64 + 5 {
            terms.remember(end(&format!("p{n}"), 100), 100);
        }
        assert_eq!(terms.ends.len(), ENDS_KEPT_IN_COOLDOWN);
        terms.remember(end("last", 1100), 1100);
        assert_eq!(terms.ends.len(), ENDS_KEPT);
        assert!(terms.last_end(&player("last")).is_some());
    }
}
