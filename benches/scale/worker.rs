//! A process with some thousand players: one thread, one epoll. It does what its orders say, checks every frame, and
//! reports. It ends with its standard input.

use std::{
    cmp::Reverse,
    collections::{BTreeMap, BinaryHeap},
    fs::File,
    io::{self, ErrorKind, Read, Write},
    net::SocketAddr,
    os::fd::AsFd,
};

use rustix::{
    event::{
        Timespec,
        epoll::{self, EventData, EventFlags},
    },
    fd::OwnedFd,
};

use crate::{
    player::{self, CLOSE, LAST, Message, PING, PONG, Player, Received, State, TEXT},
    protocol::{Order, Report, now},
    support,
};

/// Read at once. A thousand small messages fit.
const READ_BUFFER: usize = 128 << 10;
/// Connections looked at in one turn.
const EVENTS: usize = 1024;
/// The epoll key of standard input.
const ORDERS: u64 = u64::MAX;
/// Reports of what must not be. More would say no more.
const MOST_BROKEN: usize = 5;

/// The pace of the client library: after an unexplained end at once, with this jitter, to the same address and to the
/// next; then with a backoff that doubles up to the cap, half of it jitter.
const AT_ONCE_JITTER: u64 = 100_000;
const BACKOFF_FIRST: u64 = 250_000;
const BACKOFF_CAP: u64 = 10_000_000;

/// The players of a worker: the numbers from `first` on.
pub(crate) struct Worker {
    nodes: Vec<SocketAddr>,
    room_size: u32,
    first: u32,
    players: Vec<Player>,
    epoll: OwnedFd,
    orders: File,
    unread: Vec<u8>,
    ended: bool,
    broken: usize,
    /// Players who come back, by the time of their next attempt.
    timers: BinaryHeap<Reverse<(u64, usize)>>,
    joins: Joins,
    /// Frames with the number of players since the order to join, or since the loss.
    counts: u64,
    watch: Option<Watch>,
    selects: Option<Selects>,
    loss: Option<Loss>,
    /// All grants so far: an asset and its rooms.
    grants: Vec<(String, Vec<u32>)>,
}

#[derive(Default)]
struct Joins {
    window: usize,
    begun: usize,
    done: usize,
    since: u64,
}

struct Watch {
    asset: String,
    /// Players who have not heard yet.
    missing: usize,
    heard: Vec<(u16, u64)>,
    announced: BTreeMap<u32, u32>,
}

struct Selects {
    asset: String,
    missing: usize,
    granted: Vec<(u32, u32)>,
}

struct Loss {
    node: u16,
    missing: usize,
    attempts: usize,
    closed: usize,
    refused: usize,
}

impl Worker {
    /// Reads the command line of `crew`: the first player, the number of players, those of a room, and the nodes.
    pub(crate) fn new(mut words: impl Iterator<Item = String>) -> Self {
        let mut number = || words.next().unwrap().parse::<u32>().unwrap();
        let (first, count, room_size) = (number(), number(), number());
        let nodes = words.map(|word| word.parse().unwrap()).collect();
        rlimit::increase_nofile_limit(u64::MAX).unwrap();
        let epoll = epoll::create(epoll::CreateFlags::CLOEXEC).unwrap();
        let orders = File::from(io::stdin().as_fd().try_clone_to_owned().unwrap());
        epoll::add(&epoll, &orders, EventData::new_u64(ORDERS), EventFlags::IN).unwrap();
        Self {
            nodes,
            room_size,
            first,
            players: (0..count).map(|_| Player::default()).collect(),
            epoll,
            orders,
            unread: Vec::new(),
            ended: false,
            broken: 0,
            timers: BinaryHeap::new(),
            joins: Joins::default(),
            counts: 0,
            watch: None,
            selects: None,
            loss: None,
            grants: Vec::new(),
        }
    }

    /// Runs until standard input ends.
    pub(crate) fn run(mut self) {
        let (mut events, mut buffer) = (Vec::with_capacity(EVENTS), vec![0; READ_BUFFER]);
        while !self.ended {
            self.come_back();
            let wait =
                self.timers.peek().map_or(1_000_000, |next| next.0.0.saturating_sub(now()).min(1_000_000));
            let wait = Timespec { tv_sec: wait as i64 / 1_000_000, tv_nsec: wait as i64 % 1_000_000 * 1000 };
            events.clear();
            match epoll::wait(&self.epoll, rustix::buffer::spare_capacity(&mut events), Some(&wait)) {
                Err(error) if error != rustix::io::Errno::INTR => panic!("epoll: {error}"),
                _ => {}
            }
            for event in &events {
                match event.data.u64() {
                    ORDERS => self.read_orders(&mut buffer),
                    player => self.serve(player as usize, &mut buffer),
                }
            }
        }
    }

    fn read_orders(&mut self, buffer: &mut [u8]) {
        let count = self.orders.read(buffer).unwrap_or(0);
        self.ended = count == 0;
        self.unread.extend_from_slice(&buffer[..count]);
        while let Some(end) = self.unread.iter().position(|&byte| byte == b'\n') {
            let line: Vec<u8> = self.unread.drain(..=end).collect();
            self.obey(serde_json::from_slice(&line).unwrap());
        }
    }

    fn obey(&mut self, order: Order) {
        match order {
            Order::Join { window } => {
                self.joins = Joins { window, since: now(), ..Joins::default() };
                self.join_more();
            }
            Order::Watch { rooms, asset } => self.watch(rooms, asset),
            Order::Select { asset, players } => self.select(asset, &players),
            Order::Lose { node } => {
                let missing = self.players.iter().filter(|player| player.node == node).count();
                self.counts = 0;
                self.loss = Some(Loss { node, missing, attempts: 0, closed: 0, refused: 0 });
                say(&Report::Losing { connections: missing });
            }
            Order::Audit => self.audit(),
        }
    }

    fn join_more(&mut self) {
        while self.joins.begun < self.players.len() && self.joins.begun - self.joins.done < self.joins.window {
            let index = self.joins.begun;
            self.joins.begun += 1;
            let node = (self.number(index) as usize % self.nodes.len()) as u16;
            if let Err(error) = self.connect(index, node) {
                self.complain(index, &format!("cannot connect: {error}"));
            }
        }
    }

    fn watch(&mut self, rooms: Vec<u32>, asset: String) {
        let lost = self.loss.as_ref().map(|loss| loss.node);
        let mut missing = 0;
        for index in 0..self.players.len() {
            let inside = rooms.contains(&self.room(index));
            let player = &mut self.players[index];
            player.awaited = inside && player.state == State::Member && Some(player.node) != lost;
            missing += usize::from(player.awaited);
        }
        let heard = Vec::with_capacity(missing);
        self.grants.push((asset.clone(), rooms));
        self.watch = Some(Watch { asset, missing, heard, announced: BTreeMap::new() });
        say(&Report::Watching { members: missing });
    }

    fn select(&mut self, asset: String, players: &[u32]) {
        let at = now();
        for &player in players {
            let index = (player - self.first) as usize;
            if let Err(error) = self.players[index].send(&support::select(&asset, player as usize)) {
                self.complain(index, &format!("cannot select: {error}"));
            }
        }
        self.selects = Some(Selects { asset, missing: players.len(), granted: Vec::new() });
        say(&Report::Asked { at });
    }

    /// Whether nobody is missing, and everybody was told of each grant once.
    fn audit(&mut self) {
        for index in 0..self.players.len() {
            let room = self.room(index);
            let grants = self.grants.iter().filter(|(_, rooms)| rooms.contains(&room)).count();
            let Player { state, grants: known, .. } = self.players[index];
            if state != State::Member || usize::from(known) != grants {
                self.complain(index, &format!("knows of {known} grants, and there were {grants} ({state:?})"));
            }
        }
        say(&Report::Audited);
    }

    /// The socket of a player has something.
    fn serve(&mut self, index: usize, buffer: &mut [u8]) {
        let result = match self.players[index].state {
            State::Away => return,
            State::Connecting => {
                let room = self.room(index);
                let path = format!("room-{room}/ws?player=p{}", self.number(index));
                let handshake = support::handshake(&path);
                self.players[index].connected(&self.epoll, index as u64, handshake.as_bytes())
            }
            _ => self.read(index, buffer),
        };
        match result {
            Err(error) if matches!(error.kind(), ErrorKind::WouldBlock | ErrorKind::Interrupted) => {}
            Err(error) => self.lost(index, &error),
            Ok(()) => {}
        }
    }

    fn read(&mut self, index: usize, buffer: &mut [u8]) -> io::Result<()> {
        let received = self.players[index].read(buffer)?;
        let at = now();
        let bytes = match &received {
            Received::InBuffer(count) => &buffer[..*count],
            Received::WithRest(bytes) => bytes,
        };
        let mut used = 0;
        if self.players[index].state == State::Upgrading {
            let Some(end) = bytes.windows(4).position(|four| four == b"\r\n\r\n") else {
                self.players[index].keep(bytes);
                return Ok(());
            };
            if !bytes.starts_with(b"HTTP/1.1 101 ") {
                return Err(io::Error::other(String::from_utf8_lossy(bytes)));
            }
            used = end + 4;
            self.players[index].state = State::Joining;
        }
        while let Some((opcode, start, end)) = player::frame(&bytes[used..]) {
            let payload = &bytes[used + start..used + end];
            used += end;
            match opcode {
                TEXT => self.hear(index, payload, at),
                PING => self.players[index].send(&support::frame(LAST | PONG, payload))?,
                CLOSE => return Err(io::Error::other(format!("closed: {}", String::from_utf8_lossy(payload)))),
                _ => {}
            }
        }
        // A frame may have ended the connection.
        if used < bytes.len() {
            self.players[index].keep(&bytes[used..]);
        }
        Ok(())
    }

    fn hear(&mut self, index: usize, payload: &[u8], at: u64) {
        let message: Message = match serde_json::from_slice(payload) {
            Ok(message) => message,
            Err(error) => {
                return self.complain(index, &format!("{error}: {}", String::from_utf8_lossy(payload)));
            }
        };
        match (message.kind, message.offset) {
            ("welcome", Some(offset)) => self.welcomed(index, offset, &message, at),
            ("snapshot", _) => self.complain(index, "got a snapshot instead of frames"),
            (kind, Some(offset)) => {
                let before = std::mem::replace(&mut self.players[index].offset, offset);
                if offset != before + 1 {
                    self.complain(index, &format!("got offset {offset} after {before}"));
                }
                match kind {
                    "asset_granted" => self.granted(index, &message, at),
                    "players" => self.counts += 1,
                    _ => {}
                }
            }
            ("selection", None) => self.replied(index, &message, at),
            (_, None) => self.complain(index, &String::from_utf8_lossy(payload)),
        }
    }

    fn welcomed(&mut self, index: usize, offset: u64, message: &Message, at: u64) {
        let player = &mut self.players[index];
        (player.state, player.offset) = (State::Member, offset);
        player.grants = message.assets.iter().filter(|asset| asset.revision == 1).count() as u16;
        match &mut self.loss {
            Some(loss) => {
                loss.missing -= 1;
                if loss.missing == 0 {
                    let Loss { attempts, closed, refused, .. } = *loss;
                    say(&Report::Back { until: at, attempts, closed, refused, counts: self.counts });
                }
            }
            None => {
                self.joins.done += 1;
                if self.joins.done == self.players.len() {
                    say(&Report::Joined { since: self.joins.since, until: at, counts: self.counts });
                }
                self.join_more();
            }
        }
    }

    fn granted(&mut self, index: usize, message: &Message, at: u64) {
        let (room, asset) = (self.room(index), message.asset.unwrap_or_default());
        let winner = message.player.and_then(|player| player.strip_prefix('p')?.parse().ok());
        let is_known = self.grants.iter().any(|(known, rooms)| known == asset && rooms.contains(&room));
        let (true, Some(winner), Some(1)) = (is_known, winner, message.revision) else {
            return self.complain(index, &format!("was told of a grant that cannot be: {message:?}"));
        };
        let player = &mut self.players[index];
        player.grants += 1;
        // A player who has just come back may hear of an earlier one.
        let Some(watch) = self.watch.as_mut().filter(|watch| watch.asset == asset) else { return };
        let announced = *watch.announced.entry(room).or_insert(winner);
        if std::mem::take(&mut player.awaited) {
            watch.heard.push((player.node, at));
            watch.missing -= 1;
            if watch.missing == 0 {
                let announced = watch.announced.iter().map(|(&room, &winner)| (room, winner)).collect();
                say(&Report::Told { heard: std::mem::take(&mut watch.heard), announced });
            }
        }
        if announced != winner {
            self.complain(index, &format!("was told that p{winner} won, others p{announced}"));
        }
    }

    fn replied(&mut self, index: usize, message: &Message, at: u64) {
        let (room, number) = (self.room(index), self.number(index));
        match (&mut self.selects, message.granted) {
            (Some(selects), Some(granted)) if message.asset == Some(&selects.asset) && selects.missing > 0 => {
                if granted {
                    selects.granted.push((room, number));
                }
                selects.missing -= 1;
                if selects.missing == 0 {
                    say(&Report::Replied { granted: selects.granted.clone(), until: at });
                }
            }
            _ => self.complain(index, &format!("got another reply: {message:?}")),
        }
    }

    /// A connection ended. That is right only for players of the node that was killed, until they are back.
    fn lost(&mut self, index: usize, error: &io::Error) {
        let player = &mut self.players[index];
        let was = player.state;
        player.drop_connection();
        let Some(loss) = self.loss.as_mut().filter(|loss| was != State::Member || player.node == loss.node)
        else {
            return self.complain(index, &format!("was cut off: {error}"));
        };
        if was != State::Member {
            match error.kind() {
                ErrorKind::ConnectionRefused => loss.refused += 1,
                _ => loss.closed += 1,
            }
        }
        // The same address, then every other one without a backoff.
        let full = match usize::from(player.tries).checked_sub(self.nodes.len()) {
            None => return self.later(index, fastrand::u64(..AT_ONCE_JITTER)),
            Some(failures) => (BACKOFF_FIRST << failures.min(16)).min(BACKOFF_CAP),
        };
        self.later(index, full / 2 + fastrand::u64(..full / 2));
    }

    fn later(&mut self, index: usize, pause: u64) {
        self.timers.push(Reverse((now() + pause, index)));
    }

    /// Lets players whose time has come connect again: first to the node they had, then to another, as a balancer
    /// sends them.
    fn come_back(&mut self) {
        while let Some(&Reverse((at, index))) = self.timers.peek()
            && at <= now()
        {
            self.timers.pop();
            let Some(loss) = &mut self.loss else { continue };
            loss.attempts += 1;
            let nodes = self.nodes.len() as u16;
            let node = match self.players[index].tries {
                0 => loss.node,
                _ => (loss.node + fastrand::u16(1..nodes)) % nodes,
            };
            self.players[index].tries += 1;
            if let Err(error) = self.connect(index, node) {
                self.lost(index, &error);
            }
        }
    }

    fn connect(&mut self, index: usize, node: u16) -> io::Result<()> {
        self.players[index].connect(&self.epoll, index as u64, node, self.nodes[usize::from(node)])
    }

    fn number(&self, index: usize) -> u32 {
        self.first + index as u32
    }

    fn room(&self, index: usize) -> u32 {
        self.number(index) / self.room_size
    }

    fn complain(&mut self, index: usize, what: &str) {
        self.broken += 1;
        if self.broken <= MOST_BROKEN {
            say(&Report::Broken(format!(
                "player {} of node {}: {what}",
                self.number(index),
                self.players[index].node
            )));
        }
    }
}

fn say(report: &Report) {
    let mut line = serde_json::to_vec(report).unwrap();
    line.push(b'\n');
    io::stdout().lock().write_all(&line).and_then(|()| io::stdout().flush()).unwrap();
}
