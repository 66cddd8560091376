//! Processes that are killed while players hold and confirm: no unit goes to two, what was confirmed stays so, and what is
//! over ends with the next call.

use std::{
    collections::{BTreeMap, BTreeSet},
    io::{BufRead, BufReader, Write},
    process::{Child, Command, Stdio},
    slice::from_ref,
    sync::Arc,
    time::Duration,
};

use asset_arbiter::{
    model::{AssetName, AssetOptions, Grant, Lease, NewAsset, PlayerName, RoomName},
    store::{AssetKey, Store, Verdict},
};
use tokio::time::sleep;

use crate::conformance::ground::{Ground, Node, asset, player, room, team};

const UNITS: u32 = 5;
const HOLD: Duration = Duration::from_millis(50);
const RACERS: usize = 8;

/// How many rounds, if `KILL_ROUNDS` does not say.
const ROUNDS: usize = 10;

/// The players of grants, by asset and revision.
type Grants = BTreeMap<(AssetName, u64), PlayerName>;

/// What processes told before they were killed.
#[derive(Default)]
pub struct Told {
    granted: Grants,
    confirmed: Grants,
}

pub fn rounds() -> usize {
    std::env::var("KILL_ROUNDS").map_or(ROUNDS, |rounds| rounds.parse().unwrap())
}

/// Starts a process that runs [`race`], listens until it told `enough`, lets it be killed, and hears what it had told
/// besides. Returns what one process told.
pub fn hear(mut racing: Command, enough: usize, kill: impl FnOnce(&mut Child)) -> Told {
    let mut child = racing.stdout(Stdio::piped()).spawn().unwrap();
    let mut kill = Some(kill);
    let (mut told, mut heard) = (Told::default(), 0);
    for line in BufReader::new(child.stdout.take().unwrap()).lines() {
        heard += usize::from(told.take(&line.unwrap()));
        if heard == enough
            && let Some(kill) = kill.take()
        {
            kill(&mut child);
        }
    }
    child.wait().unwrap();
    assert!(heard >= enough, "it raced until it was killed");
    told
}

impl Told {
    /// Takes a line of a process. The last may have been cut off, so the line's end is part of it.
    fn take(&mut self, line: &str) -> bool {
        let words: Vec<_> = line.split(' ').collect();
        let (grants, asset, revision, player) = match words[..] {
            ["granted", asset, revision, player, "."] => (&mut self.granted, asset, revision, player),
            ["confirmed", asset, revision, player, "."] => (&mut self.confirmed, asset, revision, player),
            _ => return false,
        };
        let (grant, player) = ((asset.parse().unwrap(), revision.parse().unwrap()), player.parse().unwrap());
        let other = grants.insert(grant, player);
        assert_eq!(other, None, "told twice: {line}");
        true
    }

    /// Adds what a later process told, of assets of its own.
    pub fn extend(&mut self, later: Self) {
        self.granted.extend(later.granted);
        self.confirmed.extend(later.confirmed);
    }
}

pub fn arena(store: Arc<dyn Store>) -> Ground {
    Ground { store, room: room_of_races() }
}

fn room_of_races() -> RoomName {
    room("holds")
}

/// Holds all over while no process runs; then the next call finds every asset of `told` as it must be.
pub async fn settles(ground: &Ground, told: &Told) {
    sleep(HOLD).await;
    let assets: BTreeSet<_> = told.granted.keys().map(|(asset, _)| asset).collect();
    let (node, newcomer) = (Node::new(), player("newcomer"));
    for asset in assets {
        let selected = ground.select(node.next(), asset, from_ref(&newcomer)).await;
        let holders = ground.holders(asset).await;
        let (new, old): (Vec<_>, Vec<_>) = holders.iter().partition(|grant| grant.player == newcomer);
        assert!(old.iter().all(|grant| grant.lease.is_none()), "what is over has ended: {old:?}");
        let got = matches!(selected.verdicts[..], [Verdict::Granted { .. }]);
        assert_eq!((got, new.len()), (old.len() < UNITS as usize, usize::from(got)), "{asset}: {selected:?}");
        let ends = &selected.state.terms.as_ref().unwrap().ends;
        let ended: BTreeSet<_> = ends.iter().map(|end| end.grant).collect();
        assert_eq!(ended.len(), ends.len(), "each ends once: {ends:?}");
        let of_asset = told.granted.iter().filter(|((of, _), _)| of == asset);
        for ((_, revision), player) in of_asset {
            let held = old.iter().any(|grant| (grant.revision, &grant.player) == (*revision, player));
            assert_ne!(held, ended.contains(revision), "{asset} at {revision} was {player}'s: {holders:?}");
        }
    }
}

/// What was told to be confirmed is so for ever.
pub async fn stay_confirmed(ground: &Ground, told: &Told) {
    let mut held = BTreeMap::new();
    for state in ground.snapshot().await {
        let holders = ground.holders(&state.asset).await;
        let grants = holders.into_iter().map(|grant| ((state.asset.clone(), grant.revision), grant));
        held.extend(grants);
    }
    for (grant, player) in &told.confirmed {
        let stored = held.get(grant).map(|Grant { player, lease, .. }| (player, *lease));
        assert_eq!(stored, Some((player, Lease::NONE)), "{grant:?}");
    }
}

/// Players race for assets that are created as they play, and confirm every third grant; until the process is killed, or
/// the store.
pub async fn race(store: Arc<dyn Store>) {
    let run = fastrand::u32(..);
    let racers = (0..RACERS).map(|racer| tokio::spawn(race_of_one(Arc::clone(&store), run, racer)));
    futures::future::join_all(racers).await;
}

/// Returns when the store is away.
async fn race_of_one(store: Arc<dyn Store>, run: u32, racer: usize) -> Option<()> {
    let node = Node::new();
    let options = AssetOptions { hold_ms: Some(HOLD.as_millis() as u64), ..AssetOptions::NONE };
    let new = Arc::new(NewAsset { units: UNITS, options });
    let contenders = team(&format!("p{racer}"), 3);
    for lap in 0_usize.. {
        // An earlier asset, too, of which holds may be over.
        for lap in [lap, lap.saturating_sub(8)] {
            let key = AssetKey { room: room_of_races(), asset: asset(&format!("asset-{run:08x}-{lap}")) };
            let selected = store.select(node.next(), &key, &contenders, Some(Arc::clone(&new))).await.ok()?;
            for (place, (player, verdict)) in contenders.iter().zip(&selected.verdicts).enumerate() {
                let Verdict::Granted { revision, .. } = *verdict else { continue };
                tell("granted", &key, revision, player);
                if (place + lap) % 3 > 0 {
                    continue;
                }
                let confirmed = store.confirm(node.next(), &key, player, false).await.ok()?;
                if let (true, Some(grant)) = (confirmed.changed, &confirmed.grant) {
                    tell("confirmed", &key, grant.revision, player);
                }
            }
        }
    }
    None
}

/// One write per line, so that lines of racers do not mix.
fn tell(what: &str, key: &AssetKey, revision: u64, player: &PlayerName) {
    let line = format!("{what} {} {revision} {player} .\n", key.asset);
    std::io::stdout().write_all(line.as_bytes()).unwrap();
}
