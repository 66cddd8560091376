use std::{path::PathBuf, time::Duration};

use crate::link::url::{Address, Parts, decoded, no_option, number, options, truth, ttl};

/// The parts of `mysql://USER[:PASSWORD]@HOST[:PORT]/DATABASE[?OPTIONS]`. Has no `Debug`, so that no log can show the
/// password.
#[derive(Clone, PartialEq, Eq)]
pub(super) struct MysqlUrl {
    pub(super) address: Address,
    pub(super) user: String,
    pub(super) password: Option<String>,
    pub(super) database: String,
    pub(super) options: UrlOptions,
}

/// The options after the `?`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct UrlOptions {
    pub(super) tls: Tls,
    /// Maximum number of connections.
    pub(super) pool: usize,
    /// The timeout of an answer. The server aborts longer statements, where it can.
    pub(super) statement_timeout: Duration,
    /// How long an unused room is kept, if the URL sets it; zero: for ever.
    pub(super) room_ttl: Option<Duration>,
}

/// Whether connections are encrypted, and which certificates are trusted.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Tls {
    Off,
    /// The public certificate authorities.
    Public,
    /// Only the certificates in this file.
    File(PathBuf),
}

const PORT: u16 = 3306;
const LONGEST_NAME: usize = 64;
/// The default: a call uses one connection for a few milliseconds, and each asset has one call at a time.
const POOL: usize = 16;
/// More than a database has cores for.
const LARGEST_POOL: usize = 1000;
/// Longer than the server waits for a lock, and short enough to allow a retry within the first half of a
/// select's deadline.
const STATEMENT_TIMEOUT_MS: u64 = 1500;
const LONGEST_STATEMENT_MS: u64 = 60_000;
const OPTIONS: &str = "tls, tls_ca, pool, statement_timeout_ms and ttl";
const SHAPE: &str = "mysql://USER:PASSWORD@HOST[:PORT]/DATABASE";

type Result<T> = std::result::Result<T, String>;

impl MysqlUrl {
    pub(super) fn parse(url: &str) -> Result<Self> {
        let Parts { login, hosts, path, query, .. } = Parts::of(url, SHAPE)?;
        let no_user = || format!("the user is missing: write {SHAPE}");
        let login = login.ok_or_else(no_user)?;
        let (user, password) = login.split_once(':').map_or((login, None), |(user, word)| (user, Some(word)));
        let (user, password) = (decoded(user)?, password.map(decoded).transpose()?);
        if user.is_empty() {
            return Err(no_user());
        }
        if hosts.is_empty() || hosts.contains(',') {
            return Err(format!("the host is missing or not one host: write {SHAPE}"));
        }
        let address = Address::parse(hosts, PORT)?;
        let password = password.filter(|password| !password.is_empty());
        Ok(Self { address, user, password, database: name(path)?, options: UrlOptions::parse(query)? })
    }
}

impl UrlOptions {
    fn parse(query: &str) -> Result<Self> {
        let (mut tls, mut ca, mut pool, mut timeout, mut room_ttl) =
            (None, None, POOL, STATEMENT_TIMEOUT_MS, None);
        for option in options(query) {
            let (name, value) = option?;
            match name {
                "tls" => tls = Some(truth(name, &value)?),
                "tls_ca" if value.is_empty() => {
                    return Err("tls_ca names a file with certificates in PEM format".to_owned());
                }
                "tls_ca" => ca = Some(PathBuf::from(value)),
                "pool" => pool = number(name, &value, 1..=LARGEST_POOL)?,
                "statement_timeout_ms" => timeout = number(name, &value, 10..=LONGEST_STATEMENT_MS)?,
                "ttl" => room_ttl = Some(ttl(&value)?),
                _ => return Err(no_option(name, &value, OPTIONS)),
            }
        }
        let tls = match (tls, ca) {
            (Some(false), Some(_)) => return Err("tls_ca needs tls=true, which it also means".to_owned()),
            (_, Some(file)) => Tls::File(file),
            (Some(true), None) => Tls::Public,
            (Some(false) | None, None) => Tls::Off,
        };
        Ok(Self { tls, pool, statement_timeout: Duration::from_millis(timeout), room_ttl })
    }
}

/// Parses the database's name.
fn name(text: &str) -> Result<String> {
    let name = decoded(text)?;
    if name.is_empty() {
        return Err(format!("the database is missing: write {SHAPE}"));
    }
    let fits =
        name.chars().count() <= LONGEST_NAME && !name.contains(|c: char| c.is_control() || "/`".contains(c));
    if fits { Ok(name) } else { Err(format!("that is no name of a database: write {SHAPE}")) }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::link::url::testing::refuses;

    fn parsed(url: &str) -> MysqlUrl {
        MysqlUrl::parse(url).unwrap_or_else(|why| panic!("{url}: {why}"))
    }

    #[test]
    fn a_url_is_taken_apart() {
        let plain = parsed("mysql://root@db.example/game");
        assert_eq!((plain.address.to_string().as_str(), plain.user.as_str()), ("db.example:3306", "root"));
        assert_eq!((plain.password, plain.database.as_str()), (None, "game"));
        let UrlOptions { tls, pool, statement_timeout, room_ttl } = plain.options;
        assert_eq!((tls, pool, statement_timeout.as_millis(), room_ttl), (Tls::Off, 16, 1500, None));

        let full = parsed(
            "mysql://a%40b:p%2F%3A%25@[::1]:4000/my%20game?tls_ca=/etc/ca%20s.pem&pool=3&statement_timeout_ms=700&ttl=1h",
        );
        assert_eq!((full.address.to_string().as_str(), full.user.as_str()), ("[::1]:4000", "a@b"));
        assert_eq!((full.password.as_deref(), full.database.as_str()), (Some("p/:%"), "my game"));
        let UrlOptions { tls, pool, statement_timeout, room_ttl } = full.options;
        assert_eq!((tls, pool, statement_timeout.as_millis()), (Tls::File("/etc/ca s.pem".into()), 3, 700));
        assert_eq!(room_ttl, Some(Duration::from_secs(3600)));
        assert_eq!(parsed("mysql://u:@h/d?tls=true").options.tls, Tls::Public);
        assert_eq!(parsed("mysql://u:@h/d?tls=false&ttl=0").options.room_ttl, Some(Duration::ZERO));
    }

    #[test]
    fn what_is_wrong_is_said_without_the_password() {
        let refused = [
            ("mysql:host", "mysql://USER:PASSWORD@HOST[:PORT]/DATABASE"),
            ("mysql://host/game", "the user is missing"),
            ("mysql://:hunter2@host/game", "the user is missing"),
            ("mysql://root:hunter2@host", "the database is missing"),
            ("mysql://root:hunter2@host/", "the database is missing"),
            ("mysql://root:hunter2@host/a/b", "no name of a database"),
            ("mysql://root:hunter2@/game", "the host is missing"),
            ("mysql://root:hunter2@a,b/game", "not one host"),
            ("mysql://root:hunt/er2@host/game", "write / as %2F"),
            ("mysql://root:hunter2%zz@host/game", "two hexadecimal digits"),
            ("mysql://root:hunter2@host/game?ssl=1", "tls, tls_ca, pool, statement_timeout_ms and ttl"),
            ("mysql://root:hunter2@host/game?tls=yes", "true or false"),
            ("mysql://root:hunter2@host/game?tls_ca=", "names a file"),
            ("mysql://root:hunter2@host/game?tls=false&tls_ca=x", "needs tls=true"),
            ("mysql://root:hunter2@host/game?pool=0", "from 1 to 1000"),
            ("mysql://root:hunter2@host/game?statement_timeout_ms=9", "from 10 to 60000"),
            ("mysql://root:hunter2@host/game?ttl=1s", "at least 2s"),
        ];
        refuses(MysqlUrl::parse, &refused);
    }
}
