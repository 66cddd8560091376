use std::{io, net::SocketAddr, sync::Arc};

use asset_arbiter::model::{CloseReason, ServerMessage};
use futures::{SinkExt, StreamExt};
use rustls::{
    ClientConfig, RootCertStore, SupportedProtocolVersion,
    crypto::ring,
    pki_types::{CertificateDer, ServerName},
};
use tokio::{
    io::{AsyncReadExt, AsyncWriteExt},
    net::TcpStream,
};
use tokio_rustls::{TlsConnector, client::TlsStream};
use tokio_tungstenite::{WebSocketStream, client_async, tungstenite::Message};

use crate::support::soon;

/// What a client trusts and speaks. Connections with the same one resume each other's session.
#[derive(Clone)]
pub(crate) struct Trust(ClientConfig);

impl Trust {
    pub(crate) fn of(cert: &CertificateDer<'static>) -> Self {
        Self::speaking(cert, rustls::DEFAULT_VERSIONS)
    }

    pub(crate) fn speaking(
        cert: &CertificateDer<'static>,
        versions: &[&'static SupportedProtocolVersion],
    ) -> Self {
        let mut roots = RootCertStore::empty();
        roots.add(cert.clone()).unwrap();
        let builder = ClientConfig::builder_with_provider(Arc::new(ring::default_provider()));
        let builder = builder.with_protocol_versions(versions).unwrap();
        Self(builder.with_root_certificates(roots).with_no_client_auth())
    }

    /// Offers these protocols over ALPN.
    pub(crate) fn offering(mut self, protocols: &[&str]) -> Self {
        self.0.alpn_protocols = protocols.iter().map(|name| name.as_bytes().to_vec()).collect();
        self
    }

    pub(crate) async fn connect(&self, address: SocketAddr) -> io::Result<TlsStream<TcpStream>> {
        self.over(TcpStream::connect(address).await?).await
    }

    pub(crate) async fn over(&self, tcp: TcpStream) -> io::Result<TlsStream<TcpStream>> {
        let name = ServerName::try_from("localhost").unwrap();
        soon("a handshake", TlsConnector::from(Arc::new(self.0.clone())).connect(name, tcp)).await
    }

    /// The answer to a GET: head and body. The server ends the connection in good order.
    pub(crate) async fn get(&self, address: SocketAddr, path: &str) -> String {
        let mut stream = self.connect(address).await.unwrap();
        get(&mut stream, path).await
    }

    /// The value of a line of `/metrics`.
    pub(crate) async fn metric(&self, address: SocketAddr, name: &str) -> u64 {
        let text = self.get(address, "/metrics").await;
        let value = text.lines().find_map(|line| line.strip_prefix(name)?.strip_prefix(' '));
        value.unwrap_or_else(|| panic!("no {name} in {text}")).parse().unwrap()
    }

    pub(crate) async fn handshakes(&self, address: SocketAddr, outcome: &str) -> u64 {
        self.metric(address, &format!("asset_arbiter_tls_handshakes_total{{outcome=\"{outcome}\"}}")).await
    }

    pub(crate) async fn join(&self, address: SocketAddr, player: &str) -> Member {
        let stream = self.connect(address).await.unwrap();
        let url = format!("wss://localhost:{}/v1/rooms/r/ws?player={player}", address.port());
        let mut member = Member { stream: client_async(url, stream).await.unwrap().0 };
        match member.hear().await {
            ServerMessage::Welcome(_) => member,
            other => panic!("not a welcome: {other:?}"),
        }
    }
}

/// Asks on an open connection, which ends with the answer.
pub(crate) async fn get(stream: &mut TlsStream<TcpStream>, path: &str) -> String {
    let request = format!("GET {path} HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n");
    stream.write_all(request.as_bytes()).await.unwrap();
    let mut answer = Vec::new();
    soon("an answer", stream.read_to_end(&mut answer)).await.expect("it ends with close_notify");
    String::from_utf8(answer).unwrap()
}

/// A member of the room `r`.
pub(crate) struct Member {
    pub(crate) stream: WebSocketStream<TlsStream<TcpStream>>,
}

impl Member {
    pub(crate) async fn say(&mut self, text: &str) {
        self.stream.send(Message::text(text)).await.unwrap();
    }

    pub(crate) async fn hear(&mut self) -> ServerMessage {
        match soon("a frame", self.stream.next()).await {
            Some(Ok(Message::Text(text))) => serde_json::from_str(&text).unwrap(),
            other => panic!("not a text: {other:?}"),
        }
    }

    /// Selects, and says whether it was granted.
    pub(crate) async fn gets(&mut self, asset: &str) -> bool {
        self.say(&format!(r#"{{"type":"select_asset","asset":"{asset}"}}"#)).await;
        loop {
            if let ServerMessage::Selection { granted, .. } = self.hear().await {
                return granted;
            }
        }
    }

    /// The code with which the server closes.
    pub(crate) async fn closed(&mut self) -> u16 {
        loop {
            match soon("a close frame", self.stream.next()).await {
                Some(Ok(Message::Close(Some(frame)))) => {
                    return serde_json::from_str::<CloseReason>(&frame.reason).unwrap().code;
                }
                Some(Ok(_)) => {}
                other => panic!("not a close frame: {other:?}"),
            }
        }
    }
}
