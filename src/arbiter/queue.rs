use std::{
    collections::{HashMap, VecDeque},
    sync::Arc,
};

use foldhash::fast::RandomState;
use tokio::{sync::oneshot, time::Instant};

use super::{
    mailbox::Mailbox,
    meters::{Meters, SelectOutcome},
    refusal::Refusal,
    spans::Trace,
};
use crate::{
    model::{
        AssetName, AssetState, By, EndReason, NewAsset, PlayerName, RequestId, ServerMessage, Units,
        limits::{BATCH_PLAYERS, QUEUED_CHANGES},
    },
    store::{Applied, Created},
};

/// Changes that wait, by asset. An asset is in the map while one of its batches runs. So at most one store call per
/// asset is in flight, and selects that arrive meanwhile form the next batch.
#[derive(Debug, Default)]
pub(super) struct Queues(HashMap<AssetName, VecDeque<Job>, RandomState>);

/// One change of an asset.
#[derive(Debug)]
pub(super) enum Job {
    Select(Ask),
    Command(Command),
}

/// A change that is not batched.
#[derive(Debug)]
pub(super) enum Command {
    Release(Ask, EndReason),
    /// With `true`, a player whose hold expired gets a unit that is left.
    Confirm(Ask, bool),
    Extend(Ask),
    /// The players are in the room.
    Prolong(Vec<PlayerName>),
    /// Grants may have to end.
    Expire,
    /// Boxed, because every select is moved in the room of the largest job.
    Create(Box<NewAsset>, Answer<Applied<Created>>),
    Restock {
        n: Units,
        condition: Option<u64>,
        answer: Answer<AssetState>,
    },
    Reset(Answer<AssetState>),
    Remove(Answer<u64>),
}

/// A player's request, and the mailbox for its reply.
#[derive(Debug)]
pub(super) struct Ask {
    pub(super) player: PlayerName,
    pub(super) request_id: Option<RequestId>,
    pub(super) mailbox: Arc<Mailbox>,
    pub(super) since: Instant,
    /// Who asks for the player; `None`: the player.
    pub(super) by: Option<By>,
    /// Of a select that is traced.
    pub(super) trace: Option<Box<Trace>>,
}

/// The channel for the answer to an operator's change, the time of the request, and who makes it.
#[derive(Debug)]
pub(super) struct Answer<T> {
    pub(super) sender: oneshot::Sender<Result<T, Refusal>>,
    pub(super) since: Instant,
    pub(super) by: Option<By>,
}

/// The changes that one store call decides.
#[derive(Debug)]
pub(super) enum Batch {
    Selects(Vec<Ask>),
    Command(Command),
}

/// The result of queueing a job.
#[derive(Debug)]
pub(super) enum Offer {
    /// No batch of the asset runs. The caller runs this job, then calls [`Queues::next`].
    Run(Job),
    /// The job waits.
    Queued,
    /// Too many jobs wait.
    Full(Job),
}

impl Queues {
    pub(super) fn offer(&mut self, asset: &AssetName, job: Job) -> Offer {
        match self.0.get_mut(asset) {
            None => {
                self.0.insert(asset.clone(), VecDeque::new());
                Offer::Run(job)
            }
            Some(waiting) if waiting.len() < QUEUED_CHANGES => {
                waiting.push_back(job);
                Offer::Queued
            }
            Some(_) => Offer::Full(job),
        }
    }

    /// The asset's next batch. `None`: no job waits, and the asset leaves the map.
    pub(super) fn next(&mut self, asset: &AssetName) -> Option<Batch> {
        let waiting = self.0.get_mut(asset)?;
        match waiting.pop_front() {
            Some(Job::Select(first)) => Some(Batch::Selects(gather(first, waiting))),
            Some(Job::Command(command)) => Some(Batch::Command(command)),
            None => {
                self.0.remove(asset);
                None
            }
        }
    }
}

/// Takes the selects at the front, up to the next command, so that each player's order is kept, and up to those that somebody
/// else asks for, because one call has one author.
fn gather(first: Ask, waiting: &mut VecDeque<Job>) -> Vec<Ask> {
    let by = first.by;
    let mut asks = vec![first];
    while asks.len() < BATCH_PLAYERS && matches!(waiting.front(), Some(Job::Select(next)) if next.by == by) {
        let Some(Job::Select(ask)) = waiting.pop_front() else { break };
        asks.push(ask);
    }
    asks
}

impl Command {
    /// Who makes the change; `None`: a player, or time.
    pub(super) fn by(&self) -> Option<By> {
        match self {
            Self::Release(ask, _) | Self::Confirm(ask, _) | Self::Extend(ask) => ask.by,
            Self::Prolong(_) | Self::Expire => None,
            Self::Create(_, answer) => answer.by,
            Self::Restock { answer, .. } | Self::Reset(answer) => answer.by,
            Self::Remove(answer) => answer.by,
        }
    }
}

impl Batch {
    pub(super) fn refuse(self, meters: &Meters, asset: &AssetName, refusal: &Refusal) {
        match self {
            Self::Selects(asks) => asks.into_iter().for_each(|ask| ask.refuse_select(meters, asset, refusal)),
            Self::Command(command) => Job::Command(command).refuse(meters, asset, refusal),
        }
    }
}

impl Job {
    pub(super) fn refuse(self, meters: &Meters, asset: &AssetName, refusal: &Refusal) {
        match self {
            Self::Select(ask) => ask.refuse_select(meters, asset, refusal),
            Self::Command(Command::Release(ask, _) | Command::Confirm(ask, _) | Command::Extend(ask)) => {
                ask.refuse(refusal);
            }
            // They are tried again.
            Self::Command(Command::Prolong(_) | Command::Expire) => {}
            Self::Command(Command::Create(_, answer)) => answer.send(Err(refusal.clone())),
            Self::Command(Command::Restock { answer, .. } | Command::Reset(answer)) => {
                answer.send(Err(refusal.clone()));
            }
            Self::Command(Command::Remove(answer)) => answer.send(Err(refusal.clone())),
        }
    }
}

impl Ask {
    pub(super) fn refuse_select(self, meters: &Meters, asset: &AssetName, refusal: &Refusal) {
        let outcome = SelectOutcome::of_error(refusal.code);
        meters.select(outcome, self.since.elapsed());
        self.end_trace(asset, outcome);
        tracing::debug!(%asset, player = %self.player, code = refusal.code.as_str(), "select refused");
        self.refuse(refusal);
    }

    /// Ends the trace of a select, if it is traced.
    pub(super) fn end_trace(&self, asset: &AssetName, outcome: SelectOutcome) {
        if let Some(trace) = &self.trace {
            trace.end(asset, &self.player, outcome, self.since);
        }
    }

    pub(super) fn refuse(self, refusal: &Refusal) {
        self.mailbox.push(ServerMessage::error(refusal.code, refusal.message.clone(), self.request_id));
    }
}

impl<T> Answer<T> {
    pub(super) fn send(self, result: Result<T, Refusal>) {
        // A caller that disconnected does not receive the answer.
        drop(self.sender.send(result));
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn ask(player: usize) -> Ask {
        Ask {
            player: format!("p{player}").parse().unwrap(),
            request_id: None,
            mailbox: Mailbox::new(),
            since: Instant::now(),
            by: None,
            trace: None,
        }
    }

    #[test]
    fn one_batch_runs_at_a_time_and_waiting_selects_share_the_next() {
        let (mut queues, sword) = (Queues::default(), "sword".parse().unwrap());
        assert!(matches!(queues.offer(&sword, Job::Select(ask(0))), Offer::Run(_)));
        for player in 1..=200 {
            assert!(matches!(queues.offer(&sword, Job::Select(ask(player))), Offer::Queued));
        }
        queues.offer(&sword, Job::Command(Command::Release(ask(7), EndReason::Released)));
        queues.offer(&sword, Job::Select(ask(8)));
        let sizes: Vec<_> = std::iter::from_fn(|| queues.next(&sword))
            .map(|batch| match batch {
                Batch::Selects(asks) => asks.len(),
                Batch::Command(_) => 0,
            })
            .collect();
        assert_eq!(sizes, [BATCH_PLAYERS, 200 - BATCH_PLAYERS, 0, 1], "never past another change");
        assert!(matches!(queues.offer(&sword, Job::Select(ask(1))), Offer::Run(_)), "no batch runs any more");
    }

    #[test]
    fn selects_of_players_and_of_an_operator_share_no_batch() {
        let (mut queues, sword) = (Queues::default(), "sword".parse().unwrap());
        assert!(matches!(queues.offer(&sword, Job::Select(ask(0))), Offer::Run(_)));
        for (player, by) in [(1, None), (2, None), (3, Some(By::Admin)), (4, Some(By::Admin)), (5, None)] {
            queues.offer(&sword, Job::Select(Ask { by, ..ask(player) }));
        }
        let batches = std::iter::from_fn(|| queues.next(&sword)).map(|batch| match batch {
            Batch::Selects(asks) => asks.iter().map(|ask| ask.by).collect::<Vec<_>>(),
            Batch::Command(_) => Vec::new(),
        });
        let admin = Some(By::Admin);
        assert_eq!(batches.collect::<Vec<_>>(), [vec![None, None], vec![admin, admin], vec![None]]);
    }

    #[test]
    fn a_queue_has_a_bound() {
        let (mut queues, sword) = (Queues::default(), "sword".parse().unwrap());
        let job = ask(0);
        let again = || {
            let Ask { player, mailbox, since, .. } = &job;
            Job::Select(Ask {
                player: player.clone(),
                request_id: None,
                mailbox: Arc::clone(mailbox),
                since: *since,
                by: None,
                trace: None,
            })
        };
        for _ in 0..=QUEUED_CHANGES {
            assert!(!matches!(queues.offer(&sword, again()), Offer::Full(_)));
        }
        assert!(matches!(queues.offer(&sword, again()), Offer::Full(_)));
    }
}
