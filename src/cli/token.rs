//! The `token` command: a player token, for development. In production the game's own backend signs them.

use std::{process::ExitCode, time::Duration};

use asset_arbiter::{
    model::PlayerName,
    server::{Action, NamePattern, TokenDraft},
};

use super::{
    failed, say,
    tokens::{KeyFile, key_file, signing_key},
    values::whole_seconds,
};

/// What the token says, and the key that signs it.
#[derive(Debug, clap::Args)]
pub(crate) struct TokenArgs {
    /// Sign with the secret or the PKCS #8 private key in this file; the server knows the key by this id
    #[arg(long, value_name = "ID=FILE", value_parser = key_file)]
    key: KeyFile,
    /// The player (sub)
    #[arg(long, value_name = "NAME")]
    player: PlayerName,
    /// Let the player into this room, or into all whose names begin so, as in match-* (repeatable)
    #[arg(long, value_name = "PATTERN", required = true)]
    room: Vec<NamePattern>,
    /// What the player may do: select, release, confirm, observe [default: the first three]
    #[arg(long, value_name = "LIST", value_delimiter = ',', value_parser = action)]
    can: Option<Vec<Action>>,
    /// Let the player do that with this asset, or with all whose names begin so (repeatable) [default: all]
    #[arg(long, value_name = "PATTERN")]
    asset: Option<Vec<NamePattern>>,
    /// How long the token is valid
    #[arg(long, value_name = "TIME", default_value = "10m", value_parser = whole_seconds)]
    expires_in: Duration,
    /// The name that others see
    #[arg(long, value_name = "TEXT")]
    name: Option<String>,
}

/// Prints the token.
pub(super) fn run(args: TokenArgs) -> ExitCode {
    match sign(args) {
        Ok(token) => {
            say::result(format!("{token}\n"));
            ExitCode::SUCCESS
        }
        Err(problem) => failed(&[problem], 1),
    }
}

fn sign(args: TokenArgs) -> Result<String, String> {
    signing_key("--key", &args.key)?.sign(&TokenDraft {
        player: args.player,
        display_name: args.name,
        rooms: args.room,
        can: args.can,
        assets: args.asset,
        life: args.expires_in,
    })
}

fn action(word: &str) -> Result<Action, String> {
    Action::of(word).ok_or_else(|| format!("write some of {}", Action::ALL.map(Action::word).join(",")))
}
