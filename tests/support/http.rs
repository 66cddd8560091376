use std::{net::SocketAddr, time::Duration};

use tokio::{
    io::{AsyncReadExt, AsyncWriteExt},
    net::{TcpListener, TcpStream},
    time::timeout,
};

use super::{soon, spec};

/// The answer to a request written by hand: its head and body, which are as documented.
pub(crate) async fn ask(address: SocketAddr, request: impl AsRef<[u8]>) -> String {
    let mut stream = TcpStream::connect(address).await.unwrap();
    stream.write_all(request.as_ref()).await.unwrap();
    let mut answer = Vec::new();
    soon("an answer", stream.read_to_end(&mut answer)).await.unwrap();
    let answer = String::from_utf8(answer).unwrap();
    spec::check_answer(request.as_ref(), &answer);
    answer
}

/// The answer to a request with a body of JSON, or none.
pub(crate) async fn call(address: SocketAddr, method: &str, path: &str, body: &str) -> String {
    let head = "Host: localhost\r\nConnection: close\r\nContent-Type: application/json";
    let length = body.len();
    ask(address, format!("{method} {path} HTTP/1.1\r\n{head}\r\nContent-Length: {length}\r\n\r\n{body}")).await
}

/// The answer to a request for a page.
pub(crate) async fn get(address: SocketAddr, path: &str) -> String {
    call(address, "GET", path, "").await
}

pub(crate) async fn metrics(address: SocketAddr) -> String {
    get(address, "/metrics").await
}

/// What a server of the web says to who is no browser.
pub(crate) const WEB: &[u8] = b"HTTP/1.1 400 Bad Request\r\n\r\n";

/// A server that says something to everyone, or nothing.
pub(crate) async fn other_server(greeting: &'static [u8]) -> SocketAddr {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = listener.local_addr().unwrap();
    tokio::spawn(async move {
        let mut open = Vec::new();
        while let Ok((mut stream, _)) = listener.accept().await {
            let _ = stream.write_all(greeting).await;
            // A close with something unread in it would be a reset, which may overtake the greeting.
            let _ = timeout(Duration::from_millis(50), stream.read(&mut [0; 4096])).await;
            open.push(stream);
        }
    });
    address
}

/// The value of a line of `/metrics`.
pub(crate) async fn metric(address: SocketAddr, name: &str) -> u64 {
    let text = metrics(address).await;
    let value = text.lines().find_map(|line| line.strip_prefix(name)?.strip_prefix(' '));
    value.unwrap_or_else(|| panic!("no {name} in {text}")).parse().unwrap()
}
