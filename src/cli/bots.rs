//! STAND-IN, to be thrown away.
use std::process::ExitCode;

/// Play with many bots and check the promise
#[derive(Debug, clap::Args)]
pub(crate) struct BotsArgs {}

pub(crate) async fn run(_args: BotsArgs) -> ExitCode {
    ExitCode::SUCCESS
}
