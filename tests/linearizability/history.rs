//! What was asked and answered when, and whether it can be explained.

use std::{
    fmt::{self, Display, Write},
    sync::Arc,
    time::Duration,
};

use asset_arbiter::model::{AssetState, Millis};
use parking_lot::Mutex;
use todc_utils::{Action, History, WGLChecker};
use tokio::time::Instant;

use super::spec::{self, Answer, Ask, Named, OneAsset, Revision, Sight, Step, THE_END, Why};

/// RecordStore the operations of many clients.
pub struct Recorder {
    started: Instant,
    taken: Mutex<Taken>,
}

#[derive(Default)]
struct Taken {
    /// Rises with every moment, so that what happens at one instant of virtual time is still in order.
    moments: u64,
    records: Vec<Record>,
}

/// One operation.
#[derive(Debug, Clone)]
pub struct Record {
    pub who: String,
    pub ask: Ask,
    /// By the client's clock.
    at: Millis,
    pub answer: Answer,
    called: Moment,
    /// For one without an answer: until when it may take effect. `None`: until the end.
    ended: Option<Moment>,
    /// It never reached the store, and its client was told so.
    void: bool,
}

/// A point in the order of everything recorded.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub struct Moment(Duration, u64);

/// Names an operation under way.
#[derive(Debug, Clone, Copy)]
pub struct Ticket(usize);

impl Recorder {
    pub fn new() -> Self {
        Self { started: Instant::now(), taken: Mutex::default() }
    }

    pub fn now(&self) -> Moment {
        self.moment(&mut self.taken.lock())
    }

    /// How long it has been recording.
    pub fn elapsed(&self) -> Duration {
        self.started.elapsed()
    }

    /// An operation begins; until it is answered it is without an answer.
    pub fn call(&self, who: impl Display, ask: Ask) -> Ticket {
        self.call_at(who, ask, 0)
    }

    /// The same, at a time by the client's clock, which matters to assets whose grants end.
    pub fn call_at(&self, who: impl Display, ask: Ask, at: Millis) -> Ticket {
        let mut taken = self.taken.lock();
        let called = self.moment(&mut taken);
        let who = who.to_string();
        let answer = Answer::Unknown;
        taken.records.push(Record { who, ask, at, answer, called, ended: None, void: false });
        Ticket(taken.records.len() - 1)
    }

    pub fn answer(&self, ticket: Ticket, answer: Answer) {
        let mut taken = self.taken.lock();
        let ended = self.moment(&mut taken);
        let record = &mut taken.records[ticket.0];
        (record.answer, record.ended) = (answer, Some(ended));
    }

    /// Nobody will answer; it may still take effect for a while from now.
    pub fn give_up(&self, ticket: Ticket, grace: Duration) {
        let mut taken = self.taken.lock();
        let Moment(now, _) = self.moment(&mut taken);
        taken.records[ticket.0].ended = Some(Moment(now + grace, u64::MAX));
    }

    /// It never reached the store.
    pub fn void(&self, ticket: Ticket) {
        self.give_up(ticket, Duration::ZERO);
        self.taken.lock().records[ticket.0].void = true;
    }

    /// What somebody saw of the asset between a moment and now.
    pub fn look(&self, who: impl Display, since: Moment, sight: Sight) {
        let ticket = self.call(who, Ask::Look);
        self.taken.lock().records[ticket.0].called = since;
        self.answer(ticket, Answer::Unchanged(Why::Looked, sight));
    }

    /// The asset as it is when all is over.
    pub fn end(&self, state: &AssetState) {
        self.look("the end", self.now(), Sight::of(state));
    }

    /// By the time they began.
    pub fn records(&self) -> Vec<Record> {
        let mut records = self.taken.lock().records.clone();
        records.sort_by_key(|record| record.called);
        records
    }

    fn moment(&self, taken: &mut Taken) -> Moment {
        taken.moments += 1;
        Moment(self.started.elapsed(), taken.moments)
    }
}

/// What the checker makes of a history.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Verdict {
    /// There is an order of the operations, each at one point between its beginning and its end, that explains
    /// every answer.
    Explained,
    /// There is none, and this is the first answer that has no explanation.
    Wrong(String),
    /// It was not found in time.
    Undecided,
}

/// Steps tried before a search is given up: some seconds.
const PATIENCE: u64 = 1_000_000;

pub fn check(records: &[Record]) -> Verdict {
    match linearizable(records.iter().cloned()) {
        Some(true) => return Verdict::Explained,
        None => return Verdict::Undecided,
        Some(false) => {}
    }
    let mut ends: Vec<_> = records.iter().filter(|record| record.answered()).collect();
    ends.sort_by_key(|record| record.ended);
    let first = ends.into_iter().find(|end| linearizable(until(records, end.ended)) == Some(false));
    let first = first.map_or_else(String::new, Record::to_string);
    Verdict::Wrong(format!("no order explains the answers up to this one:\n{first}"))
}

/// The operations as they stood at a moment: those under way had no answer yet.
fn until(records: &[Record], moment: Option<Moment>) -> impl Iterator<Item = Record> {
    let begun = records.iter().filter(move |record| Some(record.called) <= moment).cloned();
    begun.map(
        move |record| {
            if record.ended <= moment { record } else { Record { answer: Answer::Unknown, ..record } }
        },
    )
}

/// `None`: the search was given up.
fn linearizable(records: impl Iterator<Item = Record>) -> Option<bool> {
    let mut records: Vec<_> = records.filter(|record| !record.void).collect();
    records.sort_by_key(|record| record.called);
    let mut deadlines: Vec<_> = records.iter().filter_map(Record::expires).collect();
    deadlines.sort();
    let (named, turns) = named(&records);
    let mut actions = Vec::new();
    let mut add = |step: Step, from: Moment, to: Moment| {
        let number = actions.len();
        actions.push((from, (number, Action::Call(step.clone()))));
        actions.push((to, (number, Action::Response(step))));
    };
    for (number, &moment) in deadlines.iter().enumerate() {
        add(Step::Passed(number + 1), moment, moment);
    }
    add(Step::Passed(THE_END), Moment::LAST, Moment::LAST);
    for (record, turn) in records.into_iter().zip(turns) {
        let deadline = record.expires().map(|moment| deadlines.partition_point(|&at| at < moment) + 1);
        let end = record.ended.filter(|_| record.certain()).unwrap_or(Moment::AFTER);
        let (deadline, named) = (deadline.unwrap_or(THE_END), Arc::clone(&named));
        let step = Step::Asked { ask: record.ask, at: record.at, answer: record.answer, deadline, turn, named };
        add(step, record.called, end);
    }
    actions.sort_by_key(|(moment, _)| *moment);
    let actions = actions.into_iter().map(|(_, action)| action).collect();
    spec::PATIENCE.set(PATIENCE);
    let explained = WGLChecker::<OneAsset>::is_linearizable(History::from_actions(actions));
    (explained || spec::PATIENCE.get() > 0).then_some(explained)
}

/// What the answers name, and for each look at a named revision which of them it is.
fn named(records: &[Record]) -> (Arc<Named>, Vec<Option<usize>>) {
    let mut named = Named::default();
    // Where grants end, one that changed nothing may have ended some, which others then find done.
    let grants_end = records.iter().any(|record| record.ask.creates_deadlines());
    for record in records {
        if let Answer::Changed(sight) | Answer::Unchanged(_, sight) | Answer::Settled(sight) = &record.answer {
            named.grants.extend(sight.grants().cloned());
        }
    }
    let mut turn = |record: &Record| match &record.answer {
        Answer::Changed(sight) => {
            named.changes.extend(sight.exact());
            None
        }
        Answer::Unchanged(_, sight) if record.ask == Ask::Look || !grants_end => {
            let looks = named.looks.entry(sight.exact()?).or_default();
            *looks += 1;
            Some(*looks - 1)
        }
        _ => None,
    };
    let turns = records.iter().map(&mut turn).collect();
    (Arc::new(named), turns)
}

impl Moment {
    /// When all is over, and after that.
    const LAST: Self = Self(Duration::MAX, 0);
    const AFTER: Self = Self(Duration::MAX, 1);
}

impl Record {
    pub fn answered(&self) -> bool {
        !self.void && self.answer != Answer::Unknown
    }

    pub fn void(&self) -> bool {
        self.void
    }

    /// Whether the answer says what the operation did.
    fn certain(&self) -> bool {
        !matches!(self.answer, Answer::Unknown | Answer::Found)
    }

    /// When it can take no effect any more, though no answer says what it did.
    fn expires(&self) -> Option<Moment> {
        self.ended.filter(|_| !self.certain())
    }
}

/// One line: from when to when (milliseconds), who, what, and the answer.
impl Display for Record {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let millis = |moment: Moment| moment.0.as_secs_f64() * 1000.0;
        let end = self.ended.map_or_else(|| "end".to_owned(), |end| format!("{:.1}", millis(end)));
        write!(f, "{:>8.1} {end:>8}  {:<14} {:<28} ", millis(self.called), self.who, self.ask.to_string())?;
        if self.at > 0 {
            write!(f, "at {} ", self.at)?;
        }
        if self.void { f.write_str("never reached the store") } else { self.answer.fmt(f) }
    }
}

impl Display for Ask {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Create { new } => write!(f, "create {}", new.units),
            Self::Select { player, create: None } => write!(f, "select {player}"),
            Self::Select { player, create: Some(new) } => write!(f, "select {player} (create {})", new.units),
            Self::Release { player } => write!(f, "release {player}"),
            Self::Confirm { player, retake } => {
                write!(f, "confirm {player}{}", if *retake { ", retake" } else { "" })
            }
            Self::Extend { player, most } => write!(f, "extend {player} to {most}"),
            Self::Prolong { players } => {
                f.write_str("prolong")?;
                players.iter().try_for_each(|player| write!(f, " {player}"))
            }
            Self::Expire => f.write_str("expire"),
            Self::Restock { n, condition: None } => write!(f, "restock {n}"),
            Self::Restock { n, condition: Some(revision) } => write!(f, "restock {n} if at {revision}"),
            Self::Remove => f.write_str("remove"),
            Self::Look => f.write_str("look"),
            Self::Ends => f.write_str("ends before the call"),
        }
    }
}

impl Display for Answer {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Changed(sight) => write!(f, "done{sight}"),
            Self::Unchanged(why, sight) => write!(f, "{why:?}{sight}"),
            Self::Settled(sight) => write!(f, "settled{sight}"),
            Self::Found => f.write_str("found to hold"),
            Self::Unknown => f.write_str("?"),
        }
    }
}

impl Display for Sight {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let mut text = String::new();
        match self.revision {
            Some(Revision::At(revision)) => write!(text, " revision={revision}")?,
            Some(Revision::NotAfter(revision)) => write!(text, " revision<={revision}")?,
            None => {}
        }
        if let Some(remaining) = self.remaining {
            write!(text, " remaining={remaining}")?;
        }
        if let Some(units) = self.units {
            write!(text, " units={units}")?;
        }
        if self.removed == Some(true) {
            text.push_str(" removed");
        }
        for (revision, player) in self.holders.iter().flatten().chain(&self.holder) {
            write!(text, " {player}@{revision}")?;
        }
        for (revision, lease) in self.leases.iter().filter(|(_, lease)| !lease.is_none()) {
            write!(text, " {revision}:{lease}")?;
        }
        if let Some(at) = self.changed_at {
            write!(text, " changed_at={at}")?;
        }
        f.write_str(&text)
    }
}
