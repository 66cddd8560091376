//! The cost of a request in a room of 1,000, 10,000 and 50,000 assets: processor time per creation, join and select.
//!
//! `cargo bench --bench room_growth`

#![allow(clippy::unwrap_used, reason = "a benchmark that cannot go on stops")]

use std::{fmt::Display, sync::Arc, time::Duration};

use asset_arbiter::{
    arbiter::{Arbiter, Config, Join, Member},
    bus::LocalBus,
    model::{AssetName, NewAsset, PlayerName, RoomName},
    store::MemoryStore,
};
use rustix::time::{ClockId, clock_gettime};
use tokio::{runtime::Builder, time::Instant};

const SIZES: [usize; 3] = [1_000, 10_000, 50_000];

/// Requests of each kind at each size.
const REQUESTS: usize = 2_000;

/// Runs of a whole scene. Each figure is the median.
const RUNS: usize = 5;

/// A room with one member, and assets named by their number.
struct Scene {
    arbiter: Arc<Arbiter>,
    room: RoomName,
    assets: usize,
}

/// Processor time per request.
#[derive(Debug, Clone, Copy)]
struct Costs {
    create: Duration,
    join: Duration,
    select: Duration,
}

impl Scene {
    async fn of(assets: usize) -> Self {
        let config = Config { max_assets: usize::MAX, ..Config::default() };
        let arbiter = Arbiter::start(config, Arc::new(MemoryStore::new(None)), Arc::new(LocalBus), 1);
        let mut scene = Self { arbiter, room: name("arena"), assets: 0 };
        while scene.assets < assets {
            scene.create().await;
        }
        scene
    }

    async fn create(&mut self) {
        self.assets += 1;
        self.arbiter.create(&self.room, &asset(self.assets), NewAsset::plain(1)).await.unwrap();
    }

    async fn join(&self, player: usize) -> Member {
        let join = Join {
            room: self.room.clone(),
            player: Some(name::<PlayerName>(format_args!("p{player}"))),
            display_name: None,
            resume: None,
            session: "s".into(),
            ping_interval_ms: 1,
            token_ttl_ms: None,
        };
        self.arbiter.join(join).await.unwrap()
    }

    async fn measure(mut self) -> Costs {
        let mut member = self.join(0).await;
        let mut frames = Vec::new();
        // The first reader encodes the snapshot; what follows is the cost of a change.
        while member.take(&mut frames).more {
            frames.clear();
        }
        let begun = processor_time();
        for _ in 0..REQUESTS {
            self.create().await;
        }
        let create = per_request(begun);
        let begun = processor_time();
        for player in 0..REQUESTS {
            // The welcome; the snapshot's bytes are not read.
            self.join(player).await.take(&mut frames);
            frames.clear();
        }
        let join = per_request(begun);
        let begun = processor_time();
        for number in 1..=REQUESTS {
            member.select(asset(self.assets * number / REQUESTS), None, Instant::now());
            while member.take(&mut frames).more {
                frames.clear();
            }
            frames.clear();
        }
        Costs { create, join, select: per_request(begun) }
    }
}

fn main() {
    println!("{:>10}{:>14}{:>14}{:>14}", "assets", "create, us", "join, us", "select, us");
    let mut first = None;
    for size in SIZES {
        let mut runs: Vec<_> = (0..RUNS).map(|_| run(size)).collect();
        let median = |cost: fn(&Costs) -> Duration, runs: &mut Vec<Costs>| {
            runs.sort_by_key(cost);
            cost(&runs[RUNS / 2])
        };
        let costs = Costs {
            create: median(|costs| costs.create, &mut runs),
            join: median(|costs| costs.join, &mut runs),
            select: median(|costs| costs.select, &mut runs),
        };
        let first = *first.get_or_insert(costs);
        let cell = |cost: Duration, first: Duration| {
            format!("{:.1} ({:.2}x)", cost.as_secs_f64() * 1e6, cost.as_secs_f64() / first.as_secs_f64())
        };
        println!(
            "{size:>10}{:>14}{:>14}{:>14}",
            cell(costs.create, first.create),
            cell(costs.join, first.join),
            cell(costs.select, first.select)
        );
    }
}

fn run(size: usize) -> Costs {
    let runtime = Builder::new_current_thread().enable_time().build().unwrap();
    runtime.block_on(async { Scene::of(size).await.measure().await })
}

/// Of this thread so far. `/proc` would round it to the kernel's ticks of some milliseconds.
fn processor_time() -> Duration {
    clock_gettime(ClockId::ThreadCPUTime).try_into().unwrap()
}

fn per_request(begun: Duration) -> Duration {
    (processor_time() - begun) / REQUESTS as u32
}

fn asset(number: usize) -> AssetName {
    name(format_args!("asset-{number:06}"))
}

fn name<T: std::str::FromStr>(text: impl Display) -> T
where
    T::Err: std::fmt::Debug,
{
    text.to_string().parse().unwrap()
}
