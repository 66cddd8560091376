//! Everything about starting up that a reader of the architecture can skip.

pub(crate) mod bots;
pub(crate) mod signals;

mod banner;
mod check_config;
mod close;
mod config;
mod file;
mod key;
mod layers;
mod log;
mod reach;
mod say;
mod serve_args;
mod start;
mod summary;
mod values;

use std::process::{self, ExitCode};

use asset_arbiter::model::line_without_secrets;
use clap::{Parser, Subcommand};

pub(crate) use self::{
    banner::banner,
    close::{close, mind, outcome},
    config::Config,
    log::Log,
    reach::hopeless,
    start::{listen, seed},
};
use self::{bots::BotsArgs, serve_args::ServeArgs};

/// What there is to do.
pub(crate) enum Command {
    /// Decide who gets the asset.
    Serve(Box<Config>),
    /// Play.
    Bots(BotsArgs),
    /// Nothing more.
    Done(ExitCode),
}

/// Reads the command line, the environment and the file; tells what is wrong with them and ends when anything is.
pub(crate) fn parse() -> Command {
    let (cli, usage) = layers::parse();
    let cli = match cli {
        Ok(cli) => cli,
        Err(code) => return Command::Done(code),
    };
    match cli.command {
        Some(Subcommands::Bots(args)) => Command::Bots(args),
        Some(Subcommands::CheckConfig(args)) => Command::Done(check_config::check(*args, usage)),
        Some(Subcommands::Serve(args)) => serve(*args, &usage),
        None => serve(cli.serve, &usage),
    }
}

fn serve(args: ServeArgs, usage: &[String]) -> Command {
    if !usage.is_empty() {
        return Command::Done(failed(usage, 2));
    }
    match Config::new(args) {
        Ok(config) => Command::Serve(Box::new(config)),
        Err(problems) => Command::Done(failed(&problems, 1)),
    }
}

/// Ends the process, with 0 when all went well; else one line says why. At once: a driver whose tasks the runtime cuts
/// off may panic over it, and that would be what is read.
pub(crate) fn end(result: anyhow::Result<()>) -> ! {
    let Err(error) = result else { process::exit(0) };
    failed(&[format!("{error:#}")], 1);
    process::exit(1)
}

fn failed(problems: &[String], code: u8) -> ExitCode {
    for problem in problems {
        say::stderr(&line_without_secrets(&format!("error: {problem}"), []));
    }
    ExitCode::from(code)
}

/// Tells how the layers relate.
const AFTER_HELP: &str = "Without a command it serves. A flag beats its environment variable, which beats the \
                          file named by --config.";

/// Decides, for browser games and bots, who gets the asset
#[derive(Debug, Parser)]
#[command(name = "asset-arbiter", version, args_conflicts_with_subcommands = true, after_help = AFTER_HELP)]
struct Cli {
    #[command(subcommand)]
    command: Option<Subcommands>,
    #[command(flatten)]
    serve: ServeArgs,
}

#[derive(Debug, Subcommand)]
enum Subcommands {
    /// Serve players (what happens without a command, too)
    Serve(Box<ServeArgs>),
    /// Play with many bots and check that the promise holds
    Bots(BotsArgs),
    /// Say what is wrong with the configuration, or what it comes to
    CheckConfig(Box<ServeArgs>),
}
