use super::error;
use crate::{
    link::redis::{RedisError, advice, with_advice},
    store::{StoreError, StoreErrorCause, StoreErrorKind},
};

/// Error codes with which the server refuses a command before it does anything, or a script at its first write.
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

/// The advice if the user lacks a permission that only the store needs.
const MAY_NOT: &str = "let this user run scripts on all keys of the prefix";

/// How Redis and Valkey report a command in a script that the user may not run.
const USER_MAY_NOT: [&str; 2] = ["The user executing the script can't", "ACL failure in script"];

impl From<RedisError> for StoreError {
    fn from(failed: RedisError) -> Self {
        let said = failed.to_string();
        match failed {
            RedisError::Away(why) => {
                // After the address comes the server's message, or our description of it.
                let cause = why.split_once(": ").and_then(|(_, said)| cause(said));
                with_cause(mended(StoreErrorKind::Unavailable, why), cause)
            }
            RedisError::Lost(lost) => error(StoreErrorKind::OutcomeUnknown, said).with_source(lost),
            RedisError::Refused(refused) => {
                let details = refused.details().unwrap_or_default();
                let known =
                    NOTHING_DONE.contains(&refused.code()) || details.trim().starts_with("unknown command");
                let kind = if known { StoreErrorKind::Unavailable } else { StoreErrorKind::OutcomeUnknown };
                let cause = cause(&format!("{} {details}", refused.code()));
                with_cause(mended(kind, said), cause).with_source(refused)
            }
            RedisError::NotReplicated { .. } => {
                error(StoreErrorKind::OutcomeUnknown, said).because(StoreErrorCause::NotReplicated)
            }
        }
    }
}

/// Appends advice for the operator, if there is any.
fn mended(kind: StoreErrorKind, why: String) -> StoreError {
    let may_not = user_may_not(&why).then_some(MAY_NOT);
    match advice(&why, MAY_NOT).or(may_not) {
        Some(advice) => error(kind, format!("{why}; {advice}")).hopeless(),
        None => error(kind, with_advice(why)),
    }
}

fn user_may_not(said: &str) -> bool {
    USER_MAY_NOT.iter().any(|words| said.contains(words))
}

fn with_cause(error: StoreError, cause: Option<StoreErrorCause>) -> StoreError {
    match cause {
        Some(cause) => error.because(cause),
        None => error,
    }
}

/// The cause of a server error, by its code. Errors with other codes may be temporary.
fn cause(said: &str) -> Option<StoreErrorCause> {
    use StoreErrorCause::{Misconfigured, NoPermission, NotReplicated, OutOfMemory, ReadOnly};
    let cause = match said.split_whitespace().next()? {
        "OOM" => OutOfMemory,
        "NOAUTH" | "NOPERM" | "WRONGPASS" => NoPermission,
        "READONLY" => ReadOnly,
        "NOREPLICAS" => NotReplicated,
        "MISCONF" => Misconfigured,
        _ if user_may_not(said) || said.contains("without any password") => NoPermission,
        _ if said.starts_with("it is a replica") => ReadOnly,
        _ if said.contains("nknown command") || said.contains("Unknown Redis command") => Misconfigured,
        _ if said.contains("DB index is out of range") => Misconfigured,
        _ => return None,
    };
    Some(cause)
}

#[cfg(test)]
mod tests {
    use redis::{ErrorKind, Value, parse_redis_value};

    use super::*;

    fn refused(line: &str) -> StoreError {
        let Ok(Value::ServerError(refused)) = parse_redis_value(format!("-{line}\r\n").as_bytes()) else {
            panic!("{line} is no error")
        };
        RedisError::Refused(refused).into()
    }

    #[test]
    fn refusals_before_any_effect_are_told_from_the_others() {
        for line in [
            "MOVED 1 127.0.0.1:7000",
            "ASK 1 127.0.0.1:7000",
            "TRYAGAIN Multiple keys request during rehashing of slot",
            "CLUSTERDOWN The cluster is down",
            "MASTERDOWN Client with MASTER is down and replica-serve-stale-data is set to 'no'.",
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
        let lost = RedisError::Lost(redis::RedisError::from((ErrorKind::Io, "gone")));
        assert_eq!(StoreError::from(lost).kind(), StoreErrorKind::OutcomeUnknown);
        let few = RedisError::NotReplicated { acknowledged: 1, wanted: 2 };
        assert_eq!(StoreError::from(few).kind(), StoreErrorKind::OutcomeUnknown);
        let away = StoreError::from(RedisError::Away("nobody is there".to_owned()));
        assert_eq!((away.kind(), away.is_hopeless()), (StoreErrorKind::Unavailable, false));
        let wrong = StoreError::from(RedisError::Away("WRONGPASS no".to_owned()));
        assert_eq!((wrong.kind(), wrong.is_hopeless()), (StoreErrorKind::Unavailable, true));
    }

    #[test]
    fn a_refusal_has_the_cause_that_its_code_tells() {
        for (line, cause) in [
            ("OOM command not allowed when used memory > 'maxmemory'.", StoreErrorCause::OutOfMemory),
            ("NOPERM this user has no permissions to run the 'evalsha' command", StoreErrorCause::NoPermission),
            ("ERR The user executing the script can't run this command", StoreErrorCause::NoPermission),
            ("ERR ACL failure in script: User app has no permissions", StoreErrorCause::NoPermission),
            ("NOAUTH Authentication required.", StoreErrorCause::NoPermission),
            ("READONLY You can't write against a read only replica.", StoreErrorCause::ReadOnly),
            ("MISCONF Redis is configured to save RDB snapshots", StoreErrorCause::Misconfigured),
            ("NOREPLICAS Not enough good replicas to write.", StoreErrorCause::NotReplicated),
            ("ERR unknown command 'EVAL', with args beginning with: 'x'", StoreErrorCause::Misconfigured),
            ("LOADING Redis is loading the dataset in memory", StoreErrorCause::Unavailable),
            ("CLUSTERDOWN The cluster is down", StoreErrorCause::Unavailable),
            ("SURPRISE", StoreErrorCause::OutcomeUnknown),
        ] {
            assert_eq!(refused(line).cause(), cause, "{line}");
        }
        let away = |why: &str| StoreError::from(RedisError::Away(format!("cannot connect to OOM:1: {why}")));
        assert_eq!(away("it is a replica; name the primary").cause(), StoreErrorCause::ReadOnly);
        assert_eq!(away("WRONGPASS invalid").cause(), StoreErrorCause::NoPermission);
        assert_eq!(away("Connection refused").cause(), StoreErrorCause::Unavailable);
    }

    #[test]
    fn what_somebody_must_change_is_hopeless_and_says_how() {
        for (line, advice) in [
            ("NOPERM this user has no permissions", "let this user run scripts"),
            ("ERR The user executing the script can't run this command", "let this user run scripts"),
            ("ERR unknown command 'EVALSHA', with args beginning with: 'c0ffee' '4'", "see rename-command"),
        ] {
            let said = refused(line);
            assert!(said.is_hopeless() && said.to_string().contains(advice), "{said}");
            assert!(!said.to_string().contains("c0ffee"), "{said}");
        }
        let away = |why: &str| StoreError::from(RedisError::Away(format!("cannot connect to a:1: {why}")));
        assert!(away("ERR DB index is out of range").is_hopeless());
        let unfound = away("failed to lookup address information: Name or service not known");
        assert!(!unfound.is_hopeless() && unfound.to_string().contains("is the host in the URL right?"));
    }

    #[test]
    fn an_error_is_told_in_one_line() {
        let said = refused("ERR first\tsecond   third").to_string();
        assert_eq!(said, "redis: the server answered ERR first second third");
    }
}
