//! The servers: how each is started, and what it is spoken to in.

use std::net::{Ipv4Addr, SocketAddr, TcpListener, TcpStream};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};
use std::{fs, thread};

use super::dialect::Dialect;
use super::game::Server;
use super::workload::Workload;

/// How long a server may take to listen.
const START: Duration = Duration::from_secs(20);

/// The processor of the servers, unless another is asked for.
pub const CORES: &str = "0";

/// A kind of server.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Kind {
    /// Its name on the command line.
    pub name: &'static str,
    /// Its name in tables and pictures.
    pub title: &'static str,
    dialect: Dialect,
    /// Whether it needs a Redis.
    pub redis: bool,
}

/// All of them, in the order of the tables.
pub const ALL: [Kind; 9] = [
    Kind { name: "ours", title: "asset-arbiter", dialect: Dialect::Plain, redis: false },
    Kind { name: "floor", title: "raw epoll (floor)", dialect: Dialect::Plain, redis: false },
    Kind { name: "bun", title: "Bun", dialect: Dialect::Plain, redis: false },
    Kind { name: "ws", title: "Node ws", dialect: Dialect::Plain, redis: false },
    Kind { name: "socketio", title: "Socket.IO", dialect: Dialect::SocketIo, redis: false },
    Kind { name: "colyseus", title: "Colyseus", dialect: Dialect::Colyseus, redis: false },
    Kind { name: "centrifugo", title: "Centrifugo", dialect: Dialect::Centrifugo, redis: false },
    Kind { name: "ours-redis", title: "asset-arbiter, Redis", dialect: Dialect::Plain, redis: true },
    Kind { name: "ws-redis", title: "Node ws, Redis", dialect: Dialect::Plain, redis: true },
];

/// Where the servers' programs are, and where they run.
#[derive(Clone, Debug)]
pub struct Places {
    /// Ours.
    pub binary: PathBuf,
    /// The folder with `servers/`.
    pub folder: PathBuf,
    /// The folder of the npm packages.
    pub modules: PathBuf,
    /// Centrifugo.
    pub centrifugo: PathBuf,
    /// The servers' processors, as `taskset -c` takes them.
    pub cores: String,
    /// Threads of ours and of Centrifugo.
    pub threads: u32,
    /// More flags of ours.
    pub flags: Vec<String>,
}

/// A server's processes. They end when it is dropped.
pub struct Running {
    /// How to reach it.
    pub server: Server,
    _processes: Processes,
}

/// They are killed when they are dropped.
struct Processes(Vec<Child>);

impl Drop for Processes {
    fn drop(&mut self) {
        for process in &mut self.0 {
            let _ = process.kill();
            let _ = process.wait();
        }
    }
}

impl Kind {
    /// The kind of that name.
    pub fn named(name: &str) -> Option<Self> {
        ALL.into_iter().find(|kind| kind.name == name)
    }

    /// Whether it can take part in a workload.
    pub fn plays(self, workload: Workload) -> bool {
        self.dialect != Dialect::Centrifugo || !workload.needs_decisions()
    }

    /// Whether it runs on Node.
    pub fn needs_node(self) -> bool {
        matches!(self.name, "ws" | "ws-redis" | "socketio" | "colyseus")
    }

    /// Starts it, and its Redis before.
    ///
    /// # Errors
    /// It is not there, or does not listen.
    pub fn start(self, places: &Places) -> Result<Running, String> {
        let mut processes = Processes(Vec::new());
        let redis = if self.redis { Some(spawn(redis, places, &mut processes)?) } else { None };
        let command = |port, places: &Places| self.command(port, redis.map(|(_, address)| address), places);
        let (pid, address) = spawn(command, places, &mut processes)?;
        let server = Server { address, dialect: self.dialect, pid, redis: redis.map(|(pid, _)| pid) };
        Ok(Running { server, _processes: processes })
    }

    fn command(self, port: u16, redis: Option<SocketAddr>, places: &Places) -> Command {
        let redis = redis.map(|address| format!("redis://{address}"));
        let script = |file: &str| places.folder.join("servers").join(file);
        match self.name {
            "ours" | "ours-redis" => {
                let mut command = on_cores(places, &places.binary);
                command.args(["serve", "--listen", &format!("127.0.0.1:{port}"), "--log-level", "warn"]);
                command.args(["--store", redis.as_deref().unwrap_or("memory:"), "--auto-create", "1"]);
                // No bound is reached in a few seconds of flood.
                command.args(["--selects-per-second", "0", "--max-assets", "1000000"]);
                command.args(["--max-stored-assets", "10000000"]).args(&places.flags);
                command.env("TOKIO_WORKER_THREADS", places.threads.to_string());
                command
            }
            "floor" => {
                let myself = std::env::current_exe().unwrap_or_default();
                let mut command = on_cores(places, &myself);
                command.args(["floor", "--port", &port.to_string()]);
                command
            }
            "bun" => {
                let mut command = on_cores(places, &bun(&places.modules));
                command.arg(script("bun.js")).env("PORT", port.to_string());
                command
            }
            "centrifugo" => {
                let mut command = on_cores(places, &places.centrifugo);
                command.arg("--config").arg(script("centrifugo.json"));
                command.args(["--http_server.address=127.0.0.1", &format!("--http_server.port={port}")]);
                command.env("GOMAXPROCS", places.threads.to_string());
                command
            }
            name => {
                let mut command = on_cores(places, Path::new("node"));
                command.arg(script(&format!("{name}.cjs"))).env("PORT", port.to_string());
                command.env("NODE_PATH", &places.modules).env("NODE_ENV", "production");
                command.envs(redis.map(|url| ("REDIS_URL", url)));
                command
            }
        }
    }
}

fn redis(port: u16, places: &Places) -> Command {
    let mut command = on_cores(places, Path::new("redis-server"));
    command.args(["--port", &port.to_string(), "--bind", "127.0.0.1", "--save", "", "--appendonly", "no"]);
    command
}

/// npm puts Bun's binary into a package of the machine's kind.
fn bun(modules: &Path) -> PathBuf {
    let arch = if cfg!(target_arch = "aarch64") { "aarch64" } else { "x64" };
    modules.join("@oven").join(format!("bun-linux-{arch}")).join("bin/bun")
}

/// A program on the servers' cores, which ends with the generator, however that ends.
fn on_cores(places: &Places, program: &Path) -> Command {
    let mut command = Command::new("setpriv");
    command.args(["--pdeathsig", "KILL", "taskset", "-c", &places.cores]).arg(program);
    command
}

/// Starts a process on a free port, and waits until it listens there.
fn spawn(
    command: impl FnOnce(u16, &Places) -> Command,
    places: &Places,
    processes: &mut Processes,
) -> Result<(u32, SocketAddr), String> {
    let free = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).and_then(|listener| listener.local_addr());
    let address = free.map_err(|error| format!("no port: {error}"))?;
    let log = std::env::temp_dir().join(format!("asset-arbiter-peers-{}.log", address.port()));
    let file = fs::File::create(&log).map_err(|error| format!("{}: {error}", log.display()))?;
    let output = file.try_clone().map_err(|error| error.to_string())?;
    let mut command = command(address.port(), places);
    command.stdin(Stdio::null()).stdout(output).stderr(file);
    let mut process = command.spawn().map_err(|error| format!("{:?}: {error}", command.get_program()))?;
    let begin = Instant::now();
    let outcome = loop {
        if TcpStream::connect(address).is_ok() {
            break Ok((process.id(), address));
        }
        if let Ok(Some(status)) = process.try_wait() {
            break Err(status.to_string());
        }
        if begin.elapsed() > START {
            break Err(format!("does not listen after {START:?}"));
        }
        thread::sleep(Duration::from_millis(10));
    };
    processes.0.push(process);
    let said = fs::read_to_string(&log).unwrap_or_default();
    let _ = fs::remove_file(&log);
    outcome.map_err(|error| format!("{command:?}: {error}\n{said}"))
}
