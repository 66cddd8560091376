use std::{
    net::SocketAddr,
    sync::{Arc, Mutex},
    time::Duration,
};

use serde_json::Value;
use tokio::{
    io::{AsyncReadExt, AsyncWriteExt},
    net::{TcpListener, TcpStream},
    task::JoinHandle,
    time::sleep,
};

/// An identity provider: an HTTP server that answers every request in the same way until it is told another.
pub(crate) struct Provider {
    address: SocketAddr,
    shared: Arc<Mutex<Shared>>,
    accepting: JoinHandle<()>,
}

struct Shared {
    answer: Answer,
    asked: usize,
}

#[derive(Debug, Clone)]
pub(crate) enum Answer {
    /// These bytes.
    Bytes(String),
    /// This body after some time.
    Late(Duration, String),
    /// None, ever.
    Hang,
    /// The connection ends.
    Cut,
    /// A body without an end.
    Endless,
}

impl Answer {
    pub(crate) fn json(body: &Value) -> Self {
        Self::text(&body.to_string())
    }

    pub(crate) fn text(body: &str) -> Self {
        Self::Bytes(format!(
            "HTTP/1.1 200 OK\r\ncontent-length: {}\r\nconnection: close\r\n\r\n{body}",
            body.len()
        ))
    }

    pub(crate) fn status(status: u16) -> Self {
        Self::Bytes(format!("HTTP/1.1 {status} No\r\ncontent-length: 0\r\nconnection: close\r\n\r\n"))
    }

    pub(crate) fn redirect(to: &str) -> Self {
        Self::Bytes(format!(
            "HTTP/1.1 302 Found\r\nlocation: {to}\r\ncontent-length: 0\r\nconnection: close\r\n\r\n"
        ))
    }
}

impl Provider {
    pub(crate) async fn start(answer: Answer) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let address = listener.local_addr().unwrap();
        let shared = Arc::new(Mutex::new(Shared { answer, asked: 0 }));
        let serving = Arc::clone(&shared);
        let accepting = tokio::spawn(async move {
            while let Ok((socket, _)) = listener.accept().await {
                let shared = Arc::clone(&serving);
                tokio::spawn(async move { drop(serve(socket, &shared).await) });
            }
        });
        Self { address, shared, accepting }
    }

    pub(crate) fn url(&self) -> String {
        format!("http://{}/.well-known/jwks.json", self.address)
    }

    /// Answers in this way from now on.
    pub(crate) fn answer(&self, answer: Answer) {
        self.shared.lock().unwrap().answer = answer;
    }

    /// Takes no more connections.
    pub(crate) async fn stop(&mut self) {
        self.accepting.abort();
        let _ = (&mut self.accepting).await;
    }

    /// How many requests came.
    pub(crate) fn asked(&self) -> usize {
        self.shared.lock().unwrap().asked
    }
}

impl Drop for Provider {
    fn drop(&mut self) {
        self.accepting.abort();
    }
}

async fn serve(mut socket: TcpStream, shared: &Mutex<Shared>) -> std::io::Result<()> {
    let mut request = Vec::new();
    while !request.ends_with(b"\r\n\r\n") {
        let mut byte = [0];
        if socket.read(&mut byte).await? == 0 {
            return Ok(());
        }
        request.extend(byte);
    }
    assert!(request.starts_with(b"GET /.well-known/jwks.json HTTP/1.1\r\n"));
    let answer = {
        let mut shared = shared.lock().unwrap();
        shared.asked += 1;
        shared.answer.clone()
    };
    match answer {
        Answer::Bytes(bytes) => socket.write_all(bytes.as_bytes()).await,
        Answer::Late(pause, body) => {
            sleep(pause).await;
            let Answer::Bytes(bytes) = Answer::text(&body) else { unreachable!("a text is bytes") };
            socket.write_all(bytes.as_bytes()).await
        }
        Answer::Hang => std::future::pending().await,
        Answer::Cut => Ok(()),
        Answer::Endless => {
            socket.write_all(b"HTTP/1.1 200 OK\r\nconnection: close\r\n\r\n{\"keys\":[").await?;
            loop {
                socket.write_all(&[b' '; 4096]).await?;
            }
        }
    }
}
