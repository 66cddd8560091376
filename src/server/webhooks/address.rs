//! Which addresses are never called. Whoever can set the webhook, or the DNS of its host, must not reach through this server
//! what only this server reaches.

use std::{
    io,
    net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr},
    pin::Pin,
    task::{Context, Poll},
    vec,
};

use hyper_util::client::legacy::connect::dns::Name;
use tokio::net::lookup_host;
use tower::Service;

/// Where clouds tell their machines secrets: AWS, Google, Azure and others share 169.254.169.254, which is link-local.
const METADATA: [IpAddr; 5] = [
    IpAddr::V4(Ipv4Addr::new(100, 100, 100, 200)),
    IpAddr::V4(Ipv4Addr::new(168, 63, 129, 16)),
    IpAddr::V4(Ipv4Addr::new(192, 0, 0, 192)),
    IpAddr::V6(Ipv6Addr::new(0xfd00, 0xec2, 0, 0, 0, 0, 0, 0x254)),
    IpAddr::V6(Ipv6Addr::new(0xfd20, 0xce, 0, 0, 0, 0, 0, 0x254)),
];

/// The host has no address that may be called.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error(
    "{0} is never called, because it is link-local, a cloud's metadata address, unspecified, multicast or broadcast"
)]
pub(super) struct Forbidden(pub(super) IpAddr);

/// Whether an address is never called. Loopback and private networks are fine.
pub(super) fn is_forbidden(address: IpAddr) -> bool {
    let is_metadata = METADATA.contains(&address);
    is_metadata
        || match address {
            IpAddr::V4(v4) => {
                v4.octets()[0] == 0 || v4.is_link_local() || v4.is_multicast() || v4.is_broadcast()
            }
            IpAddr::V6(v6) => {
                v6.is_unspecified()
                    || v6.is_multicast()
                    || v6.is_unicast_link_local()
                    || inner(v6).is_some_and(|v4| is_forbidden(IpAddr::V4(v4)))
            }
        }
}

/// The IPv4 address that an IPv6 address leads to: mapped, compatible, NAT64, or 6to4.
fn inner(address: Ipv6Addr) -> Option<Ipv4Addr> {
    if address == Ipv6Addr::LOCALHOST {
        return None;
    }
    let v4 = |high: u16, low: u16| Ipv4Addr::from(u32::from(high) << 16 | u32::from(low));
    match address.segments() {
        [0, 0, 0, 0, 0, 0 | 0xffff, high, low] | [0x64, 0xff9b, 0, 0, 0, 0, high, low] => Some(v4(high, low)),
        [0x2002, high, low, ..] => Some(v4(high, low)),
        _ => None,
    }
}

/// Resolves names to the addresses that may be called. The connection goes to one of these, so that the name cannot lead
/// elsewhere after the check.
#[derive(Debug, Clone, Copy)]
pub(super) struct CheckedResolver;

impl Service<Name> for CheckedResolver {
    type Response = vec::IntoIter<SocketAddr>;
    type Error = io::Error;
    type Future = Pin<Box<dyn Future<Output = io::Result<Self::Response>> + Send>>;

    fn poll_ready(&mut self, _: &mut Context<'_>) -> Poll<io::Result<()>> {
        Poll::Ready(Ok(()))
    }

    fn call(&mut self, name: Name) -> Self::Future {
        Box::pin(async move { allowed(lookup_host((name.as_str(), 0)).await?) })
    }
}

/// The addresses that may be called.
///
/// # Errors
/// [`Forbidden`], if there are none.
fn allowed(addresses: impl Iterator<Item = SocketAddr>) -> io::Result<vec::IntoIter<SocketAddr>> {
    let (forbidden, allowed): (Vec<_>, Vec<_>) = addresses.partition(|address| is_forbidden(address.ip()));
    match forbidden.first() {
        Some(address) if allowed.is_empty() => Err(io::Error::other(Forbidden(address.ip()))),
        _ => Ok(allowed.into_iter()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn addresses_that_only_this_machine_should_reach_are_forbidden() {
        for address in [
            "0.0.0.0",
            "0.1.2.3",
            "169.254.0.1",
            "169.254.169.254",
            "100.100.100.200",
            "168.63.129.16",
            "224.0.0.1",
            "239.255.255.255",
            "255.255.255.255",
            "::",
            "fe80::1",
            "febf::1",
            "ff02::1",
            "fd00:ec2::254",
            "fd20:ce::254",
            "::ffff:169.254.169.254",
            "::ffff:0.0.0.0",
            "::ffff:100.100.100.200",
            "::169.254.169.254",
            "64:ff9b::a9fe:a9fe",
            "2002:a9fe:a9fe::1",
        ] {
            assert!(is_forbidden(address.parse().unwrap()), "{address}");
        }
        for address in [
            "127.0.0.1",
            "10.0.0.1",
            "172.16.0.1",
            "192.168.1.1",
            "100.100.100.201",
            "93.184.216.34",
            "::1",
            "fd00::1",
            "::ffff:10.0.0.1",
            "64:ff9b::5db8:d822",
            "2001:db8::1",
        ] {
            assert!(!is_forbidden(address.parse().unwrap()), "{address}");
        }
    }

    #[test]
    fn a_name_leads_only_to_addresses_that_may_be_called() {
        let at = |addresses: &[&str]| {
            let addresses: Vec<SocketAddr> =
                addresses.iter().map(|address| SocketAddr::new(address.parse().unwrap(), 0)).collect();
            allowed(addresses.into_iter())
                .map(|allowed| allowed.map(|it| it.ip().to_string()).collect::<Vec<_>>())
        };
        assert_eq!(at(&["169.254.169.254", "10.0.0.1", "::ffff:0.0.0.0"]).unwrap(), ["10.0.0.1"]);
        let error = at(&["169.254.169.254", "fe80::1"]).unwrap_err();
        let forbidden = error.get_ref().and_then(|error| error.downcast_ref::<Forbidden>());
        assert_eq!(forbidden, Some(&Forbidden("169.254.169.254".parse().unwrap())));
    }
}
