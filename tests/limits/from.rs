use std::{io, net::SocketAddr};

use tokio::{
    io::{AsyncReadExt, AsyncWriteExt},
    net::{TcpSocket, TcpStream},
};

use crate::support::{Closed, Server, Socket, handshake, soon};

/// A client at an address of this machine, behind whatever comes before its requests.
#[derive(Clone)]
pub(crate) struct From<'a> {
    server: &'a Server,
    address: &'static str,
    /// What a proxy writes before everything else.
    prefix: Vec<u8>,
    /// Lines in the head of each request.
    headers: String,
}

impl<'a> From<'a> {
    pub(crate) fn address(server: &'a Server, address: &'static str) -> Self {
        Self { server, address, prefix: Vec::new(), headers: String::new() }
    }

    pub(crate) fn prefixed(mut self, prefix: impl Into<Vec<u8>>) -> Self {
        self.prefix = prefix.into();
        self
    }

    pub(crate) fn header(mut self, name: &str, value: &str) -> Self {
        self.headers += &format!("{name}: {value}\r\n");
        self
    }

    pub(crate) async fn connect(&self) -> TcpStream {
        let socket = TcpSocket::new_v4().unwrap();
        socket.bind(SocketAddr::new(self.address.parse().unwrap(), 0)).unwrap();
        let mut stream = socket.connect(self.server.address).await.unwrap();
        // Whoever is over a limit may be cut off already.
        let _ = stream.write_all(&self.prefix).await;
        stream
    }

    /// Joins the room `r`, and gets a welcome or a close code.
    pub(crate) async fn join(&self, player: &str) -> Result<Socket, Closed> {
        let mut stream = self.connect().await;
        let head = handshake(&format!("r/ws?player={player}"));
        let head = head.replace("Host: x\r\n", &format!("Host: x\r\n{}", self.headers));
        stream.write_all(head.as_bytes()).await.unwrap();
        let mut socket = Socket::after_handshake(stream).await;
        let welcome = socket.text_or_closed().await?;
        assert!(welcome.contains(r#""type":"welcome""#), "{welcome}");
        Ok(socket)
    }

    /// The close code of a join that is refused.
    pub(crate) async fn refused(&self, player: &str) -> Closed {
        self.join(player).await.err().expect("it is not let in")
    }

    /// The answer to a request; an error if the connection is cut without one.
    pub(crate) async fn ask(&self, method: &str, path: &str, body: &str) -> io::Result<String> {
        let mut stream = self.connect().await;
        let (headers, length) = (&self.headers, body.len());
        let head = format!("{method} {path} HTTP/1.1\r\nHost: x\r\nConnection: close\r\n{headers}");
        stream.write_all(format!("{head}Content-Length: {length}\r\n\r\n{body}").as_bytes()).await?;
        let mut answer = String::new();
        soon("an answer", stream.read_to_string(&mut answer)).await?;
        if answer.is_empty() { Err(io::ErrorKind::UnexpectedEof.into()) } else { Ok(answer) }
    }

    pub(crate) async fn select(&self, player: &str) -> String {
        let body = format!(r#"{{"player":"{player}"}}"#);
        self.ask("POST", "/v1/rooms/r/assets/sword/select", &body).await.unwrap()
    }
}
