use std::{
    io::{Read, Write},
    net::TcpStream,
    sync::Arc,
};

use parking_lot::Mutex;

#[cfg(feature = "nats")]
use crate::engines::{eventually, nats};
use crate::engines::{not_selected, process::Process, redis, selected};

/// A bus's server, of any kind.
pub(crate) enum Server {
    Redis(redis::Server),
    #[cfg(feature = "nats")]
    Nats(nats::Server),
}

/// One of every kind this machine has, of those that were asked for.
pub(crate) fn servers() -> Vec<Server> {
    let mut servers = Vec::new();
    let kin = selected("redis") || selected("valkey");
    if kin {
        servers.extend(redis::all().into_iter().map(|engine| Server::Redis(engine.start())));
    }
    #[cfg(feature = "nats")]
    if selected("nats") {
        servers.extend(nats::nats().map(|engine| Server::Nats(engine.start())));
    }
    if !kin && !selected("nats") {
        not_selected("redis");
    }
    servers
}

impl Server {
    pub(crate) fn url(&self) -> String {
        match self {
            Self::Redis(server) => server.url(),
            #[cfg(feature = "nats")]
            Self::Nats(server) => server.url(),
        }
    }

    pub(crate) fn process(&mut self) -> &mut Process {
        match self {
            Self::Redis(server) => &mut server.process,
            #[cfg(feature = "nats")]
            Self::Nats(server) => &mut server.process,
        }
    }

    pub(crate) fn restart(&mut self) {
        match self {
            Self::Redis(server) => server.restart(),
            #[cfg(feature = "nats")]
            Self::Nats(server) => server.restart(),
        }
    }

    /// How many connections nodes have.
    pub(crate) async fn connections(&self) -> usize {
        match self {
            Self::Redis(server) => redis_connections(server),
            #[cfg(feature = "nats")]
            Self::Nats(server) => eventually("its connections", async || server.connections().await).await,
        }
    }

    /// Says something in a room by hand.
    pub(crate) fn say(&self, room: &str, text: &str) {
        match self {
            Self::Redis(server) => {
                assert_eq!(server.ask::<usize>(&["PUBLISH", &channel(room), text]), 1, "somebody hears it");
            }
            #[cfg(feature = "nats")]
            Self::Nats(server) => {
                let said = format!("PUB {} {}\r\n{text}\r\nPING\r\n", subject(room), text.len());
                let mut stream = TcpStream::connect(("127.0.0.1", server.port)).unwrap();
                stream.write_all(format!("CONNECT {{}}\r\n{said}").as_bytes()).unwrap();
                while !String::from_utf8_lossy(&read(&mut stream).unwrap()).contains("PONG") {}
            }
        }
    }

    /// Hears a room without ever asking the server whether it is still there.
    pub(crate) fn listen(&self, room: &str) -> Listener {
        match self {
            Self::Redis(server) => Listener::start(server.port, &format!("SUBSCRIBE {}\r\n", channel(room))),
            #[cfg(feature = "nats")]
            Self::Nats(server) => {
                Listener::start(server.port, &format!("CONNECT {{}}\r\nSUB {} 1\r\nPING\r\n", subject(room)))
            }
        }
    }
}

/// Those that speak as only a bus does.
pub(crate) fn redis_connections(server: &redis::Server) -> usize {
    let clients: String = server.ask(&["CLIENT", "LIST"]);
    clients.lines().filter(|line| line.contains("resp=3")).count()
}

fn channel(room: &str) -> String {
    format!("asset-arbiter:{{{room}}}:bus:0")
}

#[cfg(feature = "nats")]
fn subject(room: &str) -> String {
    format!("asset-arbiter.room.{room}")
}

/// What came, as text.
#[derive(Default)]
pub(crate) struct Listener(Arc<Mutex<Vec<u8>>>);

impl Listener {
    fn start(port: u16, hello: &str) -> Self {
        let mut stream = TcpStream::connect(("127.0.0.1", port)).unwrap();
        stream.write_all(hello.as_bytes()).unwrap();
        let listener = Self::default();
        let heard = Arc::clone(&listener.0);
        // The thread ends with the server.
        std::thread::spawn(move || {
            while let Ok(bytes) = read(&mut stream) {
                heard.lock().extend(bytes);
            }
        });
        listener
    }

    /// The server has acknowledged it.
    pub(crate) fn is_there(&self) -> bool {
        let heard = String::from_utf8_lossy(&self.0.lock()).into_owned();
        heard.contains("subscribe") || heard.contains("PONG")
    }

    /// The revisions heard so far.
    pub(crate) fn revisions(&self) -> Vec<u64> {
        let heard = String::from_utf8_lossy(&self.0.lock()).into_owned();
        let parts = heard.split("\"revision\":").skip(1);
        parts.filter_map(|part| part[..part.find(',')?].parse().ok()).collect()
    }
}

fn read(stream: &mut TcpStream) -> std::io::Result<Vec<u8>> {
    let mut buffer = vec![0; 64 * 1024];
    match stream.read(&mut buffer)? {
        0 => Err(std::io::ErrorKind::UnexpectedEof.into()),
        n => Ok(buffer[..n].to_vec()),
    }
}
