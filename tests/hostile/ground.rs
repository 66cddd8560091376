use std::{fs, net::SocketAddr, thread, time::Duration};

use hdrhistogram::Histogram;
use rustix::process::nice;
use tempfile::TempDir;
use tokio::{
    runtime::Builder,
    task::LocalSet,
    time::{Instant, sleep},
};

use crate::{
    honest::Honest,
    support::{Process, soon, tokens},
    wire::Wire,
};

const ADMIN_KEY: &str = "operator";
const MEGABYTE: f64 = 1_048_576.0;
/// A timeout that is short enough to be seen in a scene, and long enough for a busy machine.
pub(crate) const TIMEOUT: &str = "1s";

/// A server that asks for player tokens, and honest players who race on it from the beginning to the end.
pub(crate) struct Ground {
    pub(crate) server: Process,
    honest: Honest,
    /// The server's open files while only the honest players are there.
    files: usize,
    quiet: Histogram<u64>,
    _key: TempDir,
}

/// What a scene cost the server and the honest players.
pub(crate) struct Cost {
    /// Milliseconds of the server's processor time per second.
    pub(crate) busy: f64,
    /// Megabytes by which the server's memory grew, at the most.
    pub(crate) grown: f64,
    /// The honest players' latency at these quantiles, in milliseconds and as a multiple of what it was without anybody
    /// else.
    pub(crate) p50: (f64, f64),
    pub(crate) p99: (f64, f64),
}

impl Ground {
    /// `assets` of the room `large` have 32 holders each.
    pub(crate) async fn start(flags: &[&str], assets: usize, quiet: Duration) -> Self {
        let key = TempDir::new().unwrap();
        let file = key.path().join("key");
        fs::write(&file, tokens::SECRET).unwrap();
        let token_key = format!("key-1={}", file.display());
        let always = ["--token-key", &token_key, "--auto-create", "1", "--selects-per-second", "50"];
        let timeouts = ["--handshake-timeout", TIMEOUT, "--write-timeout", TIMEOUT];
        let flags = [&always[..], &timeouts, flags].concat();
        let server = Process::start_with_env(&flags, &[("ASSET_ARBITER_ADMIN_KEY", ADMIN_KEY)]).await;
        fill(server.address, assets).await;
        let honest = Honest::join(server.address).await;
        let files = open_files(&server);
        honest.take_replies();
        sleep(quiet).await;
        let quiet = honest.take_replies();
        Self { server, honest, files, quiet, _key: key }
    }

    pub(crate) fn address(&self) -> SocketAddr {
        self.server.address
    }

    /// Plays a scene: `hostile` runs in a thread that gives way to the honest players, until it is over or for so long.
    /// Then waits until the server has closed all of its files.
    pub(crate) async fn scene<F: Future<Output = ()>>(
        &self,
        longest: Duration,
        hostile: impl FnOnce() -> F + Send + 'static,
    ) -> Cost {
        self.honest.take_replies();
        let (used, memory, began) = (self.busy(), self.server.resident(), Instant::now());
        let playing = thread::spawn(move || {
            nice(19).unwrap();
            let runtime = Builder::new_current_thread().enable_all().build().unwrap();
            let scene = async {
                // Cut short at the end of the scene.
                let _ = tokio::time::timeout(longest, hostile()).await;
            };
            LocalSet::new().block_on(&runtime, scene);
        });
        let mut peak = memory;
        while !playing.is_finished() {
            sleep(Duration::from_millis(50)).await;
            peak = peak.max(self.server.resident());
        }
        let busy = (self.busy() - used) / began.elapsed().as_secs_f64();
        playing.join().unwrap();
        let replies = self.honest.take_replies();
        let latency = |quantile| {
            let [now, quiet] =
                [&replies, &self.quiet].map(|replies| replies.value_at_quantile(quantile) as f64);
            (now / 1000.0, now / quiet)
        };
        let grown = (peak - memory) as f64 / MEGABYTE;
        let cost = Cost { busy, grown, p50: latency(0.5), p99: latency(0.99) };
        soon("the server's files to be closed", self.files_are_closed()).await;
        cost
    }

    /// Ends the race and the server, and checks what must hold.
    pub(crate) async fn end(self) -> u64 {
        let rounds = self.honest.end().await;
        self.server.end().await;
        rounds
    }

    async fn files_are_closed(&self) {
        while open_files(&self.server) > self.files {
            sleep(Duration::from_millis(20)).await;
        }
    }

    /// The server's processor time in milliseconds: fields 14 and 15 of its `stat`, in hundredths of a second, counted
    /// after the name.
    fn busy(&self) -> f64 {
        let stat = fs::read_to_string(format!("/proc/{}/stat", self.server.child.id().unwrap())).unwrap();
        let words: Vec<_> = stat.rsplit_once(')').unwrap().1.split_whitespace().collect();
        words[11..=12].iter().map(|field| field.parse::<f64>().unwrap() * 10.0).sum()
    }
}

impl Cost {
    pub(crate) const HEAD: &str =
        "                CPU ms/s  memory MB       p50 ms (ratio)     p99 ms (ratio)  answers";

    pub(crate) fn print(&self, name: &str, answers: impl std::fmt::Display) {
        let Self { busy, grown, p50, p99 } = self;
        println!(
            "{name:<15} {busy:>8.0} {grown:>10.1} {:>11.2} ({:>4.1}) {:>12.2} ({:>4.1})  {answers}",
            p50.0, p50.1, p99.0, p99.1
        );
    }
}

fn open_files(server: &Process) -> usize {
    fs::read_dir(format!("/proc/{}/fd", server.child.id().unwrap())).unwrap().count()
}

/// Creates the room `large`, whose assets have 32 holders each.
async fn fill(server: SocketAddr, assets: usize) {
    const HOLDERS: usize = 32;
    let mut wire = Wire::open(server, [127, 0, 0, 1].into()).await.unwrap();
    let mut ask = async |method: &str, path: String, body: String| {
        let head = format!("{method} /v1/rooms/large/assets/{path} HTTP/1.1\r\nHost: x\r\n");
        let head = format!("{head}{}Content-Length: {}\r\n\r\n", tokens::bearer(ADMIN_KEY), body.len());
        let status = wire.ask(&format!("{head}{body}")).await.unwrap();
        assert!(status.starts_with('2'), "{status}");
    };
    for asset in 0..assets {
        ask("PUT", format!("{asset:0>60}"), format!(r#"{{"units":{HOLDERS}}}"#)).await;
        for holder in 0..HOLDERS {
            ask("POST", format!("{asset:0>60}/select"), format!(r#"{{"player":"{holder:0>60}"}}"#)).await;
        }
    }
}
