use std::process::Output;

use tokio::process::Command;

use crate::{
    files::{Issued, Pair},
    server,
    support::{Process, Server, soon},
};

async fn race(server: &Server, trusted: &Issued) -> Output {
    let roots = Pair::of(trusted);
    let url = format!("wss://localhost:{}", server.address.port());
    let mut command = Command::new(Process::program());
    command.args(["bots", "--url", &url, "--players", "10", "--assets", "5", "--reconnect-chaos", "0.2"]);
    command.env("SSL_CERT_FILE", &roots.cert).kill_on_drop(true);
    soon("its end", command.output()).await.unwrap()
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn bots_play_over_tls_and_cut_their_connections() {
    let (server, issued) = server().await;
    let Output { status, stdout, stderr } = race(&server, &issued).await;
    let (report, said) = (String::from_utf8_lossy(&stdout), String::from_utf8_lossy(&stderr));
    assert!(status.success() && report.contains("HELD"), "{report}{said}");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn bots_refuse_a_server_whose_certificate_is_not_trusted() {
    let (server, _) = server().await;
    let Output { status, stderr, .. } = race(&server, &Issued::for_days(30)).await;
    let said = String::from_utf8_lossy(&stderr);
    assert!(status.code() == Some(1) && said.contains("invalid peer certificate"), "{said}");
}
