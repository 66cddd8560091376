//! TLS: who is trusted is talked to, and who is not, or not any more, is refused.

use crate::{
    conformance::ground::{Ground, Node, asset},
    engines::{
        mongodb::{Server, ferretdb},
        process,
    },
    ground::server,
    remote::{
        encrypted::Certificate,
        opening::{ends_with, says},
        store,
    },
};

/// A server with TLS, and the port that it has for it.
fn serve(Certificate { certificate, key, .. }: &Certificate) -> Option<(Server, u16)> {
    let port = process::free_port();
    let flags = [
        format!("--listen-tls=127.0.0.1:{port}"),
        format!("--listen-tls-cert-file={certificate}"),
        format!("--listen-tls-key-file={key}"),
    ];
    Some((ferretdb()?.start_with(&flags.each_ref().map(String::as_str)), port))
}

#[tokio::test]
async fn who_is_trusted_is_talked_to_encrypted_and_who_is_not_is_refused() {
    let (Some(trusted), Some(other)) = (Certificate::good(), Certificate::good()) else { return };
    let Some((_server, port)) = serve(&trusted) else { return };
    let url = |host: &str, options: &str| format!("mongodb://{host}:{port}/game{options}");
    let with = |ca: &str| format!("?tls=true&tlsCAFile={ca}&retryWrites=false");
    let ground = Ground::new(store(&url("localhost", &with(&trusted.authority))).await);
    ground.create(Node::new().next(), &asset("sword"), 1).await;

    says(&url("localhost", ""), "does the server want tls=true?").await;
    ends_with(&url("localhost", "?tls=true"), "certificate").await;
    ends_with(&url("127.0.0.1", &with(&trusted.authority)), "certificate").await;
    ends_with(&url("localhost", &with(&other.authority)), "certificate").await;
}

#[tokio::test]
async fn an_expired_certificate_is_said_and_ends_the_process() {
    let Some(expired) = Certificate::expired() else { return };
    let Some((_server, port)) = serve(&expired) else { return };
    let url = format!("mongodb://localhost:{port}/game?tls=true&tlsCAFile={}", expired.authority);
    ends_with(&url, "xpired").await;
}

/// What it says depends on what the server makes of a greeting that it does not know.
#[tokio::test]
async fn a_server_without_tls_is_said() {
    let Some(server) = server() else { return };
    says(&format!("{}?tls=true", server.url()), &format!("cannot connect to 127.0.0.1:{}", server.port)).await;
}
