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
    hub::{Hub, Phase},
    limits::{FAREWELL, HTTP_AT_ONCE, SPARE_FILES},
    plan::Plan,
    progress::Progress,
    round::{Floor, Round},
    score::Score,
    seat::Seat,
    settle::settle,
    verdict::{Case, Evidence, Witness, judge},
};

/// How often the coordinator looks up. The race's own times are taken by the bots.
const GLANCE: Duration = Duration::from_millis(10);

/// Runs a race and judges it.
///
/// # Errors
/// [`BotsError`] when it could not be run; a broken promise is no error but in the report.
pub async fn run(config: Config) -> Result<Report, BotsError> {
    config.check()?;
    allow_files(config.players)?;
    let mut race = Race::open(config).await?;
    let mut laid = race.lay_out(0).await?;
    race.join().await?;
    let begun = Instant::now();
    loop {
        race.play(&laid).await;
        race.judge(&laid).await?;
        if race.is_over(begun) {
            return Ok(race.leave().await);
        }
        laid = race.lay_out(laid.round.number + 1).await?;
    }
}

struct Race {
    config: Config,
    api: Api,
    hub: Arc<Hub>,
    seats: Vec<Arc<Seat>>,
    phase: watch::Sender<Phase>,
    /// Dropping it ends them all.
    bots: JoinSet<()>,
    progress: Progress,
    score: Score,
}

/// A round whose assets are there.
struct Laid {
    round: Arc<Round>,
    floors: Vec<Floor>,
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
        let seats =
            names.map(|name| Ok(Arc::new(Seat::new(name.map_err(unnamed)?)))).collect::<Result<_, _>>()?;
        let hub = Arc::new(Hub::new(config.room.clone(), nodes, Plan::new(&config)));
        let (phase, _) = watch::channel(Phase::Listen);
        let progress = Progress::new(config.progress);
        Ok(Self { config, api, hub, seats, phase, bots: JoinSet::new(), progress, score: Score::new() })
    }

    /// Creates a round's assets. The bots listen before the first of them is there, so that nothing is missed.
    async fn lay_out(&self, number: usize) -> Result<Laid, BotsError> {
        let plan = &self.hub.plan;
        let slot = plan.slot(number);
        let names = plan.assets(slot).map_err(unnamed)?;
        let round = Arc::new(Round::new(number, slot, names, self.hub.nodes.len()));
        self.seats.iter().for_each(|seat| seat.prepare(&round));
        if plan.slot_was_used(number) {
            let removals = round.names.iter().map(|name| self.api.remove(name));
            stream::iter(removals).buffered(HTTP_AT_ONCE).try_collect::<()>().await?;
        }
        let puts = round.names.iter().map(|name| self.api.put(name, self.config.units));
        let floors: Vec<_> = stream::iter(puts)
            .buffered(HTTP_AT_ONCE)
            .map_ok(|state| Floor { revision: state.revision, units: state.units })
            .try_collect()
            .await?;
        self.seats.iter().for_each(|seat| seat.begin(&floors));
        Ok(Laid { round, floors })
    }

    /// Everybody comes in.
    async fn join(&mut self) -> Result<(), BotsError> {
        let begun = Instant::now();
        for (index, seat) in self.seats.iter().enumerate() {
            let bot = Bot::new(index, Arc::clone(seat), Arc::clone(&self.hub), self.phase.subscribe());
            self.bots.spawn(bot.run());
        }
        let (players, tally) = (self.config.players, &self.hub.tally);
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
                None => sleep(GLANCE).await,
            }
        }
        self.score.join = begun.elapsed();
        Ok(())
    }

    /// Everybody goes for everything, until no bot wants anything more.
    async fn play(&self, laid: &Laid) {
        let round = &laid.round;
        let selects = self.config.players * self.config.assets;
        self.progress.begin(format!("round {}", round.number + 1), selects);
        round.start();
        self.phase.send_replace(Phase::Race(Arc::clone(round)));
        while !round.is_over() {
            sleep(GLANCE).await;
            self.progress.at(round.answered.load(Ordering::Relaxed));
        }
    }

    /// Waits for quiet, then holds what bots saw and were told against the store.
    async fn judge(&mut self, laid: &Laid) -> Result<(), BotsError> {
        let Laid { round, floors } = laid;
        let stored = settle(&self.api, &self.seats, round, floors).await?;
        let witnesses: Vec<_> = self.seats.iter().filter_map(|seat| witness(seat)).collect();
        let books: Vec<MutexGuard<'_, _>> = round.books.iter().map(Mutex::lock).collect();
        let assets = books.iter().enumerate().map(|(index, book)| Evidence {
            name: &round.names[index],
            floor: floors[index],
            book,
            stored: &stored[index],
        });
        let case = Case { assets: assets.collect(), witnesses: &witnesses };
        let mut found = std::mem::take(&mut *round.found.lock());
        found.append(judge(&case));
        self.score.add(&case, round.spread.as_ref().map(Mutex::lock).as_deref(), found);
        Ok(())
    }

    fn is_over(&self, begun: Instant) -> bool {
        let all_gone = self.hub.tally.gone.lock().len() == self.config.players;
        all_gone
            || match self.config.length {
                Length::Rounds(rounds) => self.score.rounds >= rounds,
                Length::Time(time) => begun.elapsed() >= time,
            }
    }

    /// Everybody says goodbye, for a bounded time.
    async fn leave(mut self) -> Report {
        self.phase.send_replace(Phase::Leave);
        let goodbyes = async { while self.bots.join_next().await.is_some() {} };
        // Whoever has not got through by then is cut off.
        let _ = timeout(FAREWELL * 2, goodbyes).await;
        self.score.report(&self.config, &self.hub)
    }
}

fn witness(seat: &Seat) -> Option<Witness> {
    let (member, stayed) = seat.finish()?;
    Some(Witness { player: seat.player.clone(), member, stayed })
}

/// Our own names are short; only a number beyond all memory would make them too long.
fn unnamed(error: InvalidName) -> BotsError {
    BotsError::Usage(error.to_string())
}

/// Raises the limit of open files as far as these players need it.
fn allow_files(players: usize) -> Result<(), BotsError> {
    let needed = players as u64 + SPARE_FILES;
    let limit = rlimit::increase_nofile_limit(needed).unwrap_or(0);
    if limit < needed { Err(BotsError::OpenFiles { players, needed, limit }) } else { Ok(()) }
}
