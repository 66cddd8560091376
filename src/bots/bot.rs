use std::{sync::Arc, time::Duration};

use futures::StreamExt;
use tokio::{
    sync::watch,
    time::{Instant, timeout},
};
use tokio_tungstenite::tungstenite::Message;

use crate::model::Token;

use super::{
    cursor::Cursor,
    frame::{Frame, Welcome},
    limits::CONNECT_TIMEOUT,
    pending::Pending,
    reconnect::{End, Next, Reconnect},
    recorder::Recorder,
    refresh::Refresh,
    report::GaveUp,
    round::Round,
    session::Session,
    shared::{Phase, Shared},
    socket::{self, Socket},
};

/// One player. Joins, races when told to, and reconnects by the client's rules.
pub(super) struct Bot {
    pub(super) index: usize,
    pub(super) recorder: Arc<Recorder>,
    pub(super) shared: Arc<Shared>,
    pub(super) phase: watch::Receiver<Phase>,
    pub(super) reconnect: Reconnect,
    pub(super) refresh: Refresh,
    /// The bot's requests of the current round.
    pub(super) task: Option<Task>,
    /// The bot's position in the room's log.
    pub(super) cursor: Cursor,
    /// The last round the bot started.
    round: Option<usize>,
    /// How often the bot moved on to the next address.
    node: usize,
    joined: bool,
}

/// A bot's work in a round.
pub(super) struct Task {
    pub(super) round: Arc<Round>,
    pub(super) pending: Pending,
}

impl Bot {
    pub(super) fn new(
        index: usize,
        recorder: Arc<Recorder>,
        shared: Arc<Shared>,
        phase: watch::Receiver<Phase>,
    ) -> Self {
        Self {
            index,
            recorder,
            reconnect: Reconnect::new(shared.config.jitter(index), Instant::now()),
            refresh: Refresh::new(shared.config.jitter(index)),
            shared,
            phase,
            task: None,
            cursor: Cursor::default(),
            round: None,
            node: index,
            joined: false,
        }
    }

    /// Runs until the run is over or the bot gives up.
    pub(super) async fn run(mut self) {
        loop {
            let end = self.connection().await;
            self.note(&end);
            match self.reconnect.next(&end, Instant::now()) {
                Next::Leave => return,
                Next::GiveUp(reason) => return self.give_up(reason),
                Next::AwaitRound => {
                    if self.sits_out().await {
                        return;
                    }
                }
                Next::Reconnect { after, elsewhere } => {
                    self.node += usize::from(elsewhere);
                    if self.leaves_within(after).await {
                        return;
                    }
                }
            }
        }
    }

    /// The index of the bot's current address.
    pub(super) fn node(&self) -> usize {
        self.node % self.shared.nodes.len()
    }

    /// Starts a round that has begun. Returns true if the run is over.
    pub(super) fn follow(&mut self) -> bool {
        let phase = self.phase.borrow_and_update().clone();
        if let Phase::Race(round) = &phase
            && self.round != Some(round.number)
        {
            let work = self.shared.config.work(round.number, self.index);
            self.round = Some(round.number);
            self.task = Some(Task { round: Arc::clone(round), pending: Pending::new(work, Instant::now()) });
        }
        matches!(phase, Phase::Leave)
    }

    /// One connection, from handshake to close.
    async fn connection(&mut self) -> End {
        let shared = Arc::clone(&self.shared);
        let node = &shared.nodes[self.node()];
        let query = self.cursor.query();
        let path = format!("/v1/rooms/{}/ws?player={}{query}", shared.config.room, self.recorder.player);
        let token = match self.mint() {
            Ok(token) => token,
            Err(why) => return End::NoToken(why),
        };
        let mut socket = match socket::open(&shared, node, &path, token.as_ref()).await {
            Ok(socket) => socket,
            Err(end) => return end,
        };
        match timeout(CONNECT_TIMEOUT, self.welcome(&mut socket)).await {
            Ok(Ok(ping_interval)) => Session::new(self, socket, ping_interval).run().await,
            Ok(Err(end)) => end,
            Err(_) => End::Lost("no_welcome"),
        }
    }

    /// A new token for the bot; `None` if the bots have none.
    pub(super) fn mint(&self) -> Result<Option<Token>, String> {
        let config = &self.shared.config;
        config.tokens.as_ref().map(|tokens| tokens.mint(&self.recorder.player, &config.room)).transpose()
    }

    /// Reads the welcome, which must be the first message. Returns the server's ping interval.
    async fn welcome(&mut self, socket: &mut Socket) -> Result<Duration, End> {
        loop {
            match socket.next().await {
                Some(Ok(Message::Text(text))) => {
                    let Some(Frame::Welcome(welcome)) = Frame::decode(&text) else {
                        return Err(End::Lost("no_welcome"));
                    };
                    return Ok(self.enter(&welcome));
                }
                Some(Ok(Message::Close(frame))) => return Err(socket::closed(frame)),
                Some(Ok(_)) => {}
                None | Some(Err(_)) => return Err(End::Lost("connection_lost")),
            }
        }
    }

    fn enter(&mut self, welcome: &Welcome<'_>) -> Duration {
        let now = Instant::now();
        self.reconnect.welcomed(now);
        self.refresh.holds(welcome.token_ttl_ms.map(Duration::from_millis), now);
        let mut tally = self.shared.tally.lock();
        if std::mem::replace(&mut self.joined, true) {
            tally.reconnects.total += 1;
            tally.reconnects.recovered += u64::from(welcome.recovered);
        } else {
            tally.joined += 1;
        }
        drop(tally);
        if !welcome.recovered {
            self.recorder.begin_state();
            self.recorder.learn(&welcome.assets);
        }
        self.cursor.enter(welcome);
        Duration::from_millis(welcome.ping_interval_ms)
    }

    /// Records the end of a connection for this round's requests and for the report.
    fn note(&mut self, end: &End) {
        if let Some(task) = &mut self.task {
            task.pending.connection_lost(Instant::now());
        }
        match end {
            End::Left => {}
            End::Away => {
                self.task = None;
                self.recorder.leave();
                self.shared.tally.lock().left += 1;
            }
            End::Cut => self.shared.tally.lock().reconnects.cuts += 1,
            End::Closed { code, .. } => self.shared.error(&format!("closed_{code}")),
            End::Refused { status, .. } => self.shared.error(&format!("refused_{status}")),
            End::Lost(how) => self.shared.error(how),
            End::NoToken(_) => self.shared.error("no_token"),
        }
    }

    fn give_up(self, reason: String) {
        self.shared.tally.lock().gave_up.push(GaveUp { player: self.recorder.player.clone(), reason });
        self.recorder.give_up();
    }

    /// Waits for the next round. Returns true if the run ends first.
    async fn sits_out(&mut self) -> bool {
        let left = self.round;
        let in_round = |phase: &Phase| matches!(phase, Phase::Race(round) if Some(round.number) == left);
        let over = match self.phase.wait_for(|phase| !in_round(phase)).await {
            Ok(phase) => matches!(*phase, Phase::Leave),
            Err(_) => true,
        };
        self.reconnect.proved(Instant::now());
        over
    }

    /// Waits. Returns true if the run ends first.
    async fn leaves_within(&mut self, wait: Duration) -> bool {
        timeout(wait, self.phase.wait_for(|phase| matches!(phase, Phase::Leave))).await.is_ok()
    }
}
