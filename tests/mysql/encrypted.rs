//! TLS: who is trusted is talked to, and who is not, or not any more, is refused.

use crate::{
    conformance::ground::{Ground, Node, asset},
    engines::mysql::{self, DATABASE, Server},
    remote::{encrypted::Certificate, opening::says, store},
};

async fn serve(Certificate { certificate, key, .. }: &Certificate) -> Option<Server> {
    let args = [format!("--ssl-cert={certificate}"), format!("--ssl-key={key}")];
    Some(mysql::mariadb()?.start_with(&args.each_ref().map(String::as_str)).await)
}

async fn refused(url: &str, words: &str) {
    assert!(says(url, words).await.is_hopeless(), "{url}");
}

#[tokio::test]
async fn who_is_trusted_is_talked_to_encrypted_and_who_is_not_is_refused() {
    let (Some(trusted), Some(other)) = (Certificate::good(), Certificate::good()) else { return };
    let Some(server) = serve(&trusted).await else { return };
    server.ask("CREATE USER safe REQUIRE SSL").await;
    server.ask(&format!("GRANT ALL ON {DATABASE}.* TO safe")).await;
    let url = |host: &str, options: &str| format!("mysql://safe@{host}:{}/{DATABASE}{options}", server.port);
    let trusting = store(&url("localhost", &format!("?tls_ca={}", trusted.authority))).await;
    Ground::new(trusting).create(Node::new().next(), &asset("sword"), 1).await;

    refused(&url("localhost", ""), "the password").await;
    refused(&url("localhost", "?tls=true"), "certificate").await;
    refused(&url("127.0.0.1", &format!("?tls_ca={}", trusted.authority)), "certificate").await;
    refused(&url("localhost", &format!("?tls_ca={}", other.authority)), "certificate").await;
}

#[tokio::test]
async fn an_expired_certificate_is_said() {
    let Some(expired) = Certificate::expired() else { return };
    let Some(server) = serve(&expired).await else { return };
    let url = format!("mysql://root@localhost:{}/{DATABASE}?tls_ca={}", server.port, expired.authority);
    refused(&url, "xpired").await;
}

#[tokio::test]
async fn a_server_without_tls_is_said() {
    let Some(engine) = mysql::mariadb() else { return };
    let server = engine.start_with(&["--skip-ssl"]).await;
    refused(&format!("{}?tls=true", server.url()), "the server has no TLS").await;
}
