//! Checks every answer: each asset has one winner, each select one reply, and each member of the room hears of the
//! grant once.

use std::collections::VecDeque;
use std::time::Instant;

/// More members than any room here has.
const MOST_MEMBERS: usize = 1024;

/// What was asked and heard of the assets that are not settled yet. Assets have consecutive numbers.
pub struct Book {
    members: u32,
    first: u32,
    assets: VecDeque<Asset>,
    pending: Vec<Vec<(u32, Instant)>>,
}

struct Asset {
    room: u32,
    asked_at: Instant,
    asked: u32,
    replied: u32,
    told: u32,
    members_told: [u64; MOST_MEMBERS / 64],
    winner: Option<u32>,
    announced: Option<u32>,
    closed: bool,
}

/// When something that has just been settled began.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Since {
    /// When the select was sent that this replies to; for a broadcast, the first select of the asset.
    pub asked_at: Instant,
    /// Whether this was the last message the asset waited for of its kind.
    pub last: bool,
}

impl Book {
    /// For rooms of `members` players each.
    pub fn new(rooms: u32, members: u32) -> Self {
        assert!(members as usize <= MOST_MEMBERS, "{members} members");
        let pending = (0..rooms * members).map(|_| Vec::new()).collect();
        Self { members, first: 0, assets: VecDeque::new(), pending }
    }

    /// A fresh asset of a room.
    pub fn open(&mut self, room: u32, now: Instant) -> u32 {
        self.assets.push_back(Asset {
            room,
            asked_at: now,
            asked: 0,
            replied: 0,
            told: 0,
            members_told: [0; MOST_MEMBERS / 64],
            winner: None,
            announced: None,
            closed: false,
        });
        self.first + self.assets.len() as u32 - 1
    }

    /// The player selects the asset.
    pub fn ask(&mut self, asset: u32, room: u32, member: u32, now: Instant) {
        self.assets[(asset - self.first) as usize].asked += 1;
        self.pending[(room * self.members + member) as usize].push((asset, now));
    }

    /// Nobody else will select the asset.
    ///
    /// # Errors
    /// All replies are there, and none of them granted.
    pub fn close(&mut self, asset: u32) -> Result<(), String> {
        let Some(known) = asset.checked_sub(self.first).and_then(|at| self.assets.get_mut(at as usize)) else {
            return Ok(());
        };
        known.closed = true;
        known.check_winner(asset)?;
        self.forget_settled();
        Ok(())
    }

    /// Closes all assets.
    ///
    /// # Errors
    /// As `close`.
    pub fn close_all(&mut self) -> Result<(), String> {
        (self.first..self.first + self.assets.len() as u32).try_for_each(|asset| self.close(asset))
    }

    /// A player has the reply to a select.
    ///
    /// # Errors
    /// The reply is wrong.
    pub fn reply(&mut self, asset: u32, room: u32, member: u32, granted: bool) -> Result<Since, String> {
        let pending = &mut self.pending[(room * self.members + member) as usize];
        let at = pending.iter().position(|&(asked, _)| asked == asset);
        let at =
            at.ok_or_else(|| format!("p{member} of r{room} has a reply about a{asset} and did not ask"))?;
        let (_, asked_at) = pending.swap_remove(at);
        let known = self.known(asset, room)?;
        known.replied += 1;
        if granted {
            if let Some(other) = known.winner.replace(member) {
                return Err(format!("a{asset} was granted to p{other} and to p{member} of r{room}"));
            }
            known.check_announced(asset)?;
        }
        known.check_winner(asset)?;
        let last = known.replied == known.asked;
        self.forget_settled();
        Ok(Since { asked_at, last })
    }

    /// A member of a room is told who has the asset.
    ///
    /// # Errors
    /// The broadcast is wrong.
    pub fn told(&mut self, asset: u32, room: u32, member: u32, winner: u32) -> Result<Since, String> {
        let members = self.members;
        let known = self.known(asset, room)?;
        let (word, bit) = ((member / 64) as usize, 1 << (member % 64));
        if known.members_told[word] & bit != 0 {
            return Err(format!("p{member} of r{room} was told twice of a{asset}"));
        }
        known.members_told[word] |= bit;
        known.told += 1;
        match known.announced {
            Some(other) if other != winner => {
                return Err(format!(
                    "p{member} of r{room} was told that p{winner} has a{asset}, others p{other}"
                ));
            }
            Some(_) => {}
            None => {
                known.announced = Some(winner);
                known.check_announced(asset)?;
            }
        }
        let since = Since { asked_at: known.asked_at, last: known.told == members };
        self.forget_settled();
        Ok(since)
    }

    /// Whether everything that was asked is answered and everybody was told.
    pub fn is_settled(&self) -> bool {
        self.assets.is_empty()
    }

    /// What is missing, for an error.
    pub fn missing(&self) -> String {
        let Some(asset) = self.assets.front() else { return "nothing is missing".to_owned() };
        format!(
            "missing after a{} of r{}: {} of {} replies, {} of {} members told; {} assets are not settled",
            self.first,
            asset.room,
            asset.asked - asset.replied,
            asset.asked,
            self.members - asset.told,
            self.members,
            self.assets.len()
        )
    }

    fn known(&mut self, asset: u32, room: u32) -> Result<&mut Asset, String> {
        let at = asset.checked_sub(self.first);
        let known = at.and_then(|at| self.assets.get_mut(at as usize)).filter(|known| known.room == room);
        known.ok_or_else(|| {
            format!("r{room} hears of a{asset}, which is not its own, unknown, or settled before")
        })
    }

    fn forget_settled(&mut self) {
        while self.assets.front().is_some_and(|asset| asset.is_settled(self.members)) {
            self.assets.pop_front();
            self.first += 1;
        }
    }
}

impl Asset {
    fn is_settled(&self, members: u32) -> bool {
        self.closed && self.replied == self.asked && self.told == members && self.winner.is_some()
    }

    /// Once all replies are there, one of them granted.
    fn check_winner(&self, asset: u32) -> Result<(), String> {
        if self.closed && self.replied == self.asked && self.winner.is_none() {
            return Err(format!("a{asset} of r{} was granted to nobody", self.room));
        }
        Ok(())
    }

    /// Replies and broadcasts name the same winner.
    fn check_announced(&self, asset: u32) -> Result<(), String> {
        match (self.winner, self.announced) {
            (Some(winner), Some(announced)) if winner != announced => {
                Err(format!("p{winner} of r{} has a{asset}, but p{announced} was announced", self.room))
            }
            _ => Ok(()),
        }
    }
}
