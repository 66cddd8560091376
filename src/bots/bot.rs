use std::{
    sync::{Arc, atomic::Ordering},
    time::Duration,
};

use futures::StreamExt;
use tokio::{
    sync::watch,
    time::{Instant, sleep, timeout},
};
use tokio_tungstenite::tungstenite::Message;

use super::{
    comeback::{Comeback, End, Next},
    frame::{Frame, Welcome},
    hub::{Hub, Phase},
    limits::CONNECT_TIMEOUT,
    place::Place,
    round::Round,
    seat::Seat,
    session::Session,
    socket::{self, Socket},
    wants::Wants,
};

/// One player: joins, races when told to, comes back by the client's rules when its connection ends.
pub(super) struct Bot {
    pub(super) index: usize,
    pub(super) seat: Arc<Seat>,
    pub(super) hub: Arc<Hub>,
    pub(super) phase: watch::Receiver<Phase>,
    pub(super) comeback: Comeback,
    /// What it still wants in the present round.
    pub(super) task: Option<Task>,
    /// How far it has read the room's log.
    pub(super) place: Place,
    /// The last round it took up.
    round: Option<usize>,
    /// How often it went on to the next address.
    node: usize,
    joined: bool,
}

/// A round's work.
pub(super) struct Task {
    pub(super) round: Arc<Round>,
    pub(super) wants: Wants,
}

impl Bot {
    pub(super) fn new(index: usize, seat: Arc<Seat>, hub: Arc<Hub>, phase: watch::Receiver<Phase>) -> Self {
        let comeback = Comeback::new(hub.plan.jitter(index), Instant::now());
        let place = Place::default();
        Self { index, seat, hub, phase, comeback, task: None, place, round: None, node: index, joined: false }
    }

    /// Lives until the run is over or the bot gives up.
    pub(super) async fn run(mut self) {
        loop {
            let end = self.connection().await;
            self.note(&end);
            match self.comeback.next(&end, Instant::now()) {
                Next::Leave => return,
                Next::GiveUp(reason) => return self.give_up(reason),
                Next::ComeBack { after, elsewhere } => {
                    self.node += usize::from(elsewhere);
                    if self.leaves_within(after).await {
                        return;
                    }
                }
            }
        }
    }

    /// Which address it is at.
    pub(super) fn node(&self) -> usize {
        self.node % self.hub.nodes.len()
    }

    /// Takes up a round that has begun; says whether the run is over.
    pub(super) fn follow(&mut self) -> bool {
        let phase = self.phase.borrow_and_update().clone();
        if let Phase::Race(round) = &phase
            && self.round != Some(round.number)
        {
            let work = self.hub.plan.work(round.number, self.index);
            self.round = Some(round.number);
            self.task = Some(Task { round: Arc::clone(round), wants: Wants::new(work, Instant::now()) });
        }
        matches!(phase, Phase::Leave)
    }

    /// One connection, from its opening to its end.
    async fn connection(&mut self) -> End {
        let hub = Arc::clone(&self.hub);
        let node = &hub.nodes[self.node()];
        let query = self.place.query();
        let path = format!("/v1/rooms/{}/ws?player={}{query}", hub.room, self.seat.player);
        let mut socket = match socket::open(&hub, node, &path).await {
            Ok(socket) => socket,
            Err(end) => return end,
        };
        match timeout(CONNECT_TIMEOUT, self.welcome(&mut socket)).await {
            Ok(Ok(ping_interval)) => Session::new(self, socket, ping_interval).run().await,
            Ok(Err(end)) => end,
            Err(_) => End::Lost("no_welcome"),
        }
    }

    /// The first message must be the welcome. Returns how often the server pings.
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
        self.comeback.welcomed(Instant::now());
        self.hub.tally.welcomed(!self.joined, welcome.recovered);
        self.joined = true;
        if !welcome.recovered {
            self.seat.begin_state();
            self.seat.learn(&welcome.assets);
        }
        self.place.enter(welcome);
        Duration::from_millis(welcome.ping_interval_ms)
    }

    /// What the end of a connection means for the select of this round, and for the report.
    fn note(&mut self, end: &End) {
        if let Some(task) = &mut self.task {
            task.wants.connection_lost(Instant::now());
        }
        match end {
            End::Left => {}
            End::Cut => {
                self.hub.tally.cuts.fetch_add(1, Ordering::Relaxed);
            }
            End::Closed { code, .. } => self.hub.tally.error(&format!("closed_{code}")),
            End::Refused { status, .. } => self.hub.tally.error(&format!("refused_{status}")),
            End::Lost(how) => self.hub.tally.error(how),
        }
    }

    fn give_up(self, reason: String) {
        self.hub.tally.gone.lock().push((self.seat.player.clone(), reason));
        self.seat.give_up();
    }

    /// Waits; true when the run is over before that.
    async fn leaves_within(&mut self, wait: Duration) -> bool {
        let sleep = sleep(wait);
        tokio::pin!(sleep);
        loop {
            tokio::select! {
                biased;
                changed = self.phase.changed() => {
                    if changed.is_err() || matches!(*self.phase.borrow(), Phase::Leave) {
                        return true;
                    }
                }
                () = &mut sleep => return false,
            }
        }
    }
}
