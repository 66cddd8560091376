//! What hostile clients do. Each does it again and again until it is dropped.

use std::{
    future::pending,
    io,
    net::{Ipv4Addr, SocketAddr},
    time::Duration,
};

use tokio::{
    io::AsyncWriteExt,
    time::{sleep, timeout},
};

use crate::{
    support::{frame, select, text, tokens::bearer},
    tally::Tally,
    wire::{Wire, close_code, connect, knock, token},
};

/// Longer than the server waits for anything.
const LONG: Duration = Duration::from_secs(30);

/// The beginning of a frame that is one gigabyte long.
const GIGABYTE: [u8; 14] = [0x81, 0xff, 0, 0, 0, 0, 0x40, 0, 0, 0, 1, 2, 3, 4];

#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum Kind {
    SlowHeads,
    SlowBodies,
    HalfOpen,
    Junk,
    Oversized,
    Fragments,
    PingFlood,
    SelectFlood,
    WrongTokens,
    LargeReads,
    ReadNothing,
    RoomNames,
}

impl Kind {
    pub(crate) const ALL: [Self; 12] = [
        Self::SlowHeads,
        Self::SlowBodies,
        Self::HalfOpen,
        Self::Junk,
        Self::Oversized,
        Self::Fragments,
        Self::PingFlood,
        Self::SelectFlood,
        Self::WrongTokens,
        Self::LargeReads,
        Self::ReadNothing,
        Self::RoomNames,
    ];

    /// What the server answers: at least this, and nothing that is not among these. `cut`: it ends the connection
    /// without a word.
    pub(crate) fn answers(self) -> &'static [&'static str] {
        match self {
            Self::SlowHeads | Self::HalfOpen | Self::ReadNothing => &["cut"],
            Self::SlowBodies => &["408"],
            Self::Junk => &["1002", "cut"],
            Self::Oversized | Self::Fragments => &["1009", "cut"],
            Self::PingFlood => &["pong", "cut"],
            Self::SelectFlood => &["4129", "cut"],
            Self::WrongTokens => &["4001", "cut"],
            Self::LargeReads => &["200", "cut"],
            Self::RoomNames => &["404", "welcome", "cut"],
        }
    }

    /// The address of a client of this kind.
    fn address(self, client: u8) -> Ipv4Addr {
        Ipv4Addr::new(127, 0, 100 + self as u8, 1 + client)
    }
}

/// A hostile client.
#[derive(Clone)]
pub(crate) struct Hostile {
    pub(crate) kind: Kind,
    pub(crate) number: u8,
    pub(crate) server: SocketAddr,
    pub(crate) tally: Tally,
}

impl Hostile {
    /// Goes on until it is dropped.
    pub(crate) async fn go_on(self) {
        for turn in 0.. {
            match self.turn(turn).await {
                Ok(answer) => self.count(&answer),
                // This machine has no port left.
                Err(error) if error.kind() == io::ErrorKind::AddrNotAvailable => sleep(LONG).await,
                // An answer that was not expected.
                Err(error) if error.kind() == io::ErrorKind::Other => self.count(&error.to_string()),
                Err(_) => self.count("cut"),
            }
            tokio::task::yield_now().await;
        }
    }

    fn count(&self, answer: &str) {
        self.tally.count(self.kind, answer);
    }

    async fn turn(&self, turn: u64) -> io::Result<String> {
        match self.kind {
            Kind::SlowHeads => self.slowly(&knock("race-0", &self.token())).await,
            Kind::SlowBodies => self.slow_body().await,
            Kind::HalfOpen => self.half_open().await,
            Kind::Junk => self.told(|_| vec![0xff; 64]).await,
            Kind::Oversized => self.told(|n| if n == 0 { GIGABYTE.to_vec() } else { vec![b'x'; 4096] }).await,
            Kind::Fragments => self.told(|n| frame(if n == 0 { 0x01 } else { 0x00 }, &[b' '; 1000])).await,
            Kind::PingFlood => self.pings().await,
            Kind::SelectFlood => self.told(|n| select("sword", n)).await,
            Kind::WrongTokens => self.wrong_token().await,
            Kind::LargeReads => self.large_reads().await,
            Kind::ReadNothing => self.read_nothing().await,
            Kind::RoomNames => self.room_names(turn).await,
        }
    }

    fn token(&self) -> String {
        token(&format!("{:?}-{}", self.kind, self.number))
    }

    async fn open(&self) -> io::Result<Wire> {
        Wire::open(self.server, self.kind.address(self.number)).await
    }

    async fn join(&self, room: &str) -> io::Result<Wire> {
        Wire::join(self.server, self.kind.address(self.number), room, &self.token()).await
    }

    /// Writes a byte at a time.
    async fn slowly(&self, bytes: &[u8]) -> io::Result<String> {
        let mut wire = self.open().await?;
        for byte in bytes {
            wire.write(&[*byte]).await?;
            if let Ok(answer) = timeout(Duration::from_millis(50), wire.incoming.status()).await {
                return answer;
            }
        }
        wire.incoming.status().await
    }

    async fn slow_body(&self) -> io::Result<String> {
        let mut wire = self.open().await?;
        let head = "POST /v1/rooms/race-0/assets/a/select HTTP/1.1\r\nHost: x\r\nContent-Length: 1000\r\n";
        wire.write(format!("{head}{}\r\n{{", bearer(&self.token())).as_bytes()).await?;
        loop {
            wire.write(b" ").await?;
            if let Ok(answer) = timeout(Duration::from_millis(50), wire.incoming.status()).await {
                return answer;
            }
        }
    }

    async fn half_open(&self) -> io::Result<String> {
        let mut wire = self.open().await?;
        wire.write(b"GET /v1/rooms/race-0/ws HTTP/1.1\r\nHost: x\r\nUpgrade: websocket\r\n").await?;
        wire.incoming.status().await
    }

    /// Joins, and writes what `bytes` returns until the connection ends.
    async fn told(&self, bytes: impl Fn(usize) -> Vec<u8>) -> io::Result<String> {
        let Wire { mut incoming, mut outgoing } = self.join("hostile").await?;
        let writing = async {
            for n in 0.. {
                if outgoing.write_all(&bytes(n)).await.is_err() {
                    break;
                }
            }
            pending::<()>().await;
        };
        tokio::select! {
            () = writing => unreachable!("it waits for the end"),
            ending = incoming.ending() => Ok(ending),
        }
    }

    async fn pings(&self) -> io::Result<String> {
        let mut wire = self.join("hostile").await?;
        let flood = frame(0x89, &[b'p'; 125]).repeat(64);
        loop {
            wire.write(&flood).await?;
            for _ in 0..64 {
                match wire.incoming.frame().await? {
                    (8, payload) => return Ok(close_code(&payload)),
                    (10, _) => self.count("pong"),
                    _ => {}
                }
            }
        }
    }

    async fn wrong_token(&self) -> io::Result<String> {
        let token = self.token();
        let forged = format!("{}AAAA", &token[..token.len() - 4]);
        let mut wire = Wire::join(self.server, self.kind.address(self.number), "race-0", &forged).await?;
        Ok(wire.incoming.ending().await)
    }

    async fn large_reads(&self) -> io::Result<String> {
        let mut wire = self.open().await?;
        let request = format!("GET /v1/rooms/large HTTP/1.1\r\nHost: x\r\n{}\r\n", bearer(&self.token()));
        loop {
            self.count(&wire.ask(&request).await?);
        }
    }

    /// Joins the large room and asks for it again and again, and reads nothing until it must have been cut.
    async fn read_nothing(&self) -> io::Result<String> {
        let mut stream = connect(self.server, self.kind.address(self.number), true).await?;
        stream.write_all(&knock("large", &self.token())).await?;
        let flood = async { while stream.write_all(&text(r#"{"type":"sync"}"#)).await.is_ok() {} };
        timeout(LONG, flood).await.map_err(|_| io::Error::other("it is not cut"))?;
        Ok("cut".to_owned())
    }

    /// Names a room that there is not: over HTTP, and every hundredth over WebSocket.
    async fn room_names(&self, turn: u64) -> io::Result<String> {
        let mut wire = self.open().await?;
        for name in 0..100 {
            let room = format!("no-{}-{turn}-{name}", self.number);
            let request = format!("GET /v1/rooms/{room} HTTP/1.1\r\nHost: x\r\n{}\r\n", bearer(&self.token()));
            self.count(&wire.ask(&request).await?);
        }
        let mut member = self.join(&format!("no-{}-{turn}", self.number)).await?;
        member.incoming.frame().await?;
        Ok("welcome".to_owned())
    }
}
