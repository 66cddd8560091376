//! Checks the host name of a request against DNS rebinding. A page of another site can make its own name resolve to
//! this server's address. The browser then treats server and page as one origin, and only the Host header reveals it.

use std::{fs, net::Ipv4Addr};

use axum::http::{HeaderMap, Uri, Version, header, uri::Authority};

use super::Origin;

/// The names of this server.
#[derive(Debug)]
pub(super) struct Hosts {
    allowed: Vec<Origin>,
    /// This machine's host name.
    own: Option<String>,
}

/// The request is not for this server.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum WrongHost {
    /// The Host header is missing, repeated or invalid.
    Unclear(&'static str),
    /// The request names another server.
    Foreign(String),
}

impl Hosts {
    pub(super) fn new(allowed: &[Origin]) -> Self {
        Self { allowed: allowed.to_vec(), own: own_name() }
    }

    /// Checks that a request is for this server, by its target (if it names a host) and its Host header.
    ///
    /// # Errors
    /// [`WrongHost`] if it is not.
    pub(super) fn check(&self, version: Version, target: &Uri, headers: &HeaderMap) -> Result<(), WrongHost> {
        if let Some(authority) = target.authority() {
            self.check_name(authority.as_str())?;
        }
        let mut hosts = headers.get_all(header::HOST).iter();
        match (hosts.next(), hosts.next()) {
            (Some(host), None) => {
                let host = host.to_str().map_err(|_| WrongHost::Unclear("the Host header is not ASCII"))?;
                self.check_name(host)
            }
            (None, _) if version < Version::HTTP_11 => Ok(()),
            (None, _) => Err(WrongHost::Unclear("the Host header is missing")),
            (Some(_), Some(_)) => Err(WrongHost::Unclear("there are two Host headers")),
        }
    }

    fn check_name(&self, host: &str) -> Result<(), WrongHost> {
        const NO_HOST: WrongHost = WrongHost::Unclear("the Host header is not HOST or HOST:PORT");
        let authority: Authority = host.parse().map_err(|_| NO_HOST)?;
        if host.contains('@') {
            return Err(NO_HOST);
        }
        let name = authority.host().to_ascii_lowercase();
        let name = name.strip_suffix('.').unwrap_or(&name);
        if name.is_empty() {
            return Err(NO_HOST);
        }
        if is_local(name) || self.is_ours(name) {
            return Ok(());
        }
        Err(WrongHost::Foreign(name.to_owned()))
    }

    fn is_ours(&self, name: &str) -> bool {
        let own = self.own.as_deref();
        self.allowed.iter().any(|origin| origin.is_any() || origin.host() == Some(name))
            || own.is_some_and(|own| name == own || name.strip_suffix(".local") == Some(own))
    }
}

/// Names that no foreign page can make resolve to this server: addresses, loopback names, and names without a dot,
/// which only the local network resolves.
fn is_local(name: &str) -> bool {
    name.starts_with('[')
        || name.parse::<Ipv4Addr>().is_ok()
        || !name.contains('.')
        || name.ends_with(".localhost")
}

/// The host name in lower case; `None` if the system does not provide it.
fn own_name() -> Option<String> {
    let name = fs::read_to_string("/proc/sys/kernel/hostname").ok()?.trim().to_ascii_lowercase();
    (!name.is_empty()).then_some(name)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn check(allowed: &[&str], target: &str, hosts: &[&str]) -> Result<(), WrongHost> {
        let allowed: Vec<Origin> = allowed.iter().map(|origin| origin.parse().unwrap()).collect();
        let mut headers = HeaderMap::new();
        for host in hosts {
            headers.append(header::HOST, host.parse().unwrap());
        }
        let mut known = Hosts::new(&allowed);
        known.own = Some("mypc".to_owned());
        known.check(Version::HTTP_11, &target.parse().unwrap(), &headers)
    }

    #[test]
    fn addresses_and_local_names_are_this_servers() {
        for host in [
            "127.0.0.1:8080",
            "192.168.1.5",
            "10.0.0.1.",
            "[::1]:8080",
            "[fe80::1]",
            "localhost",
            "LOCALHOST:8080",
            "localhost.",
            "game.localhost:1",
            "node1:8080",
            "mypc.local",
        ] {
            assert_eq!(check(&[], "/", &[host]), Ok(()), "{host}");
        }
    }

    #[test]
    fn another_name_is_foreign_unless_listed() {
        for host in [
            "evil.example",
            "EVIL.example.:8080",
            "127.0.0.1.evil.example",
            "localhost.evil.example",
            "evil-localhost.example",
            "other.local",
            "127.1",
            "0x7f.0.0.1",
        ] {
            assert!(matches!(check(&[], "/", &[host]), Err(WrongHost::Foreign(_))), "{host}");
            assert_eq!(check(&["*"], "/", &[host]), Ok(()), "{host}");
        }
        for host in ["game.example", "game.example:8080", "GAME.example."] {
            assert_eq!(check(&["https://game.example"], "/", &[host]), Ok(()), "{host}");
            assert!(check(&["https://game.example.org"], "/", &[host]).is_err(), "{host}");
        }
    }

    #[test]
    fn the_target_counts_too() {
        assert_eq!(check(&[], "http://localhost/x", &["localhost"]), Ok(()));
        assert!(check(&[], "http://evil.example/x", &["localhost"]).is_err());
        assert!(check(&[], "http://localhost/x", &["evil.example"]).is_err());
    }

    #[test]
    fn an_unclear_host_is_refused() {
        for hosts in [&[][..], &["a", "a"], &["a", "b"], &[""], &["a b"], &["a/b"], &["me@localhost"], &[":80"]]
        {
            assert!(matches!(check(&["*"], "/", hosts), Err(WrongHost::Unclear(_))), "{hosts:?}");
        }
        let none = HeaderMap::new();
        assert_eq!(Hosts::new(&[]).check(Version::HTTP_10, &"/".parse().unwrap(), &none), Ok(()));
    }
}
