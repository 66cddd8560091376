//! The PROXY protocol, versions 1 and 2: a trusted proxy's word on the client's address, before everything else.

use std::{
    io,
    net::{IpAddr, Ipv4Addr, Ipv6Addr},
    time::Duration,
};

use tokio::{io::AsyncReadExt, time::sleep};

use super::timed_tcp::TimedTcp;
use crate::model::limits::PROXY_HEADER_BYTES;

const TEXT: &[u8] = b"PROXY ";
/// The longest header of version 1.
const TEXT_BYTES: usize = 107;
const BINARY: &[u8] = b"\r\n\r\n\0\r\nQUIT\n";
/// Signature, version and command, family, length.
const BINARY_HEAD: usize = BINARY.len() + 4;

/// A proxy sends its header in one packet, so what is incomplete is rare.
const LOOK_AGAIN: Duration = Duration::from_millis(5);

/// What the first bytes of a connection are.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Start {
    /// No header.
    Other,
    /// Perhaps a header, of which more has to come.
    Partial,
    Header {
        length: usize,
        /// `None`: the proxy speaks for itself, or of no address.
        client: Option<IpAddr>,
    },
    /// A header that breaks the rules.
    Broken(&'static str),
}

/// Reads the header if there is one, and nothing else.
///
/// # Errors
/// The connection ended or failed, or the header is broken.
pub(super) async fn read(tcp: &mut TimedTcp) -> io::Result<Option<IpAddr>> {
    let mut bytes = [0; PROXY_HEADER_BYTES];
    loop {
        let seen = tcp.get_ref().peek(&mut bytes).await?;
        match parse(&bytes[..seen]) {
            _ if seen == 0 => return Err(io::ErrorKind::UnexpectedEof.into()),
            Start::Other => return Ok(None),
            Start::Header { length, client } => {
                tcp.read_exact(&mut bytes[..length]).await?;
                return Ok(client);
            }
            Start::Broken(why) => return Err(io::Error::new(io::ErrorKind::InvalidData, why)),
            Start::Partial => sleep(LOOK_AGAIN).await,
        }
    }
}

/// Looks at the first bytes of a connection.
pub(super) fn parse(bytes: &[u8]) -> Start {
    if begins(bytes, BINARY) {
        binary(bytes)
    } else if begins(bytes, TEXT) {
        text(bytes)
    } else {
        Start::Other
    }
}

/// Whether the bytes begin with `start`, as far as they go.
fn begins(bytes: &[u8], start: &[u8]) -> bool {
    bytes.iter().zip(start).all(|(a, b)| a == b)
}

/// `PROXY TCP4 192.0.2.1 192.0.2.2 4711 80\r\n`
fn text(bytes: &[u8]) -> Start {
    let Some(end) = bytes.iter().take(TEXT_BYTES).position(|byte| *byte == b'\n') else {
        return if bytes.len() < TEXT_BYTES {
            Start::Partial
        } else {
            Start::Broken("the PROXY line has no end")
        };
    };
    let line =
        bytes[..end].strip_suffix(b"\r").and_then(|line| std::str::from_utf8(line).ok()).unwrap_or_default();
    let words: Vec<_> = line.split(' ').collect();
    let client = match words[..] {
        ["PROXY", "TCP4", client, _, _, _] => client.parse::<Ipv4Addr>().ok().map(IpAddr::V4),
        ["PROXY", "TCP6", client, _, _, _] => client.parse::<Ipv6Addr>().ok().map(IpAddr::V6),
        ["PROXY", "UNKNOWN", ..] => return Start::Header { length: end + 1, client: None },
        _ => None,
    };
    match client {
        Some(client) => Start::Header { length: end + 1, client: Some(client) },
        None => Start::Broken("the PROXY line is not as its specification says"),
    }
}

fn binary(bytes: &[u8]) -> Start {
    let Some((head, rest)) = bytes.split_first_chunk::<BINARY_HEAD>() else { return Start::Partial };
    let [.., command, family, high, low] = *head;
    let length = usize::from(u16::from_be_bytes([high, low]));
    if BINARY_HEAD + length > PROXY_HEADER_BYTES {
        return Start::Broken("the PROXY header is too long");
    }
    let Some(rest) = rest.get(..length) else { return Start::Partial };
    const LOCAL: u8 = 0x20;
    const PROXY: u8 = 0x21;
    let client = match (command, family >> 4) {
        (LOCAL, _) | (PROXY, 0 | 3) => Ok(None),
        (PROXY, 1) => address::<4>(rest, 12),
        (PROXY, 2) => address::<16>(rest, 36),
        _ => Err(Start::Broken("the PROXY header has an unknown version, command or family")),
    };
    client.map_or_else(|broken| broken, |client| Start::Header { length: BINARY_HEAD + length, client })
}

/// The client's address of N bytes. `whole` are both addresses and ports.
fn address<const N: usize>(rest: &[u8], whole: usize) -> Result<Option<IpAddr>, Start>
where
    IpAddr: From<[u8; N]>,
{
    let client = rest.first_chunk::<N>().filter(|_| rest.len() >= whole);
    client.map(|client| Some(IpAddr::from(*client))).ok_or(Start::Broken("the PROXY header is cut off"))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn header(command: u8, family: u8, rest: &[u8]) -> Vec<u8> {
        let length = (rest.len() as u16).to_be_bytes();
        [BINARY, &[command, family], &length, rest].concat()
    }

    fn client(bytes: &[u8]) -> Option<String> {
        match parse(&[bytes, b"GET / HTTP/1.1\r\n"].concat()) {
            Start::Header { length, client } => {
                assert_eq!(length, bytes.len());
                client.map(|client| client.to_string())
            }
            other => panic!("{other:?}"),
        }
    }

    #[test]
    fn both_versions_name_the_client() {
        assert_eq!(client(b"PROXY TCP4 192.0.2.1 192.0.2.2 4711 80\r\n").as_deref(), Some("192.0.2.1"));
        assert_eq!(client(b"PROXY TCP6 2001:db8::1 2001:db8::2 4711 80\r\n").as_deref(), Some("2001:db8::1"));
        assert_eq!(client(b"PROXY UNKNOWN\r\n"), None);
        let v4 = [192, 0, 2, 1, 192, 0, 2, 2, 18, 103, 0, 80];
        assert_eq!(client(&header(0x21, 0x11, &v4)).as_deref(), Some("192.0.2.1"));
        let with_more = [&v4[..], &[4, 0, 1, 9]].concat();
        assert_eq!(client(&header(0x21, 0x11, &with_more)).as_deref(), Some("192.0.2.1"));
        let v6: Vec<u8> = (1..=36).collect();
        assert_eq!(client(&header(0x21, 0x21, &v6)).as_deref(), Some("102:304:506:708:90a:b0c:d0e:f10"));
        assert_eq!(client(&header(0x20, 0x11, &v4)), None, "LOCAL: a health check");
        assert_eq!(client(&header(0x21, 0x00, &[])), None);
    }

    #[test]
    fn every_part_of_a_header_is_partial() {
        let v4 = header(0x21, 0x11, &[192, 0, 2, 1, 192, 0, 2, 2, 18, 103, 0, 80]);
        for whole in [&v4[..], b"PROXY TCP4 192.0.2.1 192.0.2.2 4711 80\r\n"] {
            for length in 0..whole.len() {
                assert_eq!(parse(&whole[..length]), Start::Partial, "{length}");
            }
        }
    }

    #[test]
    fn what_is_no_header_is_left_alone() {
        for bytes in [&b"GET / HTTP/1.1\r\n"[..], b"POST /", b"PUT /", b"\x16\x03\x01", b"\r\n\r\nGET /"] {
            assert_eq!(parse(bytes), Start::Other, "{bytes:?}");
        }
    }

    #[test]
    fn a_broken_header_is_refused() {
        let long = format!("PROXY TCP4 {}", "1".repeat(TEXT_BYTES));
        for bytes in [
            &b"PROXY TCP4 192.0.2.1\r\n"[..],
            b"PROXY TCP4 2001:db8::1 ::1 1 2\r\n",
            b"PROXY TCP4 192.0.2.1 192.0.2.2 4711 80\n",
            b"PROXY HTTP/1.1\r\n",
            long.as_bytes(),
            &header(0x11, 0x11, &[0; 12]),
            &header(0x22, 0x11, &[0; 12]),
            &header(0x21, 0x41, &[0; 12]),
            &header(0x21, 0x11, &[0; 11]),
            &header(0x21, 0x21, &[0; 12]),
            &header(0x21, 0x11, &[0; PROXY_HEADER_BYTES]),
        ] {
            assert!(matches!(parse(bytes), Start::Broken(_)), "{bytes:?}");
        }
    }
}
