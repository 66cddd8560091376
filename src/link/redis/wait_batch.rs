//! Batches calls that must be replicated before they are answered. A connection that waits for replicas is
//! blocked, so calls that arrive meanwhile are sent together and share the next WAIT.

use redis::{Cmd, Pipeline, Value};
use tokio::sync::{mpsc, oneshot};

use super::{
    client::{Calls, Wait},
    error::RedisError,
};

/// One call and the channel for its answer.
pub(crate) struct Job {
    pub(crate) cmd: Cmd,
    pub(crate) asking: bool,
    pub(crate) answer: oneshot::Sender<Result<Value, RedisError>>,
}

/// Maximum number of queued calls; further ones wait to enter.
pub(crate) const QUEUED_CALLS: usize = 1024;

/// Maximum number of calls in a batch. A full batch keeps the server busy for a few milliseconds.
const CALLS_AT_ONCE: usize = 64;

/// Sends calls in batches, each followed by one WAIT, until all senders are gone.
pub(crate) async fn run(mut jobs: mpsc::Receiver<Job>, sender: Calls, wait: Wait) {
    let mut group = Vec::with_capacity(CALLS_AT_ONCE);
    while jobs.recv_many(&mut group, CALLS_AT_ONCE).await > 0 {
        // Their callers have been cancelled, and these calls were not sent.
        group.retain(|job| !job.answer.is_closed());
        if !group.is_empty() {
            send(group.drain(..), &sender, wait).await;
        }
    }
}

async fn send(group: impl Iterator<Item = Job>, sender: &Calls, (replicas, within): Wait) {
    let mut commands = Pipeline::new();
    let mut answers = Vec::new();
    for Job { cmd, asking, answer } in group {
        if asking {
            commands.cmd("ASKING");
        }
        commands.add_command(cmd);
        answers.push((commands.len() - 1, answer));
    }
    commands.cmd("WAIT").arg(replicas).arg(within.as_millis() as u64);
    let mut outcome = sender.send(&commands).await;
    for (place, answer) in answers {
        let verdict = outcome.as_mut().map_err(|error| error.clone()).and_then(|values| {
            let acknowledged = acknowledged(values.last());
            match values.get_mut(place).map(std::mem::take) {
                Some(Value::ServerError(refused)) => Err(RedisError::Refused(refused)),
                Some(value) if acknowledged >= replicas => Ok(value),
                _ => Err(RedisError::NotReplicated { acknowledged, wanted: replicas }),
            }
        });
        // The caller may have been cancelled.
        drop(answer.send(verdict));
    }
}

/// The number of replicas that a WAIT returned; 0 from a server without WAIT.
fn acknowledged(answer: Option<&Value>) -> u64 {
    match answer {
        Some(Value::Int(replicas)) => u64::try_from(*replicas).unwrap_or_default(),
        _ => 0,
    }
}
