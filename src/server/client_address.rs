//! Which address a request counts for, also if proxies stand in between.

use std::net::{IpAddr, Ipv6Addr, SocketAddr};

use axum::http::{HeaderMap, HeaderValue, header};
use ipnet::IpNet;

const X_FORWARDED_FOR: &str = "x-forwarded-for";

/// The proxies whose word on a client's address is taken.
#[derive(Debug)]
pub(super) struct Proxies(Vec<IpNet>);

impl Proxies {
    pub(super) fn new(trusted: &[IpNet]) -> Self {
        Self(trusted.to_vec())
    }

    pub(super) fn trust(&self, address: IpAddr) -> bool {
        !self.0.is_empty() && self.0.iter().any(|net| net.contains(&address.to_canonical()))
    }

    /// The client that a trusted proxy forwards a request of: the right-most address in `X-Forwarded-For` or
    /// `Forwarded` that is no trusted proxy. What stands to its left came from the client and may be made up. `None`:
    /// the request is of the proxies' own, such as a health check.
    ///
    /// A proxy that writes one of the two headers may pass on the other as the client wrote it. So if they differ, or
    /// if something unreadable comes first, the request counts for the proxy itself.
    pub(super) fn client(&self, proxy: IpAddr, headers: &HeaderMap) -> Option<IpAddr> {
        let x_forwarded_for = self.first_stranger(from_right(headers, X_FORWARDED_FOR, entry_of_list));
        let forwarded =
            self.first_stranger(from_right(headers, header::FORWARDED.as_str(), entry_of_forwarded));
        match (x_forwarded_for, forwarded) {
            (Found::Nobody, found) | (found, Found::Nobody) => found.or(proxy),
            (one, other) if one == other => one.or(proxy),
            _ => Some(proxy),
        }
    }

    fn first_stranger(&self, entries: impl Iterator<Item = Option<IpAddr>>) -> Found {
        for entry in entries {
            match entry {
                None => return Found::Unreadable,
                Some(address) if self.trust(address) => {}
                Some(address) => return Found::Client(address),
            }
        }
        Found::Nobody
    }
}

#[derive(Debug, PartialEq, Eq)]
enum Found {
    Client(IpAddr),
    Unreadable,
    Nobody,
}

impl Found {
    fn or(self, proxy: IpAddr) -> Option<IpAddr> {
        match self {
            Self::Client(address) => Some(address),
            Self::Unreadable => Some(proxy),
            Self::Nobody => None,
        }
    }
}

/// What counts as one address: an IPv4 address, also if it is written as IPv6, or a /64 of IPv6, which is what one
/// household or machine gets.
pub(super) fn counted_as(address: IpAddr) -> IpAddr {
    match address.to_canonical() {
        IpAddr::V6(address) => IpAddr::V6(Ipv6Addr::from_bits(address.to_bits() & !u128::from(u64::MAX))),
        v4 => v4,
    }
}

/// The entries of all lines of a list header, the last one first.
fn from_right(
    headers: &HeaderMap,
    name: &str,
    entry: fn(&str) -> Option<IpAddr>,
) -> impl Iterator<Item = Option<IpAddr>> {
    let lines: Vec<_> = headers.get_all(name).iter().collect();
    lines.into_iter().rev().flat_map(move |line| {
        let text = HeaderValue::to_str(line).unwrap_or_default();
        let entries: Vec<_> = unquoted(text, ',').map(entry).collect();
        entries.into_iter().rev()
    })
}

/// `192.0.2.1`, `192.0.2.1:80`, `2001:db8::1` or `[2001:db8::1]:80`.
fn entry_of_list(entry: &str) -> Option<IpAddr> {
    let entry = entry.trim();
    let bare = entry.strip_prefix('[').and_then(|entry| entry.strip_suffix(']')).unwrap_or(entry);
    bare.parse().ok().or_else(|| Some(entry.parse::<SocketAddr>().ok()?.ip()))
}

/// The `for` of an element of `Forwarded` (RFC 7239).
fn entry_of_forwarded(element: &str) -> Option<IpAddr> {
    let pairs = unquoted(element, ';').filter_map(|pair| pair.split_once('='));
    let mut nodes = pairs.filter(|(name, _)| name.trim().eq_ignore_ascii_case("for"));
    let (_, node) = nodes.next()?;
    if nodes.next().is_some() {
        return None;
    }
    let node = node.trim();
    entry_of_list(node.strip_prefix('"').and_then(|node| node.strip_suffix('"')).unwrap_or(node))
}

/// The parts between separators that stand outside of quotes.
fn unquoted(text: &str, separator: char) -> impl Iterator<Item = &str> {
    let mut quoted = false;
    text.split(move |c: char| {
        quoted ^= c == '"';
        c == separator && !quoted
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    const PROXY: &str = "10.0.0.1";

    fn client(lines: &[(&'static str, &str)]) -> String {
        let proxies = Proxies::new(&["10.0.0.0/8".parse().unwrap(), "2001:db8:ff::/48".parse().unwrap()]);
        let mut headers = HeaderMap::new();
        for (name, value) in lines {
            headers.append(*name, value.parse().unwrap());
        }
        let client = proxies.client(PROXY.parse().unwrap(), &headers);
        client.map_or("none".to_owned(), |client| client.to_string())
    }

    #[test]
    fn the_client_is_the_right_most_address_that_is_no_proxy() {
        for (value, expected) in [
            ("192.0.2.1", "192.0.2.1"),
            ("203.0.113.9, 192.0.2.1", "192.0.2.1"),
            ("203.0.113.9,192.0.2.1 , 10.2.3.4,2001:db8:ff::1", "192.0.2.1"),
            ("192.0.2.1:4711", "192.0.2.1"),
            ("[2001:db8::1]:80", "2001:db8::1"),
            ("2001:db8::1", "2001:db8::1"),
            ("10.2.3.4, 10.0.0.9", "none"),
            ("", PROXY),
            ("192.0.2.1, unknown", PROXY),
            ("192.0.2.1,", PROXY),
        ] {
            assert_eq!(client(&[("x-forwarded-for", value)]), expected, "{value}");
        }
        assert_eq!(client(&[]), "none");
        let two_lines = [("x-forwarded-for", "203.0.113.9"), ("x-forwarded-for", "192.0.2.1")];
        assert_eq!(client(&two_lines), "192.0.2.1");
    }

    #[test]
    fn forwarded_is_read_as_its_rfc_says() {
        for (value, expected) in [
            ("for=192.0.2.1", "192.0.2.1"),
            ("For=\"[2001:db8::1]:4711\";proto=https;by=10.0.0.1", "2001:db8::1"),
            ("for=203.0.113.9, for=192.0.2.1;host=\"a,b;c\", for=10.0.0.3", "192.0.2.1"),
            ("for=unknown", PROXY),
            ("for=_hidden", PROXY),
            ("proto=https", PROXY),
            ("for=192.0.2.1;for=203.0.113.9", PROXY),
            ("for=\"203.0.113.9, for=192.0.2.1", PROXY),
        ] {
            assert_eq!(client(&[("forwarded", value)]), expected, "{value}");
        }
    }

    #[test]
    fn two_headers_that_differ_are_not_believed() {
        let client = |a: &str, b: &str| client(&[("x-forwarded-for", a), ("forwarded", b)]);
        assert_eq!(client("192.0.2.1", "for=192.0.2.1"), "192.0.2.1");
        assert_eq!(client("192.0.2.1", "for=203.0.113.9"), PROXY);
        assert_eq!(client("192.0.2.1", "for=unknown"), PROXY);
    }

    #[test]
    fn ipv6_counts_by_64_bits_and_ipv4_in_ipv6_as_ipv4() {
        let counted = |text: &str| counted_as(text.parse().unwrap()).to_string();
        assert_eq!(counted("192.0.2.1"), "192.0.2.1");
        assert_eq!(counted("::ffff:192.0.2.1"), "192.0.2.1");
        assert_eq!(counted("2001:db8:1:2:3:4:5:6"), "2001:db8:1:2::");
        assert_eq!(counted("2001:db8:1:2::"), counted("2001:db8:1:2:ffff::1"));
        assert_ne!(counted("2001:db8:1:2::"), counted("2001:db8:1:3::"));
        let proxies = Proxies::new(&["192.0.2.0/24".parse().unwrap()]);
        assert!(proxies.trust("::ffff:192.0.2.1".parse().unwrap()));
    }
}
