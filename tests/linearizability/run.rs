//! One seed from beginning to end: the race, the quiet after it, and what must be so then.

use std::{
    collections::{BTreeMap, BTreeSet},
    fmt::{self, Display},
    ops::AddAssign,
    sync::Arc,
    time::Duration,
};

use asset_arbiter::{
    arbiter::Arbiter,
    model::{AssetState, Units},
    store::{
        Store,
        faulty::{Faults, Faulty},
    },
};
use fastrand::Rng;
use futures::future::{join, join_all};
use tokio::time::sleep;

use crate::conformance::{
    SayOnPanic,
    ground::{Ground, asset},
};

use super::{
    arena::Arena,
    guest::Guest,
    history::{self, Record, Recorder, Verdict},
    listener::Listener,
    nodes,
    plan::{Pace, Plan, Rules},
    racer::Racer,
    spec::{Answer, Ask, Why},
    wire::Wire,
};

/// What the clients speak to.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Through {
    /// The store itself.
    Store,
    /// One arbiter, or two.
    Arbiter,
    /// The store itself, with an asset whose grants end, and clients whose clocks differ.
    Deadlines(Ends),
}

/// When a store ends the grants that a call finds over.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Ends {
    /// In the call's own step.
    WithTheCall,
    /// In that or in one before it.
    Apart,
}

/// What happened, for a look at whether it met what it was to meet.
#[derive(Debug, Default, Clone, Copy, PartialEq, Eq)]
pub struct Met {
    pub schedules: u64,
    pub operations: u64,
    pub granted: u64,
    pub denied: u64,
    pub unanswered: u64,
    /// How often somebody came after a deadline, or before the end of a cooldown or a reservation.
    pub untimely: u64,
    pub snapshots: u64,
    /// Histories with so many unanswered operations that the search was given up.
    pub undecided: u64,
}

/// A race that is over.
pub struct Raced {
    plan: Plan,
    pub records: Vec<Record>,
    /// How many snapshots were told, if every promise was kept that shows without the checker.
    kept: Result<u64, String>,
}

/// A promise that was not kept.
pub struct Broken {
    why: String,
    plan: Plan,
    records: Vec<Record>,
}

/// How long all nodes have to come to know what is stored, once nothing goes wrong any more.
const QUIET: Duration = Duration::from_secs(30);

impl Through {
    /// Plays the seed's plan on a store.
    pub async fn race(self, truth: Arc<dyn Store>, seed: u64, pace: Pace) -> Raced {
        let _said = SayOnPanic(format!("panicked under SEED={seed}"));
        let mut rng = Rng::with_seed(seed);
        let mut plan = Plan::new(seed, pace, truth.limits(), &mut rng);
        if matches!(self, Self::Deadlines(_)) {
            plan = plan.with_deadlines(pace, &mut rng);
        }
        let faulty = Faulty::new(Arc::clone(&truth), rng.u64(..), Faults::default());
        let shares = self == Self::Arbiter && plan.nodes > 1;
        let faulty = Arc::new(if shares { faulty.as_shared() } else { faulty });
        let key = Ground::new(Arc::clone(&truth)).key(&asset("sword"));
        let (recorder, ends_apart) = (Recorder::new(), self == Self::Deadlines(Ends::Apart));
        let arena = Arc::new(Arena { plan, pace, faulty, truth, key, recorder, ends_apart });
        let kept = match self {
            Self::Store | Self::Deadlines(_) => on_the_store(&arena, &mut rng).await,
            Self::Arbiter => on_arbiters(&arena, &mut rng).await,
        };
        Raced { plan: arena.plan.clone(), records: arena.recorder.records(), kept }
    }

    /// What is recorded of clients.
    pub fn what(self) -> &'static str {
        match self {
            Self::Store => "histories",
            Self::Arbiter => "schedules",
            Self::Deadlines(_) => "histories with deadlines",
        }
    }
}

impl Raced {
    /// Whether all that was promised was kept. Takes a while.
    pub fn judge(self) -> Result<Met, Box<Broken>> {
        let _said = SayOnPanic(format!("panicked under SEED={}", self.plan.seed));
        let Self { plan, records, kept } = self;
        let met = kept.and_then(|snapshots| match history::check(&records) {
            Verdict::Explained => Ok(Met::of(&records, snapshots)),
            Verdict::Undecided => Ok(Met { undecided: 1, ..Met::of(&records, snapshots) }),
            Verdict::Wrong(why) => Err(why),
        });
        met.map_err(|why| Box::new(Broken { why, plan, records }))
    }
}

async fn on_the_store(arena: &Arc<Arena>, rng: &mut Rng) -> Result<u64, String> {
    arena.faulty.set_faults(arena.plan.faults);
    let mut racers: Vec<_> =
        (0..arena.plan.clients).map(|number| Racer::new(Arc::clone(arena), number, rng.fork())).collect();
    if !arena.plan.auto_create {
        racers[0].create().await;
    }
    join_all(racers.into_iter().map(Racer::run)).await;
    arena.calm().await;
    if let Some(state) = arena.stored().await {
        arena.recorder.end(&state);
    }
    Ok(0)
}

async fn on_arbiters(arena: &Arc<Arena>, rng: &mut Rng) -> Result<u64, String> {
    let store = Arc::clone(&arena.faulty) as Arc<dyn Store>;
    let (nodes, wire) = nodes::start(&arena.plan, &store, rng);
    let mut listeners = Vec::new();
    for (number, node) in nodes.iter().enumerate() {
        listeners.push(Listener::join(arena, node, format!("observer of node {number}"), None).await);
    }
    arena.faulty.set_faults(arena.plan.faults);
    let mut guests: Vec<_> = (0..arena.plan.clients)
        .map(|number| Guest::new(Arc::clone(arena), nodes.clone(), number, rng.fork()))
        .collect();
    if !arena.plan.auto_create {
        guests[0].create().await;
    }
    let race = join_all(guests.into_iter().map(Guest::run));
    let (_, late) = join(race, latecomers(arena, &nodes, rng.fork())).await;
    listeners.extend(late);
    quiet(arena, &nodes, &wire, &mut listeners).await?;
    heard_the_same(&listeners)?;
    Ok(listeners.iter().map(|listener| listener.snapshots as u64).sum())
}

/// Players who join at some time during the race.
async fn latecomers(arena: &Arena, nodes: &[Arc<Arbiter>], mut rng: Rng) -> Vec<Listener> {
    let mut late = Vec::new();
    for player in arena.plan.players.iter().take(2) {
        sleep(arena.pace.think.mul_f64(rng.f64() * 8.0)).await;
        let number = rng.usize(..nodes.len());
        let name = format!("{player} at node {number}");
        late.push(Listener::join(arena, &nodes[number], name, Some(player.clone())).await);
    }
    late
}

/// Waits until everyone knows what is stored, and looks at that.
async fn quiet(
    arena: &Arena,
    nodes: &[Arc<Arbiter>],
    wire: &Wire,
    listeners: &mut [Listener],
) -> Result<(), String> {
    arena.calm().await;
    wire.calm();
    let mut waited = Duration::ZERO;
    loop {
        let stored = arena.stored().await;
        for listener in listeners.iter_mut() {
            listener.listen(arena)?;
        }
        let agreed = agreed(arena, nodes, listeners, stored.as_ref()).await;
        match agreed {
            Ok(()) => break kept(arena, stored),
            Err(_) if waited < QUIET => {}
            Err(why) => break Err(format!("long after the last fault, {why}")),
        }
        sleep(Duration::from_millis(250)).await;
        waited += Duration::from_millis(250);
    }
}

async fn agreed(
    arena: &Arena,
    nodes: &[Arc<Arbiter>],
    listeners: &[Listener],
    stored: Option<&AssetState>,
) -> Result<(), String> {
    for listener in listeners {
        listener.agrees_with(stored)?;
    }
    let stored = stored.filter(|state| !state.removed);
    for (number, node) in nodes.iter().enumerate() {
        let shown = node.room(&arena.key.room).await.map_err(|refusal| refusal.message)?.assets;
        if shown.first() != stored {
            return Err(format!("node {number} shows {shown:?}, but stored is {stored:?}"));
        }
    }
    Ok(())
}

/// The promise, once quiet.
fn kept(arena: &Arena, stored: Option<AssetState>) -> Result<(), String> {
    let Some(state) = stored else { return Ok(()) };
    arena.recorder.end(&state);
    if arena.plan.rules != Rules::Selects {
        return Ok(());
    }
    let records = arena.recorder.records();
    let asked = records.iter().filter_map(|record| match &record.ask {
        Ask::Select { player, .. } if !record.void() => Some(player),
        _ => None,
    });
    let askers = asked.collect::<BTreeSet<_>>().len() as Units;
    let expected = askers.min(arena.plan.units);
    let held = state.held;
    if held == expected {
        Ok(())
    } else {
        Err(format!("{held} hold, but {askers} asked for {}", arena.plan.units))
    }
}

/// Nobody is told of a revision what others are not.
fn heard_the_same(listeners: &[Listener]) -> Result<(), String> {
    let mut all = BTreeMap::new();
    for (revision, change) in listeners.iter().flat_map(|listener| &listener.follower.told) {
        let first = all.entry(*revision).or_insert_with(|| change.clone());
        if first != change {
            return Err(format!("of revision {revision} some were told {first:?}, others {change:?}"));
        }
    }
    Ok(())
}

impl Met {
    /// Else the seeds would have proven less than they say.
    pub fn assert_enough(self, through: Through) {
        let Self { schedules, operations, granted, denied, unanswered, undecided, .. } = self;
        // Confirmations and the like take the place of selects, and cooldowns and reservations refuse some. In real time how
        // many is chance.
        let grants = if matches!(through, Through::Deadlines(_)) { 4 } else { 8 };
        let enough = operations > 25 * schedules
            && granted > grants * schedules
            && denied > 3 * schedules
            // An arbiter repeats a call while there is time, so on a wire few of them stay so, and how many is chance.
            && unanswered * 8 > schedules
            // On a busy machine many operations stay without an answer, and each of them may double the search.
            && undecided * 20 <= schedules;
        assert!(enough || schedules < 100, "{self:?}");
    }

    fn of(records: &[Record], snapshots: u64) -> Self {
        let count = |wanted: fn(&Record) -> bool| records.iter().filter(|record| wanted(record)).count() as u64;
        Self {
            schedules: 1,
            operations: count(|record| !matches!(record.ask, Ask::Look | Ask::Ends)),
            granted: count(|record| {
                matches!(
                    (&record.ask, &record.answer),
                    (Ask::Select { .. }, Answer::Changed(_) | Answer::Found)
                )
            }),
            denied: count(|record| {
                matches!(record.answer, Answer::Unchanged(Why::SoldOut | Why::Cooldown | Why::Reserved, _))
            }),
            untimely: count(|record| {
                matches!(record.answer, Answer::Unchanged(Why::HoldExpired | Why::Cooldown | Why::Reserved, _))
            }),
            unanswered: count(|record| {
                record.answer == Answer::Unknown && record.ask != Ask::Ends && !record.void()
            }),
            snapshots,
            undecided: 0,
        }
    }
}

impl AddAssign for Met {
    fn add_assign(&mut self, other: Self) {
        self.schedules += other.schedules;
        self.operations += other.operations;
        self.granted += other.granted;
        self.denied += other.denied;
        self.unanswered += other.unanswered;
        self.untimely += other.untimely;
        self.snapshots += other.snapshots;
        self.undecided += other.undecided;
    }
}

impl Display for Broken {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        writeln!(f, "{}\nSEED={} replays it: {:#?}", self.why, self.plan.seed, self.plan)?;
        self.records.iter().try_for_each(|record| writeln!(f, "{record}"))
    }
}
