//! Calls that must be on replicas before they are answered. A server does nothing else for a connection that
//! waits for replicas, so calls that come meanwhile go together and share the next wait.

use redis::{Cmd, Pipeline, Value};
use tokio::sync::{mpsc, oneshot};

use super::{
    client::{Calls, Wait},
    error::RedisError,
};

/// One call and where its answer goes.
pub(crate) struct Job {
    pub(crate) cmd: Cmd,
    pub(crate) asking: bool,
    pub(crate) answer: oneshot::Sender<Result<Value, RedisError>>,
}

/// Calls that wait for their turn; more wait at the door.
pub(crate) const QUEUED_CALLS: usize = 1024;

/// Calls that go together: a full one keeps the server busy for a few milliseconds.
const CALLS_AT_ONCE: usize = 64;

/// Sends calls in groups, each with one WAIT behind it, until nobody can make calls any more.
pub(crate) async fn run(mut jobs: mpsc::Receiver<Job>, sender: Calls, wait: Wait) {
    let mut group = Vec::with_capacity(CALLS_AT_ONCE);
    while jobs.recv_many(&mut group, CALLS_AT_ONCE).await > 0 {
        // Nobody waits for these any more, and they were not sent.
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
        // A caller that went away does not want to know.
        drop(answer.send(verdict));
    }
}

/// How many replicas a WAIT found; a server that cannot wait has none.
fn acknowledged(answer: Option<&Value>) -> u64 {
    match answer {
        Some(Value::Int(replicas)) => u64::try_from(*replicas).unwrap_or_default(),
        _ => 0,
    }
}
