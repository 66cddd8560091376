//! Recognises errors of servers and libraries by their texts. All other errors are classified by their types and
//! codes. A text may change with any version, so each row has a test below, or at its driver.

/// The author of the text.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Author {
    /// The standard library, which gives failures of `getaddrinfo` no kind of their own.
    Std,
    /// Redis and Valkey, in errors whose code is `ERR`.
    Redis,
    /// TiDB and its built-in store, whose lock waits have no code of their own.
    TiDb,
    /// `async-nats`, whose I/O errors wrap a text.
    AsyncNats,
    /// The AWS SDK, which keeps these types to itself.
    AwsSdk,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Meaning {
    UnknownHost,
    NoSuchDatabase,
    NoDatabasesInCluster,
    NoSentinel,
    NoCommand,
    NoCommandForScript,
    NoPasswordSet,
    NoCluster,
    NoPermissionForScript,
    LockWait,
    LockRetries,
    OtherProtocol,
    NoCredentials,
    NotConnected,
}

use Author::{AsyncNats, AwsSdk, Redis, Std, TiDb};
use Meaning::{
    LockRetries, LockWait, NoCluster, NoCommand, NoCommandForScript, NoCredentials, NoDatabasesInCluster,
    NoPasswordSet, NoPermissionForScript, NoSentinel, NoSuchDatabase, NotConnected, OtherProtocol, UnknownHost,
};

/// The first row of the author whose words the text contains gives its meaning.
const TEXTS: [(Author, &str, Meaning); 19] = [
    (Std, "failed to lookup address", UnknownHost),
    (Redis, "DB index is out of range", NoSuchDatabase),
    (Redis, "SELECT is not allowed in cluster mode", NoDatabasesInCluster),
    (Redis, "unknown command 'SENTINEL'", NoSentinel),
    (Redis, "unknown command", NoCommand),
    (Redis, "Unknown command", NoCommandForScript),
    (Redis, "Unknown Redis command", NoCommandForScript),
    (Redis, "without any password configured", NoPasswordSet),
    (Redis, "cluster support disabled", NoCluster),
    (Redis, "The user executing the script can't", NoPermissionForScript),
    (Redis, "ACL failure in script", NoPermissionForScript),
    (TiDb, "lock wait timeout", LockWait),
    (TiDb, "pessimistic lock retry limit reached", LockRetries),
    (AsyncNats, "expected INFO", OtherProtocol),
    (AsyncNats, "invalid server operation", OtherProtocol),
    (AwsSdk, "credentials", NoCredentials),
    (AwsSdk, "identity", NoCredentials),
    (AwsSdk, "(Connect)", NotConnected),
    (AwsSdk, "connect timeout", NotConnected),
];

/// The meaning of a text, if it is known.
pub(crate) fn meaning(author: Author, text: &str) -> Option<Meaning> {
    let row = TEXTS.iter().find(|(of, words, _)| *of == author && text.contains(words));
    row.map(|(_, _, meaning)| *meaning)
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The libraries that no test provokes to return these texts, with the versions whose sources were read.
    const CHECKED: [(&str, &str, &str); 3] = [
        ("aws-credential-types", "1.3.1", "credentials"),
        ("aws-smithy-http-client", "1.5.2", "connect timeout"),
        ("aws-smithy-runtime", "1.16.2", "identity"),
    ];

    #[test]
    fn the_texts_are_those_of_the_versions_in_use() {
        let lock = std::fs::read_to_string(concat!(env!("CARGO_MANIFEST_DIR"), "/Cargo.lock")).unwrap();
        for (library, version, words) in CHECKED {
            assert!(TEXTS.iter().any(|(_, text, _)| *text == words), "{words:?} is in the table");
            let package = format!("name = \"{library}\"\nversion = \"{version}\"\n");
            assert!(lock.contains(&package), "{library} is not {version}: does it still say {words:?}?");
        }
    }

    /// Whole texts of the servers. `tests/redis` provokes the most usual ones from the servers themselves.
    #[test]
    fn servers_say_it_like_this() {
        for (author, text, means) in [
            (Redis, "DB index is out of range", NoSuchDatabase),
            (Redis, "SELECT is not allowed in cluster mode", NoDatabasesInCluster),
            (
                Redis,
                "unknown command 'SENTINEL', with args beginning with: 'GET-MASTER-ADDR-BY-NAME' ",
                NoSentinel,
            ),
            (Redis, "unknown command 'EVALSHA', with args beginning with: 'c0ffee' '4' ", NoCommand),
            (
                Redis,
                "Unknown Redis command called from script script: c0ffee, on @user_script:1.",
                NoCommandForScript,
            ),
            (
                Redis,
                "AUTH <password> called without any password configured for the default user. Are you sure your \
                 configuration is correct?",
                NoPasswordSet,
            ),
            (Redis, "This instance has cluster support disabled", NoCluster),
            (
                Redis,
                "The user executing the script can't run this command or subcommand",
                NoPermissionForScript,
            ),
            (
                Redis,
                "ACL failure in script: User app has no permissions to run the 'zadd' command",
                NoPermissionForScript,
            ),
            (TiDb, "lock wait timeout, try restarting transaction", LockWait),
            (TiDb, "pessimistic lock retry limit reached", LockRetries),
        ] {
            assert_eq!(meaning(author, text), Some(means), "{text}");
        }
        assert_eq!(meaning(TiDb, "unknown command"), None, "it is another author's");
    }
}
