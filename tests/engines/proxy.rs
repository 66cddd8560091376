//! A TCP proxy that makes things go wrong: by plan for one request, or by seed for many. A request is what
//! arrives in one piece, so it is meant for callers that make one call at a time.

use std::{net::SocketAddr, ops::Deref, sync::Arc, time::Duration};

use fastrand::Rng;
use tokio::{
    io::{AsyncReadExt, AsyncWriteExt},
    net::{TcpListener, TcpStream},
    task::AbortHandle,
    time::{sleep, timeout},
};

use super::faults::Faults;

/// What happens to a request.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Fault {
    /// It arrives late.
    Delay(Duration),
    /// The connection is cut, and it does not arrive.
    CutBefore,
    /// It arrives and is answered, and then the connection is cut.
    CutAfter,
    /// As before, but half of the answer comes through.
    HalfReply,
    /// Nothing comes through on this connection any more, in neither direction; it stays open.
    BlackHole,
    /// It arrives twice, the second time on another connection.
    Twice,
    /// It arrives once more on another connection, so much later.
    Again(Duration),
    /// It does not arrive, and this is the answer.
    Answer(&'static str),
}

/// Stands before one server. A request is of a kind if it has these words in it.
pub struct Proxy {
    pub address: SocketAddr,
    faults: Arc<Faults<Fault>>,
    task: AbortHandle,
}

#[derive(Clone)]
struct State {
    target: SocketAddr,
    faults: Arc<Faults<Fault>>,
}

/// What is larger than that is more than one request to us.
const BUFFER: usize = 256 * 1024;

impl Proxy {
    pub async fn start(target: SocketAddr) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let address = listener.local_addr().unwrap();
        let faults = Arc::new(Faults::new(rough));
        let state = State { target, faults: Arc::clone(&faults) };
        let task = tokio::spawn(accept(listener, state)).abort_handle();
        Self { address, faults, task }
    }
}

impl Deref for Proxy {
    type Target = Faults<Fault>;

    fn deref(&self) -> &Faults<Fault> {
        &self.faults
    }
}

impl Drop for Proxy {
    fn drop(&mut self) {
        self.task.abort();
    }
}

impl State {
    /// Brings the same bytes to the server on a connection of their own.
    fn repeat(&self, request: Vec<u8>, after: Duration) {
        let target = self.target;
        self.faults.later(after, async move {
            if let Ok(mut server) = TcpStream::connect(target).await {
                let _ = server.write_all(&request).await;
                // Answered is arrived.
                let _ = timeout(Duration::from_secs(5), server.read_u8()).await;
            }
        });
    }
}

fn rough(rng: &mut Rng) -> Option<Fault> {
    let some_time = Duration::from_millis(rng.u64(1..20));
    match rng.u8(..100) {
        0..4 => Some(Fault::Delay(some_time)),
        4..6 => Some(Fault::CutBefore),
        6..8 => Some(Fault::CutAfter),
        8..9 => Some(Fault::HalfReply),
        9..11 => Some(Fault::Twice),
        11..13 => Some(Fault::Again(some_time)),
        _ => None,
    }
}

async fn accept(listener: TcpListener, state: State) {
    let mut connections = tokio::task::JoinSet::new();
    while let Ok((client, _)) = listener.accept().await {
        connections.spawn(carry(client, state.clone()));
        while connections.try_join_next().is_some() {}
    }
}

/// Carries one connection until it ends or is cut.
async fn carry(mut client: TcpStream, state: State) -> Option<()> {
    let mut server = TcpStream::connect(state.target).await.ok()?;
    client.set_nodelay(true).ok()?;
    server.set_nodelay(true).ok()?;
    let (mut request, mut reply) = (vec![0; BUFFER], vec![0; BUFFER]);
    loop {
        tokio::select! {
            read = client.read(&mut request) => {
                let bytes = &request[..read.ok().filter(|&read| read > 0)?];
                bring(bytes, &mut client, &mut server, &state).await?;
            }
            read = server.read(&mut reply) => {
                client.write_all(&reply[..read.ok().filter(|&read| read > 0)?]).await.ok()?;
            }
        }
    }
}

/// Brings a request to the server, or what its fate leaves of it; `None` cuts the connection.
async fn bring(bytes: &[u8], client: &mut TcpStream, server: &mut TcpStream, state: &State) -> Option<()> {
    let fault = state.faults.draw(|words| contains(bytes, words.as_bytes()));
    match fault {
        Some(Fault::CutBefore) => return None,
        Some(Fault::Answer(answer)) => return client.write_all(answer.as_bytes()).await.ok(),
        Some(Fault::Delay(delay)) => sleep(delay).await,
        Some(Fault::BlackHole) => std::future::pending().await,
        Some(Fault::Twice) => state.repeat(bytes.to_vec(), Duration::ZERO),
        Some(Fault::Again(after)) => state.repeat(bytes.to_vec(), after),
        _ => {}
    }
    server.write_all(bytes).await.ok()?;
    if matches!(fault, Some(Fault::CutAfter | Fault::HalfReply)) {
        let mut reply = vec![0; BUFFER];
        let read = server.read(&mut reply).await.ok()?;
        if fault == Some(Fault::HalfReply) {
            client.write_all(&reply[..read / 2]).await.ok()?;
        }
        return None;
    }
    Some(())
}

fn contains(bytes: &[u8], words: &[u8]) -> bool {
    bytes.windows(words.len()).any(|window| window == words)
}
