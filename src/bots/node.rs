use std::{fmt, net::SocketAddr, str::FromStr};

use hyper::Uri;

use super::BotsError;

/// The address of one server: `ws://host:port` or `http://host:port`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct NodeUrl {
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
    /// `host:port` as given.
    pub(super) fn authority(&self) -> &str {
        &self.authority
    }

    pub(super) async fn resolve(self) -> Result<Node, BotsError> {
        let target =
            if self.port.is_some() { self.authority.clone() } else { format!("{}:80", self.authority) };
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
        match uri.scheme_str() {
            Some("ws" | "http") => {}
            Some("wss" | "https") => {
                return Err(
                    "the bots do not speak TLS: give the server's own ws:// address, behind the proxy".into()
                );
            }
            _ => return Err(wrong()),
        }
        let authority =
            uri.authority().filter(|a| !a.host().is_empty() && !a.as_str().contains('@')).ok_or_else(wrong)?;
        if !matches!(uri.path(), "" | "/") || uri.query().is_some() {
            return Err(format!("{text:?} has a path; a server address ends after the port"));
        }
        let port = authority.port_u16();
        if port.is_none() && authority.as_str() != authority.host() {
            return Err(wrong());
        }
        Ok(Self { authority: authority.to_string(), port })
    }
}

impl fmt::Display for NodeUrl {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "ws://{}", self.authority)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ws_and_http_addresses_are_taken() {
        for (text, shown) in [
            ("ws://127.0.0.1:8080", "ws://127.0.0.1:8080"),
            ("http://localhost:8080/", "ws://localhost:8080"),
            ("ws://[::1]:9", "ws://[::1]:9"),
            ("ws://example.org", "ws://example.org"),
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
        let tls = "wss://example.org".parse::<NodeUrl>().unwrap_err();
        assert!(tls.contains("TLS") && tls.contains("ws://"), "{tls}");
    }

    #[tokio::test]
    async fn an_address_is_resolved_with_its_port() {
        for (url, address) in [
            ("ws://127.0.0.1:8081", "127.0.0.1:8081"),
            ("ws://127.0.0.1", "127.0.0.1:80"),
            ("ws://[::1]", "[::1]:80"),
        ] {
            let node = url.parse::<NodeUrl>().unwrap().resolve().await.unwrap();
            assert_eq!(node.addresses, [address.parse().unwrap()]);
        }
    }
}
