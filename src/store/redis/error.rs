use redis::ServerError;

use super::{
    NAME, error,
    reply::{self, Refusal},
};
use crate::{
    link::{
        redis::{Away, Reason, RedisError, meaning},
        texts::Meaning,
    },
    model::{AssetName, Units},
    store::{StoreError, StoreErrorCause, StoreErrorKind, rules::Ask},
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

impl From<RedisError> for StoreError {
    fn from(failed: RedisError) -> Self {
        let kind = match &failed {
            RedisError::Away(_) => StoreErrorKind::Unavailable,
            RedisError::Refused(refused) if did_nothing(refused) => StoreErrorKind::Unavailable,
            _ => StoreErrorKind::OutcomeUnknown,
        };
        let (said, hopeless) = failed.advised(MAY_NOT);
        let converted = error(kind, said).because(cause(&failed)).hopeless_if(hopeless);
        match failed {
            RedisError::Lost(lost) => converted.with_source(lost),
            RedisError::Refused(refused) => converted.with_source(refused),
            RedisError::Away(_) | RedisError::NotReplicated { .. } => converted,
        }
    }
}

/// The error of a change that a script refused.
pub(super) fn refused(refusal: &Refusal, asset: &AssetName, ask: Ask<'_>) -> StoreError {
    match (refusal, ask) {
        (
            Refusal::NotHeld,
            Ask::Release { player, .. } | Ask::Confirm { player, .. } | Ask::Extend { player, .. },
        ) => StoreError::not_held(NAME, asset, player),
        // The script answers with the units and the terms of the creation.
        (Refusal::Conflict(created, terms), Ask::Create { new }) => {
            let created = Units::try_from(*created).unwrap_or(Units::MAX);
            let options = terms.as_ref().map(|terms| &terms.options);
            StoreError::created_otherwise(NAME, asset, (created, options), new)
        }
        (Refusal::Conflict(..), Ask::Extend { player, .. }) => StoreError::no_hold(NAME, asset, player),
        (Refusal::Conflict(revision, _), Ask::Restock { .. }) => {
            StoreError::other_revision(NAME, asset, *revision)
        }
        (Refusal::Limit, Ask::Restock { .. }) => StoreError::too_many_units(NAME, asset, Units::MAX),
        _ => unknown(refusal, asset),
    }
}

pub(super) fn unknown(refusal: &Refusal, asset: &AssetName) -> StoreError {
    match refusal {
        Refusal::Unknown => StoreError::unknown_asset(NAME, asset),
        _ => reply::odd(),
    }
}

fn did_nothing(refused: &ServerError) -> bool {
    // If a script called the command, its name is later in the text.
    let unknown = |details: &str| details.trim().starts_with("unknown command");
    NOTHING_DONE.contains(&refused.code()) || refused.details().is_some_and(unknown)
}

/// The cause, as far as it is known. Other errors may be temporary.
fn cause(failed: &RedisError) -> Option<StoreErrorCause> {
    use StoreErrorCause::{Misconfigured, NoPermission, NotReplicated, OutOfMemory, ReadOnly};
    match failed {
        RedisError::NotReplicated { .. } => return Some(NotReplicated),
        RedisError::Away(Away { reason: Reason::Replica, .. }) => return Some(ReadOnly),
        _ => {}
    }
    let refused = failed.refused()?;
    match refused.code() {
        "OOM" => Some(OutOfMemory),
        "NOAUTH" | "NOPERM" | "WRONGPASS" => Some(NoPermission),
        "READONLY" => Some(ReadOnly),
        "NOREPLICAS" => Some(NotReplicated),
        "MISCONF" => Some(Misconfigured),
        _ => match meaning(refused)? {
            Meaning::NoPermissionForScript | Meaning::NoPasswordSet => Some(NoPermission),
            Meaning::NoSentinel
            | Meaning::NoCommand
            | Meaning::NoCommandForScript
            | Meaning::NoSuchDatabase => Some(Misconfigured),
            _ => None,
        },
    }
}

#[cfg(test)]
mod tests {
    use std::io;

    use redis::{ErrorKind, Value, parse_redis_value};

    use super::*;

    fn answer(line: &str) -> ServerError {
        match parse_redis_value(format!("-{line}\r\n").as_bytes()) {
            Ok(Value::ServerError(refused)) => refused,
            other => panic!("{line} is no error but {other:?}"),
        }
    }

    fn refused(line: &str) -> StoreError {
        RedisError::Refused(answer(line)).into()
    }

    /// The server is unreachable for this reason.
    fn away(why: impl Into<Away>) -> StoreError {
        RedisError::Away(why.into().when("cannot connect to OOM:1")).into()
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
        let nobody = away(Away::new("nobody is there"));
        assert_eq!((nobody.kind(), nobody.is_hopeless()), (StoreErrorKind::Unavailable, false));
        let wrong = away(answer("WRONGPASS no"));
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
        let replica = Away { reason: Reason::Replica, ..Away::new("it is a replica; name the primary") };
        assert_eq!(away(replica).cause(), StoreErrorCause::ReadOnly);
        assert_eq!(away(answer("WRONGPASS invalid")).cause(), StoreErrorCause::NoPermission);
        assert_eq!(away(Away::new("Connection refused")).cause(), StoreErrorCause::Unavailable);
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
        assert!(away(answer("ERR DB index is out of range")).is_hopeless());
        let unfound = away(io::Error::other("failed to lookup address information: Name or service not known"));
        assert!(!unfound.is_hopeless() && unfound.to_string().contains("is the host in the URL right?"));
    }

    #[test]
    fn an_error_is_told_in_one_line() {
        let said = refused("ERR first\tsecond   third").to_string();
        assert_eq!(said, "redis: the server answered ERR first second third");
    }
}
