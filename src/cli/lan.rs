//! `--lan`: play without tokens in one private network. The server listens at the machine's own private address and at
//! loopback, never at every address, so that a public one is never among them.

use std::net::{IpAddr, Ipv4Addr, SocketAddr, UdpSocket};

use anyhow::{Context, bail};
use qrcode::{QrCode, render::unicode::Dense1x2};
use tokio::net::TcpListener;

use super::{serve_args::ServeArgs, start::bind};

/// Where a packet of the machine's would be sent from: to the world, or else within a private network without a way out.
const TARGETS: [Ipv4Addr; 4] = [
    Ipv4Addr::new(192, 0, 2, 1),
    Ipv4Addr::new(192, 168, 0, 1),
    Ipv4Addr::new(10, 0, 0, 1),
    Ipv4Addr::new(172, 16, 0, 1),
];

/// What contradicts `--lan`, one line each.
pub(super) fn conflicts(args: &ServeArgs) -> Vec<String> {
    if !args.lan {
        return Vec::new();
    }
    let mut found = Vec::new();
    if !args.token_key.is_empty() || args.token_jwks.is_some() {
        found.push(
            "--lan is for play without player tokens: leave out --lan, or --token-key and --token-jwks"
                .to_owned(),
        );
    }
    if args.insecure {
        found.push("--lan keeps changes to this machine and --insecure does not: give one of them".to_owned());
    }
    let ip = args.listen.ip();
    if !is_private(ip) && !names_no_network(ip) {
        found.push(format!(
            "--lan does not listen on {}, which is public: leave out --listen, or name a private address such as \
             192.168.1.5:8080",
            args.listen
        ));
    }
    found
}

/// Binds the machine's private address and loopback, at the same port. An address of `--listen` that names no network says
/// the port alone.
///
/// # Errors
/// The machine is in no network or has a public address; an address cannot be bound.
pub(super) fn listen(address: SocketAddr) -> anyhow::Result<Vec<TcpListener>> {
    let ip = if names_no_network(address.ip()) { own_address()? } else { address.ip() };
    let private = bind("--listen", SocketAddr::new(ip, address.port()))?;
    let here = SocketAddr::from((Ipv4Addr::LOCALHOST, private.local_addr()?.port()));
    Ok(vec![private, bind("--listen", here)?])
}

/// A QR code of `text` for a terminal of any colours; nothing if it is too long for one.
pub(super) fn qr_code(text: &str) -> String {
    let Ok(code) = QrCode::new(text) else { return String::new() };
    let drawn = code.render::<Dense1x2>().build();
    drawn.lines().map(|line| format!("  \x1b[30;107m{line}\x1b[0m\n")).collect()
}

fn own_address() -> anyhow::Result<IpAddr> {
    let ip = TARGETS.into_iter().find_map(source_towards).context(
        "--lan: this machine is in no network; name its private address with --listen, such as 192.168.1.5:8080",
    )?;
    if !is_private(ip) && !is_of_a_test_network(ip) {
        bail!(
            "--lan: this machine's address {ip} is public; name a private one with --listen, such as 192.168.1.5:8080"
        );
    }
    Ok(ip)
}

/// The address that the system would send from. Nothing is sent.
fn source_towards(target: Ipv4Addr) -> Option<IpAddr> {
    const DISCARD: u16 = 9;
    let socket = UdpSocket::bind((Ipv4Addr::UNSPECIFIED, 0)).ok()?;
    socket.connect((target, DISCARD)).ok()?;
    let ip = socket.local_addr().ok()?.ip();
    (!names_no_network(ip)).then_some(ip)
}

/// Whether only one network reaches the address. The addresses that providers share among customers are not private.
fn is_private(ip: IpAddr) -> bool {
    match ip {
        IpAddr::V4(ip) => ip.is_private() || ip.is_link_local(),
        IpAddr::V6(ip) => ip.is_unique_local(),
    }
}

/// Whether the address is one that is set aside for documentation or for measuring (RFC 5737 and 2544). The world reaches none
/// of them, and machines on test networks have them. In a flag they stand for public ones.
fn is_of_a_test_network(ip: IpAddr) -> bool {
    matches!(ip, IpAddr::V4(ip) if ip.is_documentation() || matches!(ip.octets(), [198, 18 | 19, ..]))
}

fn names_no_network(ip: IpAddr) -> bool {
    ip.is_loopback() || ip.is_unspecified()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn addresses_of_one_network_are_private() {
        for ip in ["10.1.2.3", "172.16.0.1", "172.31.255.254", "192.168.1.5", "169.254.7.7", "fd00::1"] {
            assert!(is_private(ip.parse().unwrap()), "{ip}");
        }
        for ip in
            ["8.8.8.8", "172.32.0.1", "192.169.0.1", "100.64.0.1", "203.0.113.5", "2001:db8::1", "fe80::1"]
        {
            assert!(!is_private(ip.parse().unwrap()), "{ip}");
        }
        let of_test = ["192.0.2.2", "198.51.100.1", "203.0.113.5", "198.18.0.1", "198.19.255.254"];
        assert!(of_test.iter().all(|ip| is_of_a_test_network(ip.parse().unwrap())));
        let of_others = ["192.0.3.1", "198.17.0.1", "198.20.0.1", "10.0.0.1", "2001:db8::1"];
        assert!(!of_others.iter().any(|ip| is_of_a_test_network(ip.parse().unwrap())));
    }

    #[test]
    fn a_code_is_square_and_has_a_margin() {
        let code = qr_code("http://192.168.1.5:8080/");
        let inner = |line: &str| line.trim().replace("\x1b[30;107m", "").replace("\x1b[0m", "");
        let lines: Vec<String> = code.lines().map(inner).collect();
        let widths: Vec<_> = lines.iter().map(|line| line.chars().count()).collect();
        // Version 2 has 25 modules, and 4 of margin on each side; a line of text shows two rows.
        assert_eq!(widths, vec![33; 17], "{code}");
        let rows = |line: &str| line.chars().all(|c| c == ' ');
        assert!(rows(&lines[0]) && rows(&lines[1]) && !rows(&lines[2]), "{code}");
        assert!(qr_code(&"x".repeat(5000)).is_empty());
    }
}
