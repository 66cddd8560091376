use std::{fmt, sync::Arc, time::Duration};

use hyper::header::{HeaderValue, InvalidHeaderValue};

use crate::model::{AssetOptions, NewAsset, PlayerName, RoomName, Token, Units};

use super::{
    BotsError, NodeUrl,
    limits::{LONGEST_HOLD, SELECTS_PER_ROUND},
};

/// The configuration of a run.
#[derive(Debug, Clone)]
pub struct Config {
    /// The servers. Bot `i` starts at number `i` modulo their count.
    pub nodes: Vec<NodeUrl>,
    /// The room of the race.
    pub room: RoomName,
    /// The number of bots: `bot-0`, `bot-1`, ...
    pub players: usize,
    /// Assets per round. Every bot selects every one of them.
    pub assets: usize,
    /// Units of each asset.
    pub units: Units,
    /// The same seed gives the same orders and the same cuts.
    pub seed: u64,
    /// When the run ends.
    pub length: Length,
    /// Selects per second over all bots; 0 is as fast as possible.
    pub rate: f64,
    /// The probability, per select, that the bot cuts its connection right after sending it.
    pub reconnect_chaos: f64,
    /// What the bots do with holds. `None`: the assets have none, and a grant does not end.
    pub holds: Option<Holds>,
    /// Sent with every HTTP request.
    pub admin_key: Option<AdminKey>,
    /// Mints the bots' player tokens: one for each connection, and one for each refresh. `None`: they show none.
    pub tokens: Option<Arc<dyn MintToken>>,
    /// Show a progress bar on stderr, if stderr is a terminal.
    pub progress: bool,
}

/// Grants that end unless they are confirmed.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Holds {
    /// How long a hold lasts: `hold_ms` of every asset.
    pub length: Duration,
    /// The probability, per grant, that the bot confirms it.
    pub confirm_share: f64,
    /// The probability, per grant, that the bot leaves the room until the next round.
    pub leave_share: f64,
}

/// When a run ends.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Length {
    /// After this many rounds.
    Rounds(u32),
    /// After the round in which this time, counted from the start of the first round, is over.
    Time(Duration),
}

/// The server's admin key. Never shown, not even in debug output, because the header is marked as sensitive.
#[derive(Debug, Clone)]
pub struct AdminKey(pub(super) HeaderValue);

/// Mints player tokens. The bots know neither keys nor claims. `Debug` shows no key.
pub trait MintToken: fmt::Debug + Send + Sync {
    /// A new token that lets the player into the room.
    ///
    /// # Errors
    /// A sentence that says why there is none.
    fn mint(&self, player: &PlayerName, room: &RoomName) -> Result<Token, String>;
}

impl Config {
    /// Checks the values.
    ///
    /// # Errors
    /// [`BotsError::Usage`].
    pub fn check(&self) -> Result<(), BotsError> {
        let nothing = self.players == 0 || self.assets == 0 || self.units == 0;
        let too_many = self.players.saturating_mul(self.assets) > SELECTS_PER_ROUND;
        let rate = self.rate.is_finite() && self.rate >= 0.0;
        let shares = self.holds.map_or([0.0; 2], |holds| [holds.confirm_share, holds.leave_share]);
        let shares = shares.iter().all(|share| (0.0..=1.0).contains(share));
        let hold = self.holds.is_none_or(|holds| holds.millis() > 0 && holds.length <= LONGEST_HOLD);
        let faults = [
            (self.nodes.is_empty(), "at least one --url is needed"),
            (nothing, "--players, --assets and --units are at least 1"),
            (too_many, "--players times --assets may be 50 million at most"),
            (!(0.0..=1.0).contains(&self.reconnect_chaos), "--reconnect-chaos is a probability, 0 to 1"),
            (!hold, "--hold is 1 millisecond to 10 minutes"),
            (!shares, "--confirm-share and --leave-share are probabilities, 0 to 1"),
            (!rate, "--rate is a number of selects per second, 0 for as fast as possible"),
            (self.length == Length::Rounds(0), "--rounds is at least 1"),
        ];
        match faults.into_iter().find(|(found, _)| *found) {
            Some((_, what)) => Err(BotsError::Usage(what.to_owned())),
            None => Ok(()),
        }
    }

    /// What each asset is created with.
    pub(super) fn new_asset(&self) -> NewAsset {
        let hold_ms = self.holds.map(Holds::millis);
        NewAsset { units: self.units, options: AssetOptions { hold_ms, ..AssetOptions::NONE } }
    }
}

impl Holds {
    /// The length in milliseconds.
    pub(super) fn millis(self) -> u64 {
        u64::try_from(self.length.as_millis()).unwrap_or(u64::MAX)
    }
}

impl AdminKey {
    /// Takes the content of a key file and trims white space.
    ///
    /// # Errors
    /// A sentence for the user if the key is empty or an HTTP header cannot carry it.
    pub fn parse(text: &str) -> Result<Self, &'static str> {
        let key = text.trim();
        if key.is_empty() {
            return Err("the admin key is empty");
        }
        let value =
            bearer(key).map_err(|_| "the admin key holds characters that an HTTP header cannot carry")?;
        Ok(Self(value))
    }
}

/// The header that shows a key or a token. No debug output has it.
pub(super) fn bearer(credential: &str) -> Result<HeaderValue, InvalidHeaderValue> {
    let mut value = HeaderValue::from_str(&format!("Bearer {credential}"))?;
    value.set_sensitive(true);
    Ok(value)
}
