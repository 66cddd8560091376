//! The command line of asset-arbiter. `serve` and `play` below are the architecture, read top to bottom.

mod cli;

use std::{num::NonZero, process::ExitCode, sync::Arc};

use asset_arbiter::{
    arbiter::Arbiter,
    bus, server,
    store::{self, Store},
};
use tokio::runtime::{Builder, Runtime};

use cli::{
    Command, Config, Log, Signals, Traces, banner, close, hopeless, listen, mind, outcome, reload, seed,
    signals,
};

/// jemalloc returns the memory of many players to the system within seconds after they leave.
#[cfg(not(target_env = "msvc"))]
#[global_allocator]
static ALLOCATOR: tikv_jemallocator::Jemalloc = tikv_jemallocator::Jemalloc;

fn main() -> ExitCode {
    runtime().block_on(async {
        match cli::parse() {
            Command::Serve(config) => cli::end(serve(*config).await),
            Command::Health(args, usage) => cli::health::run(&args, &usage).await,
            #[cfg(feature = "bots")]
            Command::Bots(args) => cli::bots::run(args).await,
            Command::Done(code) => code,
        }
    })
}

/// One thread on one processor, which spares the hand-over between threads; else a thread for each processor.
fn runtime() -> Runtime {
    let processors = std::thread::available_parallelism().map_or(1, NonZero::get);
    let mut builder = if processors == 1 { Builder::new_current_thread() } else { Builder::new_multi_thread() };
    builder.enable_all().build().expect("a runtime needs a few file descriptors and threads")
}

async fn serve(config: Config) -> anyhow::Result<()> {
    let log = Log::start(&config)?;
    let signals = signals()?;

    let metrics = server::Metrics::new();
    log.count_dropped(&metrics);
    let store = metrics.scope(|| store::open(&config.store, config.store_options))?;
    let ended = play(&config, &log, metrics, Arc::clone(&store), signals).await;
    close(&*store, ended).await
}

async fn play(
    config: &Config,
    log: &Log,
    metrics: server::Metrics,
    store: Arc<dyn Store>,
    Signals { stop, hangups }: Signals<impl Future<Output = ()>>,
) -> anyhow::Result<()> {
    let bus = metrics.scope(|| bus::open(&config.bus))?;

    let traces = Traces::start(config, &metrics)?;
    let rules = traces.of(config.arbiter.clone());
    let arbiter = metrics.scope(|| Arbiter::start(rules, Arc::clone(&store), Arc::clone(&bus), seed()));
    let hopeless = hopeless(Arc::clone(&arbiter), bus);

    let app = server::App::new(config.settings.clone(), Arc::clone(&arbiter), metrics);
    let listeners = listen(config)?;
    banner(config, &listeners)?;
    let ended = tokio::select! {
        () = server::serve(listeners, Arc::clone(&app), stop) => outcome(&arbiter),
        why = hopeless => Err(why),
        never = reload(hangups, &app, log, config) => match never {},
        never = mind(&*store, &arbiter) => match never {},
    };
    arbiter.stop().await;
    traces.stop(config).await;
    ended
}
