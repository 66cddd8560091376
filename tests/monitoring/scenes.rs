//! One function for each cause. Each starts nodes, has them scraped, makes the cause happen, and waits for the alerts.

mod webhook;

use std::{
    net::SocketAddr,
    process::Stdio,
    time::{Duration, SystemTime},
};

use asset_arbiter::{model::ServerMessage, store};
use tokio::{
    io::{AsyncBufReadExt, AsyncReadExt, AsyncWriteExt, BufReader},
    net::TcpStream,
    process::Command,
    time::sleep,
};
use tokio_util::task::AbortOnDropHandle;

use crate::{
    files::{Issued, Pair},
    live::Stage,
    node::Node,
    support::{Client, EventStream, Process, Server, Socket, eventually, get, metric},
};

/// Two rounds of a loop that nobody waits for.
const PAUSE: Duration = Duration::from_millis(100);

pub(crate) async fn all(stage: &Stage) {
    calm(stage).await;
    tokio::join!(
        lossy(stage),
        frozen(stage),
        killed(stage),
        refusing(stage),
        apart(stage),
        webhook::deaf(stage),
        webhook::paused(stage),
        mute(stage),
        gone(stage)
    );
    tokio::join!(full(stage), flood(stage), narrow(stage), skewed(stage), certificate(stage), files(stage));
    tokio::join!(queue(stage), batches(stage));
}

/// Two healthy nodes, on which players play until the end.
async fn calm(stage: &Stage) {
    let redis = stage.redis.start();
    let url = redis.url();
    let flags = [
        "--store",
        &url,
        "--asset",
        "turn=1,grant=200ms,cooldown=1h",
        "--asset",
        "seat=9,hold=10m",
        "--auto-create",
        "1",
    ];
    let nodes = [Node::start(&flags).await, Node::start(&flags).await];
    stage.scrape("calm", nodes[0].metrics).await;
    stage.scrape("calm-2", nodes[1].metrics).await;
    let ann = nodes[0].process.join("ann").await;
    let streams = EventStream::open(nodes[1].address(), "r/events?player=eve").await;
    let (metrics, other) = (nodes[0].metrics, nodes[1].address());
    let playing = tokio::spawn(async move {
        let _stays = streams;
        plays(ann, metrics, other).await;
    });
    stage.keep((redis, nodes, AbortOnDropHandle::new(playing)));
}

async fn plays(mut ann: Client, metrics: SocketAddr, other: SocketAddr) {
    for round in 0.. {
        for asset in ["sword", "turn", "seat"] {
            ann.selects(asset).await;
        }
        ann.say(r#"{"type":"confirm_asset","asset":"seat"}"#).await;
        ann.reply().await;
        for asset in ["sword", "seat"] {
            ann.release(asset, 1).await;
            ann.reply().await;
        }
        let mut bob = Client::join(other, &format!("r/ws?player=bob{}", round % 3)).await;
        bob.selects("bow").await;
        bob.leave().await;
        get(metrics, "/readyz").await;
        sleep(PAUSE).await;
    }
}

/// A store that lost what it had answered.
async fn lossy(stage: &Stage) {
    let redis = stage.redis.start();
    let node =
        Node::start(&["--store", &redis.url(), "--auto-create", "2", "--resync-interval", "100ms"]).await;
    stage.scrape("lossy", node.metrics).await;
    let mut ann = node.process.join("ann").await;
    assert!(ann.gets("sword").await);
    redis.ask::<()>(&["FLUSHALL"]);
    stage.fires("lossy", &["StoreLostWrites"]).await;
    stage.keep((redis, node, ann));
}

/// A store that takes calls and does not answer.
async fn frozen(stage: &Stage) {
    let redis = stage.redis.start();
    let node = Node::start(&["--store", &redis.url(), "--auto-create", "2", "--select-deadline", "1s"]).await;
    stage.scrape("frozen", node.metrics).await;
    let mut ann = node.process.join("ann").await;
    assert!(ann.gets("sword").await);
    redis.process.pause();
    assert_eq!(code(ann.selects("bow").await), "outcome_unknown");
    redis.process.resume();
    stage.fires("frozen", &["OutcomesUnknown", "StoreErrors", "SelectsSlow", "StoreSlow"]).await;
    stage.keep((redis, node, ann));
}

fn code(message: ServerMessage) -> String {
    let message = serde_json::to_value(message).unwrap();
    message["code"].as_str().unwrap_or_else(|| panic!("no error: {message}")).to_owned()
}

/// A store, which is the bus, too, that is gone.
async fn killed(stage: &Stage) {
    let mut redis = stage.redis.start();
    let node = Node::start(&["--store", &redis.url(), "--auto-create", "2", "--select-deadline", "1s"]).await;
    stage.scrape("killed", node.metrics).await;
    let mut ann = node.process.join("ann").await;
    assert!(ann.gets("sword").await);
    redis.process.kill();
    while code(ann.selects("bow").await) != "store_unavailable" {}
    let closed = Client::try_join(node.address(), "other/ws?player=bob").await.map(drop).unwrap_err();
    assert_eq!(closed.code, 4101);
    stage.fires("killed", &["StoreDown", "SelectsFail", "BusDown", "JoinsWithoutStore"]).await;
    stage.keep((redis, node, ann));
}

/// A store that answers and refuses changes.
async fn refusing(stage: &Stage) {
    let redis = stage.redis.start();
    let node = Node::start(&["--store", &redis.url(), "--auto-create", "2", "--select-deadline", "1s"]).await;
    stage.scrape("refusing", node.metrics).await;
    let mut ann = node.process.join("ann").await;
    redis.ask::<()>(&["CONFIG", "SET", "min-replicas-to-write", "1"]);
    assert_eq!(code(ann.selects("sword").await), "store_unavailable");
    let metrics = node.metrics;
    let probes = tokio::spawn(async move {
        loop {
            get(metrics, "/readyz").await;
            sleep(PAUSE).await;
        }
    });
    let probes = AbortOnDropHandle::new(probes);
    stage.fires("refusing", &["NotReady", "StoreDown"]).await;
    stage.keep((redis, node, ann, probes));
}

/// Two nodes on one store, whose bus stands still.
async fn apart(stage: &Stage) {
    let (store, bus) = (stage.redis.start(), stage.redis.start());
    let (store_url, bus_url) = (store.url(), bus.url());
    let flags = ["--store", &store_url, "--bus", &bus_url, "--auto-create", "1", "--resync-interval", "100ms"];
    let (ours, theirs) = (Node::start(&flags).await, Node::start(&flags).await);
    stage.scrape("apart", ours.metrics).await;
    stage.scrape("apart-2", theirs.metrics).await;
    let (mut ann, mut bob) = (ours.process.join("ann").await, theirs.process.join("bob").await);
    let channels = bus.ask::<Vec<String>>(&["PUBSUB", "CHANNELS", "*r}*"]);
    bus.ask::<()>(&["PUBLISH", channels.first().expect("the room's channel"), "hello"]);
    stage.fires("apart", &["BusForeignMessages"]).await;
    bus.process.pause();
    assert!(ann.gets("sword").await);
    bob.hear_until(|message| matches!(message, ServerMessage::AssetGranted { .. }).then_some(())).await;
    tokio::join!(
        stage.fires("apart", &["BusLosesMessages", "BusDown"]),
        stage.fires("apart-2", &["GapsRepaired"])
    );
    bus.process.resume();
    stage.keep((store, bus, ours, theirs, ann, bob));
}

/// A node whose log nobody can write.
async fn mute(stage: &Stage) {
    let disk = std::fs::OpenOptions::new().write(true).open("/dev/full").unwrap();
    let mut command = Command::new(Process::program());
    command.args(["--listen", "127.0.0.1:0"]).stdout(Stdio::piped()).stderr(disk).kill_on_drop(true);
    let mut child = command.spawn().unwrap();
    let mut lines = BufReader::new(child.stdout.take().unwrap()).lines();
    let address: SocketAddr = loop {
        let line = lines.next_line().await.unwrap().expect("it says where it listens");
        if let Some((_, address)) = line.split_once("http://") {
            break address.parse().unwrap();
        }
    };
    stage.scrape("mute", address).await;
    let ann = Client::join(address, "r/ws?player=ann").await;
    stage.fires("mute", &["LogLinesDropped"]).await;
    stage.keep((child, lines, ann));
}

/// A node that is killed.
async fn gone(stage: &Stage) {
    let mut node = Node::start(&[]).await;
    stage.scrape("gone", node.metrics).await;
    node.process.child.kill().await.unwrap();
    stage.fires("gone", &["NodeDown"]).await;
}

/// As many players as a node takes, and more.
async fn full(stage: &Stage) {
    let node = Node::start(&["--max-connections", "10"]).await;
    stage.scrape("full", node.metrics).await;
    let mut members = Vec::new();
    for n in 0..10 {
        members.push(node.process.join(&format!("p{n}")).await);
    }
    stage.fires("full", &["ConnectionsNearLimit"]).await;
    let closed = Client::try_join(node.address(), "r/ws?player=late").await.map(drop).unwrap_err();
    assert_eq!(closed.code, 4113);
    stage.fires("full", &["TurnsPlayersAway"]).await;
    stage.keep((node, members));
}

/// A player who asks faster than allowed.
async fn flood(stage: &Stage) {
    let node = Node::start(&["--selects-per-second", "5"]).await;
    stage.scrape("flood", node.metrics).await;
    let mut ann = node.process.join("ann").await;
    for _ in 0..20 {
        ann.selects("sword").await;
    }
    stage.fires("flood", &["RateLimits"]).await;
    stage.keep((node, ann));
}

/// A member that reads more slowly than the room talks.
async fn narrow(stage: &Stage) {
    let node = Node::start(&["--room-log", "16"]).await;
    stage.scrape("narrow", node.metrics).await;
    let mut ann = node.process.join("ann").await;
    let _slow = Socket::open_narrow(node.address(), "r/ws").await.welcomed().await;
    while metric(node.metrics, "asset_arbiter_healed_readers_total").await == 0 {
        for _ in 0..30 {
            ann.enqueue(r#"{"type":"select_asset","asset":"sword"}"#).await;
            ann.enqueue(r#"{"type":"release_asset","asset":"sword"}"#).await;
        }
        ann.flush().await;
        ann.pinged().await;
    }
    stage.fires("narrow", &["ReadersFallBehind"]).await;
    stage.keep((node, ann));
}

/// A node whose clock is ten seconds ahead of the store's.
async fn skewed(stage: &Stage) {
    let redis = stage.redis.start();
    let now = SystemTime::now().duration_since(SystemTime::UNIX_EPOCH).unwrap().as_millis();
    let inner = store::open(
        &redis.url(),
        store::Options { room_ttl: None, max_assets: None, events_backlog: None, history: None },
    )
    .unwrap();
    let server = Server::with(|setup| {
        setup.config.clock_starts_at = Some(u64::try_from(now).unwrap() + 10_000);
        setup.inner = Some(inner);
    });
    let server = server.await;
    stage.scrape("skewed", server.address).await;
    stage.fires("skewed", &["ClockSkew"]).await;
    stage.keep((redis, server));
}

/// A certificate of one day, and one that cannot be served.
async fn certificate(stage: &Stage) {
    let pair = Pair::of(&Issued::for_days(1));
    let node = Node::start(&pair.flags()).await;
    stage.scrape("certificate", node.metrics).await;
    stage.fires("certificate", &["CertificateExpiresSoon", "CertificateExpires"]).await;
    // A plain request to a port that speaks TLS.
    let (mut plain, mut answer) = (TcpStream::connect(node.address()).await.unwrap(), String::new());
    plain.write_all(b"GET / HTTP/1.1\r\nHost: localhost\r\n\r\n").await.unwrap();
    plain.read_to_string(&mut answer).await.unwrap();
    assert!(answer.starts_with("HTTP/1.1 400 "), "{answer}");
    pair.write_key("no key");
    node.process.signal("HUP").await;
    stage.fires("certificate", &["CertificateNotLoaded"]).await;
    stage.keep((node, pair));
}

/// A node that may have few files open. Prometheus' own connection stays open.
async fn files(stage: &Stage) {
    let mut command = Command::new("sh");
    command.args(["-c", "ulimit -n 64 && exec \"$0\" \"$@\""]).arg(Process::program());
    let flags = ["--metrics-listen", "127.0.0.1:0", "--handshake-timeout", "10m", "--max-connections", "1000"];
    let node = Node::of(Process::launch(command, "127.0.0.1:0", &flags).await).await;
    stage.scrape("files", node.metrics).await;
    let mut silent = Vec::new();
    while metric(node.metrics, "process_open_fds").await < 58 {
        silent.push(TcpStream::connect(node.address()).await.unwrap());
        sleep(Duration::from_millis(5)).await;
    }
    stage.fires("files", &["OpenFilesNearLimit"]).await;
    for _ in 0..20 {
        silent.push(TcpStream::connect(node.address()).await.unwrap());
    }
    node.process.will_log("cannot accept").await;
    silent.truncate(silent.len() - 40);
    stage.fires("files", &["CannotAccept"]).await;
    stage.keep((node, silent));
}

/// More changes of one asset than may wait for a store that stands still.
async fn queue(stage: &Stage) {
    let redis = stage.redis.start();
    let flags =
        ["--store", &redis.url(), "--auto-create", "2", "--in-flight", "4096", "--select-deadline", "30s"];
    let node = Node::start(&flags).await;
    stage.scrape("queue", node.metrics).await;
    let mut members = Vec::new();
    for n in 0..34 {
        members.push(node.process.join(&format!("p{n}")).await);
    }
    assert!(members[0].gets("sword").await);
    redis.process.pause();
    for member in &mut members {
        for _ in 0..4096 {
            member.enqueue(r#"{"type":"select_asset","asset":"sword"}"#).await;
        }
        member.flush().await;
    }
    eventually(true, async || metric(node.metrics, "asset_arbiter_queue_full_total").await > 0).await;
    redis.process.resume();
    stage.fires("queue", &["QueueFull"]).await;
    stage.keep((redis, node, members));
}

/// Many players who want one asset of a store that is slow.
async fn batches(stage: &Stage) {
    let redis = stage.redis.start();
    let node = Node::start(&["--store", &redis.url(), "--auto-create", "2"]).await;
    stage.scrape("batches", node.metrics).await;
    let mut members = Vec::new();
    for n in 0..250 {
        members.push(node.process.join(&format!("p{n}")).await);
    }
    redis.process.pause();
    for member in &mut members {
        member.select("sword", 1).await;
    }
    eventually(250, async || metric(node.metrics, "asset_arbiter_messages_received_total").await).await;
    redis.process.resume();
    stage.fires("batches", &["BatchesNearLargest"]).await;
    stage.keep((redis, node, members));
}
