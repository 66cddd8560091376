//! Startup details that a reader of the architecture can skip.

#[cfg(feature = "bots")]
pub(crate) mod bots;

mod banner;
mod check_config;
mod close;
mod config;
mod environment;
mod file;
pub(crate) mod health;
mod key;
mod keygen;
mod lan;
mod layers;
mod log;
mod new;
mod reach;
mod reload;
mod say;
mod serve_args;
mod signals;
mod start;
mod token;
mod tokens;
mod traces;
mod values;
mod webhook;

use std::process::{self, ExitCode};

use asset_arbiter::model::{build, line_without_secrets};
use clap::{Parser, Subcommand};

use self::serve_args::ServeArgs;
pub(crate) use self::{
    banner::banner,
    close::{close, mind, outcome},
    config::Config,
    log::Log,
    reach::hopeless,
    reload::reload,
    signals::{Signals, signals},
    start::{listen, seed},
    traces::Traces,
};

/// What the command line asks for.
pub(crate) enum Command {
    /// Serve players.
    Serve(Box<Config>),
    /// Ask a server whether it is well. The list has what is wrong with the environment and the file.
    Health(Box<health::HealthArgs>, Vec<String>),
    /// Run bots against a server.
    #[cfg(feature = "bots")]
    Bots(bots::BotsArgs),
    /// The work is already done; exit with this code.
    Done(ExitCode),
}

/// Reads the command line, the environment and the configuration file. Reports any errors and then exits.
pub(crate) fn parse() -> Command {
    let (cli, usage) = layers::parse();
    let cli = match cli {
        Ok(cli) => cli,
        Err(code) => return Command::Done(code),
    };
    match cli.command {
        #[cfg(feature = "bots")]
        Some(Subcommands::Bots(args)) => Command::Bots(args),
        Some(Subcommands::Token(args)) => Command::Done(token::run(args)),
        Some(Subcommands::Keygen(args)) => Command::Done(keygen::run(&args)),
        Some(Subcommands::New(args)) => Command::Done(new::run(&args)),
        Some(Subcommands::Health(args)) => Command::Health(args, usage),
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

/// Exits with 0, or with 1 and one line for the error. Exits at once, because a driver may panic when the runtime
/// cancels its tasks, and the panic would hide the error.
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

/// Explains the precedence of the configuration sources.
const AFTER_HELP: &str = "Without a command it serves. A flag beats its environment variable, which beats the \
                          file named by --config.";

/// Decides, for browser games and bots, who gets the asset
#[derive(Debug, Parser)]
#[command(name = "asset-arbiter", version = version(), args_conflicts_with_subcommands = true, after_help = AFTER_HELP)]
struct Cli {
    #[command(subcommand)]
    command: Option<Subcommands>,
    #[command(flatten)]
    serve: ServeArgs,
}

fn version() -> String {
    format!("{} (commit {}, features {})", build::VERSION, build::COMMIT, build::features())
}

impl Cli {
    /// The flags of `serve`, under whichever command they were given.
    fn serve_args(&mut self) -> &mut ServeArgs {
        match &mut self.command {
            Some(Subcommands::Serve(args) | Subcommands::CheckConfig(args)) => args,
            Some(Subcommands::Health(args)) => &mut args.serve,
            _ => &mut self.serve,
        }
    }
}

#[derive(Debug, Subcommand)]
enum Subcommands {
    /// Serve players (what happens without a command, too)
    Serve(Box<ServeArgs>),
    /// Play with many bots and check that the promise holds
    #[cfg(feature = "bots")]
    Bots(bots::BotsArgs),
    /// Say what is wrong with the configuration, or what it comes to
    CheckConfig(Box<ServeArgs>),
    /// Ask a running server whether it is well, with the flags that it was started with: exit code 0 or 1
    Health(Box<health::HealthArgs>),
    /// Write a small game to begin with: Vite, TypeScript, canvas
    New(new::NewArgs),
    /// Make a key for player tokens, for development
    Keygen(keygen::KeygenArgs),
    /// Print a player token, for development
    Token(token::TokenArgs),
}
