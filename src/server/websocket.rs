//! The WebSocket of an established connection (RFC 6455, the server's side, without extensions).
//!
//! The handshake is axum's. The frames are ours, because their cost is most of the server's: one read and one write
//! per wake-up, buffers that belong to the thread, and room frames that are encoded once for all members.

mod decoder;

use std::{
    cell::RefCell,
    io,
    pin::Pin,
    task::{Context, Poll, ready},
};

use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};

pub use self::decoder::{Decoder, Incoming, Violation};
use crate::model::{
    Opcode, append_frame,
    limits::{READ_BUFFER, WRITE_BUFFER},
};

thread_local! {
    /// What a connection reads at once. Messages are handled before the next connection reads.
    static INPUT: RefCell<Vec<u8>> = RefCell::new(vec![0; READ_BUFFER]);
    /// What a connection sends at once. Empty between two connections.
    static OUTPUT: RefCell<Vec<u8>> = const { RefCell::new(Vec::new()) };
}

/// A WebSocket over a stream. It keeps bytes of its own only while the stream accepts none, or while a message is
/// incomplete.
#[derive(Debug)]
pub struct WebSocket<S> {
    stream: S,
    decoder: Decoder,
    /// Received bytes that were not decoded yet.
    unread: Vec<u8>,
    /// Bytes that the stream has not accepted yet.
    unsent: Vec<u8>,
}

/// Why no more messages can be received.
#[derive(Debug)]
pub enum Ended {
    /// The stream ended without a close frame, or failed.
    Io(io::Error),
    /// The client violated the protocol.
    Violation(Violation),
}

impl<S: AsyncRead + AsyncWrite + Unpin> WebSocket<S> {
    /// A WebSocket after the handshake. `unread` has the bytes that arrived together with it.
    pub fn new(stream: S, unread: Vec<u8>, max_message: usize) -> Self {
        Self { stream, decoder: Decoder::new(max_message), unread, unsent: Vec::new() }
    }

    /// Whether the stream has not accepted all bytes yet.
    pub fn is_full(&self) -> bool {
        !self.unsent.is_empty()
    }

    /// Reads once, and passes the received messages to `handle` until it returns false. The remaining ones wait for
    /// the next call. Ready after a read, even if no message is complete.
    ///
    /// # Errors
    /// [`Ended`]: the connection cannot go on. The messages before the error were passed on.
    pub fn poll_receive(
        &mut self,
        cx: &mut Context<'_>,
        handle: impl FnMut(Incoming<'_>) -> bool,
    ) -> Poll<Result<(), Ended>> {
        if !self.unread.is_empty() {
            let mut unread = std::mem::take(&mut self.unread);
            let used = self.decode(&mut unread, handle)?;
            if used < unread.len() {
                unread.drain(..used);
                self.unread = unread;
            }
            return Poll::Ready(Ok(()));
        }
        INPUT.with_borrow_mut(|buffer| {
            let mut read = ReadBuf::new(buffer);
            ready!(Pin::new(&mut self.stream).poll_read(cx, &mut read)).map_err(Ended::Io)?;
            let received = read.filled_mut();
            if received.is_empty() {
                return Poll::Ready(Err(Ended::Io(io::ErrorKind::UnexpectedEof.into())));
            }
            let used = self.decode(received, handle)?;
            self.unread.extend_from_slice(&received[used..]);
            Poll::Ready(Ok(()))
        })
    }

    /// Passes the messages in `bytes` to `handle`. Returns the number of bytes used.
    fn decode(
        &mut self,
        bytes: &mut [u8],
        mut handle: impl FnMut(Incoming<'_>) -> bool,
    ) -> Result<usize, Ended> {
        let mut used = 0;
        while used < bytes.len() {
            let (taken, incoming) = self.decoder.decode(&mut bytes[used..]).map_err(Ended::Violation)?;
            used += taken;
            let Some(incoming) = incoming else { break };
            if !handle(incoming) {
                break;
            }
        }
        Ok(used)
    }

    /// Sends the frames that `fill` appends, until it returns false. Ready when the stream has accepted all of them.
    /// `fill` is called only when the stream has accepted the frames before.
    ///
    /// # Errors
    /// The stream failed.
    pub fn poll_send(
        &mut self,
        cx: &mut Context<'_>,
        mut fill: impl FnMut(&mut Vec<u8>) -> bool,
    ) -> Poll<io::Result<()>> {
        ready!(self.poll_unsent(cx))?;
        OUTPUT.with_borrow_mut(|output| {
            let mut more = true;
            while more {
                while more && output.len() < WRITE_BUFFER {
                    more = fill(output);
                }
                let (written, sent) = self.poll_write(cx, output);
                if sent.is_pending() {
                    self.unsent.extend_from_slice(&output[written..]);
                }
                output.clear();
                output.shrink_to(4 * WRITE_BUFFER);
                ready!(sent)?;
            }
            Poll::Ready(Ok(()))
        })
    }

    /// Ready when the stream has accepted every byte.
    fn poll_unsent(&mut self, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        if self.unsent.is_empty() {
            return Poll::Ready(Ok(()));
        }
        let mut unsent = std::mem::take(&mut self.unsent);
        let (written, sent) = self.poll_write(cx, &unsent);
        if sent.is_pending() {
            unsent.drain(..written);
            self.unsent = unsent;
        }
        sent
    }

    /// Writes until the stream has accepted all bytes or takes no more. Returns the number of accepted bytes, too.
    fn poll_write(&mut self, cx: &mut Context<'_>, bytes: &[u8]) -> (usize, Poll<io::Result<()>>) {
        let mut written = 0;
        while written < bytes.len() {
            match Pin::new(&mut self.stream).poll_write(cx, &bytes[written..]) {
                Poll::Ready(Ok(0)) => return (written, Poll::Ready(Err(io::ErrorKind::WriteZero.into()))),
                Poll::Ready(Ok(count)) => written += count,
                Poll::Ready(Err(error)) => return (written, Poll::Ready(Err(error))),
                Poll::Pending => return (written, Poll::Pending),
            }
        }
        // TLS may hold bytes back until it is flushed.
        (written, Pin::new(&mut self.stream).poll_flush(cx))
    }

    /// Sends bytes that are complete frames, or the response to the handshake.
    ///
    /// # Errors
    /// The stream failed.
    pub async fn send(&mut self, bytes: &[u8]) -> io::Result<()> {
        let mut bytes = Some(bytes);
        std::future::poll_fn(|cx| {
            self.poll_send(cx, |out| {
                out.extend_from_slice(bytes.take().unwrap_or_default());
                false
            })
        })
        .await
    }

    /// Sends a close frame. The caller then drops the WebSocket.
    ///
    /// # Errors
    /// The stream failed.
    pub async fn close(&mut self, code: Option<u16>, reason: &str) -> io::Result<()> {
        let mut payload = Vec::new();
        if let Some(code) = code {
            payload.extend_from_slice(&code.to_be_bytes());
            payload.extend_from_slice(reason.as_bytes());
        }
        let mut frame = Vec::new();
        append_frame(&mut frame, Opcode::Close, &payload);
        self.send(&frame).await
    }
}

#[cfg(test)]
mod tests;
