use parking_lot::Mutex;
use redis::Value;

use super::Address;

/// A server's eviction policy, as last reported.
pub(crate) struct Policy {
    address: Address,
    last: Mutex<Option<String>>,
}

/// The policy that refuses changes and evicts nothing when memory is full.
const KEEPS_ALL: &str = "noeviction";

impl Policy {
    pub(crate) fn of(address: Address) -> Self {
        Self { address, last: Mutex::default() }
    }

    /// Takes the answer to `CONFIG GET maxmemory-policy` and logs each change. Without the permission to query
    /// it, nothing is logged.
    pub(crate) fn hear(&self, answer: Option<&Value>) {
        let Some(Value::Array(answer)) = answer else { return };
        let Some(Value::BulkString(policy)) = answer.get(1) else { return };
        let policy = String::from_utf8_lossy(policy);
        match self.news(&policy) {
            Some(News::MayDrop) => tracing::warn!(
                server = %self.address,
                maxmemory_policy = %policy,
                "redis may drop counters and holders when its memory is full: set maxmemory-policy to {KEEPS_ALL}"
            ),
            Some(News::DropsNothing) => {
                tracing::info!(server = %self.address, "redis drops nothing any more: maxmemory-policy is {KEEPS_ALL}");
            }
            None => {}
        }
    }

    fn news(&self, policy: &str) -> Option<News> {
        let before = self.last.lock().replace(policy.to_owned());
        match before.as_deref() {
            Some(before) if before == policy => None,
            None if policy == KEEPS_ALL => None,
            Some(_) if policy == KEEPS_ALL => Some(News::DropsNothing),
            _ => Some(News::MayDrop),
        }
    }

    #[cfg(test)]
    pub(super) fn last(&self) -> Option<String> {
        self.last.lock().clone()
    }
}

/// A change of the policy to log.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum News {
    MayDrop,
    DropsNothing,
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_change_is_said_once() {
        let policy = Policy::of(Address { host: "a".to_owned(), port: 1 });
        for (heard, news) in [
            (KEEPS_ALL, None),
            ("allkeys-lru", Some(News::MayDrop)),
            ("allkeys-lru", None),
            ("volatile-lru", Some(News::MayDrop)),
            (KEEPS_ALL, Some(News::DropsNothing)),
            (KEEPS_ALL, None),
        ] {
            assert_eq!(policy.news(heard), news, "{heard}");
        }
    }
}
