//! Parses URLs of servers: `SCHEME://[USER:PASSWORD@]HOST[:PORT][,HOST...][/PATH][?NAME=VALUE[&...]]`.

use std::fmt;

/// The error is one line and never contains the password.
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
    /// Splits a URL; `None` if it has no `://`.
    ///
    /// # Errors
    /// The password contains unescaped delimiters.
    pub(crate) fn of(url: &'a str) -> Result<Option<Self>> {
        let Some((scheme, rest)) = url.split_once("://") else { return Ok(None) };
        // Text before an @ may be a password that contains an unescaped delimiter.
        if rest.rfind('@') > rest.find(['/', '?']) && rest.contains(['/', '?']) {
            return Err("in a password write / as %2F, ? as %3F, @ as %40 and % as %25".to_owned());
        }
        let (rest, query) = rest.split_once('?').unwrap_or((rest, ""));
        let (authority, path) = rest.split_once('/').unwrap_or((rest, ""));
        let (login, hosts) = match authority.rsplit_once('@') {
            Some((login, hosts)) => (Some(login), hosts),
            None => (None, authority),
        };
        Ok(Some(Self { scheme, login, hosts, path, query }))
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
#[cfg(any(feature = "redis", feature = "nats"))]
pub(crate) fn credentials(login: &str) -> Result<(Option<String>, Option<String>)> {
    let Some((user, password)) = login.split_once(':') else {
        return Err("before the @ comes USER:PASSWORD or :PASSWORD".to_owned());
    };
    let given = |text: &str| Ok::<_, String>(Some(decoded(text)?).filter(|text| !text.is_empty()));
    Ok((given(user)?, given(password)?))
}

/// Parses the `NAME=VALUE` pairs of a query.
pub(crate) fn options(query: &str) -> impl Iterator<Item = Result<(&str, String)>> {
    let given = query.split('&').filter(|option| !option.is_empty());
    given.map(|option| {
        let (name, value) = option.split_once('=').unwrap_or((option, ""));
        Ok((name, decoded(value)?))
    })
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
