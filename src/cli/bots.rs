//! The `bots` command.

use std::{
    path::{Path, PathBuf},
    process::ExitCode,
    sync::Arc,
    time::Duration,
};

use asset_arbiter::{
    bots::{self, AdminKey, BotsError, Config, Holds, Length, MintToken, NodeUrl},
    model::{PlayerName, RoomName, Token, Units},
    server::{InvalidPattern, SigningKey, TokenDraft},
};
use clap::value_parser;

use super::{
    failed,
    key::{ADMIN_KEY, given_key},
    say,
    tokens::{KeyFile, key_file, signing_key},
    values::{longer_than_zero, whole_seconds},
};

/// What to race, and where.
#[derive(Debug, clap::Args)]
pub(crate) struct BotsArgs {
    /// A server, ws://HOST:PORT or wss://HOST:PORT; repeat it to spread the bots over several nodes
    #[arg(long = "url", value_name = "URL", default_value = "ws://127.0.0.1:8080")]
    urls: Vec<NodeUrl>,
    /// The room to race in [default: a fresh one, bots-xxxxxx]
    #[arg(long, value_name = "ROOM")]
    room: Option<RoomName>,
    /// How many bots; they are called bot-0, bot-1, ...
    #[arg(long, value_name = "P", default_value_t = 100, value_parser = value_parser!(u32).range(1..))]
    players: u32,
    /// Assets per round; every bot selects every one of them
    #[arg(long, value_name = "A", default_value_t = 20, value_parser = value_parser!(u32).range(1..))]
    assets: u32,
    /// Units of each asset
    #[arg(long, value_name = "N", default_value_t = 1, value_parser = value_parser!(u32).range(1..))]
    units: Units,
    /// Makes orders and cuts the same in every run with it [default: a fresh one]
    #[arg(long, value_name = "S")]
    seed: Option<u64>,
    /// How many rounds, each with new assets [default: 1]
    #[arg(long, value_name = "K", conflicts_with = "duration", value_parser = value_parser!(u32).range(1..))]
    rounds: Option<u32>,
    /// Play rounds until this much time has gone by, as in 100ms, 30s, 5m, 1h
    #[arg(long, value_name = "T", value_parser = longer_than_zero)]
    duration: Option<Duration>,
    /// Selects per second over all bots; 0 for as fast as possible
    #[arg(long, value_name = "R", default_value_t = 0.0, value_parser = rate)]
    rate: f64,
    /// The probability, per select, of cutting the connection right after sending it
    #[arg(long, value_name = "P", default_value_t = 0.0, value_parser = probability)]
    reconnect_chaos: f64,
    /// A grant ends after this long unless the bot confirms it, as in 300ms, 5s
    #[arg(long, value_name = "TIME", value_parser = longer_than_zero)]
    hold: Option<Duration>,
    /// The probability, per grant, of confirming it within the hold
    #[arg(long, value_name = "P", default_value_t = 0.0, requires = "hold", value_parser = probability)]
    confirm_share: f64,
    /// The probability, per grant, of leaving the room until the next round
    #[arg(long, value_name = "P", default_value_t = 0.0, requires = "hold", value_parser = probability)]
    leave_share: f64,
    /// Create assets with the key in this file, if the server has one (or set ASSET_ARBITER_ADMIN_KEY to the key)
    #[arg(long, value_name = "FILE", env = "ASSET_ARBITER_ADMIN_KEY_FILE")]
    admin_key_file: Option<PathBuf>,
    /// Sign player tokens with the secret or the PKCS #8 private key in this file, if the server verifies tokens; it
    /// knows the key by this id
    #[arg(long, value_name = "ID=FILE", value_parser = key_file)]
    token_key: Option<KeyFile>,
    /// How long such a token is valid. It is replaced before that, on the same connection
    #[arg(long, value_name = "TIME", default_value = "10m", requires = "token_key", value_parser = whole_seconds)]
    token_ttl: Duration,
    /// Print the report as JSON (docs/bots-report.schema.json)
    #[arg(long)]
    json: bool,
}

/// Runs the bots and prints their report. Exit codes: 0 the promise held; 3 it was broken; 1 the race could not be run
/// or judged; 2 wrong usage.
pub(crate) async fn run(args: BotsArgs) -> ExitCode {
    race(args).await.unwrap_or_else(|error| failed(&[error.to_string()], error.exit_code()))
}

async fn race(args: BotsArgs) -> Result<ExitCode, BotsError> {
    let json = args.json;
    let config = config(args)?;
    say::stderr(&format!("racing in room {} (seed {})", config.room, config.seed));
    let report = bots::run(config).await?;
    say::result(format!("{}\n", if json { bots::json(&report) } else { bots::text(&report) }));
    Ok(report.exit_code().into())
}

fn config(args: BotsArgs) -> Result<Config, BotsError> {
    let admin_key = admin_key(args.admin_key_file.as_deref())?;
    let length = match (args.duration, args.rounds) {
        (Some(time), _) => Length::Time(time),
        (None, rounds) => Length::Rounds(rounds.unwrap_or(1)),
    };
    Ok(Config {
        nodes: args.urls,
        room: args.room.map_or_else(fresh_room, Ok)?,
        players: args.players as usize,
        assets: args.assets as usize,
        units: args.units,
        // 32 bits, so that every JSON reader keeps the number exact.
        seed: args.seed.unwrap_or_else(|| fastrand::u32(..).into()),
        length,
        rate: args.rate,
        reconnect_chaos: args.reconnect_chaos,
        holds: args.hold.map(|length| Holds {
            length,
            confirm_share: args.confirm_share,
            leave_share: args.leave_share,
        }),
        admin_key,
        tokens: args.token_key.map(|key| minter(&key, args.token_ttl)).transpose()?,
        progress: true,
    })
}

/// Signs the bots' tokens.
#[derive(Debug)]
struct Minter {
    key: SigningKey,
    life: Duration,
}

fn minter(key: &KeyFile, life: Duration) -> Result<Arc<dyn MintToken>, BotsError> {
    let key = signing_key("--token-key", key).map_err(BotsError::Usage)?;
    Ok(Arc::new(Minter { key, life }))
}

impl MintToken for Minter {
    fn mint(&self, player: &PlayerName, room: &RoomName) -> Result<Token, String> {
        let room = room.as_str().parse().map_err(|error: InvalidPattern| error.to_string())?;
        let token = self.key.sign(&TokenDraft {
            player: player.clone(),
            display_name: None,
            rooms: vec![room],
            can: None,
            assets: None,
            life: self.life,
        })?;
        Ok(Token::new(&token))
    }
}

/// The key from the file, or else from the environment variable that the server uses too.
fn admin_key(file: Option<&Path>) -> Result<Option<AdminKey>, BotsError> {
    let (text, source) = match file {
        Some(file) => (std::fs::read_to_string(file), format!("--admin-key-file {}", file.display())),
        None => match given_key(ADMIN_KEY).map_err(BotsError::Usage)? {
            Some(key) => (Ok(key), ADMIN_KEY.to_owned()),
            None => return Ok(None),
        },
    };
    let key =
        text.map_err(|error| error.to_string()).and_then(|text| AdminKey::parse(&text).map_err(str::to_owned));
    key.map(Some).map_err(|why| BotsError::Usage(format!("{source}: {why}")))
}

fn fresh_room() -> Result<RoomName, BotsError> {
    let letters: String = std::iter::repeat_with(fastrand::lowercase).take(6).collect();
    Ok(RoomName::parse(&format!("bots-{letters}"))?)
}

fn probability(text: &str) -> Result<f64, String> {
    let wrong = || format!("{text:?} is no probability; one is a number from 0 to 1");
    text.parse().ok().filter(|p| (0.0..=1.0).contains(p)).ok_or_else(wrong)
}

fn rate(text: &str) -> Result<f64, String> {
    let wrong = || format!("{text:?} is no rate; one is a number of selects per second, or 0");
    text.parse().ok().filter(|rate: &f64| rate.is_finite() && *rate >= 0.0).ok_or_else(wrong)
}

#[cfg(test)]
mod tests {
    use base64::{Engine, prelude::BASE64_URL_SAFE_NO_PAD};
    use clap::{Args, Command, FromArgMatches};

    use super::*;

    fn parse(line: &str) -> Result<Config, String> {
        let command = BotsArgs::augment_args(Command::new("bots"));
        let matches = command.try_get_matches_from(std::iter::once("bots").chain(line.split_whitespace()));
        let args =
            BotsArgs::from_arg_matches(&matches.map_err(|e| e.to_string())?).map_err(|e| e.to_string())?;
        config(args).map_err(|e| e.to_string())
    }

    #[test]
    fn every_flag_has_a_default() {
        let config = parse("").unwrap();
        assert_eq!((config.players, config.assets, config.units), (100, 20, 1));
        assert_eq!((config.length, config.holds), (Length::Rounds(1), None));
        assert_eq!(config.nodes, ["ws://127.0.0.1:8080".parse().unwrap()]);
        assert!(config.room.as_str().starts_with("bots-") && config.room.as_str().len() == 11);
        config.check().unwrap();
    }

    #[test]
    fn flags_are_taken() {
        let config = parse(
            "--url ws://a:1 --url ws://b:2 --room r --players 9 --assets 3 --units 2 --seed 5 --duration 2m --rate 10 \
             --reconnect-chaos 0.05 --hold 300ms --confirm-share 0.33 --leave-share 0.2",
        );
        let config = config.unwrap();
        assert_eq!((config.nodes.len(), config.players, config.assets, config.units), (2, 9, 3, 2));
        assert_eq!((config.seed, config.rate, config.reconnect_chaos), (5, 10.0, 0.05));
        assert_eq!(config.length, Length::Time(Duration::from_secs(120)));
        let length = Duration::from_millis(300);
        assert_eq!(config.holds, Some(Holds { length, confirm_share: 0.33, leave_share: 0.2 }));
    }

    #[test]
    fn a_hold_comes_without_shares() {
        let length = Duration::from_secs(1);
        let holds = Holds { length, confirm_share: 0.0, leave_share: 0.0 };
        assert_eq!(parse("--hold 1s").unwrap().holds, Some(holds));
        assert!(parse("--hold 11m").unwrap().check().unwrap_err().to_string().contains("--hold"));
    }

    #[test]
    fn a_token_is_for_its_player_and_the_room_of_the_race() {
        let file = tempfile::NamedTempFile::new().unwrap();
        std::fs::write(file.path(), "a-secret-of-more-than-thirty-two-bytes").unwrap();
        let config =
            parse(&format!("--token-key k={} --token-ttl 5s --room r", file.path().display())).unwrap();
        let token = config.tokens.unwrap().mint(&"bot-1".parse().unwrap(), &config.room).unwrap();
        let claims = token.as_str().split('.').nth(1).unwrap();
        let claims: serde_json::Value =
            serde_json::from_slice(&BASE64_URL_SAFE_NO_PAD.decode(claims).unwrap()).unwrap();
        assert_eq!((&claims["iss"], &claims["sub"]), (&"k".into(), &"bot-1".into()));
        assert_eq!(claims["arbiter"], serde_json::json!({"rooms": ["r"]}));
        assert_eq!(claims["exp"].as_u64().unwrap() - claims["iat"].as_u64().unwrap(), 5);
    }

    #[test]
    fn wrong_usage_is_told() {
        for (line, expected) in [
            ("--players 0", "players"),
            ("--assets 0", "assets"),
            ("--units 0", "units"),
            ("--rounds 0", "rounds"),
            ("--rounds 1 --duration 1s", "cannot be used with"),
            ("--duration 5", "100ms"),
            ("--duration 0", "longer than 0"),
            ("--reconnect-chaos 1.1", "probability"),
            ("--reconnect-chaos NaN", "probability"),
            ("--hold 0", "longer than 0"),
            ("--confirm-share 0.5", "--hold"),
            ("--leave-share 0.5", "--hold"),
            ("--hold 1s --confirm-share 2", "probability"),
            ("--hold 1s --leave-share=-1", "probability"),
            ("--rate=-1", "rate"),
            ("--room a/b", "invalid room name"),
            ("--url ftp://a", "no server address"),
            ("--token-ttl 5s", "--token-key"),
            ("--token-ttl 0 --token-key a=b", "longer than 0"),
            ("--token-ttl 10ms --token-key a=b", "at least 1s"),
            ("--token-key b", "ID=FILE"),
            ("--token-key a=/nowhere/key", "--token-key a=/nowhere/key: cannot read it"),
            ("--admin-key-file /nowhere/key", "--admin-key-file /nowhere/key"),
        ] {
            let error = parse(line).unwrap_err();
            assert!(error.contains(expected), "{line}: {error}");
        }
    }
}
