//! The benefit of group commit: decisions per second of the SQLite store under contention, compared with one fsync per
//! decision on the same disk in the same run. `cargo bench --bench sqlite [-- FOLDER]`

use std::{
    fs::File,
    os::unix::fs::FileExt,
    path::{Path, PathBuf},
    sync::Arc,
    time::{Duration, Instant, SystemTime, UNIX_EPOCH},
};

use asset_arbiter::{
    model::{NewAsset, PlayerName, RoomName, limits::BATCH_PLAYERS},
    store::{AssetKey, Call, NodeId, Options, Store, open},
};
use hdrhistogram::Histogram;
use tokio::task::JoinSet;

/// How long each load is measured.
const TIME: Duration = Duration::from_secs(3);
/// More units than can be granted in that time.
const UNITS: u32 = 100_000_000;
/// One page, the minimum that a small commit writes.
const PAGE: [u8; 4096] = [7; 4096];

#[tokio::main]
async fn main() -> anyhow::Result<()> {
    let folder = std::env::args().skip(1).find(|arg| !arg.starts_with('-'));
    let folder = tempfile::tempdir_in(folder.map_or_else(std::env::temp_dir, PathBuf::from))?;
    let syncs = syncs_per_second(&folder.path().join("probe"))?;
    println!("{syncs:.0} writes of a page a second, each synced, is what the disk does by itself");
    println!("{:<50}{:>12}{:>8}{:>9}{:>9}", "", "decisions/s", "times", "p50 ms", "p99.9 ms");

    let url = format!("sqlite:{}", folder.path().join("game.db").display());
    let race = Race::new(open(
        &url,
        Options { room_ttl: None, max_assets: None, events_backlog: None, history: None },
    )?);
    let alone = race.run(1, 1, UNITS).await?;
    alone.print("one caller: one fsync per decision", &alone);
    for assets in [20, 200, 1000] {
        let what = format!("{assets} assets at once, one player in a call");
        race.run(assets, 1, UNITS).await?.print(&what, &alone);
    }
    for (assets, what) in [(1, "one asset"), (20, "20 assets at once")] {
        let what = format!("{what}, {BATCH_PLAYERS} players in a call");
        race.run(assets, BATCH_PLAYERS, UNITS).await?.print(&what, &alone);
    }
    let what = format!("one sold-out asset, {BATCH_PLAYERS} players in a call");
    race.run(1, BATCH_PLAYERS, 0).await?.print(&what, &alone);
    Ok(())
}

/// The results of one load.
struct Figures {
    decisions_per_second: f64,
    latency: Histogram<u64>,
}

impl Figures {
    fn print(&self, what: &str, alone: &Self) {
        let times = self.decisions_per_second / alone.decisions_per_second;
        let millis = |quantile| self.latency.value_at_quantile(quantile) as f64 / 1000.0;
        println!(
            "{what:<50}{:>12.0}{times:>8.1}{:>9.2}{:>9.2}",
            self.decisions_per_second,
            millis(0.5),
            millis(0.999)
        );
    }
}

fn syncs_per_second(path: &Path) -> std::io::Result<f64> {
    let (file, begun, mut syncs) = (File::create(path)?, Instant::now(), 0_u32);
    while begun.elapsed() < TIME {
        file.write_all_at(&PAGE, u64::from(syncs) * PAGE.len() as u64)?;
        file.sync_data()?;
        syncs += 1;
    }
    Ok(f64::from(syncs) / begun.elapsed().as_secs_f64())
}

/// New players select new assets of one room.
struct Race {
    store: Arc<dyn Store>,
    room: RoomName,
}

impl Race {
    fn new(store: Arc<dyn Store>) -> Self {
        let room = format!("bench-{}", now());
        Self { store, room: room.parse().expect("a name") }
    }

    /// Each asset has one caller, which selects for `players` players at a time and continues once answered.
    async fn run(&self, assets: usize, players: usize, units: u32) -> anyhow::Result<Figures> {
        let mut callers = JoinSet::new();
        let begun = Instant::now();
        for _ in 0..assets {
            callers.spawn(ask(Arc::clone(&self.store), self.room.clone(), players, units, begun + TIME));
        }
        let mut latency = Histogram::new(3)?;
        while let Some(asked) = callers.join_next().await {
            latency.add(asked??)?;
        }
        let decisions = latency.len() * players as u64;
        Ok(Figures { decisions_per_second: decisions as f64 / begun.elapsed().as_secs_f64(), latency })
    }
}

/// Returns the microseconds of each call.
async fn ask(
    store: Arc<dyn Store>,
    room: RoomName,
    players: usize,
    units: u32,
    until: Instant,
) -> anyhow::Result<Histogram<u64>> {
    let (node, mut latency) = (NodeId(fastrand::u64(..)), Histogram::new(3)?);
    let key = AssetKey { room, asset: format!("asset-{node}").parse()? };
    let mut begun = Instant::now();
    while begun < until {
        let seq = latency.len() + 1;
        let players: Result<Vec<PlayerName>, _> =
            (0..players).map(|number| format!("p{seq}-{number}").parse()).collect();
        store
            .select(
                Call { node, seq, at: now(), by: None },
                &key,
                &players?,
                Some(Arc::new(NewAsset::plain(units))),
            )
            .await?;
        latency.record(begun.elapsed().as_micros() as u64)?;
        begun = Instant::now();
    }
    Ok(latency)
}

fn now() -> u64 {
    SystemTime::now().duration_since(UNIX_EPOCH).map_or(0, |since| since.as_millis() as u64)
}
