use std::{io, net::SocketAddr};

use tokio::net::{TcpListener, TcpSocket};

/// The length of the kernel's accept queue. Holds the clients that reconnect all at once.
const BACKLOG: u32 = 4096;

/// Where a server listens.
#[derive(Debug)]
pub struct Listeners {
    /// For players, and for whoever uses the HTTP API.
    pub players: Vec<TcpListener>,
    /// For `/metrics`, `/healthz` and `/readyz`, which players are not served then. `None`: players' ports have them.
    pub metrics: Option<TcpListener>,
}

impl From<TcpListener> for Listeners {
    fn from(players: TcpListener) -> Self {
        Self { players: vec![players], metrics: None }
    }
}

/// Binds `address` and listens.
///
/// # Errors
/// Those of the operating system, such as a port in use.
pub fn listen(address: SocketAddr) -> io::Result<TcpListener> {
    let socket = if address.is_ipv4() { TcpSocket::new_v4()? } else { TcpSocket::new_v6()? };
    // Without this option a restart fails for a minute, until old connections time out. On Windows it means something
    // else.
    #[cfg(unix)]
    socket.set_reuseaddr(true)?;
    socket.bind(address)?;
    socket.listen(BACKLOG)
}
