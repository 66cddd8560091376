use std::{fmt, net::SocketAddr, str::FromStr};

use hyper::Uri;

use super::BotsError;

/// The address of one server: `ws://host:port` or `http://host:port`, or `wss://` or `https://` for TLS.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct NodeUrl {
    tls: bool,
    authority: String,
    port: Option<u16>,
}

/// A server with its resolved addresses. The name is resolved once, so that thousands of bots do not query the
/// resolver.
#[derive(Debug)]
pub(super) struct Node {
    pub(super) url: NodeUrl,
    pub(super) addresses: Vec<SocketAddr>,
}

impl NodeUrl {
    /// The server speaks TLS.
    pub(super) fn is_tls(&self) -> bool {
        self.tls
    }

    /// The address of a path for HTTP.
    pub(super) fn http(&self, path: &str) -> String {
        format!("http{}://{}{path}", if self.tls { "s" } else { "" }, self.authority)
    }

    pub(super) async fn resolve(self) -> Result<Node, BotsError> {
        let target = match self.port {
            Some(_) => self.authority.clone(),
            None => format!("{}:{}", self.authority, if self.tls { 443 } else { 80 }),
        };
        let unreachable = |reason| BotsError::Unreachable { url: self.to_string(), reason };
        let addresses: Vec<_> =
            tokio::net::lookup_host(target).await.map_err(|e| unreachable(e.to_string()))?.collect();
        if addresses.is_empty() {
            return Err(unreachable("the name has no address".into()));
        }
        Ok(Node { url: self, addresses })
    }
}

impl FromStr for NodeUrl {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        let wrong = || format!("{text:?} is no server address; one looks like ws://127.0.0.1:8080");
        let uri: Uri = text.parse().map_err(|_| wrong())?;
        let tls = match uri.scheme_str() {
            Some("ws" | "http") => false,
            Some("wss" | "https") => true,
            _ => return Err(wrong()),
        };
        let authority =
            uri.authority().filter(|a| !a.host().is_empty() && !a.as_str().contains('@')).ok_or_else(wrong)?;
        if !matches!(uri.path(), "" | "/") || uri.query().is_some() {
            return Err(format!("{text:?} has a path; a server address ends after the port"));
        }
        let port = authority.port_u16();
        if port.is_none() && authority.as_str() != authority.host() {
            return Err(wrong());
        }
        Ok(Self { tls, authority: authority.to_string(), port })
    }
}

impl fmt::Display for NodeUrl {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "ws{}://{}", if self.tls { "s" } else { "" }, self.authority)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn addresses_for_websockets_and_http_are_taken() {
        for (text, shown) in [
            ("ws://127.0.0.1:8080", "ws://127.0.0.1:8080"),
            ("http://localhost:8080/", "ws://localhost:8080"),
            ("ws://[::1]:9", "ws://[::1]:9"),
            ("ws://example.org", "ws://example.org"),
            ("wss://example.org", "wss://example.org"),
            ("https://example.org:8443/", "wss://example.org:8443"),
        ] {
            assert_eq!(text.parse::<NodeUrl>().unwrap().to_string(), shown);
        }
    }

    #[test]
    fn a_wrong_address_is_told_what_would_be_right() {
        let wrong = "|127.0.0.1:8080|ftp://a|ws://|ws://user@host:1|ws://host:99999|ws://a/b|ws://a?x";
        for text in wrong.split('|') {
            assert!(text.parse::<NodeUrl>().is_err(), "{text}");
        }
    }

    #[tokio::test]
    async fn an_address_is_resolved_with_its_port() {
        for (url, address) in [
            ("ws://127.0.0.1:8081", "127.0.0.1:8081"),
            ("ws://127.0.0.1", "127.0.0.1:80"),
            ("wss://127.0.0.1", "127.0.0.1:443"),
            ("ws://[::1]", "[::1]:80"),
        ] {
            let node = url.parse::<NodeUrl>().unwrap().resolve().await.unwrap();
            assert_eq!(node.addresses, [address.parse().unwrap()]);
        }
    }
}
