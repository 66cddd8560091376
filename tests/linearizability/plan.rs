//! What a seed stands for.

use std::{sync::Arc, time::Duration};

use asset_arbiter::{
    model::{AssetOptions, NewAsset, PlayerName, Units},
    store::{Limits, faulty::Faults},
};
use fastrand::Rng;

use crate::conformance::ground::team;

use super::spec::Ask;

/// Who does what to one asset, and what goes wrong.
#[derive(Debug, Clone)]
pub struct Plan {
    pub seed: u64,
    pub rules: Rules,
    pub units: Units,
    pub options: AssetOptions,
    pub players: Vec<PlayerName>,
    /// Arbiters over the one store, or clients straight on it.
    pub nodes: usize,
    /// The asset is created by its first select, not before it.
    pub auto_create: bool,
    pub clients: usize,
    pub steps: usize,
    /// How long an arbiter tries.
    pub deadline: Duration,
    pub faults: Faults,
    /// How many messages between nodes are lost, and how late the others come.
    pub loss: f64,
    pub lateness: Duration,
}

/// What may happen besides selects.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Rules {
    /// Nothing: in the end as many hold as can be.
    Selects,
    /// Releases and restocks.
    Changes,
    /// Removals and creations, too.
    Lives,
}

/// How long things take.
#[derive(Debug, Clone, Copy)]
pub struct Pace {
    /// The longest pause of a client between two operations.
    pub think: Duration,
    /// How much later than planned a late copy may take effect.
    pub grace: Duration,
    /// How many times as long as planned an arbiter tries.
    pub patience: u32,
    /// What goes wrong besides what is planned.
    pub unplanned: Unplanned,
}

/// What goes wrong by itself.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Unplanned {
    Nothing,
    /// What is busy answers late, and is asked again.
    Delays,
    /// The wire cuts and repeats, too.
    Copies,
}

impl Pace {
    /// Time costs nothing and is exact to the millisecond.
    pub const VIRTUAL: Self = Self {
        think: Duration::from_millis(40),
        grace: Duration::from_millis(5),
        patience: 1,
        unplanned: Unplanned::Nothing,
    };

    /// For real servers, on machines that are at times busy.
    pub const REAL: Self =
        Self { grace: Duration::from_secs(10), patience: 4, unplanned: Unplanned::Delays, ..Self::VIRTUAL };

    /// For real servers behind a wire that cuts and repeats.
    pub const ROUGH_WIRE: Self = Self { unplanned: Unplanned::Copies, ..Self::REAL };
}

impl Plan {
    /// For a store of such limits.
    pub fn new(seed: u64, pace: Pace, limits: Limits, rng: &mut Rng) -> Self {
        let rules = [Rules::Selects, Rules::Changes, Rules::Changes, Rules::Lives][rng.usize(..4)];
        let mut faults = match rng.u8(..6) {
            _ if pace.unplanned == Unplanned::Copies => Faults::default(),
            0 => Faults::default(),
            1..=3 => Faults::rough(),
            _ => harsh(),
        };
        let deadline = Duration::from_millis(if rng.u8(..4) == 0 { 150 } else { 600 });
        // Else nearly everything would be without an answer for nearly the whole time.
        faults.max_lateness = faults.max_lateness.min(deadline.mul_f64(1.5));
        let mut auto_create = rng.u8(..4) == 0 && limits.select_creates;
        if rules != Rules::Selects && auto_create {
            // A call that found an asset never made leaves no trace: a copy that finds it made is a new call.
            (faults.duplicated, faults.duplicated_late) = (0.0, 0.0);
            auto_create = pace.unplanned != Unplanned::Copies;
        }
        Self {
            seed,
            rules,
            units: rng.u32(1..=5),
            options: AssetOptions::NONE,
            players: team("p", rng.usize(2..=7)),
            nodes: rng.usize(1..=2),
            auto_create,
            clients: rng.usize(2..=6),
            steps: rng.usize(4..=14),
            deadline: deadline * pace.patience,
            faults,
            loss: [0.0, 0.1, 0.5][rng.usize(..3)],
            lateness: Duration::from_millis(rng.u64(1..=150)),
        }
    }

    /// Lets the grants end.
    pub fn with_deadlines(mut self, pace: Pace, rng: &mut Rng) -> Self {
        if self.auto_create {
            // Of the calls that may find an asset never made, now also in the race of selects.
            (self.faults.duplicated, self.faults.duplicated_late) = (0.0, 0.0);
            self.auto_create = pace.unplanned != Unplanned::Copies;
        }
        let mut maybe = |most: u64| rng.bool().then(|| rng.u64(20..=most));
        let (hold_ms, grant_ms) = (maybe(600), maybe(900));
        let (leave_ms, cooldown_ms, for_ms) = (maybe(600), maybe(300), maybe(150));
        self.options = AssetOptions {
            hold_ms: hold_ms.or(grant_ms.is_none().then_some(150)),
            grant_ms,
            leave_ms,
            cooldown_ms,
            reserved_for: for_ms.map_or(Vec::new(), |_| self.players[..1].to_vec()),
            for_ms,
        };
        self
    }

    /// How the asset is created with so many units.
    pub fn new_asset(&self, units: Units) -> Arc<NewAsset> {
        Arc::new(NewAsset { units, options: self.options.clone() })
    }

    /// As what a select creates the asset.
    pub fn created_by_select(&self) -> Option<Arc<NewAsset>> {
        self.auto_create.then(|| self.new_asset(self.units))
    }

    /// A client's next wish.
    pub fn wish(&self, rng: &mut Rng) -> Ask {
        if !self.options.is_none() && rng.u8(..5) < 2 {
            return self.wish_of_deadlines(rng);
        }
        let player = self.players[rng.usize(..self.players.len())].clone();
        let select = Ask::Select { player: player.clone(), create: self.created_by_select() };
        let n = rng.u32(1..=2);
        match (self.rules, rng.u8(..20)) {
            (Rules::Selects, _) => select,
            (_, 0) => Ask::Restock { n, condition: None },
            (_, 1) => Ask::Restock { n, condition: Some(rng.u64(..12)) },
            (_, 2) => Ask::Look,
            (_, 3..=8) => Ask::Release { player },
            (Rules::Lives, 9) => Ask::Remove,
            (Rules::Lives, 10 | 11) => Ask::Create { new: self.new_asset(self.units + rng.u32(..2)) },
            _ => select,
        }
    }

    fn wish_of_deadlines(&self, rng: &mut Rng) -> Ask {
        let player = self.players[rng.usize(..self.players.len())].clone();
        match rng.u8(..8) {
            0..=2 => Ask::Confirm { player, retake: rng.bool() },
            3 => Ask::Extend { player, most: rng.u64(100..2000) },
            4 | 5 => {
                let mut players = self.players.clone();
                rng.shuffle(&mut players);
                players.truncate(rng.usize(1..=3));
                Ask::Prolong { players }
            }
            _ => Ask::Expire,
        }
    }
}

/// Most calls meet something, and copies come later than anyone waits.
pub fn harsh() -> Faults {
    Faults {
        refused: 0.15,
        lost_before: 0.2,
        lost_after: 0.3,
        delayed: 0.7,
        max_delay: Duration::from_millis(60),
        duplicated: 0.3,
        duplicated_late: 0.3,
        max_lateness: Duration::from_millis(900),
    }
}
