//! The command line of asset-arbiter. `serve` and `play` below are the architecture, read top to bottom.

mod cli;

use std::{process::ExitCode, sync::Arc};

use asset_arbiter::{
    arbiter::Arbiter,
    bus, server,
    store::{self, Store},
};
use cli::{Command, Config, Log, banner, close, hopeless, listen, mind, outcome, seed, signals};

/// jemalloc returns the memory of many players to the system within seconds after they leave.
#[cfg(not(target_env = "msvc"))]
#[global_allocator]
static ALLOCATOR: tikv_jemallocator::Jemalloc = tikv_jemallocator::Jemalloc;

#[tokio::main]
async fn main() -> ExitCode {
    match cli::parse() {
        Command::Serve(config) => cli::end(serve(*config).await),
        #[cfg(feature = "bots")]
        Command::Bots(args) => cli::bots::run(args).await,
        Command::Done(code) => code,
    }
}

async fn serve(config: Config) -> anyhow::Result<()> {
    let log = Log::start(&config)?;
    let stop = signals::stop()?;

    let metrics = server::Metrics::new();
    log.count_dropped(&metrics);
    let store = metrics.scope(|| store::open(&config.store, config.store_options))?;
    let ended = play(&config, metrics, Arc::clone(&store), stop).await;
    close(&*store, ended).await
}

async fn play(
    config: &Config,
    metrics: server::Metrics,
    store: Arc<dyn Store>,
    stop: impl Future<Output = ()>,
) -> anyhow::Result<()> {
    let bus = metrics.scope(|| bus::open(&config.bus))?;

    let arbiter =
        metrics.scope(|| Arbiter::start(config.arbiter.clone(), Arc::clone(&store), Arc::clone(&bus), seed()));
    let hopeless = hopeless(Arc::clone(&arbiter), bus);

    let app = server::App::new(config.settings.clone(), Arc::clone(&arbiter), metrics);
    let listener = listen(config)?;
    banner(config, listener.local_addr()?);
    let ended = tokio::select! {
        () = server::serve(listener, app, stop) => outcome(&arbiter),
        why = hopeless => Err(why),
        never = mind(&*store, &arbiter) => match never {},
    };
    arbiter.stop().await;
    ended
}
