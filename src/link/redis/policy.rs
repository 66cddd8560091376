use parking_lot::Mutex;
use redis::Value;

use super::Address;

/// What a server does when its memory is full, as it last said.
pub(crate) struct Policy {
    address: Address,
    last: Mutex<Option<String>>,
}

/// With this it refuses changes, and keeps what it has.
const KEEPS_ALL: &str = "noeviction";

impl Policy {
    pub(crate) fn of(address: Address) -> Self {
        Self { address, last: Mutex::default() }
    }

    /// Takes the answer to `CONFIG GET maxmemory-policy`; who may not ask hears nothing. Each change is said once.
    pub(crate) fn hear(&self, answer: Option<&Value>) {
        let Some(Value::Array(answer)) = answer else { return };
        let Some(Value::BulkString(policy)) = answer.get(1) else { return };
        let policy = String::from_utf8_lossy(policy).into_owned();
        let before = self.last.lock().replace(policy.clone());
        match (before, &*policy) {
            (Some(before), policy) if before == policy => {}
            (None, KEEPS_ALL) => {}
            (Some(_), KEEPS_ALL) => {
                tracing::info!(server = %self.address, "redis drops nothing any more: maxmemory-policy is {KEEPS_ALL}");
            }
            (_, policy) => tracing::warn!(
                server = %self.address,
                maxmemory_policy = policy,
                "redis may drop counters and holders when its memory is full: set maxmemory-policy to {KEEPS_ALL}"
            ),
        }
    }
}
