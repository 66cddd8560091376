use std::{future::poll_fn, sync::Arc, time::Duration};

use asset_arbiter::{
    arbiter::{Arbiter, Config, Join, JoinError, Member, Resume},
    bus::{Bus, BusError, BusMessage, Incoming},
    model::{
        AssetName, AssetState, Change, Event, NewAsset, PlayerName, RoomName, ServerMessage, Units, Welcome,
        payloads,
    },
    server::Metrics,
    store::{
        AssetKey, Call, MemoryStore, NodeId,
        faulty::{Faults, Faulty},
    },
};
use async_trait::async_trait;
use parking_lot::Mutex;
use tokio::{
    sync::mpsc,
    time::{Instant, timeout},
};

pub(crate) fn name<T: std::str::FromStr<Err: std::fmt::Debug>>(text: &str) -> T {
    text.parse().expect("a name")
}

pub(crate) fn arena() -> RoomName {
    name("arena")
}

pub(crate) fn sword() -> AssetName {
    name("sword")
}

/// The sword of the arena.
pub(crate) fn key() -> AssetKey {
    AssetKey { room: arena(), asset: sword() }
}

/// No resync comes in time, so what notices is what is tested.
pub(crate) fn without_resync() -> Config {
    Config { resync_interval: Duration::from_secs(3600), ..Config::default() }
}

/// Another node's calls, straight into the store.
pub(crate) fn elsewhere(seq: u64) -> Call {
    Call { node: NodeId(7), seq, at: seq, by: None }
}

/// One arbiter, the truth under it, and handles to make its store and its bus go wrong.
pub(crate) struct World {
    pub(crate) arbiter: Arc<Arbiter>,
    pub(crate) faulty: Arc<Faulty>,
    pub(crate) truth: Arc<MemoryStore>,
    pub(crate) bus: Arc<Wire>,
    metrics: Metrics,
}

impl World {
    pub(crate) fn new(config: Config) -> Self {
        Self::with(config, 1, Faults::default(), false)
    }

    /// Over a store that other nodes may change behind this one's back.
    pub(crate) fn shared(config: Config) -> Self {
        Self::with(config, 1, Faults::default(), true)
    }

    /// Over a store whose rooms go when nobody used them for `ttl`.
    pub(crate) fn expiring(ttl: Duration, config: Config) -> Self {
        Self::over(MemoryStore::new(Some(ttl)), config, 1, Faults::default(), false)
    }

    pub(crate) fn with(config: Config, seed: u64, faults: Faults, shared: bool) -> Self {
        Self::over(MemoryStore::default(), config, seed, faults, shared)
    }

    fn over(truth: MemoryStore, config: Config, seed: u64, faults: Faults, shared: bool) -> Self {
        let truth = Arc::new(truth);
        let faulty = Faulty::new(truth.clone(), seed, faults);
        let faulty = Arc::new(if shared { faulty.as_shared() } else { faulty });
        let bus = Arc::<Wire>::default();
        let metrics = Metrics::new();
        let arbiter = metrics.scope(|| Arbiter::start(config, faulty.clone(), bus.clone(), seed));
        Self { arbiter, faulty, truth, bus, metrics }
    }

    /// How often the node took it that the store had lost writes.
    pub(crate) fn regressions(&self) -> u64 {
        let text = self.metrics.render();
        let line = text.lines().find_map(|line| line.strip_prefix("asset_arbiter_regressions_total "));
        line.expect("a counter").parse().expect("a number")
    }

    pub(crate) async fn create(&self, units: Units) {
        self.arbiter.create(&arena(), &sword(), NewAsset::plain(units)).await.expect("created");
    }

    pub(crate) async fn join(&self, player: &str) -> Client {
        self.try_join(Some(player), None).await.expect("joined")
    }

    pub(crate) async fn try_join(
        &self,
        player: Option<&str>,
        resume: Option<Resume>,
    ) -> Result<Client, JoinError> {
        Client::join(&self.arbiter, player, resume).await
    }
}

/// The server layer's part, in short: takes what is ready, replies before frames.
pub(crate) struct Client {
    pub(crate) member: Member,
    /// What was taken and not looked at yet.
    inbox: Vec<ServerMessage>,
}

impl Client {
    pub(crate) async fn join(
        arbiter: &Arc<Arbiter>,
        player: Option<&str>,
        resume: Option<Resume>,
    ) -> Result<Self, JoinError> {
        Self::welcomed(Self::try_join_unread(arbiter, player, None, resume).await?).await
    }

    /// Joins with a display name.
    pub(crate) async fn join_as(arbiter: &Arc<Arbiter>, player: &str, display_name: &str) -> Self {
        let joined = Self::try_join_unread(arbiter, Some(player), Some(display_name), None).await;
        Self::welcomed(joined.expect("joined")).await.expect("welcomed")
    }

    async fn welcomed(mut client: Self) -> Result<Self, JoinError> {
        let ServerMessage::Welcome(welcome) = client.next().await else {
            panic!("the first frame is a welcome")
        };
        client.inbox.insert(0, ServerMessage::Welcome(welcome));
        Ok(client)
    }

    /// Joins and takes nothing, not even the welcome.
    pub(crate) async fn join_unread(arbiter: &Arc<Arbiter>, player: Option<&str>) -> Self {
        Self::try_join_unread(arbiter, player, None, None).await.expect("joined")
    }

    async fn try_join_unread(
        arbiter: &Arc<Arbiter>,
        player: Option<&str>,
        display_name: Option<&str>,
        resume: Option<Resume>,
    ) -> Result<Self, JoinError> {
        let join = Join {
            room: arena(),
            player: player.map(name),
            display_name: display_name.map(|name| name.parse().expect("a display name")),
            resume,
            session: "s".into(),
            ping_interval_ms: 1000,
            token_ttl_ms: None,
        };
        Ok(Self { member: arbiter.join(join).await?, inbox: Vec::new() })
    }

    pub(crate) fn welcome(&mut self) -> Welcome {
        match self.inbox.remove(0) {
            ServerMessage::Welcome(welcome) => *welcome,
            other => panic!("a welcome, not {other:?}"),
        }
    }

    /// The next message. Virtual time makes waiting free; a minute without one is a failure.
    pub(crate) async fn next(&mut self) -> ServerMessage {
        self.wait_for(|inbox| (!inbox.is_empty()).then(|| inbox.remove(0))).await
    }

    /// What `wanted` makes of the first message that it takes; the others stay for later.
    pub(crate) async fn find<T>(&mut self, wanted: impl Fn(&ServerMessage) -> Option<T>) -> T {
        self.wait_for(|inbox| {
            let (place, found) =
                inbox.iter().enumerate().find_map(|(n, message)| Some((n, wanted(message)?)))?;
            inbox.remove(place);
            Some(found)
        })
        .await
    }

    async fn wait_for<T>(&mut self, mut look: impl FnMut(&mut Vec<ServerMessage>) -> Option<T>) -> T {
        let waiting = async {
            loop {
                self.take();
                if let Some(found) = look(&mut self.inbox) {
                    return found;
                }
                poll_fn(|cx| self.member.mailbox().poll_woken(cx)).await;
            }
        };
        timeout(Duration::from_secs(60), waiting)
            .await
            .unwrap_or_else(|_| panic!("no message within a minute; these wait: {:?}", self.inbox))
    }

    /// All that is here now.
    pub(crate) fn now(&mut self) -> Vec<ServerMessage> {
        self.take();
        std::mem::take(&mut self.inbox)
    }

    fn take(&mut self) {
        let mut frames = Vec::new();
        while self.member.take(&mut frames).more {}
        let decode = |message| serde_json::from_slice(message).expect("a message of the protocol");
        self.inbox.extend(payloads(&frames).map(decode));
    }

    /// Selects the sword and waits for the answer.
    pub(crate) async fn select(&mut self) -> Answer {
        self.member.select(sword(), None, Instant::now());
        self.find(answer).await
    }
}

/// A function that gives a value of the messages that a pattern matches.
macro_rules! pick {
    ($pattern:pat $(if $guard:expr)? => $value:expr) => {
        |message: &ServerMessage| match message {
            $pattern $(if $guard)? => Some($value),
            _ => None,
        }
    };
}
pub(crate) use pick;

/// A reply to a select, in short.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Answer {
    Granted { revision: u64, remaining: Units },
    AlreadyHeld { revision: u64 },
    SoldOut,
    Error(asset_arbiter::model::ErrorCode),
}

pub(crate) fn answer(message: &ServerMessage) -> Option<Answer> {
    match *message {
        ServerMessage::Selection { granted: true, already_held: true, revision, .. } => {
            Some(Answer::AlreadyHeld { revision })
        }
        ServerMessage::Selection { granted: true, revision, remaining, .. } => {
            Some(Answer::Granted { revision, remaining })
        }
        ServerMessage::Selection { granted: false, .. } => Some(Answer::SoldOut),
        ServerMessage::Error { code, .. } => Some(Answer::Error(code)),
        _ => None,
    }
}

/// What a node tells the others when a player got a unit and this is how the store knows the asset right after it.
pub(crate) fn granted(state: &AssetState, player: &str, at: u64) -> BusMessage {
    let change = Change::granted(name(player), state.units, at);
    BusMessage::Event(Event::of(state, state.revision, state.remaining, change))
}

/// The player and revision of a grant that the room is told of.
pub(crate) fn grant(message: &ServerMessage) -> Option<(PlayerName, u64)> {
    match message {
        ServerMessage::AssetGranted { player, revision, .. } => Some((player.clone(), *revision)),
        _ => None,
    }
}

/// A bus whose other end is the test.
#[derive(Default)]
pub(crate) struct Wire {
    to_node: Mutex<Option<mpsc::Sender<Incoming>>>,
    pub(crate) said: Mutex<Vec<BusMessage>>,
    pub(crate) rooms: Mutex<Vec<RoomName>>,
}

impl Wire {
    pub(crate) async fn deliver(&self, message: BusMessage) {
        self.send(Incoming::Message(arena(), message)).await;
    }

    pub(crate) async fn send(&self, incoming: Incoming) {
        let sender = self.to_node.lock().clone().expect("the arbiter listens");
        sender.send(incoming).await.expect("the arbiter lives");
        tokio::task::yield_now().await;
    }
}

#[async_trait]
impl Bus for Wire {
    fn reaches_other_nodes(&self) -> bool {
        true
    }

    fn publish(&self, _: &RoomName, message: &BusMessage) {
        self.said.lock().push(message.clone());
    }

    async fn subscribe(&self, room: &RoomName) -> Result<(), BusError> {
        self.rooms.lock().push(room.clone());
        Ok(())
    }

    fn unsubscribe(&self, room: &RoomName) {
        self.rooms.lock().retain(|known| known != room);
    }

    fn incoming(&self) -> Option<mpsc::Receiver<Incoming>> {
        let (sender, receiver) = mpsc::channel(1024);
        *self.to_node.lock() = Some(sender);
        Some(receiver)
    }
}
