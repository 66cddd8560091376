//! Asks a running server whether it is well, as containers do.

use std::{net::SocketAddr, sync::Arc, time::Duration};

use axum::http::{Request, StatusCode, header};
use bytes::Bytes;
use http_body_util::{BodyExt, Empty, Limited};
use hyper::client::conn::http1;
use hyper_util::rt::TokioIo;
use rustls::{
    ClientConfig, DigitallySignedStruct, SignatureScheme,
    client::danger::{HandshakeSignatureValid, ServerCertVerified, ServerCertVerifier},
    crypto::{CryptoProvider, ring},
    pki_types::{CertificateDer, ServerName, UnixTime},
};
use serde::Deserialize;
use tokio::{
    io::{AsyncRead, AsyncWrite},
    net::TcpStream,
    time::timeout,
};
use tokio_rustls::TlsConnector;

use super::health::{ALIVE, READY};
use crate::model::{limits::HEALTH_BYTES, one_line};

/// Whoever asks runs on the same machine. Shorter than a container runtime waits.
const PATIENCE: Duration = Duration::from_secs(2);

/// What to ask a server.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Probe {
    /// Whether it lives: `/healthz`.
    Alive,
    /// Whether players may be sent to it: `/readyz`.
    Ready,
}

impl Probe {
    /// The path that answers it.
    #[must_use]
    pub const fn path(self) -> &'static str {
        match self {
            Self::Alive => ALIVE,
            Self::Ready => READY,
        }
    }
}

/// Asks the server at `address`, over TLS or not. Whose certificate it is does not matter, because nothing is
/// told to the server.
///
/// # Errors
/// Why it is not well, on one line.
pub async fn ask_health(address: SocketAddr, tls: bool, probe: Probe) -> Result<(), String> {
    let asked = timeout(PATIENCE, async {
        let tcp = TcpStream::connect(address).await.map_err(|error| format!("cannot connect: {error}"))?;
        if !tls {
            return ask(address, tcp, probe).await;
        }
        let connector = TlsConnector::from(Arc::new(trusting()?));
        let tls = connector.connect(ServerName::from(address.ip()), tcp).await;
        ask(address, tls.map_err(|error| format!("no TLS: {error}"))?, probe).await
    });
    asked.await.unwrap_or_else(|_| Err(format!("no answer within {PATIENCE:?}")))
}

async fn ask(
    address: SocketAddr,
    stream: impl AsyncRead + AsyncWrite + Send + Unpin + 'static,
    probe: Probe,
) -> Result<(), String> {
    let broken = |error: hyper::Error| format!("no HTTP answer: {error}");
    let (mut sender, connection) = http1::handshake(TokioIo::new(stream)).await.map_err(broken)?;
    let request =
        Request::get(probe.path()).header(header::HOST, address.to_string()).body(Empty::<Bytes>::new());
    let request = request.map_err(|error| error.to_string())?;
    let exchange = async move {
        let response = sender.send_request(request).await?;
        let status = response.status();
        let body = Limited::new(response.into_body(), HEALTH_BYTES).collect().await;
        Ok((status, body.map(|body| body.to_bytes()).unwrap_or_default()))
    };
    match tokio::join!(exchange, connection) {
        (Ok((StatusCode::OK, _)), _) => Ok(()),
        (Ok((status, body)), _) => Err(format!("it answers {status}: {}", said(&body))),
        // The connection knows why the exchange failed.
        (Err(_), Err(error)) | (Err(error), Ok(())) => Err(broken(error)),
    }
}

#[derive(Deserialize)]
struct Refused {
    message: String,
}

/// What the server says of itself; the body as it is if it is not this server.
fn said(body: &[u8]) -> String {
    let refused = serde_json::from_slice(body).map(|Refused { message }| message);
    one_line(&refused.unwrap_or_else(|_| String::from_utf8_lossy(body).into_owned()))
}

fn trusting() -> Result<ClientConfig, String> {
    let provider = Arc::new(ring::default_provider());
    let config = ClientConfig::builder_with_provider(Arc::clone(&provider));
    let config = config.with_safe_default_protocol_versions().map_err(|error| error.to_string())?;
    let verifier = Arc::new(AnyCertificate(provider));
    Ok(config.dangerous().with_custom_certificate_verifier(verifier).with_no_client_auth())
}

/// Takes any certificate whose key the server has.
#[derive(Debug)]
struct AnyCertificate(Arc<CryptoProvider>);

impl ServerCertVerifier for AnyCertificate {
    fn verify_server_cert(
        &self,
        _: &CertificateDer<'_>,
        _: &[CertificateDer<'_>],
        _: &ServerName<'_>,
        _: &[u8],
        _: UnixTime,
    ) -> Result<ServerCertVerified, rustls::Error> {
        Ok(ServerCertVerified::assertion())
    }

    fn verify_tls12_signature(
        &self,
        message: &[u8],
        cert: &CertificateDer<'_>,
        dss: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, rustls::Error> {
        rustls::crypto::verify_tls12_signature(message, cert, dss, &self.0.signature_verification_algorithms)
    }

    fn verify_tls13_signature(
        &self,
        message: &[u8],
        cert: &CertificateDer<'_>,
        dss: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, rustls::Error> {
        rustls::crypto::verify_tls13_signature(message, cert, dss, &self.0.signature_verification_algorithms)
    }

    fn supported_verify_schemes(&self) -> Vec<SignatureScheme> {
        self.0.signature_verification_algorithms.supported_schemes()
    }
}
