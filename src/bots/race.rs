use std::{
    sync::{Arc, atomic::Ordering},
    time::Duration,
};

use futures::stream::{self, StreamExt, TryStreamExt};
use indicatif::{ProgressBar, ProgressDrawTarget, ProgressFinish, ProgressStyle};
use parking_lot::{Mutex, MutexGuard};
use rustls::ClientConfig;
use tokio::{
    sync::watch,
    task::JoinSet,
    time::{Instant, sleep, timeout},
};

use crate::model::{AssetState, InvalidName};

use super::{
    BotsError, Config, Length, Report,
    api::Api,
    bot::Bot,
    judgement::{Case, Evidence, judge},
    limits::{FAREWELL, HTTP_AT_ONCE, SPARE_FILES},
    quiesce::quiesce,
    recorder::Recorder,
    report::GaveUp,
    round::Round,
    score::Score,
    shared::{Phase, Shared},
    tls::tls,
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
    api: Api,
    shared: Arc<Shared>,
    recorders: Vec<Arc<Recorder>>,
    phase: watch::Sender<Phase>,
    /// Dropping the set stops all bots.
    bots: JoinSet<()>,
    progress: ProgressBar,
    score: Score,
}

/// A round whose assets are created.
struct PreparedRound {
    round: Arc<Round>,
    baselines: Vec<AssetState>,
}

impl Race {
    async fn open(config: Config) -> Result<Self, BotsError> {
        let tls = tls(&config.nodes)?;
        let api = Api::new(&config, ClientConfig::clone(&tls));
        api.greet().await?;
        let mut nodes = Vec::new();
        for url in config.nodes.iter().cloned() {
            nodes.push(url.resolve().await?);
        }
        let recorder = |bot| Ok(Arc::new(Recorder::new(Config::player(bot)?)));
        let recorders = (0..config.players).map(recorder).collect::<Result<_, InvalidName>>()?;
        let progress = progress_bar(config.progress);
        let shared = Arc::new(Shared::new(config, nodes, tls));
        let (phase, _) = watch::channel(Phase::Listen);
        Ok(Self { api, shared, recorders, phase, bots: JoinSet::new(), progress, score: Score::default() })
    }

    /// Creates a round's assets. The bots listen before the first one exists, so that they miss nothing.
    async fn prepare_round(&self, number: usize) -> Result<PreparedRound, BotsError> {
        let config = &self.shared.config;
        let round = Arc::new(Round::new(number, config.names(number)?, self.shared.propagation.clone()));
        self.recorders.iter().for_each(|recorder| recorder.prepare(&round));
        if config.slot_was_used(number) {
            let removals = round.names.iter().map(|name| self.api.remove(name));
            stream::iter(removals).buffered(HTTP_AT_ONCE).try_collect::<()>().await?;
        }
        let new = &config.new_asset();
        let puts = round.names.iter().map(|name| self.api.put(name, new));
        let baselines: Vec<_> = stream::iter(puts).buffered(HTTP_AT_ONCE).try_collect().await?;
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
        let &Config { players, ref room, .. } = &self.shared.config;
        self.begin_stage("joining".into(), players);
        loop {
            let (joined, gone) = {
                let tally = self.shared.tally.lock();
                (tally.joined, tally.gave_up.first().cloned())
            };
            self.progress.set_position(joined as u64);
            if let Some(GaveUp { reason, .. }) = gone {
                let (missing, room) = (players - joined, room.clone());
                return Err(BotsError::Join { missing, players, room, reason });
            }
            if joined == players {
                self.score.join = begun.elapsed();
                return Ok(());
            }
            sleep(POLL_EVERY).await;
        }
    }

    /// Starts the progress bar of a new stage with this number of steps.
    fn begin_stage(&self, what: String, steps: usize) {
        self.progress.reset();
        self.progress.set_length(steps as u64);
        self.progress.set_message(what);
    }

    /// Runs a round until every bot has its answers.
    async fn play(&self, prepared: &PreparedRound) {
        let round = &prepared.round;
        let config = &self.shared.config;
        self.begin_stage(format!("round {}", round.number + 1), config.players * config.assets);
        round.start();
        self.phase.send_replace(Phase::Race(Arc::clone(round)));
        while !round.is_over() {
            sleep(POLL_EVERY).await;
            self.progress.set_position(round.answered.load(Ordering::Relaxed) as u64);
        }
    }

    /// Waits until everything settles, then judges the bots' records against the store.
    async fn judge(&mut self, prepared: &PreparedRound) -> Result<(), BotsError> {
        let PreparedRound { round, baselines } = prepared;
        let hold = self.shared.config.holds.map(|holds| holds.length);
        let stored = quiesce(&self.api, &self.recorders, baselines, hold).await?;
        let witnesses: Vec<_> = self.recorders.iter().filter_map(|recorder| recorder.finish()).collect();
        let observations: Vec<MutexGuard<'_, _>> = round.observations.iter().map(Mutex::lock).collect();
        let assets = baselines.iter().zip(&observations).zip(&stored);
        let assets =
            assets.map(|((baseline, observations), stored)| Evidence { baseline, observations, stored });
        let case = Case { assets: assets.collect(), witnesses: &witnesses, hold };
        let mut found = std::mem::take(&mut *round.found.lock());
        found.append(judge(&case));
        self.score.add(&case, found);
        Ok(())
    }

    fn is_over(&self, begun: Instant) -> bool {
        let config = &self.shared.config;
        self.shared.tally.lock().gave_up.len() == config.players
            || match config.length {
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
        self.score.report(&self.shared)
    }
}

/// A progress bar on stderr. Hidden if stderr is no terminal or the bar is not wanted; cleared at the end.
fn progress_bar(wanted: bool) -> ProgressBar {
    let target = if wanted { ProgressDrawTarget::stderr() } else { ProgressDrawTarget::hidden() };
    let bar = ProgressBar::with_draw_target(None, target).with_finish(ProgressFinish::AndClear);
    match ProgressStyle::with_template("{msg:16} [{wide_bar}] {human_pos}/{human_len} {elapsed}") {
        Ok(style) => bar.with_style(style.progress_chars("=> ")),
        Err(_) => bar,
    }
}

/// Raises the limit on open files as far as needed.
fn allow_files(players: usize) -> Result<(), BotsError> {
    let needed = players as u64 + SPARE_FILES;
    let limit = rlimit::increase_nofile_limit(needed).unwrap_or(0);
    if limit < needed { Err(BotsError::OpenFiles { players, needed, limit }) } else { Ok(()) }
}
