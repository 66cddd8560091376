//! The yardstick: what bare sockets cost on this machine, with nothing around them. One thread writes and reads, so
//! that its processor time is the cost of both ends.

use std::{
    io::{Read, Write},
    net::{TcpListener, TcpStream},
};

use rustix::time::{ClockId, clock_gettime};

const CONNECTIONS: usize = 1000;
const ROUNDS: usize = 20;
/// Bytes of a room frame, of a handshake, and of its answer with a welcome.
const FRAME: usize = 130;
const HANDSHAKE: usize = 180;
const WELCOME: usize = 560;

/// Microseconds of one processor, both ends together.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Floor {
    /// A connection, a request and its answer.
    pub(crate) join: f64,
    /// A small message.
    pub(crate) delivery: f64,
}

impl Floor {
    pub(crate) fn measure() -> Self {
        let (listener, since) = (TcpListener::bind("127.0.0.1:0").unwrap(), processor_time());
        let address = listener.local_addr().unwrap();
        let pairs: Vec<_> = (0..CONNECTIONS)
            .map(|_| {
                let near = TcpStream::connect(address).unwrap();
                let far = listener.accept().unwrap().0;
                far.set_nodelay(true).unwrap();
                say(&near, &far, HANDSHAKE);
                say(&far, &near, WELCOME);
                (near, far)
            })
            .collect();
        let joined = processor_time();
        for _ in 0..ROUNDS {
            pairs.iter().for_each(|(near, far)| say(far, near, FRAME));
        }
        let (join, rounds) = (joined - since, (ROUNDS * CONNECTIONS) as f64);
        Self { join: join / CONNECTIONS as f64, delivery: (processor_time() - joined) / rounds }
    }
}

fn say(mut from: &TcpStream, mut to: &TcpStream, bytes: usize) {
    from.write_all(&vec![b'x'; bytes]).unwrap();
    to.read_exact(&mut vec![0; bytes]).unwrap();
}

/// Microseconds of this thread so far.
fn processor_time() -> f64 {
    let time = clock_gettime(ClockId::ThreadCPUTime);
    time.tv_sec as f64 * 1e6 + time.tv_nsec as f64 / 1e3
}
