//! One seed from beginning to end: the storm, the quiet after it, what must be so then, and what must be left.

use std::{
    collections::BTreeSet,
    fmt::{self, Display},
    ops::AddAssign,
    sync::Arc,
    time::Duration,
};

use asset_arbiter::model::{AssetName, ErrorCode, ServerMessage, Units};
use futures::future::{join, join_all, try_join_all};
use tokio::{
    runtime::Handle,
    time::{Instant, sleep},
};

use crate::{
    conformance::{SayOnPanic, ground},
    linearizability::{follower::Known, in_virtual_time, plan::Rules},
};

use super::{
    client::Client,
    complaints::Complaints,
    plan::{LINGER, Made, Plan},
    planted::Planted,
    player::Player,
    tally::{Deed, Outcome},
    world::{Node, World},
};

/// How long all have to come to know what is stored, once nothing goes wrong any more.
const QUIET: Duration = Duration::from_secs(20);

/// What happened, for a look at whether it met what it was to meet.
#[derive(Debug, Default, Clone, Copy, PartialEq, Eq)]
pub struct Met {
    pub seeds: u64,
    pub effects: u64,
    pub answered: u64,
    pub unknown: u64,
    pub snapshots: u64,
    /// Tells what happened from everything else, also between machines.
    pub hash: u64,
}

/// A promise that was not kept.
pub struct Broken {
    pub why: String,
    pub plan: Plan,
    trace: String,
}

/// Plays a seed.
pub fn play(seed: u64, planted: Option<Planted>) -> Result<Met, Box<Broken>> {
    let _said = SayOnPanic(format!("panicked under SEED={seed}"));
    let (complaints, _listening) = Complaints::listen();
    in_virtual_time(async {
        let world = World::new(seed, planted);
        match live(&world)
            .await
            .and_then(|snapshots| complaints.none(world.recording.was_emptied()).map(|()| snapshots))
        {
            Ok(snapshots) => Ok(Met::of(&world, snapshots)),
            Err(why) => {
                let (plan, trace) = (world.plan.clone(), world.trace.text());
                Err(Box::new(Broken { why, plan, trace }))
            }
        }
    })
}

/// What happens under a seed, line by line.
pub fn trace(seed: u64) -> String {
    in_virtual_time(async {
        let world = World::new(seed, None);
        let lived = live(&world).await;
        format!("{}{lived:?}", world.trace.text())
    })
}

async fn live(world: &Arc<World>) -> Result<u64, String> {
    let idle = tasks();
    if world.plan.made == Made::First {
        create(world).await;
    }
    let plan = &world.plan;
    let named = plan.players.iter().cloned().map(Some);
    let observers = (0..plan.observers).map(|_| None);
    let mut all: Vec<_> = named.chain(observers).map(|name| Player::new(world, name)).collect();
    world.storm();
    let incidents = join_all(plan.incidents.iter().map(|incident| world.befall(incident)));
    let (ran, _) = join(try_join_all(all.iter_mut().map(Player::run)), incidents).await;
    ran?;
    world.calm().await;
    try_join_all(all.iter_mut().map(Player::settle)).await?;
    who_is_here_keeps_what_it_holds(world, &mut all).await?;
    for node in world.nodes() {
        let mut witness = Player::new(world, None);
        witness.join_at(node).await;
        all.push(witness);
    }
    quiet(world, &mut all).await?;
    kept(world)?;
    let snapshots = all.iter().map(Player::snapshots).sum();
    all.iter_mut().for_each(Player::leave);
    nothing_is_left(world, idle).await?;
    Ok(snapshots)
}

async fn create(world: &Arc<World>) {
    let node = &world.nodes()[0];
    for (asset, units) in &world.plan.assets {
        let new = world.plan.new_asset(*units);
        node.arbiter.create(&world.room, asset, new).await.expect("nothing goes wrong yet");
        world.tally.count(Deed::Create(asset.clone()), Outcome::Done);
    }
}

/// Where the grants of players end who left: every other player leaves, and loses what it holds; the others keep it, unless
/// it ends for another reason.
async fn who_is_here_keeps_what_it_holds(world: &World, all: &mut [Player]) -> Result<(), String> {
    let Some(leave) = world.plan.leave() else { return Ok(()) };
    // Every node knows what is stored, and has prolonged it.
    attend(all, world.plan.resync_interval * 2 + leave / 3 + Duration::from_secs(1)).await?;
    all.iter_mut().step_by(2).for_each(Player::leave);
    let here: BTreeSet<_> = all.iter().filter_map(Player::here).cloned().collect();
    world.recording.are_present(here.clone());
    attend(all, leave + world.plan.skew() + Duration::from_secs(2)).await?;
    for (asset, _) in &world.plan.assets {
        let holders = world.recording.shown(asset).map(|known| known.holders).unwrap_or_default();
        if let Some(player) = holders.difference(&here).next() {
            return Err(format!("{player} left long ago and still holds {asset}"));
        }
    }
    world.recording.are_present(BTreeSet::new());
    Ok(())
}

/// Lets everyone listen for so long.
async fn attend(all: &mut [Player], lasts: Duration) -> Result<(), String> {
    let begun = Instant::now();
    while begun.elapsed() < lasts {
        sleep(Duration::from_millis(250)).await;
        all.iter_mut().try_for_each(Player::attend)?;
    }
    Ok(())
}

/// Waits until everyone knows what is stored.
async fn quiet(world: &World, all: &mut [Player]) -> Result<(), String> {
    let mut waited = Duration::ZERO;
    loop {
        for player in &mut *all {
            player.attend()?;
        }
        match agreed(world, all).await {
            Ok(()) => return Ok(()),
            Err(_) if waited < QUIET => {}
            Err(why) => return Err(format!("long after the last fault, {why}")),
        }
        all.iter_mut().filter_map(|player| player.client.as_mut()).for_each(Client::sync);
        sleep(Duration::from_millis(250)).await;
        waited += Duration::from_millis(250);
    }
}

async fn agreed(world: &World, all: &[Player]) -> Result<(), String> {
    for client in all.iter().filter_map(|player| player.client.as_ref()) {
        client.agrees()?;
    }
    for node in world.nodes() {
        node_agrees(world, &node, all).await?;
    }
    Ok(())
}

async fn node_agrees(world: &World, node: &Arc<Node>, all: &[Player]) -> Result<(), String> {
    let shown = node.arbiter.room(&world.room).await;
    let shown = shown.map_err(|refusal| format!("{} says {}", node.name, refusal.message))?;
    for (asset, _) in &world.plan.assets {
        let known = shown.assets.iter().find(|state| state.asset == *asset).map(Known::of);
        if !world.recording.is_last(asset, known.as_ref()) {
            return Err(format!(
                "{} shows {known:?}, but stored is {:?}",
                node.name,
                world.recording.shown(asset)
            ));
        }
    }
    // On whatever node they are.
    let nodes = world.nodes();
    let here = all.iter().filter(|player| nodes.iter().any(|node| player.is_at(node))).count();
    if shown.players == here {
        return Ok(());
    }
    Err(format!("{} says that {} players are here, not {here}", node.name, shown.players))
}

/// The promise, once quiet.
fn kept(world: &World) -> Result<(), String> {
    world.recording.is_sound()?;
    let was_emptied = world.recording.was_emptied();
    world.tally.explains(&world.recording.effects(), was_emptied)?;
    if world.plan.rules != Rules::Selects || was_emptied {
        return Ok(());
    }
    world.plan.assets.iter().try_for_each(|(asset, _)| enough_hold(world, asset))
}

/// Where nothing is given back or added, as many hold as asked, up to the number of units.
fn enough_hold(world: &World, asset: &AssetName) -> Result<(), String> {
    let (answered, others) = world.tally.askers(asset);
    let (units, held) = (world.plan.units(asset), world.recording.shown(asset).map_or(0, |known| known.held));
    let most = |players: usize| units.min(players as Units);
    let expected = most(answered.len())..=most(answered.len() + others.len());
    if expected.contains(&held) {
        return Ok(());
    }
    Err(format!("{held} hold one of {units} {asset}, but {answered:?} asked, and perhaps {others:?}"))
}

/// Nobody is there any more: rooms go after a while, and with the nodes everything else.
async fn nothing_is_left(world: &World, idle: usize) -> Result<(), String> {
    // A room stays until what is held there has ended.
    let held = world.plan.leave().map_or(Duration::from_secs(2), |leave| leave * 2) + world.plan.skew();
    let held = if world.plan.options.is_none() { Duration::ZERO } else { held };
    sleep(LINGER + Duration::from_secs(4) + held).await;
    for node in world.nodes() {
        // One that noticed a loss waits for the news that an operator removed the room.
        if world.listens(&node) && !world.recording.was_emptied() {
            return Err(format!("{} still listens to a room that nobody is in", node.name));
        }
        // There may be one: if it can be opened, then no other is open.
        let elsewhere = ground::room("elsewhere");
        let (asset, player) = (&world.plan.assets[0].0, &world.plan.players[0]);
        let reply = node.arbiter.release(&elsewhere, asset, player).await;
        if !matches!(reply, ServerMessage::Error { code: ErrorCode::UnknownAsset, .. }) {
            return Err(format!("{} cannot open another room: {reply:?}", node.name));
        }
    }
    // What they asked each other of that room has arrived.
    sleep(Duration::from_secs(1)).await;
    let busy = tasks();
    if busy != idle {
        return Err(format!("{busy} tasks run on nodes without members, not {idle}"));
    }
    match (world.end().await, tasks()) {
        (0, 0) => Ok(()),
        (nodes, tasks) => Err(format!("{nodes} nodes and {tasks} tasks are left in the end")),
    }
}

fn tasks() -> usize {
    Handle::current().metrics().num_alive_tasks()
}

impl Met {
    /// Else the seeds would have proven less than they say.
    pub fn assert_enough(self) {
        let Self { seeds, effects, answered, unknown, snapshots, .. } = self;
        let enough = effects > 10 * seeds && answered > 20 * seeds && unknown > seeds && snapshots > seeds;
        assert!(enough || seeds < 100, "{self:?}");
    }

    fn of(world: &World, snapshots: u64) -> Self {
        let (answered, unknown) = world.tally.sums();
        let effects = world.recording.effects().values().sum();
        Self { seeds: 1, effects, answered, unknown, snapshots, hash: world.trace.hash() }
    }
}

impl AddAssign for Met {
    fn add_assign(&mut self, other: Self) {
        self.seeds += other.seeds;
        self.effects += other.effects;
        self.answered += other.answered;
        self.unknown += other.unknown;
        self.snapshots += other.snapshots;
        // In any order.
        self.hash ^= other.hash;
    }
}

impl Display for Broken {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { why, plan, trace } = self;
        writeln!(f, "{why}\n{plan:#?}\n{trace}\n{why}")?;
        write!(f, "SEED={} cargo test --test simulation replays it", plan.seed)
    }
}
