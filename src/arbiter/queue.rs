use std::{
    collections::{HashMap, VecDeque},
    sync::Arc,
};

use tokio::{sync::oneshot, time::Instant};

use super::{mailbox::Mailbox, refusal::Refusal};
use crate::{
    model::{
        AssetName, AssetState, PlayerName, RequestId, Units,
        limits::{BATCH_PLAYERS, QUEUED_CHANGES},
    },
    store::Created,
};

/// Changes that wait for their turn, by asset. An asset is in the map while one of its changes has the turn;
/// so at most one store call per asset is in flight, and what arrives meanwhile goes out together.
#[derive(Debug, Default)]
pub(super) struct Queues(HashMap<AssetName, VecDeque<Job>>);

/// One change of an asset.
#[derive(Debug)]
pub(super) enum Job {
    Select(Ask),
    Release(Ask),
    Create(Units, Answer<Created>),
    Restock { n: Units, condition: Option<u64>, answer: Answer<AssetState> },
    Remove(Answer<u64>),
}

/// A player's request, and where the reply goes.
#[derive(Debug)]
pub(super) struct Ask {
    pub(super) player: PlayerName,
    pub(super) request_id: Option<RequestId>,
    pub(super) mailbox: Arc<Mailbox>,
    pub(super) since: Instant,
}

/// Where the answer to an operator's change goes, and since when it is waited for.
#[derive(Debug)]
pub(super) struct Answer<T> {
    pub(super) sender: oneshot::Sender<Result<T, Refusal>>,
    pub(super) since: Instant,
}

/// What is done in one turn.
#[derive(Debug)]
pub(super) enum Batch {
    Selects(Vec<Ask>),
    Other(Job),
}

/// What became of a job.
#[derive(Debug)]
pub(super) enum Offer {
    /// The turn is the caller's: do this, then call [`Queues::next`].
    Run(Batch),
    /// It waits.
    Queued,
    /// Too many wait.
    Full(Job),
}

impl Queues {
    pub(super) fn offer(&mut self, asset: &AssetName, job: Job) -> Offer {
        match self.0.get_mut(asset) {
            None => {
                self.0.insert(asset.clone(), VecDeque::new());
                Offer::Run(match job {
                    Job::Select(ask) => Batch::Selects(vec![ask]),
                    other => Batch::Other(other),
                })
            }
            Some(waiting) if waiting.len() < QUEUED_CHANGES => {
                waiting.push_back(job);
                Offer::Queued
            }
            Some(_) => Offer::Full(job),
        }
    }

    /// The next turn of the asset; `None` when nothing waits, and then the turn is given back.
    pub(super) fn next(&mut self, asset: &AssetName) -> Option<Batch> {
        let waiting = self.0.get_mut(asset)?;
        match waiting.pop_front() {
            Some(Job::Select(first)) => Some(Batch::Selects(gather(first, waiting))),
            Some(other) => Some(Batch::Other(other)),
            None => {
                self.0.remove(asset);
                None
            }
        }
    }
}

/// The selects at the front, up to the next other change, so that a player's own order is kept.
fn gather(first: Ask, waiting: &mut VecDeque<Job>) -> Vec<Ask> {
    let mut asks = vec![first];
    while asks.len() < BATCH_PLAYERS && matches!(waiting.front(), Some(Job::Select(_))) {
        let Some(Job::Select(ask)) = waiting.pop_front() else { break };
        asks.push(ask);
    }
    asks
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
        }
    }

    #[test]
    fn one_turn_at_a_time_and_what_waits_goes_out_together() {
        let (mut queues, sword) = (Queues::default(), "sword".parse().unwrap());
        assert!(matches!(queues.offer(&sword, Job::Select(ask(0))), Offer::Run(_)));
        for player in 1..=200 {
            assert!(matches!(queues.offer(&sword, Job::Select(ask(player))), Offer::Queued));
        }
        queues.offer(&sword, Job::Release(ask(7)));
        queues.offer(&sword, Job::Select(ask(8)));
        let sizes: Vec<_> = std::iter::from_fn(|| queues.next(&sword))
            .map(|batch| match batch {
                Batch::Selects(asks) => asks.len(),
                Batch::Other(_) => 0,
            })
            .collect();
        assert_eq!(sizes, [BATCH_PLAYERS, 200 - BATCH_PLAYERS, 0, 1], "never past another change");
        assert!(matches!(queues.offer(&sword, Job::Select(ask(1))), Offer::Run(_)), "the turn was given back");
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
            })
        };
        for _ in 0..=QUEUED_CHANGES {
            assert!(!matches!(queues.offer(&sword, again()), Offer::Full(_)));
        }
        assert!(matches!(queues.offer(&sword, again()), Offer::Full(_)));
    }
}
