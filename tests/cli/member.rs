//! A WebSocket by hand, as small as it can be.

use std::{
    io::{Read, Write},
    net::{SocketAddr, TcpStream},
};

use super::running::PATIENCE;

pub(crate) struct Member {
    stream: TcpStream,
}

impl Member {
    /// Joins a room, and has its `welcome`.
    pub(crate) fn join(address: SocketAddr, room: &str, player: &str) -> Self {
        let mut stream = TcpStream::connect(address).unwrap();
        stream.set_read_timeout(Some(PATIENCE)).unwrap();
        let request = format!(
            "GET /v1/rooms/{room}/ws?player={player} HTTP/1.1\r\nHost: {address}\r\nUpgrade: websocket\r\n\
             Connection: Upgrade\r\nSec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\nSec-WebSocket-Version: 13\r\n\r\n"
        );
        stream.write_all(request.as_bytes()).unwrap();
        let mut head = Vec::new();
        while !head.ends_with(b"\r\n\r\n") {
            let mut byte = [0];
            stream.read_exact(&mut byte).unwrap();
            head.push(byte[0]);
        }
        assert!(head.starts_with(b"HTTP/1.1 101 "), "{}", String::from_utf8_lossy(&head));
        let mut member = Self { stream };
        member.until("\"welcome\"");
        member
    }

    /// Selects an asset, and has the reply.
    pub(crate) fn select(&mut self, asset: &str) -> String {
        let text = format!(r#"{{"type":"select_asset","asset":"{asset}"}}"#);
        // Masked with zeros, it stays as it is.
        let head = [0x81, 0x80 | u8::try_from(text.len()).unwrap(), 0, 0, 0, 0];
        self.stream.write_all(&[&head, text.as_bytes()].concat()).unwrap();
        self.until("\"selection\"")
    }

    /// The code it is closed with.
    pub(crate) fn closed(&mut self) -> u16 {
        loop {
            let (kind, payload) = self.frame();
            if kind == 8 {
                return u16::from_be_bytes([payload[0], payload[1]]);
            }
        }
    }

    fn until(&mut self, part: &str) -> String {
        loop {
            let (kind, payload) = self.frame();
            let text = String::from_utf8_lossy(&payload).into_owned();
            assert_ne!(kind, 8, "closed: {text}");
            if text.contains(part) {
                return text;
            }
        }
    }

    fn frame(&mut self) -> (u8, Vec<u8>) {
        let [first, length] = self.bytes();
        let length = match length {
            126 => u64::from(u16::from_be_bytes(self.bytes())),
            127 => u64::from_be_bytes(self.bytes()),
            length => u64::from(length),
        };
        let mut payload = vec![0; usize::try_from(length).unwrap()];
        self.stream.read_exact(&mut payload).unwrap();
        (first & 15, payload)
    }

    fn bytes<const N: usize>(&mut self) -> [u8; N] {
        let mut bytes = [0; N];
        self.stream.read_exact(&mut bytes).unwrap();
        bytes
    }
}
