use std::{fmt::Debug, net::SocketAddr, sync::Arc, time::Duration};

use asset_arbiter::{
    arbiter::{Arbiter, Config, RoomState},
    bus,
    model::{AssetState, NewAsset, Units},
    server::{App, Metrics, Settings, listen, serve},
    store::{
        MemoryStore, Store,
        faulty::{Faults, Faulty},
    },
};
use tokio::{net::TcpStream, sync::oneshot, task::JoinHandle, time::sleep};

use super::{client::Client, http, soon};

/// A server of its own: a memory store whose faults a test can switch on, and its own metrics.
pub(crate) struct Server {
    pub(crate) address: SocketAddr,
    pub(crate) arbiter: Arc<Arbiter>,
    pub(crate) store: Arc<Faulty>,
    stop: oneshot::Sender<()>,
    ended: JoinHandle<()>,
}

/// What a server is started with.
#[derive(Default)]
pub(crate) struct Setup {
    pub(crate) config: Config,
    pub(crate) settings: Settings,
    /// What lies under the faults; `None`: a memory store.
    pub(crate) inner: Option<Arc<dyn Store>>,
}

impl Server {
    pub(crate) async fn start() -> Self {
        Self::with(|_| {}).await
    }

    pub(crate) async fn with(adjust: impl FnOnce(&mut Setup)) -> Self {
        // Some tests have a thousand clients, and both ends of each are files of this process.
        let _ = rlimit::increase_nofile_limit(8192);
        let mut setup = Setup::default();
        adjust(&mut setup);
        let inner = setup.inner.unwrap_or_else(|| Arc::new(MemoryStore::new(None)));
        let store = Arc::new(Faulty::new(inner, 1, Faults::default()));
        let (metrics, bus) = (Metrics::new(), bus::open("local:").unwrap());
        let arbiter = metrics.scope(|| Arbiter::start(setup.config, store.clone(), bus, 1));
        let listener = listen("127.0.0.1:0".parse().unwrap()).unwrap();
        let address = listener.local_addr().unwrap();
        let (stop, stopped) = oneshot::channel();
        let app = App::new(setup.settings, Arc::clone(&arbiter), metrics);
        let ended = tokio::spawn(serve(listener, app, async {
            let _ = stopped.await;
        }));
        Self { address, arbiter, store, stop, ended }
    }

    /// Tells it to stop; the task that is left ends when it has drained.
    pub(crate) fn stop(self) -> JoinHandle<()> {
        self.stop.send(()).unwrap();
        self.ended
    }

    /// Waits until it ends by itself.
    pub(crate) async fn ended(self) {
        self.ended.await.unwrap();
    }

    /// Joins a room as a player.
    pub(crate) async fn join(&self, room: &str, player: &str) -> Client {
        Client::join(self.address, &format!("{room}/ws?player={player}")).await
    }

    /// Joins a room as an observer.
    pub(crate) async fn observe(&self, room: &str) -> Client {
        Client::join(self.address, &format!("{room}/ws")).await
    }

    pub(crate) async fn create(&self, room: &str, asset: &str, units: Units) {
        self.arbiter
            .create(&room.parse().unwrap(), &asset.parse().unwrap(), NewAsset::plain(units))
            .await
            .unwrap();
    }

    /// A room as the server knows it.
    pub(crate) async fn room(&self, room: &str) -> RoomState {
        self.arbiter.room(&room.parse().unwrap()).await.unwrap()
    }

    pub(crate) async fn asset(&self, room: &str, asset: &str) -> AssetState {
        self.room(room).await.assets.into_iter().find(|state| state.asset.as_str() == asset).unwrap()
    }

    pub(crate) async fn connect(&self) -> TcpStream {
        TcpStream::connect(self.address).await.unwrap()
    }

    /// The answer to a request written by hand: its head and body.
    pub(crate) async fn ask(&self, request: impl AsRef<[u8]>) -> String {
        http::ask(self.address, request).await
    }

    /// The value of a line of `/metrics`.
    pub(crate) async fn metric(&self, name: &str) -> u64 {
        http::metric(self.address, name).await
    }

    /// How often connections ended with a close code, as `/metrics` tells.
    pub(crate) async fn closes(&self, code: &str) -> u64 {
        self.metric(&format!("asset_arbiter_closes_total{{code=\"{code}\"}}")).await
    }

    /// How often selects ended so, as `/metrics` tells.
    pub(crate) async fn selects(&self, outcome: &str) -> u64 {
        self.metric(&format!("asset_arbiter_selects_total{{outcome=\"{outcome}\"}}")).await
    }

    /// Waits until connections were closed with `code` so many times.
    pub(crate) async fn has_closed(&self, code: &str, times: u64) {
        eventually(times, || self.closes(code)).await;
    }

    /// Waits until the store was asked to select so many times.
    pub(crate) async fn has_selected(&self, times: u64) {
        eventually(times, || async { self.store.calls().select }).await;
    }
}

/// Waits until `look` sees what is expected.
pub(crate) async fn eventually<T, F>(expected: T, mut look: impl FnMut() -> F)
where
    T: PartialEq + Debug,
    F: Future<Output = T>,
{
    let waited = async {
        while look().await != expected {
            sleep(Duration::from_millis(5)).await;
        }
    };
    soon(&format!("{expected:?}"), waited).await;
}
