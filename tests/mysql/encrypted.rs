//! TLS: who is trusted is talked to, and who is not, or not any more, is refused.

use std::{
    path::Path,
    process::{Command, Stdio},
};

use asset_arbiter::store::{StoreError, open};
use tempfile::TempDir;

use crate::{
    conformance::ground::{Ground, Node, asset},
    engines::{
        cannot_have, eventually,
        mysql::{self, DATABASE, Server},
        on_path,
    },
    remote::FOR_EVER,
};

/// The files of an authority, and of a certificate by it for localhost that is good for so many days from now.
fn certificate(folder: &Path, days: &str) -> Option<[String; 3]> {
    if on_path("openssl").is_none() {
        cannot_have("TLS", "apt-get install openssl");
        return None;
    }
    let run = |line: &str| {
        let ran =
            Command::new("openssl").args(line.split(' ')).current_dir(folder).stderr(Stdio::null()).status();
        assert!(ran.unwrap().success(), "openssl {line}");
    };
    let key = "-newkey ec -pkeyopt ec_paramgen_curve:prime256v1 -nodes";
    run(&format!("req -x509 {key} -days 2 -subj /CN=authority -keyout ca.key -out ca.pem"));
    run(&format!("req {key} -subj /CN=localhost -keyout key.pem -out asked.pem"));
    std::fs::write(folder.join("names"), "subjectAltName=DNS:localhost\n").unwrap();
    run(&format!(
        "x509 -req -in asked.pem -CA ca.pem -CAkey ca.key -CAcreateserial -days {days} -extfile names -out cert.pem"
    ));
    Some(["ca.pem", "cert.pem", "key.pem"].map(|file| folder.join(file).to_str().unwrap().to_owned()))
}

async fn serve([_, cert, key]: &[String; 3]) -> Option<Server> {
    let args = [format!("--ssl-cert={cert}"), format!("--ssl-key={key}")];
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
    let (folder, others) = (TempDir::new().unwrap(), TempDir::new().unwrap());
    let Some(files) = certificate(folder.path(), "2") else { return };
    let Some(server) = serve(&files).await else { return };
    server.ask("CREATE USER safe REQUIRE SSL").await;
    server.ask(&format!("GRANT ALL ON {DATABASE}.* TO safe")).await;
    let url = |host: &str, options: &str| format!("mysql://safe@{host}:{}/{DATABASE}{options}", server.port);
    let trusting = open(&url("localhost", &format!("?tls_ca={}", files[0])), FOR_EVER).unwrap();
    eventually("the store to answer", async || trusting.ping().await.ok()).await;
    Ground::new(trusting).create(Node::new().next(), &asset("sword"), 1).await;

    let plain = refused(&url("localhost", "")).await;
    assert!(plain.to_string().contains("the password"), "{plain}");
    let unknown = refused(&url("localhost", "?tls=true")).await;
    assert!(unknown.to_string().contains("certificate"), "{unknown}");
    let other_name = refused(&url("127.0.0.1", &format!("?tls_ca={}", files[0]))).await;
    assert!(other_name.to_string().contains("certificate"), "{other_name}");
    let other = certificate(others.path(), "2").unwrap();
    let other = refused(&url("localhost", &format!("?tls_ca={}", other[0]))).await;
    assert!(other.to_string().contains("certificate"), "{other}");
}

#[tokio::test]
async fn an_expired_certificate_is_said() {
    let folder = TempDir::new().unwrap();
    let Some(files) = certificate(folder.path(), "-1") else { return };
    let Some(server) = serve(&files).await else { return };
    let error =
        refused(&format!("mysql://root@localhost:{}/{DATABASE}?tls_ca={}", server.port, files[0])).await;
    assert!(error.to_string().contains("xpired"), "{error}");
}

#[tokio::test]
async fn a_server_without_tls_is_said() {
    let Some(engine) = mysql::mariadb() else { return };
    let server = engine.start_with(&["--skip-ssl"]).await;
    let error = refused(&format!("{}?tls=true", server.url())).await;
    assert!(error.to_string().contains("the server has no TLS"), "{error}");
}
