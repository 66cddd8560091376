//! Parses the store's URL. Error messages show only the invalid part, and never what may be a key.

use std::time::Duration;

use crate::link::url::{self, is_loopback, name_and_query, no_option, options};

/// The parts of `momento://CACHE[?endpoint=...&ttl=...]`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct MomentoUrl {
    pub(super) cache: String,
    pub(super) endpoint: Endpoint,
    /// How long unused data is kept, if the URL sets it.
    pub(super) ttl: Option<Duration>,
}

/// Where the cache is.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Endpoint {
    /// The endpoint named by the API key or the environment.
    OfTheKey,
    /// Momento's endpoint of a region, as its console shows it.
    Region(String),
    /// An explicit address, such as `https://cache.internal:443`.
    Address(String),
    /// An unencrypted address on this machine, which needs no key.
    Loopback(String),
}

/// The longest time to live that Momento supports.
pub(super) const LONGEST_TTL: Duration = Duration::from_secs(24 * 3600);

const LONGEST_CACHE_NAME: usize = 255;
const OPTIONS: &str = "endpoint and ttl";
const KEY_IN_URL: &str =
    "an API key in a URL shows in process lists and logs: leave it out, and give it in MOMENTO_API_KEY";

type Result<T> = std::result::Result<T, String>;

impl MomentoUrl {
    pub(super) fn parse(url: &str) -> Result<Self> {
        let (cache, query) = name_and_query(url, "momento://CACHE")?;
        if url.contains('@') {
            return Err(KEY_IN_URL.to_owned());
        }
        let (mut endpoint, mut ttl) = (Endpoint::OfTheKey, None);
        for option in options(query) {
            let (name, value) = option?;
            match name {
                "endpoint" => endpoint = Endpoint::parse(&value)?,
                "ttl" => ttl = Some(checked_ttl(&value)?),
                _ if is_of_a_key(name) => return Err(KEY_IN_URL.to_owned()),
                _ => return Err(no_option(name, &value, OPTIONS)),
            }
        }
        Ok(Self { cache: checked_cache(cache)?, endpoint, ttl })
    }
}

impl Endpoint {
    fn parse(text: &str) -> Result<Self> {
        let (scheme, authority) = text.split_once("://").unwrap_or(("", text));
        let authority = authority.strip_suffix('/').unwrap_or(authority);
        let plain = |c: char| c.is_ascii_alphanumeric() || ".-_:[]".contains(c);
        if authority.is_empty() || !authority.chars().all(plain) {
            return Err(
                "endpoint is an address such as cell-4-us-west-2-1.prod.a.momentohq.com, https://HOST:PORT \
                        or http://127.0.0.1:PORT"
                    .to_owned(),
            );
        }
        match scheme {
            "" => Ok(Self::Region(authority.to_owned())),
            "https" => Ok(Self::Address(format!("https://{authority}"))),
            "http" if is_loopback(authority) => Ok(Self::Loopback(format!("http://{authority}"))),
            "http" => {
                Err("endpoint: http:// is for this machine only, as keys would go unencrypted: write https://"
                    .to_owned())
            }
            _ => Err("endpoint begins with https://, or with http:// on this machine".to_owned()),
        }
    }
}

/// The time to live from the URL, or else from the flag.
///
/// # Errors
/// The time is longer than Momento supports.
pub(super) fn ttl(url: &MomentoUrl, flag: Option<Duration>) -> Result<Duration> {
    let asked = url.ttl.or(flag).unwrap_or(LONGEST_TTL);
    if asked <= LONGEST_TTL {
        Ok(asked)
    } else {
        Err("Momento keeps nothing for longer than 24h: say --room-ttl 24h or less, or ?ttl=24h".to_owned())
    }
}

fn checked_ttl(text: &str) -> Result<Duration> {
    let ttl = url::ttl(text)?;
    let fits = !ttl.is_zero() && ttl <= LONGEST_TTL;
    if fits { Ok(ttl) } else { Err("ttl: Momento keeps nothing for ever: write at most 24h".to_owned()) }
}

fn checked_cache(name: &str) -> Result<String> {
    let fits = |c: char| c.is_ascii_alphanumeric() || "-_.".contains(c);
    if name.is_empty() {
        Err("the cache's name is missing: write momento://CACHE".to_owned())
    } else if name.len() <= LONGEST_CACHE_NAME && name.chars().all(fits) {
        Ok(name.to_owned())
    } else {
        Err(format!("a cache's name is up to {LONGEST_CACHE_NAME} letters, digits, -, _ and ."))
    }
}

fn is_of_a_key(name: &str) -> bool {
    let name = name.to_ascii_lowercase();
    ["key", "token", "auth", "secret", "password"].iter().any(|word| name.contains(word))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::link::url::testing::refuses;

    fn parsed(url: &str) -> MomentoUrl {
        MomentoUrl::parse(url).unwrap_or_else(|why| panic!("{url}: {why}"))
    }

    #[test]
    fn a_plain_url_has_defaults() {
        let url = parsed("momento://game");
        assert_eq!(url, MomentoUrl { cache: "game".to_owned(), endpoint: Endpoint::OfTheKey, ttl: None });
        assert_eq!(url, parsed("momento://game/"));
        assert_eq!(ttl(&url, None), Ok(LONGEST_TTL));
        assert_eq!(ttl(&url, Some(Duration::from_secs(60))), Ok(Duration::from_secs(60)));
        assert!(ttl(&url, Some(2 * LONGEST_TTL)).unwrap_err().contains("--room-ttl 24h"));
    }

    #[test]
    fn everything_can_be_said() {
        for (url, endpoint) in [
            (
                "cell-4-us-west-2-1.prod.a.momentohq.com",
                Endpoint::Region("cell-4-us-west-2-1.prod.a.momentohq.com".to_owned()),
            ),
            ("https://cache.internal:8443", Endpoint::Address("https://cache.internal:8443".to_owned())),
            ("http://127.0.0.1:4000/", Endpoint::Loopback("http://127.0.0.1:4000".to_owned())),
            ("http://localhost:4000", Endpoint::Loopback("http://localhost:4000".to_owned())),
            ("http://[::1]:4000", Endpoint::Loopback("http://[::1]:4000".to_owned())),
        ] {
            let url = parsed(&format!("momento://my-cache_2.x?endpoint={url}&ttl=2h"));
            assert_eq!((url.cache.as_str(), &url.endpoint), ("my-cache_2.x", &endpoint));
            assert_eq!(ttl(&url, Some(2 * LONGEST_TTL)), Ok(Duration::from_secs(7200)), "the URL wins");
        }
    }

    #[test]
    fn what_is_wrong_is_said_without_a_key() {
        let refused = [
            ("momento:game", "write momento://CACHE"),
            ("momento://", "name is missing"),
            ("momento://?ttl=1h", "name is missing"),
            ("momento://a b", "letters, digits"),
            ("momento://:hunter2@game", "MOMENTO_API_KEY"),
            ("momento://hunter2@game", "MOMENTO_API_KEY"),
            ("momento://game?api_key=hunter2", "MOMENTO_API_KEY"),
            ("momento://game?authToken=hunter2", "MOMENTO_API_KEY"),
            ("momento://game?weight=1", "the options are endpoint and ttl"),
            ("momento://game?ttl=0", "at most 24h"),
            ("momento://game?ttl=25h", "at most 24h"),
            ("momento://game?ttl=1s", "at least 2s"),
            ("momento://game?ttl=soon", "write a duration"),
            ("momento://game?endpoint=", "https://HOST:PORT"),
            ("momento://game?endpoint=http://cache.example.com", "this machine only"),
            ("momento://game?endpoint=http://127.0.0.1.example.com", "this machine only"),
            ("momento://game?endpoint=ftp://host", "begins with https://"),
            ("momento://game?endpoint=https://host/path", "https://HOST:PORT"),
        ];
        refuses(MomentoUrl::parse, &refused);
    }
}
