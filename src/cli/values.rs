//! Parsers for flag values: `100ms`, `4KiB`, `sword=1`, `127.0.0.1:8080`.

use std::{
    net::{IpAddr, SocketAddr},
    ops::RangeInclusive,
    sync::Arc,
    time::Duration,
};

use asset_arbiter::{
    arbiter::SamePlayer,
    model::{AssetName, AssetOptions, Millis, NewAsset, Units, duration},
};
use clap::builder::RangedU64ValueParser;
use ipnet::IpNet;
use tracing_subscriber::EnvFilter;

/// A duration that must not be 0, because its feature cannot be switched off.
pub(super) fn longer_than_zero(text: &str) -> Result<Duration, String> {
    match duration(text)? {
        Duration::ZERO => Err("it must be longer than 0".to_owned()),
        duration => Ok(duration),
    }
}

/// The life of a token. The times of a token are whole seconds.
pub(super) fn whole_seconds(text: &str) -> Result<Duration, String> {
    let time = longer_than_zero(text)?;
    if time.as_secs() == 0 { Err("write at least 1s".to_owned()) } else { Ok(time) }
}

/// The size of a message, `4096` or `4KiB`: large enough for short messages, small enough for a small buffer.
pub(super) fn bytes(text: &str) -> Result<usize, String> {
    const RANGE: RangeInclusive<usize> = 256..=64 * 1024;
    let digits = text.bytes().take_while(u8::is_ascii_digit).count();
    let (number, unit) = text.split_at(digits);
    let factor = match unit {
        "" | "B" => 1,
        "KiB" => 1024,
        "MiB" => 1024 * 1024,
        _ => return Err("write a size such as 4KiB or 4096".to_owned()),
    };
    let size = number.parse::<usize>().ok().and_then(|number| number.checked_mul(factor));
    size.filter(|size| RANGE.contains(size)).ok_or_else(|| "write a size from 256 to 64KiB".to_owned())
}

/// A whole number in a range.
pub(super) fn count(range: RangeInclusive<u64>) -> RangedU64ValueParser<usize> {
    RangedU64ValueParser::new().range(range)
}

/// A number of units.
pub(super) fn units() -> RangedU64ValueParser<Units> {
    RangedU64ValueParser::new().range(1..)
}

/// `IP:PORT`, or `localhost:PORT`.
pub(super) fn listen(text: &str) -> Result<SocketAddr, String> {
    let numeric = text.strip_prefix("localhost:").map(|port| format!("127.0.0.1:{port}"));
    let rule = "write IP:PORT such as 127.0.0.1:8080, [::1]:8080 or 0.0.0.0:8080";
    numeric.as_deref().unwrap_or(text).parse().map_err(|_| rule.to_owned())
}

/// `on` or `off`.
pub(super) fn on_or_off(text: &str) -> Result<bool, String> {
    match text {
        "on" => Ok(true),
        "off" => Ok(false),
        _ => Err("write on or off".to_owned()),
    }
}

/// How long the history of an asset is kept; `0` and `off`: it is not.
pub(super) fn history(text: &str) -> Result<Duration, String> {
    match text {
        "off" => Ok(Duration::ZERO),
        _ => duration(text).map_err(|why| format!("{why}, or off")),
    }
}

/// A share, from 0 to 1.
pub(super) fn ratio(text: &str) -> Result<f64, String> {
    let ratio = text.parse().ok().filter(|ratio| (0.0..=1.0).contains(ratio));
    ratio.ok_or_else(|| "write a share from 0 to 1, such as 0.01".to_owned())
}

/// What becomes of a player's second connection.
pub(super) fn same_player(text: &str) -> Result<SamePlayer, String> {
    let rules = [SamePlayer::Allow, SamePlayer::Replace, SamePlayer::Refuse];
    let rule = rules.into_iter().find(|rule| rule.to_string() == text);
    rule.ok_or_else(|| "write allow, replace or refuse".to_owned())
}

/// A network, or an address as a network of one.
pub(super) fn network(text: &str) -> Result<IpNet, String> {
    let network = text.parse::<IpNet>().ok().or_else(|| Some(text.parse::<IpAddr>().ok()?.into()));
    network
        .map(|network| network.trunc())
        .ok_or_else(|| "write an address or a network such as 10.0.0.0/8".to_owned())
}

/// The value of `--log-level`. A single word must be a level; otherwise it would name a module and silence all others.
pub(super) fn filter(text: &str) -> Result<String, String> {
    const LEVELS: [&str; 6] = ["off", "error", "warn", "info", "debug", "trace"];
    let single = text.bytes().all(|b| b.is_ascii_alphanumeric());
    if single && !LEVELS.contains(&text.to_ascii_lowercase().as_str()) {
        return Err(format!("write one of {}, or such as info,asset_arbiter=debug", LEVELS.join(", ")));
    }
    EnvFilter::try_new(text).map(|_| text.to_owned()).map_err(|error| error.to_string())
}

/// An asset that exists in every room.
pub(super) type Template = (AssetName, Arc<NewAsset>);

/// `NAME=UNITS`, then options such as `,hold=30s`.
pub(super) fn template(text: &str) -> Result<Template, String> {
    let mut parts = text.split(',');
    let (name, units) =
        parts.next().and_then(|first| first.split_once('=')).ok_or("write NAME=UNITS such as sword=1")?;
    let asset = AssetName::parse(name).map_err(|error| error.to_string())?;
    let units = units.parse().ok().filter(|units| *units > 0).ok_or_else(|| {
        format!("units are a whole number from 1, not {units:?}; write NAME=UNITS such as sword=1")
    })?;
    let mut options = AssetOptions::NONE;
    for part in parts {
        let (name, time) = part.split_once('=').unwrap_or((part, ""));
        let option = match name {
            "hold" => &mut options.hold_ms,
            "grant" => &mut options.grant_ms,
            "leave" => &mut options.leave_ms,
            "cooldown" => &mut options.cooldown_ms,
            _ => {
                return Err(format!(
                    "no option {name:?}: there are hold, grant, leave and cooldown, such as hold=30s"
                ));
            }
        };
        let time = longer_than_zero(time).map_err(|why| format!("{name}: {why}"))?;
        if option.replace(time.as_millis() as Millis).is_some() {
            return Err(format!("{name} is given twice"));
        }
    }
    options.check()?;
    Ok((asset, Arc::new(NewAsset { units, options })))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_cannot_be_off_is_longer_than_0() {
        assert_eq!(longer_than_zero("5s"), Ok(Duration::from_secs(5)));
        assert!(longer_than_zero("0").is_err() && longer_than_zero("0ms").is_err());
    }

    #[test]
    fn the_history_may_be_off() {
        assert_eq!(history("24h"), Ok(Duration::from_secs(24 * 3600)));
        assert_eq!((history("off"), history("0")), (Ok(Duration::ZERO), Ok(Duration::ZERO)));
        assert!(history("on").unwrap_err().ends_with("or off"));
    }

    #[test]
    fn sizes_are_read_as_written() {
        for (text, size) in [("256", 256), ("4KiB", 4096), ("4096B", 4096), ("64KiB", 65536)] {
            assert_eq!(bytes(text), Ok(size), "{text}");
        }
        for text in ["", "KiB", "4KB", "4k", "255", "65KiB", "1MiB", "0", "-1", "99999999999999999999KiB"] {
            assert!(bytes(text).is_err(), "{text}");
        }
    }

    #[test]
    fn templates_name_an_asset_and_its_units() {
        assert_eq!(template("sword=3"), Ok(("sword".parse().unwrap(), Arc::new(NewAsset::plain(3)))));
        let (_, seat) = template("seat=1,hold=30s,grant=1500ms,leave=2m,cooldown=1h").unwrap();
        let options = AssetOptions {
            hold_ms: Some(30_000),
            grant_ms: Some(1500),
            leave_ms: Some(120_000),
            cooldown_ms: Some(3_600_000),
            ..AssetOptions::NONE
        };
        assert_eq!(seat.options, options);
        for text in [
            "a=1,",
            "a=1,hold",
            "a=1,hold=0",
            "a=1,hold=-1s",
            "a=1,hold=1.5s",
            "a=1,keep=1s",
            "a=1,hold=1s,hold=2s",
        ] {
            assert!(template(text).is_err(), "{text}");
        }
        for text in
            ["sword", "=1", "sword=", "sword=0", "sword=-1", "a b=1", "sword=many", "a=b=1", "sword=4294967296"]
        {
            assert!(template(text).is_err(), "{text}");
        }
    }

    #[test]
    fn addresses_are_numbers_or_localhost() {
        assert!(listen("localhost:0").unwrap().ip().is_loopback());
        assert!(listen("[::1]:80").unwrap().ip().is_loopback());
        for text in ["8080", ":8080", "localhost", "127.0.0.1", "game.example:80", "127.0.0.1:65536"] {
            assert!(listen(text).is_err(), "{text}");
        }
    }

    #[test]
    fn a_network_may_be_one_address() {
        for (text, network) in [
            ("10.0.0.0/8", "10.0.0.0/8"),
            ("10.1.2.3/8", "10.0.0.0/8"),
            ("192.0.2.1", "192.0.2.1/32"),
            ("2001:db8::1", "2001:db8::1/128"),
            ("::/0", "::/0"),
        ] {
            assert_eq!(super::network(text).unwrap().to_string(), network);
        }
        for text in ["", "10.0.0.0/33", "10.0.0", "proxy.example", "*"] {
            assert!(super::network(text).is_err(), "{text}");
        }
    }

    #[test]
    fn a_misspelt_level_does_not_silence_the_log() {
        assert!(filter("infoo").is_err() && filter("").is_err());
        assert!(filter("INFO").is_ok() && filter("warn,asset_arbiter=debug").is_ok());
        assert!(filter("asset_arbiter=loud").is_err());
    }
}
