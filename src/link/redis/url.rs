use std::time::Duration;

use crate::link::url::{Address, Parts, credentials, decoded, no_option, number, options, ttl};

/// The parts of `redis://[[USER]:PASSWORD@]HOST[:PORT][/DB][?OPTIONS]`. Has no `Debug`, so that no log can show the
/// password.
#[derive(Clone, PartialEq, Eq)]
pub(crate) struct RedisUrl {
    pub(crate) servers: Servers,
    pub(crate) access: Access,
    pub(crate) options: UrlOptions,
}

/// The servers that a URL names.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Servers {
    /// A single server.
    One(Address),
    /// Nodes of a cluster.
    Cluster(Vec<Address>),
    /// Sentinels, and the name of their primary.
    Sentinels(Vec<Address>, String),
}

/// Encryption and credentials.
#[derive(Clone, PartialEq, Eq)]
pub(crate) struct Access {
    pub(crate) tls: bool,
    pub(crate) user: Option<String>,
    pub(crate) password: Option<String>,
    pub(crate) database: u32,
}

/// The options after the `?`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct UrlOptions {
    /// How many replicas every call waits for, and the timeout.
    pub(crate) wait: Option<(u64, Duration)>,
    /// How long an unused room is kept, if the URL sets it; zero: for ever.
    pub(crate) room_ttl: Option<Duration>,
    /// The prefix of every key.
    pub(crate) prefix: String,
}

pub(crate) const SCHEMES: [&str; 6] =
    ["redis", "rediss", "redis+cluster", "rediss+cluster", "redis+sentinel", "rediss+sentinel"];

const REDIS_PORT: u16 = 6379;
const SENTINEL_PORT: u16 = 26379;
const PREFIX: &str = "asset-arbiter:";
const WAIT_TIMEOUT: Duration = Duration::from_secs(1);
/// Longer than any deadline of a select. With a longer one, a dead connection and a slow replica would be
/// indistinguishable.
const LONGEST_WAIT_MS: u64 = 10_000;
const MOST_REPLICAS: u64 = 100;
const LONGEST_PREFIX: usize = 64;
const OPTIONS: &str = "wait, wait_timeout_ms, ttl and prefix";

type Result<T> = std::result::Result<T, String>;

impl RedisUrl {
    pub(crate) fn parse(url: &str) -> Result<Self> {
        let Parts { scheme, login, hosts, path, query } = Parts::of(url, "redis://HOST[:PORT][/DB]")?;
        let (servers, database) = servers(scheme, hosts, path)?;
        let (user, password) = login.map_or(Ok((None, None)), credentials)?;
        let access = Access { tls: scheme.starts_with("rediss"), user, password, database };
        Ok(Self { servers, access, options: UrlOptions::parse(query)? })
    }
}

impl UrlOptions {
    fn parse(query: &str) -> Result<Self> {
        let (mut wait, mut timeout, mut room_ttl, mut prefix) = (None, None, None, PREFIX.to_owned());
        for option in options(query) {
            let (name, value) = option?;
            match name {
                "wait" => wait = Some(number(name, &value, 1..=MOST_REPLICAS)?),
                "wait_timeout_ms" => timeout = Some(number(name, &value, 1..=LONGEST_WAIT_MS)?),
                "ttl" => room_ttl = Some(ttl(&value)?),
                "prefix" => prefix = checked_prefix(value)?,
                _ => return Err(no_option(name, &value, OPTIONS)),
            }
        }
        if wait.is_none() && timeout.is_some() {
            return Err("wait_timeout_ms needs wait=N, the number of replicas to wait for".to_owned());
        }
        let timeout = timeout.map_or(WAIT_TIMEOUT, Duration::from_millis);
        Ok(Self { wait: wait.map(|replicas| (replicas, timeout)), room_ttl, prefix })
    }
}

fn servers(scheme: &str, hosts: &str, path: &str) -> Result<(Servers, u32)> {
    let (kind, port) = match scheme.split_once('+') {
        Some((_, "sentinel")) => ("sentinel", SENTINEL_PORT),
        Some(_) => ("cluster", REDIS_PORT),
        None => ("one", REDIS_PORT),
    };
    let mut addresses: Vec<_> =
        hosts.split(',').map(|host| Address::parse(host, port)).collect::<Result<_>>()?;
    let (name, database) = match kind {
        "sentinel" => path.split_once('/').unwrap_or((path, "")),
        _ => ("", path),
    };
    let database = match database {
        "" => 0,
        text => text.parse().map_err(|_| "a database is a number such as 0")?,
    };
    let servers = match kind {
        "sentinel" if name.is_empty() => {
            return Err(format!(
                "the primary's name is missing: write {scheme}://HOST[:PORT][,HOST...]/NAME[/DB]"
            ));
        }
        "sentinel" => Servers::Sentinels(addresses, decoded(name)?),
        "cluster" if database != 0 => return Err("a cluster has only database 0".to_owned()),
        "cluster" => Servers::Cluster(addresses),
        _ if addresses.len() > 1 => {
            return Err("more than one host is for redis+cluster:// or redis+sentinel://".to_owned());
        }
        _ => Servers::One(addresses.remove(0)),
    };
    Ok((servers, database))
}

/// Checks a prefix. Braces are refused, because they would replace the hash tag that keeps a room's keys
/// together.
fn checked_prefix(prefix: String) -> Result<String> {
    let fits =
        prefix.len() <= LONGEST_PREFIX && prefix.chars().all(|c| c.is_ascii_graphic() && !"{}".contains(c));
    if fits {
        Ok(prefix)
    } else {
        Err(format!("a prefix is up to {LONGEST_PREFIX} printable characters without braces"))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::link::url::testing::refuses;

    fn parsed(url: &str) -> RedisUrl {
        RedisUrl::parse(url).unwrap_or_else(|why| panic!("{url}: {why}"))
    }

    fn address(host: &str, port: u16) -> Address {
        Address { host: host.to_owned(), port }
    }

    #[test]
    fn a_plain_url_has_defaults() {
        let target = parsed("redis://localhost");
        assert_eq!(target.servers, Servers::One(address("localhost", 6379)));
        assert!(target.access == Access { tls: false, user: None, password: None, database: 0 });
        assert_eq!(
            target.options,
            UrlOptions { wait: None, room_ttl: None, prefix: "asset-arbiter:".to_owned() }
        );
    }

    #[test]
    fn everything_can_be_said() {
        let target =
            parsed("rediss://me:p%40ss:w@[::1]:7000/3?wait=2&wait_timeout_ms=50&ttl=2h&prefix=game%3A");
        assert_eq!(target.servers, Servers::One(address("::1", 7000)));
        let Access { tls, user, password, database } = target.access;
        assert_eq!(
            (tls, user.as_deref(), password.as_deref(), database),
            (true, Some("me"), Some("p@ss:w"), 3)
        );
        assert_eq!(target.options.wait, Some((2, Duration::from_millis(50))));
        assert_eq!(target.options.room_ttl, Some(Duration::from_secs(7200)));
        assert_eq!(target.options.prefix, "game:");
    }

    #[test]
    fn clusters_and_sentinels_have_many_hosts() {
        let many = vec![address("a", 7000), address("b", 6379)];
        assert_eq!(parsed("redis+cluster://a:7000,b").servers, Servers::Cluster(many));
        let sentinels = parsed("redis+sentinel://:pw@a,b:1/mymaster/2");
        let many = vec![address("a", 26379), address("b", 1)];
        assert_eq!(sentinels.servers, Servers::Sentinels(many, "mymaster".to_owned()));
        assert_eq!(sentinels.access.database, 2);
    }

    #[test]
    fn what_is_wrong_is_said_without_the_password() {
        let refused = [
            ("redis:localhost", "write redis://"),
            ("redis://:hunter2@", "host is missing"),
            ("redis://me:hunter2", "from 1 to 65535"),
            ("redis://me:hunter2@host/x", "database is a number"),
            ("redis://me:a/hunter2@host", "/ as %2F"),
            ("redis://hunter2@host", "USER:PASSWORD"),
            ("redis://:hunter2%@host", "two hexadecimal digits"),
            ("redis://:hunter2@a,b", "redis+cluster://"),
            ("redis+cluster://a/1", "only database 0"),
            ("redis+sentinel://a", "name is missing"),
            ("redis://a?weight=1", "wait, wait_timeout_ms, ttl and prefix"),
            ("redis://a?ttl=soon", "ttl: write a duration"),
            ("redis://a?ttl=1s", "at least 2s"),
            ("redis://a?wait=0", "from 1 to 100"),
            ("redis://a?wait=many", "from 1 to 100"),
            ("redis://a?wait=1&wait_timeout_ms=0", "from 1 to 10000"),
            ("redis://a?wait_timeout_ms=5", "needs wait=N"),
            ("redis://a?prefix={x}", "without braces"),
        ];
        refuses(RedisUrl::parse, &refused);
    }
}
