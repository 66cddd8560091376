//! What cannot work is said in one line, at once or as soon as it is known, and never with a password in it.

use std::time::Instant;

use asset_arbiter::bus::open;
use tokio::net::TcpListener;

#[cfg(feature = "nats")]
use crate::engines::nats;
use crate::{
    encrypted::Certificate,
    engines::{eventually, process::free_port, redis},
    ground::{AT_ONCE, Node, room},
    server::{redis_connections, servers},
    support::{Process, WEB, other_server},
};

/// The binary with a bus that can never work ends with a line that has these words in it.
async fn ends_with(url: &str, env: &[(&str, &str)], words: &str) {
    let said = Process::fails(&["--bus", url], env).await;
    assert!(said.contains("--bus") && said.contains(words), "{words:?} is not in {said}");
}

#[tokio::test]
async fn a_redis_that_can_never_work_ends_the_process() {
    for engine in redis::all() {
        let server = engine.start_with(&["--requirepass", "right"]);
        for (url, part) in [
            (format!("redis://:hunter2@127.0.0.1:{}", server.port), "correct user and password in the URL"),
            (server.url(), "write the password into the URL"),
            (format!("redis://{}", other_server(WEB).await), "it is not a Redis server"),
        ] {
            ends_with(&url, &[], part).await;
        }
        let right = Node::start(&format!("redis://:right@127.0.0.1:{}/3", server.port)).await;
        right.subscribe(&[room("arena")]).await;
    }
}

#[cfg(feature = "nats")]
#[tokio::test]
async fn a_nats_that_can_never_work_ends_the_process() {
    let Some(engine) = nats::nats() else { return };
    let server = engine.start_with(&["--user", "me", "--pass", "right"]);
    let token = engine.start_with(&["--auth", "right"]);
    let at = |login: &str, port| format!("nats://{login}127.0.0.1:{port}");
    for (url, part) in [
        (at("me:hunter2@", server.port), "correct user and password"),
        (at("hunter2@", token.port), "or the token, in the URL"),
        (server.url(), "correct user and password"),
        (format!("nats://{}", other_server(WEB).await), "it is not a NATS server"),
    ] {
        ends_with(&url, &[], part).await;
    }
    for url in [at("me:right@", server.port), at("right@", token.port)] {
        Node::start(&url).await.subscribe(&[room("arena")]).await;
    }
}

/// It may be known later.
#[tokio::test]
async fn a_name_without_an_address_is_waited_for() {
    for scheme in ["redis", "nats"] {
        let url = format!("{scheme}://no-such-host.invalid");
        let mut process = Process::start(&["--bus", &url]).await;
        let words = "is the host in the URL right? waiting until it is found";
        eventually("it to be said", async || process.has_logged(words).then_some(())).await;
        assert!(
            process.has_logged("the bus is not reached yet") && process.child.try_wait().unwrap().is_none()
        );
    }
}

/// What is trusted is talked to, and what is not is refused.
async fn trusts(url: &str, [right, wrong]: [&Certificate; 2], connections: impl AsyncFn() -> Option<usize>) {
    let _trusting = Process::start_with_env(&["--bus", url], &[("SSL_CERT_FILE", &right.authority)]).await;
    eventually("it to connect", async || (connections().await? == 1).then_some(())).await;
    ends_with(url, &[("SSL_CERT_FILE", &wrong.authority)], "name the host as its certificate does").await;
}

#[tokio::test]
async fn a_redis_must_be_trusted_in_encrypted_connections() {
    let Some(engine) = redis::redis() else { return };
    let (Some(right), Some(wrong)) = (Certificate::good(), Certificate::good()) else { return };
    let (port, Certificate { certificate, key, .. }) = (free_port().to_string(), &right);
    let files = ["--tls-cert-file", certificate, "--tls-key-file", key, "--tls-auth-clients", "no"];
    let server = engine.start_with(&[&["--tls-port", &port][..], &files].concat());
    let connections = async || Some(redis_connections(&server));
    trusts(&format!("rediss://localhost:{port}"), [&right, &wrong], connections).await;
}

#[cfg(feature = "nats")]
#[tokio::test]
async fn a_nats_must_be_trusted_in_encrypted_connections() {
    let Some(engine) = nats::nats() else { return };
    let (Some(right), Some(wrong)) = (Certificate::good(), Certificate::good()) else { return };
    let server = engine.start_with(&["--tls", "--tlscert", &right.certificate, "--tlskey", &right.key]);
    for scheme in ["tls", "nats"] {
        let url = format!("{scheme}://localhost:{}", server.port);
        trusts(&url, [&right, &wrong], async || server.connections().await).await;
    }
}

#[tokio::test]
async fn a_user_who_may_not_subscribe_gets_an_error() {
    for engine in redis::all() {
        let server = engine.start();
        let user = ["ACL", "SETUSER", "me", "on", ">right", "~*", "+@all", "resetchannels"];
        server.ask::<()>(&user);
        let node = Node::start(&format!("redis://me:right@127.0.0.1:{}", server.port)).await;
        let error = node.bus.subscribe(&room("arena")).await.unwrap_err();
        assert!(error.to_string().contains("let this user publish and subscribe"), "{error}");
        node.tell(&room("arena"), 1);
        eventually("it to be dropped", async || (node.dropped() == 1).then_some(())).await;
        server.ask::<()>(&["ACL", "SETUSER", "me", "&asset-arbiter:*"]);
        node.subscribe(&[room("arena")]).await;
    }
}

/// It is merely away, and the node plays on alone until then.
#[tokio::test]
async fn a_bus_that_comes_later_is_waited_for() {
    for mut server in servers() {
        server.process().kill();
        let process = Process::start(&["--asset", "sword=1", "--bus", &server.url()]).await;
        let mut ann = process.join("ann").await;
        assert!(ann.gets("sword").await, "{}", server.url());
        server.restart();
        eventually("it to connect", async || (server.connections().await == 1).then_some(())).await;
    }
}

#[tokio::test]
async fn opening_waits_for_nobody() {
    let nobody = TcpListener::bind("127.0.0.1:0").await.unwrap().local_addr().unwrap();
    for scheme in [
        "redis",
        "redis+cluster",
        #[cfg(feature = "nats")]
        "nats",
    ] {
        let since = Instant::now();
        let node = Node::open(&format!("{scheme}://{nobody}"));
        assert!(since.elapsed() < AT_ONCE);
        let what = format!("{scheme} to say why");
        let refused = async || {
            let error = node.bus.ping().await.unwrap_err();
            assert!(!error.is_hopeless(), "{error}");
            error.to_string().contains("Connection refused").then_some(())
        };
        eventually(&what, refused).await;
    }
}

#[test]
fn a_bad_url_is_said_at_once_and_without_its_password() {
    for (url, part) in [
        ("pigeon://x", "no bus has the scheme"),
        ("local:x", "takes no parameters"),
        ("redis://", "host is missing"),
        ("redis://:hunter2@host?wait=1", "the option of a bus is prefix"),
        ("redis://:hunter2@host?ttl=2h", "the option of a bus is prefix"),
        ("redis+cluster://:hunter2@host/2", "only database 0"),
        ("redis://:hunter2@host", "tokio runtime"),
        #[cfg(feature = "nats")]
        ("nats://:hunter2@host?ttl=2h", "the option is prefix"),
        #[cfg(feature = "nats")]
        ("nats://:hunter2@host", "tokio runtime"),
        #[cfg(not(feature = "nats"))]
        ("nats://host", "without the feature \"nats\""),
    ] {
        let error = open(url).err().expect(url);
        let said = format!("{error} {error:?}");
        assert!(said.contains(part) && !said.contains("hunter2"), "{said}");
    }
}
