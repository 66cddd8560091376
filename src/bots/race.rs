use std::{
    sync::{Arc, atomic::Ordering},
    time::Duration,
};

use futures::stream::{self, StreamExt, TryStreamExt};
use parking_lot::{Mutex, MutexGuard};
use tokio::{
    sync::watch,
    task::JoinSet,
    time::{Instant, sleep, timeout},
};

use crate::model::InvalidName;

use super::{
    BotsError, Config, Length, Report,
    api::Api,
    bot::Bot,
    judgement::{Case, Evidence, Witness, judge},
    limits::{FAREWELL, HTTP_AT_ONCE, SPARE_FILES},
    plan::Plan,
    progress::Progress,
    quiesce::quiesce,
    recorder::Recorder,
    round::{Baseline, Round},
    score::Score,
    shared::{Phase, Shared},
};

/// The coordinator's polling interval. The bots measure the race's times themselves.
const POLL_EVERY: Duration = Duration::from_millis(10);

/// Runs a race and judges it.
///
/// # Errors
/// [`BotsError`] if the race could not be run. A broken promise is part of the report.
pub async fn run(config: Config) -> Result<Report, BotsError> {
    config.check()?;
    allow_files(config.players)?;
    let mut race = Race::open(config).await?;
    let mut prepared = race.prepare_round(0).await?;
    race.join().await?;
    let begun = Instant::now();
    loop {
        race.play(&prepared).await;
        race.judge(&prepared).await?;
        if race.is_over(begun) {
            return Ok(race.leave().await);
        }
        prepared = race.prepare_round(prepared.round.number + 1).await?;
    }
}

struct Race {
    config: Config,
    api: Api,
    shared: Arc<Shared>,
    recorders: Vec<Arc<Recorder>>,
    phase: watch::Sender<Phase>,
    /// Dropping the set stops all bots.
    bots: JoinSet<()>,
    progress: Progress,
    score: Score,
}

/// A round whose assets are created.
struct PreparedRound {
    round: Arc<Round>,
    baselines: Vec<Baseline>,
}

impl Race {
    async fn open(config: Config) -> Result<Self, BotsError> {
        let api = Api::new(config.nodes.clone(), config.room.clone(), config.admin_key.clone());
        api.greet().await?;
        let mut nodes = Vec::new();
        for url in config.nodes.iter().cloned() {
            nodes.push(url.resolve().await?);
        }
        let names = (0..config.players).map(Plan::player);
        let recorders =
            names.map(|name| Ok(Arc::new(Recorder::new(name.map_err(unnamed)?)))).collect::<Result<_, _>>()?;
        let shared = Arc::new(Shared::new(config.room.clone(), nodes, Plan::new(&config)));
        let (phase, _) = watch::channel(Phase::Listen);
        let progress = Progress::new(config.progress);
        Ok(Self { config, api, shared, recorders, phase, bots: JoinSet::new(), progress, score: Score::new() })
    }

    /// Creates a round's assets. The bots listen before the first one exists, so that they miss nothing.
    async fn prepare_round(&self, number: usize) -> Result<PreparedRound, BotsError> {
        let plan = &self.shared.plan;
        let slot = plan.slot(number);
        let names = plan.assets(slot).map_err(unnamed)?;
        let round = Arc::new(Round::new(number, slot, names, self.shared.nodes.len()));
        self.recorders.iter().for_each(|recorder| recorder.prepare(&round));
        if plan.slot_was_used(number) {
            let removals = round.names.iter().map(|name| self.api.remove(name));
            stream::iter(removals).buffered(HTTP_AT_ONCE).try_collect::<()>().await?;
        }
        let puts = round.names.iter().map(|name| self.api.put(name, self.config.units));
        let baselines: Vec<_> = stream::iter(puts)
            .buffered(HTTP_AT_ONCE)
            .map_ok(|state| Baseline { revision: state.revision, units: state.units })
            .try_collect()
            .await?;
        self.recorders.iter().for_each(|recorder| recorder.begin(&baselines));
        Ok(PreparedRound { round, baselines })
    }

    /// Starts all bots and waits until they have joined.
    async fn join(&mut self) -> Result<(), BotsError> {
        let begun = Instant::now();
        for (index, recorder) in self.recorders.iter().enumerate() {
            let bot = Bot::new(index, Arc::clone(recorder), Arc::clone(&self.shared), self.phase.subscribe());
            self.bots.spawn(bot.run());
        }
        let (players, tally) = (self.config.players, &self.shared.tally);
        self.progress.begin("joining".into(), players);
        loop {
            let joined = tally.joined.load(Ordering::Relaxed);
            let gone = tally.gone.lock().first().cloned();
            self.progress.at(joined);
            match gone {
                Some((_, reason)) => {
                    let room = self.config.room.clone();
                    return Err(BotsError::Join { missing: players - joined, players, room, reason });
                }
                None if joined == players => break,
                None => sleep(POLL_EVERY).await,
            }
        }
        self.score.join = begun.elapsed();
        Ok(())
    }

    /// Runs a round until every bot has its answers.
    async fn play(&self, prepared: &PreparedRound) {
        let round = &prepared.round;
        let selects = self.config.players * self.config.assets;
        self.progress.begin(format!("round {}", round.number + 1), selects);
        round.start();
        self.phase.send_replace(Phase::Race(Arc::clone(round)));
        while !round.is_over() {
            sleep(POLL_EVERY).await;
            self.progress.at(round.answered.load(Ordering::Relaxed));
        }
    }

    /// Waits until everything settles, then judges the bots' records against the store.
    async fn judge(&mut self, prepared: &PreparedRound) -> Result<(), BotsError> {
        let PreparedRound { round, baselines } = prepared;
        let stored = quiesce(&self.api, &self.recorders, round, baselines).await?;
        let witnesses: Vec<_> = self.recorders.iter().filter_map(|recorder| witness(recorder)).collect();
        let observations: Vec<MutexGuard<'_, _>> = round.observations.iter().map(Mutex::lock).collect();
        let assets = observations.iter().enumerate().map(|(index, observations)| Evidence {
            name: &round.names[index],
            baseline: baselines[index],
            observations,
            stored: &stored[index],
        });
        let case = Case { assets: assets.collect(), witnesses: &witnesses };
        let mut found = std::mem::take(&mut *round.found.lock());
        found.append(judge(&case));
        self.score.add(&case, round.propagation.as_ref().map(Mutex::lock).as_deref(), found);
        Ok(())
    }

    fn is_over(&self, begun: Instant) -> bool {
        let all_gone = self.shared.tally.gone.lock().len() == self.config.players;
        all_gone
            || match self.config.length {
                Length::Rounds(rounds) => self.score.rounds >= rounds,
                Length::Time(time) => begun.elapsed() >= time,
            }
    }

    /// Closes all connections, within a timeout.
    async fn leave(mut self) -> Report {
        self.phase.send_replace(Phase::Leave);
        let goodbyes = async { while self.bots.join_next().await.is_some() {} };
        // Bots that are still connected after the timeout are cut off.
        let _ = timeout(FAREWELL * 2, goodbyes).await;
        self.score.report(&self.config, &self.shared)
    }
}

fn witness(recorder: &Recorder) -> Option<Witness> {
    let (member, stayed) = recorder.finish()?;
    Some(Witness { player: recorder.player.clone(), member, stayed })
}

/// Names of bots are short; only an impossibly large number would make one too long.
fn unnamed(error: InvalidName) -> BotsError {
    BotsError::Usage(error.to_string())
}

/// Raises the limit on open files as far as needed.
fn allow_files(players: usize) -> Result<(), BotsError> {
    let needed = players as u64 + SPARE_FILES;
    let limit = rlimit::increase_nofile_limit(needed).unwrap_or(0);
    if limit < needed { Err(BotsError::OpenFiles { players, needed, limit }) } else { Ok(()) }
}
