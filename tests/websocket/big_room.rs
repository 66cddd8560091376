//! A room whose state is 13 MB: nobody pays for what another does not read.

use std::sync::Arc;
use std::time::Duration;

use asset_arbiter::{
    model::{NewAsset, PlayerName, RoomName, ServerMessage},
    store::{self, AssetKey, Call, NodeId, Options},
};
use futures::future::join_all;
use tokio::{
    io::{AsyncReadExt, AsyncWriteExt},
    net::{TcpSocket, TcpStream},
    time::sleep,
};

use crate::support::{Client, Process, eventually, handshake, soon};

const ASSETS: usize = 4096;
const HOLDERS: usize = 32;
const MEGABYTE: u64 = 1024 * 1024;

/// A database with the room `r`.
async fn fill(url: &str) {
    let store =
        store::open(url, Options { room_ttl: None, max_assets: None, events_backlog: None, history: None })
            .unwrap();
    let room: RoomName = "r".parse().unwrap();
    let players: Vec<PlayerName> = (0..HOLDERS).map(|n| format!("{n:0>60}").parse().unwrap()).collect();
    let select = async |n: usize| {
        let call = Call { node: NodeId(1), seq: 1 + n as u64, at: 1, by: None };
        let key = AssetKey { room: room.clone(), asset: format!("{n:0>60}").parse().unwrap() };
        store.select(call, &key, &players, Some(Arc::new(NewAsset::plain(HOLDERS as u32)))).await.unwrap();
    };
    join_all((0..ASSETS).map(select)).await;
    assert_eq!(store.revisions(&room).await.unwrap().len(), ASSETS);
}

/// A member that reads nothing, with as little room on the way as there can be.
async fn blind(server: &Process) -> TcpStream {
    let socket = TcpSocket::new_v4().unwrap();
    socket.set_recv_buffer_size(4096).unwrap();
    let mut stream = socket.connect(server.address).await.unwrap();
    stream.write_all(handshake("r/ws").as_bytes()).await.unwrap();
    stream
}

/// The same for a request over HTTP.
async fn blind_get(server: &Process) -> TcpStream {
    let mut stream = TcpStream::connect(server.address).await.unwrap();
    let request = format!("GET /v1/rooms/r HTTP/1.1\r\nHost: {}\r\n\r\n", server.address);
    stream.write_all(request.as_bytes()).await.unwrap();
    stream
}

/// Reads a snapshot to its end and counts what is in it.
async fn read_all(client: &mut Client) -> usize {
    let mut assets = 0;
    loop {
        if let ServerMessage::Snapshot { assets: some, part, parts, .. } = client.hear().await {
            assets += some.len();
            if part == parts {
                return assets;
            }
        }
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn two_hundred_who_read_nothing_cost_little_and_memory_goes_back() {
    let folder = tempfile::tempdir().unwrap();
    let url = format!("sqlite:{}", folder.path().join("game.db").display());
    fill(&url).await;
    let server = Process::start(&["--store", &url, "--write-timeout", "60s"]).await;
    let mut witness = server.observe().await;
    assert_eq!(read_all(&mut witness).await, ASSETS);
    let quiet = server.resident();

    let members = join_all((0..200).map(|_| blind(&server))).await;
    eventually(201, || server.metric("asset_arbiter_connections")).await;
    let requests = join_all((0..50).map(|_| blind_get(&server))).await;
    let mut peak = 0;
    for _ in 0..30 {
        peak = peak.max(server.resident());
        sleep(Duration::from_millis(100)).await;
    }
    println!("quiet {} MB, with 250 who read nothing {} MB", quiet / MEGABYTE, peak / MEGABYTE);
    assert!(peak < quiet + 100 * MEGABYTE, "{} MB more", (peak - quiet) / MEGABYTE);

    // Whoever reads is served all the while, also over HTTP.
    witness.say(r#"{"type":"sync"}"#).await;
    assert_eq!(read_all(&mut witness).await, ASSETS);
    let mut stream = blind_get(&server).await;
    let mut body = Vec::new();
    while !body.ends_with(b"0\r\n\r\n") {
        assert!(soon("the room", stream.read_buf(&mut body)).await.unwrap() > 0);
    }
    assert_eq!(String::from_utf8_lossy(&body).matches("\"remaining\":").count(), ASSETS);

    drop((members, requests));
    let goes_back = async {
        while server.resident() > 2 * quiet {
            sleep(Duration::from_millis(100)).await;
        }
    };
    tokio::time::timeout(Duration::from_secs(30), goes_back).await.expect("memory goes back within 30 s");
}
