//! `--lan`: play without tokens in one private network, and nowhere else.

use std::{
    net::{SocketAddr, UdpSocket},
    process::Command,
};

use super::{
    complaint, effective, engines, serve,
    support::{Client, Ended, Process, ask, call, get},
    text,
};

/// A server in this machine's network, at a port of its own: where the network reaches it, and where this machine does.
async fn server() -> Option<(Process, SocketAddr)> {
    let machine = UdpSocket::bind("0.0.0.0:0").unwrap();
    if machine.connect("192.0.2.1:9").is_err() {
        engines::cannot_have("a network", "this machine has no route out of it");
        return None;
    }
    let server = serve(&["--lan", "--listen", "127.0.0.1:0", "--asset", "sword=1"], &[]).await;
    let here = SocketAddr::from(([127, 0, 0, 1], server.address.port()));
    Some((server, here))
}

#[tokio::test]
async fn the_network_plays_without_tokens_and_this_machine_makes_the_changes() {
    let Some((server, here)) = server().await else { return };
    let there = server.address;
    assert!(!there.ip().is_loopback() && !there.ip().is_unspecified(), "{there}");
    let (mut ann, mut bob) = (server.join("ann").await, Client::join(here, "r/ws?player=bob").await);
    assert!(ann.gets("sword").await && !bob.gets("sword").await);
    let select = call(there, "POST", "/v1/rooms/r/assets/sword/select", r#"{"player":"ann"}"#).await;
    assert!(select.starts_with("HTTP/1.1 200 "), "{select}");
    for (method, path, body) in [
        ("PUT", "/v1/rooms/r/assets/bow", r#"{"units":1}"#),
        ("POST", "/v1/rooms/r/assets/sword/restock", r#"{"units":1}"#),
        ("POST", "/v1/rooms/r/reset", ""),
        ("DELETE", "/v1/rooms/r/players/ann", ""),
        ("DELETE", "/v1/rooms/r", ""),
    ] {
        let refused = call(there, method, path, body).await;
        assert!(
            refused.starts_with("HTTP/1.1 403 ") && refused.contains("--lan"),
            "{method} {path}: {refused}"
        );
        let made = call(here, method, path, body).await;
        assert!(made.starts_with("HTTP/1.1 20"), "{method} {path}: {made}");
    }
    server.end().await;
}

#[tokio::test]
async fn the_printed_address_is_a_name_and_an_origin_of_the_server() {
    let Some((server, here)) = server().await else { return };
    let there = server.address;
    let page = get(there, "/").await;
    assert!(page.starts_with("HTTP/1.1 200 "), "{page}");
    let put = |host: &str, origin: &str| {
        format!(
            "PUT /v1/rooms/r/assets/bow HTTP/1.1\r\nHost: {host}\r\nOrigin: http://{origin}\r\nConnection: close\r\n\
             Content-Type: application/json\r\nContent-Length: 11\r\n\r\n{{\"units\":1}}"
        )
    };
    let (ours, other) = (there.to_string(), "evil.example");
    let same = ask(here, put(&ours, &ours)).await;
    assert!(same.starts_with("HTTP/1.1 201 "), "{same}");
    for request in [put(&ours, other), put(other, other)] {
        assert!(ask(here, &request).await.starts_with("HTTP/1.1 403 "), "{request}");
    }
    server.terminate().await;
    let Ended { code, stdout, log } = server.ended().await;
    assert_eq!(code, Some(0), "{log}");
    assert!(stdout.contains(&format!("  open   http://{there}\n  here   http://{here}, ")), "{stdout}");
    assert!(
        stdout.contains("unsafe everyone in this network may play in any player's name (--lan)"),
        "{stdout}"
    );
    assert!(!stdout.contains('\u{2588}'), "a code is for terminals: {stdout}");
}

#[tokio::test]
async fn the_admin_key_makes_changes_from_everywhere() {
    if server().await.is_none() {
        return;
    }
    let env = [("ASSET_ARBITER_ADMIN_KEY", "hunter2"), ("ASSET_ARBITER_LAN", "true")];
    let server = serve(&["--listen", "127.0.0.1:0"], &env).await;
    let here = SocketAddr::from(([127, 0, 0, 1], server.address.port()));
    let put = |key: &str| {
        format!(
            "PUT /v1/rooms/r/assets/bow HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n{key}\
             Content-Type: application/json\r\nContent-Length: 11\r\n\r\n{{\"units\":1}}"
        )
    };
    for address in [server.address, here] {
        assert!(ask(address, put("")).await.starts_with("HTTP/1.1 401 "), "{address}");
        let with_key = ask(address, put("Authorization: Bearer hunter2\r\n")).await;
        assert!(with_key.starts_with("HTTP/1.1 20"), "{address}: {with_key}");
    }
    server.end().await;
}

/// `script` gives the server a terminal.
#[tokio::test]
async fn a_terminal_gets_a_code_for_a_phones_camera() {
    if server().await.is_none() {
        return;
    }
    if engines::on_path("script").is_none() {
        return engines::cannot_have("a terminal", "install Debian's package bsdutils");
    }
    let binary = env!("CARGO_BIN_EXE_asset-arbiter");
    let serve = format!("timeout 2 '{binary}' serve --lan --listen 127.0.0.1:0 --log-level off");
    let output = Command::new("script").args(["--quiet", "--command", &serve, "/dev/null"]).output().unwrap();
    let shown = text(&output.stdout);
    assert!(shown.contains("\x1b[30;107m") && shown.contains('\u{2580}'), "{shown}");
    assert!(shown.contains("hold a phone of this network over it: http://"), "{shown}");
}

#[test]
fn a_public_address_and_what_contradicts_are_refused() {
    let conflicts: [(&[&str], &str); 7] = [
        (&["--listen", "8.8.8.8:8080"], "8.8.8.8:8080, which is public"),
        (&["--listen", "203.0.113.5:8080"], "203.0.113.5:8080, which is public"),
        (&["--listen", "100.64.0.1:8080"], "which is public"),
        (&["--listen", "[2001:db8::1]:8080"], "which is public"),
        (&["--token-jwks", "https://id.example/keys"], "leave out --lan, or --token-key and --token-jwks"),
        (&["--token-key", "a=/no/such/file"], "leave out --lan, or --token-key and --token-jwks"),
        (&["--insecure"], "give one of them"),
    ];
    for (flags, words) in conflicts {
        for command in ["serve", "check-config"] {
            let (code, said) = complaint(&[&[command, "--lan"], flags].concat(), &[]);
            assert!(code == 1 && said.contains("--lan") && said.contains(words), "{flags:?}: {said}");
        }
    }
    assert_eq!(effective("lan", &["--lan"], &[]), "true");
    assert_eq!(effective("lan", &[], &[]), "false");
    assert_eq!(effective("selects-per-second", &["--lan"], &[]), "50", "beyond loopback");
    for private in ["192.168.1.5:80", "10.0.0.1:80", "0.0.0.0:80", "[fd00::1]:80"] {
        assert_eq!(effective("listen", &["--lan", "--listen", private], &[]), private);
    }
}

/// In networks of their own: one where this machine's address is of the world, and one where it has none.
#[test]
fn a_machine_with_a_public_address_or_none_does_not_start() {
    let public = "ip link add net0 type veth peer name net1 && ip address add 9.9.9.9/24 dev net0 && \
                  ip link set net0 up && ip link set net1 up && ip route add default via 9.9.9.1";
    for (set_up, words) in
        [(public, "this machine's address 9.9.9.9 is public"), ("true", "this machine is in no network")]
    {
        let binary = env!("CARGO_BIN_EXE_asset-arbiter");
        let script = format!("{set_up} || exit 77; exec timeout 20 '{binary}' serve --lan --log-level off");
        let run = Command::new("unshare").args(["--map-root-user", "--net", "sh", "-c", &script]).output();
        let refused = |output: &std::process::Output| {
            output.status.code() == Some(77) || text(&output.stderr).contains("unshare")
        };
        let Some(output) = run.ok().filter(|output| !refused(output)) else {
            return engines::cannot_have(
                "a network of its own",
                "it takes unshare, iproute2 and the right to use them",
            );
        };
        let said = text(&output.stderr);
        assert!(output.status.code() == Some(1) && said.contains(words), "{words}: {said}");
    }
}
