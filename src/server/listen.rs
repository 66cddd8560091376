use std::{io, net::SocketAddr};

use socket2::{Domain, Protocol, Socket, Type};
use tokio::net::TcpListener;

/// The length of the kernel's accept queue. Holds a crowd that reconnects all at once.
const BACKLOG: i32 = 4096;

/// Binds `address` and listens.
///
/// # Errors
/// Those of the operating system, such as a port in use.
pub fn listen(address: SocketAddr) -> io::Result<TcpListener> {
    let socket = Socket::new(Domain::for_address(address), Type::STREAM, Some(Protocol::TCP))?;
    // Without this option a restart fails for a minute, until old connections time out. On Windows it means something
    // else.
    #[cfg(unix)]
    socket.set_reuse_address(true)?;
    socket.set_nonblocking(true)?;
    socket.bind(&address.into())?;
    socket.listen(BACKLOG)?;
    TcpListener::from_std(socket.into())
}
