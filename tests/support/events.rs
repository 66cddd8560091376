use std::net::SocketAddr;

use asset_arbiter::model::{CloseReason, ServerMessage, Welcome};
use tokio::{
    io::{AsyncReadExt, AsyncWriteExt},
    net::{TcpSocket, TcpStream},
};

use super::{soon, spec};

/// A client of Server-Sent Events.
pub(crate) struct EventStream {
    stream: TcpStream,
    /// The status line and the headers of the answer.
    pub(crate) head: String,
    /// What has come of the body, in chunks as HTTP/1.1 sends it.
    chunks: Vec<u8>,
    /// What has come of the events.
    text: String,
    /// The newest `retry`.
    pub(crate) retry: Option<u64>,
    /// Comments seen so far.
    pub(crate) comments: usize,
}

/// An event with data.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Event {
    pub(crate) id: Option<String>,
    pub(crate) name: Option<String>,
    pub(crate) data: String,
}

impl EventStream {
    /// Opens a stream by a path and query below `/v1/rooms/`, which must be answered with 200.
    pub(crate) async fn open(address: SocketAddr, path: &str) -> Self {
        Self::open_with(address, path, "").await
    }

    /// The same with more header lines, each ended by CRLF.
    pub(crate) async fn open_with(address: SocketAddr, path: &str, headers: &str) -> Self {
        Self::over(TcpStream::connect(address).await.unwrap(), path, headers).await
    }

    /// The same with small buffers on the way.
    pub(crate) async fn open_narrow(address: SocketAddr, path: &str) -> Self {
        let socket = TcpSocket::new_v4().unwrap();
        socket.set_recv_buffer_size(4096).unwrap();
        Self::over(socket.connect(address).await.unwrap(), path, "").await
    }

    async fn over(mut stream: TcpStream, path: &str, headers: &str) -> Self {
        let request = format!("GET /v1/rooms/{path} HTTP/1.1\r\nHost: localhost\r\n{headers}\r\n");
        stream.write_all(request.as_bytes()).await.unwrap();
        let mut head = Vec::new();
        while !head.ends_with(b"\r\n\r\n") {
            head.push(soon("the head", stream.read_u8()).await.unwrap());
        }
        let head = String::from_utf8(head).unwrap();
        assert!(head.starts_with("HTTP/1.1 200 "), "{head}");
        assert!(head.contains("\r\ncontent-type: text/event-stream\r\n"), "{head}");
        Self { stream, head, chunks: Vec::new(), text: String::new(), retry: None, comments: 0 }
    }

    /// Resumes as a browser does, after the event with this id.
    pub(crate) async fn resume(address: SocketAddr, path: &str, id: &str) -> Self {
        Self::open_with(address, path, &format!("Last-Event-ID: {id}\r\n")).await
    }

    /// The next event with data; `None`: the stream ended in good order.
    pub(crate) async fn next(&mut self) -> Option<Event> {
        loop {
            while let Some((block, rest)) = self.text.split_once("\n\n") {
                let (block, rest) = (block.to_owned(), rest.to_owned());
                self.text = rest;
                if let Some(event) = self.dispatch(&block) {
                    return Some(event);
                }
            }
            if !self.read_chunk().await {
                assert_eq!(self.text, "", "an event is cut off");
                return None;
            }
        }
    }

    fn dispatch(&mut self, block: &str) -> Option<Event> {
        let mut event = Event { id: None, name: None, data: String::new() };
        for line in block.lines() {
            match line.split_once(':').unwrap_or((line, "")) {
                ("", _) => self.comments += 1,
                ("id", id) => event.id = Some(id.trim_start().to_owned()),
                ("event", name) => event.name = Some(name.trim_start().to_owned()),
                ("retry", after) => self.retry = Some(after.trim().parse().unwrap()),
                ("data", data) => {
                    assert_eq!(event.data, "", "one line of data: {block}");
                    event.data = data.trim_start().to_owned();
                }
                other => panic!("no field of an event: {other:?}"),
            }
        }
        match event.name.as_deref() {
            Some("close") => spec::check_close(&event.data),
            Some(other) => panic!("no event of ours: {other}"),
            None if event.data.is_empty() => return None,
            None => spec::check_frame(&event.data),
        }
        Some(event)
    }

    /// Returns false after the last chunk, or after an answer of known length.
    async fn read_chunk(&mut self) -> bool {
        if let Some((_, length)) = self.head.split_once("\r\ncontent-length: ") {
            let mut body = vec![0; length.lines().next().unwrap().parse().unwrap()];
            let is_new = self.text.is_empty() && self.retry.is_none();
            if is_new {
                soon("the events", self.stream.read_exact(&mut body)).await.unwrap();
                self.text = String::from_utf8(body).unwrap();
            }
            return is_new;
        }
        loop {
            if let Some(at) = self.chunks.windows(2).position(|two| two == b"\r\n") {
                let size = usize::from_str_radix(std::str::from_utf8(&self.chunks[..at]).unwrap(), 16).unwrap();
                let end = at + 2 + size;
                if self.chunks.len() >= end + 2 {
                    self.text.push_str(std::str::from_utf8(&self.chunks[at + 2..end]).unwrap());
                    self.chunks.drain(..end + 2);
                    return size > 0;
                }
            }
            let read = soon("an event", self.stream.read_buf(&mut self.chunks)).await.unwrap();
            assert!(read > 0, "the connection broke");
        }
    }

    /// The next frame, with its id.
    pub(crate) async fn frame(&mut self) -> (ServerMessage, Option<String>) {
        let event = self.next().await.expect("a frame, not the end");
        assert_eq!(event.name, None, "{event:?}");
        (serde_json::from_str(&event.data).unwrap(), event.id)
    }

    /// The next frame that `pick` takes; others are dropped.
    pub(crate) async fn hear_until<T>(&mut self, mut pick: impl FnMut(&ServerMessage) -> Option<T>) -> T {
        loop {
            if let Some(picked) = pick(&self.frame().await.0) {
                return picked;
            }
        }
    }

    /// The first frame, with its id.
    pub(crate) async fn welcome(&mut self) -> (Welcome, Option<String>) {
        match self.frame().await {
            (ServerMessage::Welcome(welcome), id) => (*welcome, id),
            other => panic!("not a welcome: {other:?}"),
        }
    }

    /// How the server ends the stream, whatever it says before, and the id of that.
    pub(crate) async fn closed(&mut self) -> (CloseReason, Option<String>) {
        loop {
            let event = self.next().await.expect("a close event before the end");
            if event.name.is_some() {
                assert_eq!(self.next().await, None, "nothing follows");
                return (serde_json::from_str(&event.data).unwrap(), event.id);
            }
        }
    }
}
