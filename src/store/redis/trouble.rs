use super::error;
use crate::{
    link::redis::{Trouble, advice},
    store::{StoreError, StoreErrorKind},
};

/// With these the server refuses a command before it does anything, or a script at its first write.
const NOTHING_DONE: [&str; 17] = [
    "ASK",
    "BUSY",
    "CLUSTERDOWN",
    "CROSSSLOT",
    "LOADING",
    "MASTERDOWN",
    "MISCONF",
    "MOVED",
    "NOAUTH",
    "NOPERM",
    "NOREPLICAS",
    "NOSCRIPT",
    "OOM",
    "READONLY",
    "TRYAGAIN",
    "UNKILLABLE",
    "WRONGPASS",
];

/// What to do where a user may not do what only a store does.
const MAY_NOT: &str = "let this user run scripts on all keys of the prefix";

impl From<Trouble> for StoreError {
    fn from(trouble: Trouble) -> Self {
        let said = trouble.to_string();
        match trouble {
            Trouble::Away(why) => match advice(&why, MAY_NOT) {
                Some(advice) => error(StoreErrorKind::Unavailable, format!("{why}; {advice}")).hopeless(),
                None => error(StoreErrorKind::Unavailable, why),
            },
            Trouble::Lost(lost) => error(StoreErrorKind::OutcomeUnknown, said).with_source(lost),
            Trouble::Refused(refused) => {
                let known = NOTHING_DONE.contains(&refused.code());
                let kind = if known { StoreErrorKind::Unavailable } else { StoreErrorKind::OutcomeUnknown };
                error(kind, said).with_source(refused)
            }
            Trouble::NotReplicated { .. } => error(StoreErrorKind::OutcomeUnknown, said),
        }
    }
}

#[cfg(test)]
mod tests {
    use redis::{ErrorKind, RedisError, Value, parse_redis_value};

    use super::*;

    fn refused(line: &str) -> StoreError {
        let Ok(Value::ServerError(refused)) = parse_redis_value(format!("-{line}\r\n").as_bytes()) else {
            panic!("{line} is no error")
        };
        Trouble::Refused(refused).into()
    }

    #[test]
    fn refusals_before_any_effect_are_told_from_the_others() {
        for line in [
            "MOVED 1 127.0.0.1:7000",
            "ASK 1 127.0.0.1:7000",
            "TRYAGAIN Multiple keys request during rehashing of slot",
            "CLUSTERDOWN The cluster is down",
            "MASTERDOWN Link with MASTER is down and replica-serve-stale-data is set to 'no'.",
            "READONLY You can't write against a read only replica.",
            "LOADING Redis is loading the dataset in memory",
            "OOM command not allowed when used memory > 'maxmemory'.",
            "BUSY Redis is busy running a script.",
            "NOREPLICAS Not enough good replicas to write.",
            "MISCONF Redis is configured to save RDB snapshots",
            "NOAUTH Authentication required.",
            "NOPERM this user has no permissions to run the 'evalsha' command",
        ] {
            assert_eq!(refused(line).kind(), StoreErrorKind::Unavailable, "{line}");
        }
        for line in ["ERR user_script:1: oops", "WRONGTYPE Operation against a key", "SURPRISE"] {
            assert_eq!(refused(line).kind(), StoreErrorKind::OutcomeUnknown, "{line}");
        }
    }

    #[test]
    fn what_may_have_been_done_is_unknown_and_what_was_not_sent_was_not_done() {
        let lost = Trouble::Lost(RedisError::from((ErrorKind::Io, "gone")));
        assert_eq!(StoreError::from(lost).kind(), StoreErrorKind::OutcomeUnknown);
        let few = Trouble::NotReplicated { acknowledged: 1, wanted: 2 };
        assert_eq!(StoreError::from(few).kind(), StoreErrorKind::OutcomeUnknown);
        let away = StoreError::from(Trouble::Away("nobody is there".to_owned()));
        assert_eq!((away.kind(), away.is_hopeless()), (StoreErrorKind::Unavailable, false));
        let wrong = StoreError::from(Trouble::Away("WRONGPASS no".to_owned()));
        assert_eq!((wrong.kind(), wrong.is_hopeless()), (StoreErrorKind::Unavailable, true));
    }

    #[test]
    fn an_error_is_told_in_one_line() {
        let said = refused("ERR first\tsecond   third").to_string();
        assert_eq!(said, "redis: the server answered ERR first second third");
    }
}
