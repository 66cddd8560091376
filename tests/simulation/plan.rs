//! What a seed stands for.

use std::sync::Arc;
use std::time::Duration;

use asset_arbiter::{
    arbiter::Config,
    model::{AssetName, AssetOptions, NewAsset, PlayerName, Units},
    store::faulty::Faults,
};
use fastrand::Rng;

use crate::{
    conformance::ground::{asset, team},
    linearizability::plan::{Rules, harsh},
};

/// Nodes, who plays on them, and what goes wrong.
#[derive(Debug, Clone)]
pub struct Plan {
    pub seed: u64,
    pub rules: Rules,
    pub nodes: usize,
    pub players: Vec<PlayerName>,
    pub observers: usize,
    pub assets: Vec<(AssetName, Units)>,
    pub made: Made,
    /// What grants do by themselves.
    pub options: AssetOptions,
    /// By how many milliseconds the clocks of nodes are ahead, or behind: each life of a node has the next.
    pub clocks: Vec<i64>,
    pub steps: usize,
    /// The longest pause between two steps.
    pub think: Duration,
    /// How long a node tries.
    pub deadline: Duration,
    pub resync_interval: Duration,
    pub sold_out_ttl: Duration,
    pub room_log: usize,
    pub presence_limit: usize,
    pub faults: Faults,
    /// How many messages between nodes are lost, and how late the others come.
    pub loss: f64,
    pub lateness: Duration,
    pub incidents: Vec<Incident>,
}

/// How assets come to be.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Made {
    /// Before everything else.
    First,
    /// By their first select; everybody sees them before.
    FromTemplate,
    /// By their first select.
    BySelect,
}

/// Something that happens, after a while and for a while.
#[derive(Debug, Clone)]
pub struct Incident {
    pub after: Duration,
    pub lasts: Duration,
    pub kind: Kind,
}

#[derive(Debug, Clone, Copy)]
pub enum Kind {
    /// A node is gone at once, and another comes in its place.
    Crash(usize),
    /// A node crashes with its next prolongation under way.
    DiesProlonging(usize),
    /// A node's calls to the store wait.
    Stalls(usize),
    /// A node's calls to the store are refused.
    Refused(usize),
    /// Everyone's are.
    StoreAway,
    /// No node hears of any other.
    Silence,
    /// The store loses everything.
    Emptied,
}

/// How long a room stays when nobody is in it.
pub const LINGER: Duration = Duration::from_secs(2);

impl Plan {
    pub fn new(seed: u64, rng: &mut Rng) -> Self {
        let rules = [Rules::Selects, Rules::Changes, Rules::Changes, Rules::Lives][rng.usize(..4)];
        let made = [Made::First, Made::First, Made::FromTemplate, Made::BySelect][rng.usize(..4)];
        let nodes = rng.usize(2..=5);
        let names = ["sword", "bow", "crown"];
        let deadline = Duration::from_millis([150, 600, 1000][rng.usize(..3)]);
        let mut plan = Self {
            seed,
            rules,
            nodes,
            players: team("p", rng.usize(3..=8)),
            observers: rng.usize(..=2),
            assets: names[..rng.usize(1..=3)].iter().map(|name| (asset(name), rng.u32(1..=4))).collect(),
            made,
            options: AssetOptions::NONE,
            clocks: vec![0],
            steps: rng.usize(8..=16),
            think: Duration::from_millis([20, 100, 250][rng.usize(..3)]),
            deadline,
            resync_interval: Duration::from_millis(rng.u64(500..=2000)),
            sold_out_ttl: Duration::from_millis([0, 0, 300][rng.usize(..3)]),
            room_log: [4, 16, 512][rng.usize(..3)],
            presence_limit: [2, 64][rng.usize(..2)],
            faults: faults(rules, made, deadline, rng),
            loss: [0.0, 0.1, 0.5, 1.0][rng.usize(..4)],
            lateness: Duration::from_millis(rng.u64(1..=250)),
            incidents: (0..rng.usize(..=5)).map(|_| Incident::new(nodes, rng)).collect(),
        };
        if made == Made::First && rng.u8(..6) == 0 {
            plan.incidents.push(Incident::emptied(rng));
            // A store that lost a call takes a late copy of it for a new one.
            (plan.faults.duplicated, plan.faults.duplicated_late) = (0.0, 0.0);
        } else if rng.u8(..3) == 0 {
            plan.let_grants_end(rng);
        }
        plan
    }

    fn let_grants_end(&mut self, rng: &mut Rng) {
        let (clocks, leave) = [(vec![0, 500, 0], 2000), (vec![500, -2000, 0], 6000)][rng.usize(..2)].clone();
        let mut maybe = |most| rng.bool().then(|| rng.u64(100..=most));
        let (hold_ms, grant_ms, cooldown_ms, reserved) = (maybe(1500), maybe(1500), maybe(300), maybe(400));
        self.options = AssetOptions {
            hold_ms,
            grant_ms,
            leave_ms: (rng.bool() || hold_ms.or(grant_ms).is_none()).then_some(leave),
            cooldown_ms,
            for_ms: reserved,
            reserved_for: reserved.map_or(Vec::new(), |_| self.players[1..].to_vec()),
        };
        self.clocks = clocks;
        if self.rules == Rules::Selects {
            self.rules = Rules::Changes;
        }
        if self.made == Made::BySelect {
            self.made = Made::FromTemplate;
        }
        if self.made != Made::First {
            (self.faults.duplicated, self.faults.duplicated_late) = (0.0, 0.0);
        }
        if self.options.leave_ms.is_some() {
            let kind = Kind::DiesProlonging(rng.usize(..self.nodes));
            self.incidents.push(Incident { kind, ..Incident::new(self.nodes, rng) });
        }
    }

    /// By how much clocks differ at most.
    pub fn skew(&self) -> Duration {
        let (first, last) = (self.clocks.iter().min(), self.clocks.iter().max());
        let skew = first.zip(last).map_or(0, |(first, last)| last - first);
        Duration::from_millis(skew.unsigned_abs())
    }

    /// Whether the store loses everything at some time.
    pub fn is_emptied(&self) -> bool {
        self.incidents.iter().any(|incident| matches!(incident.kind, Kind::Emptied))
    }

    pub fn config(&self) -> Config {
        let (templates, auto_create) = match self.made {
            // What is not there any more would be made anew.
            Made::First => (Vec::new(), self.is_emptied().then_some(self.assets[0].1)),
            Made::FromTemplate => (self.assets.clone(), None),
            Made::BySelect => (Vec::new(), Some(self.assets[0].1)),
        };
        Config {
            select_deadline: self.deadline,
            sold_out_ttl: self.sold_out_ttl,
            resync_interval: self.resync_interval,
            room_log: self.room_log,
            room_linger: LINGER,
            presence_limit: self.presence_limit,
            max_rooms: 1,
            templates: templates
                .into_iter()
                .map(|(asset, units)| (asset, Arc::new(self.new_asset(units))))
                .collect(),
            auto_create,
            ..Config::default()
        }
    }

    /// As what an asset is created with so many units.
    pub fn new_asset(&self, units: Units) -> NewAsset {
        NewAsset { units, options: self.options.clone() }
    }

    /// How long the grant of a player who left lasts.
    pub fn leave(&self) -> Option<Duration> {
        self.options.leave_ms.map(Duration::from_millis)
    }

    /// With how many units an asset begins.
    pub fn units(&self, asset: &AssetName) -> Units {
        let named = self.assets.iter().find(|(name, _)| name == asset && self.made != Made::BySelect);
        named.map_or(self.assets[0].1, |(_, units)| *units)
    }
}

impl Incident {
    fn emptied(rng: &mut Rng) -> Self {
        Self { after: Duration::from_millis(rng.u64(1..=1500)), lasts: Duration::ZERO, kind: Kind::Emptied }
    }

    fn new(nodes: usize, rng: &mut Rng) -> Self {
        let node = rng.usize(..nodes);
        let kind = match rng.u8(..8) {
            0..=3 => Kind::Crash(node),
            4 => Kind::Stalls(node),
            5 => Kind::Refused(node),
            6 => Kind::StoreAway,
            _ => Kind::Silence,
        };
        let time = |rng: &mut Rng, most| Duration::from_millis(rng.u64(1..=most));
        Self { after: time(rng, 1500), lasts: time(rng, 700), kind }
    }
}

fn faults(rules: Rules, made: Made, deadline: Duration, rng: &mut Rng) -> Faults {
    let mut faults = match rng.u8(..6) {
        0 => Faults::default(),
        1..=3 => Faults::rough(),
        _ => harsh(),
    };
    faults.max_lateness = faults.max_lateness.min(deadline * 2);
    if rules != Rules::Selects && made != Made::First {
        // A call that found an asset never made leaves no trace: a copy that finds it made is a new call.
        (faults.duplicated, faults.duplicated_late) = (0.0, 0.0);
    }
    faults
}
