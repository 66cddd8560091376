//! Parses URLs of servers: `SCHEME://[USER:PASSWORD@]HOST[:PORT][,HOST...][/PATH][?NAME=VALUE[&...]]`.

use std::{fmt, net::IpAddr, ops::RangeInclusive, str::FromStr, time::Duration};

use crate::model::{option_name, room_ttl};

/// The error is one line. It shows only the invalid part, and never what precedes an `@`.
type Result<T> = std::result::Result<T, String>;

/// The parts of a URL.
pub(crate) struct Parts<'a> {
    pub(crate) scheme: &'a str,
    /// The text before the `@`.
    pub(crate) login: Option<&'a str>,
    pub(crate) hosts: &'a str,
    pub(crate) path: &'a str,
    pub(crate) query: &'a str,
}

/// A server's host and port.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub(crate) struct Address {
    pub(crate) host: String,
    pub(crate) port: u16,
}

impl<'a> Parts<'a> {
    /// Splits a URL of the given shape.
    ///
    /// # Errors
    /// There is no `://`, or the password contains unescaped delimiters.
    pub(crate) fn of(url: &'a str, shape: &str) -> Result<Self> {
        let (scheme, rest) = url.split_once("://").ok_or_else(|| format!("write {shape}"))?;
        // Text before an @ may be a password that contains an unescaped delimiter.
        if rest.rfind('@') > rest.find(['/', '?']) && rest.contains(['/', '?']) {
            return Err("in a password write / as %2F, ? as %3F, @ as %40, : as %3A and % as %25".to_owned());
        }
        let (rest, query) = rest.split_once('?').unwrap_or((rest, ""));
        let (authority, path) = rest.split_once('/').unwrap_or((rest, ""));
        let (login, hosts) = match authority.rsplit_once('@') {
            Some((login, hosts)) => (Some(login), hosts),
            None => (None, authority),
        };
        Ok(Self { scheme, login, hosts, path, query })
    }
}

impl Address {
    /// Parses `HOST[:PORT]`, including `[::1]:6379`.
    pub(crate) fn parse(text: &str, default_port: u16) -> Result<Self> {
        let bracketed = text.strip_prefix('[').and_then(|text| text.split_once(']'));
        let (host, port) = match bracketed {
            Some((host, "")) => (host, None),
            Some((host, port)) => (host, Some(port.strip_prefix(':').ok_or("after ] comes :PORT")?)),
            None => text.split_once(':').map_or((text, None), |(host, port)| (host, Some(port))),
        };
        if host.is_empty() || host.contains(char::is_whitespace) {
            return Err("a host is missing: before the / comes HOST[:PORT]".to_owned());
        }
        let port = port.map_or(Ok(default_port), |port| {
            port.parse().ok().filter(|port| *port > 0).ok_or("a port is a number from 1 to 65535")
        });
        Ok(Self { host: host.to_owned(), port: port? })
    }
}

impl fmt::Display for Address {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { host, port } = self;
        if host.contains(':') { write!(f, "[{host}]:{port}") } else { write!(f, "{host}:{port}") }
    }
}

/// Parses `USER:PASSWORD` or `:PASSWORD`.
pub(crate) fn credentials(login: &str) -> Result<(Option<String>, Option<String>)> {
    let Some((user, password)) = login.split_once(':') else {
        return Err("before the @ comes USER:PASSWORD or :PASSWORD".to_owned());
    };
    let given = |text: &str| Ok::<_, String>(Some(decoded(text)?).filter(|text| !text.is_empty()));
    Ok((given(user)?, given(password)?))
}

/// Splits `SCHEME://NAME[/][?QUERY]`, which names no server and has no login, into the name and the query.
pub(crate) fn name_and_query<'a>(url: &'a str, shape: &str) -> Result<(&'a str, &'a str)> {
    let (_, rest) = url.split_once("://").ok_or_else(|| format!("write {shape}"))?;
    let (name, query) = rest.split_once('?').unwrap_or((rest, ""));
    Ok((name.strip_suffix('/').unwrap_or(name), query))
}

/// Splits a query into its `NAME=VALUE` pairs.
pub(crate) fn pairs(query: &str) -> impl Iterator<Item = (&str, &str)> {
    let given = query.split('&').filter(|option| !option.is_empty());
    given.map(|option| option.split_once('=').unwrap_or((option, "")))
}

/// Parses the `NAME=VALUE` pairs of a query.
pub(crate) fn options(query: &str) -> impl Iterator<Item = Result<(&str, String)>> {
    pairs(query).map(|(name, value)| Ok((name, decoded(value)?)))
}

/// The message for an option that is none of `known`, such as `wait, ttl and prefix`.
pub(crate) fn no_option(name: &str, value: &str, known: &str) -> String {
    let known = if known.contains(' ') { format!("options are {known}") } else { format!("option is {known}") };
    format!("there is no option {}; the {known}", option_name(name, value))
}

/// Parses how long an unused room is kept; zero is for ever.
pub(crate) fn ttl(value: &str) -> Result<Duration> {
    room_ttl(value).map_err(|why| format!("ttl: {why}"))
}

/// Parses a number in a range.
pub(crate) fn number<T>(name: &str, value: &str, range: RangeInclusive<T>) -> Result<T>
where
    T: FromStr + PartialOrd + fmt::Display,
{
    let number = value.parse().ok().filter(|number| range.contains(number));
    number.ok_or_else(|| format!("{name} is a number from {} to {}, not {value:?}", range.start(), range.end()))
}

/// Parses `true` or `false`.
pub(crate) fn truth(name: &str, value: &str) -> Result<bool> {
    value.parse().map_err(|_| format!("{name} is true or false, not {value:?}"))
}

/// The index of a value in the list of allowed values, in any case.
pub(crate) fn one_of(name: &str, value: &str, known: &[&str]) -> Result<usize> {
    let index = known.iter().position(|known| known.eq_ignore_ascii_case(value));
    index.ok_or_else(|| format!("{name} is {}, not {value:?}", known.join(" or ")))
}

/// Whether `HOST[:PORT]` is on this machine.
pub(crate) fn is_loopback(authority: &str) -> bool {
    let host = match authority.strip_prefix('[') {
        Some(rest) => rest.split(']').next(),
        None => authority.split(':').next(),
    };
    let host = host.unwrap_or_default();
    host == "localhost" || host.parse().is_ok_and(|address: IpAddr| address.is_loopback())
}

/// Decodes percent-encoding: `%41` is `A`.
pub(crate) fn decoded(text: &str) -> Result<String> {
    const WRONG: &str = "after a % come two hexadecimal digits (a % itself is %25)";
    let mut bytes = Vec::with_capacity(text.len());
    let mut rest = text.as_bytes();
    while let Some((&byte, after)) = rest.split_first() {
        rest = after;
        if byte != b'%' {
            bytes.push(byte);
            continue;
        }
        let (digits, after) = rest.split_at_checked(2).ok_or(WRONG)?;
        let digits = std::str::from_utf8(digits).ok().filter(|digits| !digits.starts_with('+')).ok_or(WRONG)?;
        bytes.push(u8::from_str_radix(digits, 16).map_err(|_| WRONG)?);
        rest = after;
    }
    String::from_utf8(bytes).map_err(|_| "what %-signs spell must be UTF-8".to_owned())
}

/// What the tests of every driver's URL check.
#[cfg(test)]
pub(crate) mod testing {
    use super::*;

    /// Each URL is refused with a line that has its words, but not the password, which is `hunter2`.
    pub(crate) fn refuses<T>(parse: impl Fn(&str) -> Result<T>, refused: &[(&str, &str)]) {
        for (url, words) in refused {
            let Err(why) = parse(url) else { panic!("{url} is accepted") };
            assert!(why.contains(words) && !why.contains("hunter2") && !why.contains('\n'), "{url}: {why}");
        }
    }
}

#[cfg(test)]
mod tests {
    use super::{testing::refuses, *};

    #[test]
    fn what_is_wrong_with_a_server_is_said() {
        let parse = |url: &str| {
            let Parts { hosts, .. } = Parts::of(url, "redis://HOST")?;
            Address::parse(hosts, 1)
        };
        refuses(
            parse,
            &[
                ("redis:host", "write redis://HOST"),
                ("redis://me:hunter2@", "host is missing"),
                ("redis://me:hunter2@ /", "host is missing"),
                ("redis://me:hunter2@host:0", "from 1 to 65535"),
                ("redis://me:hunter2@host:65536", "from 1 to 65535"),
                ("redis://me:hunter2@[::1]4000", "after ] comes :PORT"),
                ("redis://me:a/hunter2@host", "/ as %2F"),
                ("redis://me:a?hunter2@host", "? as %3F"),
            ],
        );
    }

    #[test]
    fn what_is_encoded_is_decoded() {
        assert_eq!(decoded("%41%2f%25+"), Ok("A/%+".to_owned()));
        refuses(
            decoded,
            &[("hunter2%", "two hexadecimal"), ("hunter2%+1", "two hexadecimal"), ("%ff", "UTF-8")],
        );
    }

    #[test]
    fn an_option_has_its_range_and_unknown_ones_are_said() {
        assert_eq!(number("wait", "3", 1..=3), Ok(3));
        refuses(
            |value| number("wait", value, 1..=3),
            &[("0", "from 1 to 3"), ("4", "not \"4\""), ("", "wait is")],
        );
        assert_eq!(no_option("a", "b", "x, y and z"), "there is no option \"a\"; the options are x, y and z");
        assert_eq!(no_option("hunter2", "", "x"), "there is no option ***; the option is x");
    }
}
