use std::{fmt, time::Duration};

use hyper::header::HeaderValue;

use crate::model::{RoomName, Units};

use super::{BotsError, NodeUrl, limits::SELECTS_PER_ROUND};

/// What to run.
#[derive(Debug, Clone)]
pub struct Config {
    /// The servers; bot `i` begins at number `i` modulo their count.
    pub nodes: Vec<NodeUrl>,
    /// Where to race.
    pub room: RoomName,
    /// How many bots: `bot-0`, `bot-1`, ...
    pub players: usize,
    /// Assets per round; every bot selects every one of them.
    pub assets: usize,
    /// Units of each asset.
    pub units: Units,
    /// The same seed gives the same orders and the same cuts.
    pub seed: u64,
    /// When to stop.
    pub length: Length,
    /// Selects per second over all bots; 0 for as fast as possible.
    pub rate: f64,
    /// The probability, per select, that the bot cuts its connection right after sending it.
    pub reconnect_chaos: f64,
    /// Sent with every HTTP request.
    pub admin_key: Option<AdminKey>,
    /// Draw a progress bar on stderr; nothing is drawn when that is no terminal.
    pub progress: bool,
}

/// When a run ends.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Length {
    /// After this many rounds.
    Rounds(u32),
    /// With the round in which this much time has gone by since the start of the first.
    Time(Duration),
}

/// The server's admin key. Never shown, also not in debug output.
#[derive(Clone)]
pub struct AdminKey(HeaderValue);

impl Config {
    /// Says what is wrong with the numbers, if anything.
    ///
    /// # Errors
    /// [`BotsError::Usage`].
    pub fn check(&self) -> Result<(), BotsError> {
        let wrong = |what: &str| Err(BotsError::Usage(what.to_owned()));
        if self.nodes.is_empty() {
            return wrong("at least one --url is needed");
        }
        if self.players == 0 || self.assets == 0 || self.units == 0 {
            return wrong("--players, --assets and --units are at least 1");
        }
        if self.players.saturating_mul(self.assets) > SELECTS_PER_ROUND {
            return wrong("--players times --assets may be 50 million at most");
        }
        if !(0.0..=1.0).contains(&self.reconnect_chaos) {
            return wrong("--reconnect-chaos is a probability, 0 to 1");
        }
        if !(self.rate.is_finite() && self.rate >= 0.0) {
            return wrong("--rate is a number of selects per second, 0 for as fast as possible");
        }
        if self.length == Length::Rounds(0) {
            return wrong("--rounds is at least 1");
        }
        Ok(())
    }
}

impl AdminKey {
    /// Takes the content of a key file; white space around the key is dropped.
    ///
    /// # Errors
    /// A sentence for the user when it is empty or holds what an HTTP header cannot carry.
    pub fn parse(text: &str) -> Result<Self, &'static str> {
        let key = text.trim();
        if key.is_empty() {
            return Err("the admin key is empty");
        }
        let mut value = HeaderValue::from_str(&format!("Bearer {key}"))
            .map_err(|_| "the admin key holds characters that an HTTP header cannot carry")?;
        value.set_sensitive(true);
        Ok(Self(value))
    }

    pub(super) fn header(&self) -> HeaderValue {
        self.0.clone()
    }
}

impl fmt::Debug for AdminKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("AdminKey(..)")
    }
}
