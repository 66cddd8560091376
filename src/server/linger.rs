use std::{
    future::poll_fn,
    io::{self, IoSlice},
    mem::MaybeUninit,
    pin::Pin,
    sync::Arc,
    task::{Context, Poll, ready},
    time::Duration,
};

use tokio::{
    io::{AsyncRead, AsyncWrite, ReadBuf},
    net::TcpStream,
    runtime::Handle,
    time::timeout,
};

use super::{connection_limit::Slot, head_watch::HeadWatch, limits::AddressSlot, transport::Transport};
use crate::model::limits::LINGER_SECS;

/// A connection that is not reset when it is dropped.
///
/// A socket that is closed with unread data is reset, and the reset may overtake the last bytes written, such as a
/// close frame. Therefore `drop` ends the sending side, then reads and discards until the peer does the same, for
/// [`LINGER_SECS`] at most. The connection keeps its slot meanwhile, so `--max-connections` also covers these.
pub(super) struct Linger {
    transport: Option<Transport>,
    slot: Option<Slot>,
    /// The peer has finished or is unreachable, so no more data can arrive and cause a reset.
    ended: bool,
    /// Notified of reads and writes. `None`: the connection is a WebSocket.
    watch: Option<Arc<HeadWatch>>,
    /// The response that makes the connection a WebSocket. It leaves together with the first frame.
    response: Vec<u8>,
}

impl Linger {
    /// Takes over a connection and its slot.
    pub(super) fn new(transport: Transport, slot: Slot, watch: Arc<HeadWatch>) -> Self {
        Self {
            transport: Some(transport),
            slot: Some(slot),
            ended: false,
            watch: Some(watch),
            response: Vec::new(),
        }
    }

    /// The connection after it became a WebSocket, which has timeouts of its own, and the response that the client must
    /// be sent before the first frame. `held` is kept until the socket is closed.
    pub(super) fn upgraded(mut self, held: Option<Arc<AddressSlot>>) -> (Self, Vec<u8>) {
        self.watch = None;
        if let Some(slot) = &mut self.slot {
            slot.hold(held);
        }
        let response = std::mem::take(&mut self.response);
        (self, response)
    }

    /// Holds the response back that makes the connection a WebSocket. Nothing follows it over HTTP.
    fn hold<'a>(&mut self, slices: impl Iterator<Item = &'a [u8]> + Clone) -> Option<usize> {
        let watch = self.watch.as_ref().filter(|_| slices.clone().next().is_some_and(switches_protocols))?;
        watch.written();
        slices.for_each(|slice| self.response.extend_from_slice(slice));
        Some(self.response.len())
    }

    fn transport(&mut self) -> io::Result<Pin<&mut Transport>> {
        self.transport.as_mut().map(Pin::new).ok_or_else(|| io::ErrorKind::NotConnected.into())
    }

    fn written(&mut self, written: Poll<io::Result<usize>>) -> Poll<io::Result<usize>> {
        if let Poll::Ready(written) = &written {
            if let Some(watch) = &self.watch {
                watch.written();
            }
            self.notice(written);
        }
        written
    }

    /// After an error nothing more comes from the peer.
    fn notice<T>(&mut self, done: &io::Result<T>) {
        let Err(error) = done else { return };
        self.ended = true;
        if let Some(watch) = self.watch.as_ref().filter(|_| error.kind() == io::ErrorKind::TimedOut) {
            watch.stall();
        }
    }
}

fn switches_protocols(response: &[u8]) -> bool {
    response.starts_with(b"HTTP/1.1 101 ")
}

impl AsyncRead for Linger {
    fn poll_read(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        buf: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        let before = buf.filled().len();
        let read = ready!(self.transport()?.poll_read(cx, buf));
        if let Some(watch) = &self.watch {
            watch.read();
        }
        self.notice(&read);
        self.ended |= buf.filled().len() == before && buf.remaining() > 0;
        Poll::Ready(read)
    }
}

impl AsyncWrite for Linger {
    fn poll_write(mut self: Pin<&mut Self>, cx: &mut Context<'_>, bytes: &[u8]) -> Poll<io::Result<usize>> {
        if let Some(held) = self.hold(std::iter::once(bytes)) {
            return Poll::Ready(Ok(held));
        }
        let written = self.transport()?.poll_write(cx, bytes);
        self.written(written)
    }

    fn poll_write_vectored(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        slices: &[IoSlice<'_>],
    ) -> Poll<io::Result<usize>> {
        if let Some(held) = self.hold(slices.iter().map(|slice| &**slice)) {
            return Poll::Ready(Ok(held));
        }
        let written = self.transport()?.poll_write_vectored(cx, slices);
        self.written(written)
    }

    fn is_write_vectored(&self) -> bool {
        true
    }

    fn poll_flush(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        let flushed = ready!(self.transport()?.poll_flush(cx));
        self.notice(&flushed);
        Poll::Ready(flushed)
    }

    fn poll_shutdown(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        self.transport()?.poll_shutdown(cx)
    }
}

impl Drop for Linger {
    fn drop(&mut self) {
        if self.ended {
            return;
        }
        if let (Some(transport), Some(slot), Ok(runtime)) =
            (self.transport.take(), self.slot.take(), Handle::try_current())
        {
            runtime.spawn(linger(transport, slot));
        }
    }
}

async fn linger(transport: Transport, slot: Slot) {
    let done = async {
        let mut stream = transport.finish().await;
        poll_fn(|cx| discard(&mut stream, cx)).await;
    };
    let _ = timeout(Duration::from_secs(LINGER_SECS), done).await;
    drop(slot);
}

/// Ready when the peer has finished. The buffer lives on the stack of one poll, not in the task.
fn discard(stream: &mut TcpStream, cx: &mut Context<'_>) -> Poll<()> {
    let mut bytes = [MaybeUninit::uninit(); 4096];
    loop {
        let mut buf = ReadBuf::uninit(&mut bytes);
        let read = ready!(Pin::new(&mut *stream).poll_read(cx, &mut buf));
        if read.is_err() || buf.filled().is_empty() {
            return Poll::Ready(());
        }
    }
}

#[cfg(test)]
mod tests {
    use tokio::{
        io::{AsyncReadExt, AsyncWriteExt},
        net::{TcpListener, TcpStream},
    };

    use super::*;
    use crate::server::{connection_limit::ConnectionLimit, timed_tcp::TimedTcp};

    fn plain(stream: TcpStream, connections: &Arc<ConnectionLimit>, patience: Duration) -> Linger {
        let transport = Transport::Plain(TimedTcp::new(stream, patience));
        Linger::new(transport, connections.take().unwrap(), watch())
    }

    fn watch() -> Arc<HeadWatch> {
        HeadWatch::new(Duration::from_secs(10), Duration::from_secs(10))
    }

    async fn pair() -> (TcpStream, TcpStream) {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let client = TcpStream::connect(listener.local_addr().unwrap()).await.unwrap();
        (client, listener.accept().await.unwrap().0)
    }

    #[tokio::test]
    async fn the_last_bytes_survive_what_lies_unread() {
        let connections = ConnectionLimit::new(1);
        let (mut client, server) = pair().await;
        let mut server = plain(server, &connections, Duration::from_secs(1));
        client.write_all(&[7; 100_000]).await.unwrap();
        server.write_all(b"farewell").await.unwrap();
        drop(server);
        // The client still sends after the server has finished. A plain close would answer this with a reset.
        client.write_all(&[7; 100_000]).await.unwrap();
        let mut heard = Vec::new();
        client.read_to_end(&mut heard).await.unwrap();
        assert_eq!(heard, b"farewell");
        drop(client);
        connections.empty().await;
    }

    #[tokio::test]
    async fn a_peer_that_never_ends_is_left_after_a_while() {
        let connections = ConnectionLimit::new(1);
        let (_client, server) = pair().await;
        drop(plain(server, &connections, Duration::from_secs(1)));
        assert_eq!(connections.taken(), 1, "a lingering connection keeps its slot");
        timeout(Duration::from_secs(LINGER_SECS + 5), connections.empty()).await.expect("it is left");
    }

    #[tokio::test]
    async fn a_peer_that_takes_nothing_is_given_up() {
        let connections = ConnectionLimit::new(1);
        let (_client, server) = pair().await;
        let mut server = plain(server, &connections, Duration::from_millis(50));
        let error = server.write_all(&vec![7; 32 << 20]).await.unwrap_err();
        assert_eq!(error.kind(), io::ErrorKind::TimedOut);
    }
}
