//! Lightweight players, so that thousands fit beside the node under test. Each is a socket that listens, answers pings,
//! and selects on request.

use std::{
    io::ErrorKind,
    net::SocketAddr,
    sync::Arc,
    time::{Duration, Instant},
};

use asset_arbiter::model::ServerMessage;
use tokio::{
    io::{AsyncReadExt, AsyncWriteExt},
    net::TcpStream,
    sync::{Semaphore, mpsc},
    task::JoinSet,
};

use crate::support::{frame, handshake, select, soon};

/// Concurrent joins, and concurrent selects. A larger burst would affect memory long after.
const AT_ONCE: usize = 64;

const TEXT: u8 = 1;
const PING: u8 = 9;
const PONG: u8 = 10;
const LAST: u8 = 0x80;

/// Joined players, by number. They leave when the clients is dropped.
pub(crate) struct Clients {
    sockets: Vec<Arc<TcpStream>>,
    news: mpsc::UnboundedReceiver<(usize, News)>,
    _listening: JoinSet<()>,
    /// The time until all were welcomed.
    pub(crate) joined_in: Duration,
}

/// The events that benchmarks wait for: selections, grants and lost connections.
enum News {
    Told(ServerMessage),
    Gone,
}

struct Player {
    number: usize,
    socket: Arc<TcpStream>,
    /// The bytes of an incomplete frame.
    read: Vec<u8>,
}

impl Clients {
    /// Joins one player to each of the given rooms.
    pub(crate) async fn join(address: SocketAddr, rooms: impl Iterator<Item = String>) -> Self {
        let (since, turns, mut joining) = (Instant::now(), Arc::new(Semaphore::new(AT_ONCE)), JoinSet::new());
        for (number, room) in rooms.enumerate() {
            let turn = Arc::clone(&turns).acquire_owned().await.unwrap();
            joining.spawn(async move {
                let player = soon("a welcome", Player::join(address, number, &room)).await;
                drop(turn);
                player
            });
        }
        let mut players = joining.join_all().await;
        let joined_in = since.elapsed();
        players.sort_by_key(|player| player.number);
        let sockets = players.iter().map(|player| Arc::clone(&player.socket)).collect();
        let (tell, news) = mpsc::unbounded_channel();
        let listening = players.into_iter().map(|player| player.listen(tell.clone())).collect();
        Self { sockets, news, _listening: listening, joined_in }
    }

    pub(crate) fn len(&self) -> usize {
        self.sockets.len()
    }

    /// Sends one player's select.
    pub(crate) fn select(&self, number: usize, asset: &str) {
        say(&self.sockets[number], &select(asset, number));
    }

    /// Has every player select. Returns the time until all are answered.
    pub(crate) async fn select_all(&mut self, asset: &str) -> Duration {
        let since = Instant::now();
        let mut asked = 0;
        for answered in 0..self.len() {
            let most = self.len().min(answered + AT_ONCE);
            (asked..most).for_each(|number| self.select(number, asset));
            asked = most;
            self.hear(|_, message| matches!(message, ServerMessage::Selection { .. })).await;
        }
        since.elapsed()
    }

    /// Waits until a player receives a matching message.
    pub(crate) async fn hear(&mut self, wanted: impl Fn(usize, &ServerMessage) -> bool) {
        let heard = async {
            loop {
                match self.news.recv().await.unwrap() {
                    (number, News::Told(message)) if wanted(number, &message) => return,
                    (_, News::Told(_)) => {}
                    (number, News::Gone) => panic!("player {number} was cut off"),
                }
            }
        };
        soon("what a player is to be told", heard).await;
    }
}

impl Player {
    async fn join(address: SocketAddr, number: usize, room: &str) -> Self {
        let mut socket = TcpStream::connect(address).await.unwrap();
        socket.set_nodelay(true).unwrap();
        socket.write_all(handshake(&format!("{room}/ws?player=p{number}")).as_bytes()).await.unwrap();
        let mut read = Vec::new();
        let head = loop {
            assert!(socket.read_buf(&mut read).await.unwrap() > 0, "refused");
            if let Some(end) = read.windows(4).position(|bytes| bytes == b"\r\n\r\n") {
                break read.drain(..end + 4).collect::<Vec<_>>();
            }
        };
        assert!(head.starts_with(b"HTTP/1.1 101 "), "{}", String::from_utf8_lossy(&head));
        let welcome = loop {
            if let Some((_, welcome)) = take_frame(&mut read) {
                break welcome;
            }
            assert!(socket.read_buf(&mut read).await.unwrap() > 0, "cut off before the welcome");
        };
        assert!(welcome.starts_with(br#"{"type":"welcome""#), "{}", String::from_utf8_lossy(&welcome));
        Self { number, socket: Arc::new(socket), read }
    }

    async fn listen(mut self, tell: mpsc::UnboundedSender<(usize, News)>) {
        loop {
            while let Some((kind, payload)) = take_frame(&mut self.read) {
                self.take(kind, &payload, &tell);
            }
            if self.socket.readable().await.is_err() || !self.read() {
                // The receiver may be gone already.
                drop(tell.send((self.number, News::Gone)));
                return;
            }
        }
    }

    /// Reads the available bytes; returns false at the end of the stream.
    fn read(&mut self) -> bool {
        let mut bytes = [0; 4096];
        match self.socket.try_read(&mut bytes) {
            Ok(n) => {
                self.read.extend(&bytes[..n]);
                n > 0
            }
            Err(error) => error.kind() == ErrorKind::WouldBlock,
        }
    }

    fn take(&self, kind: u8, payload: &[u8], tell: &mpsc::UnboundedSender<(usize, News)>) {
        match kind {
            TEXT => {
                let message: ServerMessage = serde_json::from_slice(payload).unwrap();
                if matches!(message, ServerMessage::Selection { .. } | ServerMessage::AssetGranted { .. }) {
                    drop(tell.send((self.number, News::Told(message))));
                }
            }
            PING => say(&self.socket, &frame(LAST | PONG, payload)),
            _ => drop(tell.send((self.number, News::Gone))),
        }
    }
}

/// Writes a message that is small enough for the socket to accept at once.
fn say(socket: &TcpStream, bytes: &[u8]) {
    assert_eq!(socket.try_write(bytes).unwrap(), bytes.len());
}

/// Takes the first complete frame from the bytes read: its opcode and its payload.
fn take_frame(read: &mut Vec<u8>) -> Option<(u8, Vec<u8>)> {
    let (first, second) = (*read.first()?, *read.get(1)?);
    assert!(first & LAST != 0 && second & 0x80 == 0, "a server sends whole frames without a mask");
    let number = |bytes: &[u8]| bytes.iter().fold(0, |number, byte| number << 8 | usize::from(*byte));
    let (head, length) = match second {
        126 => (4, number(read.get(2..4)?)),
        127 => (10, number(read.get(2..10)?)),
        short => (2, short.into()),
    };
    let payload = read.get(head..head + length)?.to_vec();
    read.drain(..head + length);
    Some((first & 0x0f, payload))
}
