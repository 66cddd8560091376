use crate::{
    link::url::{Address, Parts, credentials, decoded, no_option, options},
    model::RoomName,
};

/// The parts of `nats://[USER:PASSWORD@|TOKEN@]HOST[:PORT][,HOST...][?prefix=PREFIX]`. Has no `Debug`, so that no log
/// can show the credentials.
#[derive(Clone, PartialEq, Eq)]
pub(super) struct NatsUrl {
    /// Whether the connection is encrypted even if the server does not require it.
    pub(super) tls: bool,
    pub(super) servers: Vec<Address>,
    pub(super) login: Login,
    /// The prefix of every subject.
    prefix: String,
}

/// The credentials.
#[derive(Clone, PartialEq, Eq)]
pub(super) enum Login {
    Nobody,
    Token(String),
    User(String, String),
}

pub(super) const SCHEMES: [&str; 2] = ["nats", "tls"];

const PORT: u16 = 4222;
const PREFIX: &str = "asset-arbiter";
const LONGEST_PREFIX: usize = 64;

type Result<T> = std::result::Result<T, String>;

impl NatsUrl {
    pub(super) fn parse(url: &str) -> Result<Self> {
        let Parts { scheme, login, hosts, path, query } = Parts::of(url, "nats://HOST[:PORT]")?;
        if !path.is_empty() {
            return Err("nothing comes after the host but ?prefix=".to_owned());
        }
        let servers = hosts.split(',').map(|host| Address::parse(host, PORT)).collect::<Result<_>>()?;
        let login = login.map_or(Ok(Login::Nobody), Login::parse)?;
        let mut prefix = PREFIX.to_owned();
        for option in options(query) {
            match option? {
                ("prefix", value) => prefix = checked_prefix(value)?,
                (name, value) => return Err(no_option(name, &value, "prefix")),
            }
        }
        Ok(Self { tls: scheme == "tls", servers, login, prefix })
    }

    /// The subject of a room. Dots divide subjects, so a dot in a name is replaced by a character that names
    /// cannot contain.
    pub(super) fn subject(&self, room: &RoomName) -> String {
        format!("{}.room.{}", self.prefix, room.as_str().replace('.', "/"))
    }

    /// A subject that belongs to no room and has no responders. The permission for rooms covers it, too.
    pub(super) fn nowhere(&self) -> String {
        format!("{}.room.~", self.prefix)
    }
}

impl Login {
    /// Parses `USER:PASSWORD` or `TOKEN`.
    fn parse(login: &str) -> Result<Self> {
        if !login.contains(':') {
            return Ok(Self::Token(decoded(login)?));
        }
        let (user, password) = credentials(login)?;
        Ok(Self::User(user.unwrap_or_default(), password.unwrap_or_default()))
    }
}

/// Checks a prefix: parts of a subject, separated by dots. Stars and `>` are refused, because they are
/// wildcards.
fn checked_prefix(prefix: String) -> Result<String> {
    let fits = |part: &str| !part.is_empty() && part.chars().all(|c| c.is_ascii_graphic() && !"*>".contains(c));
    if prefix.len() <= LONGEST_PREFIX && prefix.split('.').all(fits) {
        Ok(prefix)
    } else {
        Err(format!(
            "a prefix is up to {LONGEST_PREFIX} printable characters without * and >, such as game.live"
        ))
    }
}

#[cfg(test)]
mod tests {
    use std::collections::HashSet;

    use super::*;
    use crate::link::url::testing::refuses;
    use crate::model::{Room, alike};

    fn parsed(url: &str) -> NatsUrl {
        NatsUrl::parse(url).unwrap_or_else(|why| panic!("{url}: {why}"))
    }

    #[test]
    fn no_two_rooms_share_a_subject() {
        let (url, rooms) = (NatsUrl::parse("nats://x").unwrap(), alike::<Room>(4));
        let subjects: HashSet<_> = rooms
            .iter()
            .map(|room| url.subject(room))
            .chain([url.nowhere(), url.subject(&RoomName::all_rooms())])
            .collect();
        assert_eq!(subjects.len(), rooms.len() + 2);
        assert!(subjects.iter().all(|subject| subject.split('.').count() == 3), "a part for the room");
    }

    #[test]
    fn everything_can_be_said() {
        let plain = parsed("nats://localhost");
        assert!(!plain.tls && plain.login == Login::Nobody && plain.prefix == PREFIX);
        assert_eq!(plain.servers, [Address { host: "localhost".to_owned(), port: 4222 }]);
        let full = parsed("tls://me:p%40ss@a:1,[::1]?prefix=game.live");
        assert!(full.tls && full.login == Login::User("me".to_owned(), "p@ss".to_owned()));
        assert_eq!((full.servers.len(), full.prefix.as_str()), (2, "game.live"));
        assert!(parsed("nats://s3cret@a").login == Login::Token("s3cret".to_owned()));
    }

    #[test]
    fn every_room_has_a_subject_of_its_own() {
        let subjects = ["a.b", ".a", "a..", "a:b", "...", "a-b_c"].map(|room| {
            let subject = parsed("nats://a").subject(&RoomName::parse(room).unwrap());
            assert!(subject.split('.').all(|part| !part.is_empty()), "{subject}");
            assert_eq!(subject.split('.').count(), 3, "{subject}");
            subject
        });
        assert_eq!(subjects.iter().collect::<std::collections::HashSet<_>>().len(), subjects.len());
    }

    #[test]
    fn what_is_wrong_is_said_without_the_password() {
        let refused = [
            ("nats:localhost", "write nats://"),
            ("nats://me:hunter2@", "host is missing"),
            ("nats://me:hunter2/a@host", "/ as %2F"),
            ("nats://me:hunter2@host/x", "nothing comes after the host"),
            ("nats://me:hunter2%@host", "two hexadecimal digits"),
            ("nats://a?wait=1", "the option is prefix"),
            ("nats://a?prefix=a..b", "a prefix is"),
            ("nats://a?prefix=*", "a prefix is"),
        ];
        refuses(NatsUrl::parse, &refused);
    }
}
