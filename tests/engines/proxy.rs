//! A TCP proxy that makes things go wrong: by plan for one request, or by seed for many. A request is what
//! arrives in one piece, so it is meant for callers that make one call at a time.

use std::{net::SocketAddr, sync::Arc, time::Duration};

use fastrand::Rng;
use parking_lot::Mutex;
use tokio::{
    io::{AsyncReadExt, AsyncWriteExt},
    net::{TcpListener, TcpStream},
    sync::watch,
    task::AbortHandle,
    time::{sleep, timeout},
};

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

/// Stands before one server.
pub struct Proxy {
    pub address: SocketAddr,
    state: Arc<State>,
    task: AbortHandle,
}

struct State {
    target: SocketAddr,
    plan: Mutex<Plan>,
    /// Repeats that are still to come.
    late: watch::Sender<usize>,
}

#[derive(Default)]
struct Plan {
    next: Vec<(&'static str, Fault)>,
    rough: Option<Rng>,
    met: usize,
}

/// What is larger than that is more than one request to us.
const BUFFER: usize = 256 * 1024;

impl Proxy {
    pub async fn start(target: SocketAddr) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let address = listener.local_addr().unwrap();
        let late = watch::Sender::new(0);
        let state = Arc::new(State { target, plan: Mutex::default(), late });
        let task = tokio::spawn(accept(listener, Arc::clone(&state))).abort_handle();
        Self { address, state, task }
    }

    /// The next request that has `words` in it meets `fault`.
    pub fn next(&self, words: &'static str, fault: Fault) {
        self.state.plan.lock().next.push((words, fault));
    }

    /// From now on every tenth request or so meets some fault, as the seed will have it.
    pub fn be_rough(&self, seed: u64) {
        self.state.plan.lock().rough = Some(Rng::with_seed(seed));
    }

    /// From now on nothing goes wrong.
    pub fn be_gentle(&self) {
        self.state.plan.lock().rough = None;
    }

    /// How many requests met a fault so far.
    pub fn met(&self) -> usize {
        self.state.plan.lock().met
    }

    /// Waits until everything that was to arrive again has arrived.
    pub async fn settled(&self) {
        let _ = self.state.late.subscribe().wait_for(|&late| late == 0).await;
    }
}

impl Drop for Proxy {
    fn drop(&mut self) {
        self.task.abort();
    }
}

impl State {
    fn draw(&self, request: &[u8]) -> Option<Fault> {
        let plan = &mut *self.plan.lock();
        let planned = plan.next.iter().position(|(words, _)| contains(request, words.as_bytes()));
        let fault = match planned {
            Some(index) => Some(plan.next.remove(index).1),
            None => plan.rough.as_mut().and_then(rough),
        };
        plan.met += usize::from(fault.is_some());
        fault
    }

    /// Brings the same bytes to the server on a connection of their own.
    fn repeat(self: &Arc<Self>, request: Vec<u8>, after: Duration) {
        self.late.send_modify(|late| *late += 1);
        let state = Arc::clone(self);
        tokio::spawn(async move {
            sleep(after).await;
            if let Ok(mut server) = TcpStream::connect(state.target).await {
                let _ = server.write_all(&request).await;
                // Answered is arrived.
                let _ = timeout(Duration::from_secs(5), server.read_u8()).await;
            }
            state.late.send_modify(|late| *late -= 1);
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

async fn accept(listener: TcpListener, state: Arc<State>) {
    let mut connections = tokio::task::JoinSet::new();
    while let Ok((client, _)) = listener.accept().await {
        connections.spawn(carry(client, Arc::clone(&state)));
        while connections.try_join_next().is_some() {}
    }
}

/// Carries one connection until it ends or is cut.
async fn carry(mut client: TcpStream, state: Arc<State>) -> Option<()> {
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
async fn bring(bytes: &[u8], client: &mut TcpStream, server: &mut TcpStream, state: &Arc<State>) -> Option<()> {
    let fault = state.draw(bytes);
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
