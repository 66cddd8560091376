//! TLS: who is trusted is talked to, and who is not, or not any more, is refused.

use asset_arbiter::store::{StoreError, open};

use crate::{
    conformance::ground::{Ground, Node, asset},
    engines::{
        eventually,
        mysql::{self, DATABASE, Server},
    },
    remote::{FOR_EVER, encrypted::Certificate},
};

async fn serve(Certificate { certificate, key, .. }: &Certificate) -> Option<Server> {
    let args = [format!("--ssl-cert={certificate}"), format!("--ssl-key={key}")];
    Some(mysql::mariadb()?.start_with(&args.each_ref().map(String::as_str)).await)
}

async fn refused(url: &str) -> StoreError {
    let store = open(url, FOR_EVER).unwrap();
    let error = store.ping().await.expect_err(url);
    assert!(error.is_hopeless() && !error.to_string().contains('\n'), "{error}");
    error
}

#[tokio::test]
async fn who_is_trusted_is_talked_to_encrypted_and_who_is_not_is_refused() {
    let (Some(trusted), Some(other)) = (Certificate::good(), Certificate::good()) else { return };
    let Some(server) = serve(&trusted).await else { return };
    server.ask("CREATE USER safe REQUIRE SSL").await;
    server.ask(&format!("GRANT ALL ON {DATABASE}.* TO safe")).await;
    let url = |host: &str, options: &str| format!("mysql://safe@{host}:{}/{DATABASE}{options}", server.port);
    let trusting = open(&url("localhost", &format!("?tls_ca={}", trusted.authority)), FOR_EVER).unwrap();
    eventually("the store to answer", async || trusting.ping().await.ok()).await;
    Ground::new(trusting).create(Node::new().next(), &asset("sword"), 1).await;

    let plain = refused(&url("localhost", "")).await;
    assert!(plain.to_string().contains("the password"), "{plain}");
    let unknown = refused(&url("localhost", "?tls=true")).await;
    assert!(unknown.to_string().contains("certificate"), "{unknown}");
    let other_name = refused(&url("127.0.0.1", &format!("?tls_ca={}", trusted.authority))).await;
    assert!(other_name.to_string().contains("certificate"), "{other_name}");
    let other = refused(&url("localhost", &format!("?tls_ca={}", other.authority))).await;
    assert!(other.to_string().contains("certificate"), "{other}");
}

#[tokio::test]
async fn an_expired_certificate_is_said() {
    let Some(expired) = Certificate::expired() else { return };
    let Some(server) = serve(&expired).await else { return };
    let url = format!("mysql://root@localhost:{}/{DATABASE}?tls_ca={}", server.port, expired.authority);
    let error = refused(&url).await;
    assert!(error.to_string().contains("xpired"), "{error}");
}

#[tokio::test]
async fn a_server_without_tls_is_said() {
    let Some(engine) = mysql::mariadb() else { return };
    let server = engine.start_with(&["--skip-ssl"]).await;
    let error = refused(&format!("{}?tls=true", server.url())).await;
    assert!(error.to_string().contains("the server has no TLS"), "{error}");
}
