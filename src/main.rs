//! The command line of asset-arbiter. `serve` below is the architecture, read top to bottom.

mod cli;

use std::{process::ExitCode, sync::Arc};

use asset_arbiter::{arbiter::Arbiter, bus, server, store};
use cli::{Command, Config, banner, hopeless, listen, seed, signals, suits, tracing_to_stderr};

/// What a crowd needed goes back to the system within seconds of its leave.
#[cfg(not(target_env = "msvc"))]
#[global_allocator]
static ALLOCATOR: tikv_jemallocator::Jemalloc = tikv_jemallocator::Jemalloc;

#[tokio::main]
async fn main() -> ExitCode {
    match cli::parse() {
        Command::Serve(config) => cli::end(serve(*config).await),
        Command::Bots(args) => cli::bots::run(args).await,
        Command::Done(code) => code,
    }
}

async fn serve(config: Config) -> anyhow::Result<()> {
    tracing_to_stderr(&config)?;
    let stop = signals::stop()?;

    let metrics = server::Metrics::new();
    let store = metrics.scope(|| store::open(&config.store, config.store_options))?;
    suits(&config, &*store)?;
    let bus = metrics.scope(|| bus::open(&config.bus))?;
    let hopeless = hopeless(Arc::clone(&store), Arc::clone(&bus));

    let arbiter = metrics.scope(|| Arbiter::start(config.arbiter.clone(), store, bus, seed()));

    let app = server::App::new(config.settings.clone(), arbiter, metrics);
    let listener = listen(&config)?;
    banner(&config, listener.local_addr()?);
    tokio::select! {
        () = server::serve(listener, app, stop) => Ok(()),
        why = hopeless => Err(why),
    }
}
