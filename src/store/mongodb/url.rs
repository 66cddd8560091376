use std::{fs, time::Duration};

use ::mongodb::options::ConnectionString;

use super::health::in_words;
use crate::link::url::{Parts, no_option, number, one_of, pairs, ttl};

/// The parts of `mongodb://[USER:PASSWORD@]HOST[:PORT][,HOST...]/DATABASE[?OPTIONS]`. Has no `Debug`, so that no log
/// can show the password.
pub(super) struct MongoUrl {
    /// The URL for the driver.
    pub(super) server: ConnectionString,
    /// The hosts, for messages and the log.
    pub(super) hosts: String,
    pub(super) encrypted: bool,
    pub(super) database: String,
    pub(super) collection: String,
    /// The database that authenticates the user.
    pub(super) login_database: String,
    /// Whether single documents are read linearizably, where the server supports that.
    pub(super) linearizable: bool,
    /// Maximum number of connections to a server.
    pub(super) connections: u32,
    /// How long an unused room is kept, if the URL sets it; zero: for ever.
    pub(super) room_ttl: Option<Duration>,
}

pub(super) const SCHEMES: [&str; 2] = ["mongodb", "mongodb+srv"];

const COLLECTION: &str = "assets";
/// The default: one connection per concurrently decided asset. More would only wait in the server.
const CONNECTIONS: u32 = 64;
const MOST_CONNECTIONS: u32 = 1000;
const SHAPE: &str = "mongodb://[USER:PASSWORD@]HOST[:PORT][,HOST...]/DATABASE[?OPTIONS]";
/// Options passed on to the driver, in lower case.
const DRIVERS_OWN: [&str; 12] = [
    "appname",
    "authmechanism",
    "authmechanismproperties",
    "authsource",
    "directconnection",
    "replicaset",
    "ssl",
    "tls",
    "tlsallowinvalidcertificates",
    "tlscafile",
    "tlscertificatekeyfile",
    "tlsinsecure",
];
const OPTIONS: &str = "collection, ttl, maxPoolSize, readConcernLevel, and of MongoDB's own: appName, authMechanism, \
                       authMechanismProperties, authSource, directConnection, readPreference=primary, replicaSet, \
                       retryWrites, ssl, tls, tlsAllowInvalidCertificates, tlsCAFile, tlsCertificateKeyFile, tlsInsecure, \
                       w=majority";

type Result<T> = std::result::Result<T, String>;

impl MongoUrl {
    pub(super) fn parse(url: &str) -> Result<Self> {
        let Parts { scheme, login, hosts, path: database, query } = Parts::of(url, SHAPE)?;
        if hosts.is_empty() {
            return Err(format!("a host is missing: write {SHAPE}"));
        }
        if database.is_empty() {
            return Err(format!("the database is missing: write {SHAPE}"));
        }
        if login.is_some_and(|login| login.starts_with(':') || login.is_empty()) {
            return Err("before the @ comes USER:PASSWORD".to_owned());
        }
        let (mut drivers_own, mut collection, mut login_database) = (Vec::new(), COLLECTION.to_owned(), None);
        let (mut linearizable, mut encrypted) = (true, scheme == "mongodb+srv");
        let (mut connections, mut room_ttl) = (CONNECTIONS, None);
        for (name, value) in pairs(query) {
            // Option names are case-insensitive, as usual with MongoDB.
            match name.to_ascii_lowercase().as_str() {
                "collection" => collection = checked_collection(value)?,
                "ttl" => room_ttl = Some(ttl(value)?),
                "maxpoolsize" => connections = number("maxPoolSize", value, 1..=MOST_CONNECTIONS)?,
                "readconcernlevel" => linearizable = one_of(name, value, &["linearizable", "majority"])? == 0,
                "readpreference" => drop(one_of(name, value, &["primary"])?),
                // Accepted, but retryable writes are never used.
                "retrywrites" => drop(one_of(name, value, &["false", "true"])?),
                "w" => drop(one_of(name, value, &["majority"])?),
                known if DRIVERS_OWN.contains(&known) => {
                    match known {
                        "authsource" => login_database = Some(value.to_owned()),
                        "tls" | "ssl" => encrypted = value == "true",
                        "tlscafile" | "tlscertificatekeyfile" => pem(name, value)?,
                        _ => {}
                    }
                    drivers_own.push(format!("{name}={value}"));
                }
                _ => return Err(no_option(name, value, OPTIONS)),
            }
        }
        let login = login.map(|login| format!("{login}@")).unwrap_or_default();
        let mut server = format!("{scheme}://{login}{hosts}/{database}");
        if !drivers_own.is_empty() {
            server = format!("{server}?{}", drivers_own.join("&"));
        }
        let server = ConnectionString::parse(server).map_err(|why| in_words(&why))?;
        let database = server.default_database.clone().unwrap_or_default();
        let login_database = login_database.unwrap_or_else(|| database.clone());
        let hosts = hosts.to_owned();
        Ok(Self {
            server,
            hosts,
            encrypted,
            database,
            collection,
            login_database,
            linearizable,
            connections,
            room_ttl,
        })
    }
}

fn checked_collection(value: &str) -> Result<String> {
    let fits = (1..=64).contains(&value.len())
        && value.bytes().all(|byte| byte.is_ascii_alphanumeric() || b"_.-".contains(&byte))
        && !value.starts_with("system.")
        && !value.starts_with('.');
    let rule = "a collection has 1-64 characters of A-Za-z0-9_.- and does not begin with system. or a dot";
    if fits { Ok(value.to_owned()) } else { Err(format!("{rule}, unlike {value:?}")) }
}

/// Checks that a PEM file contains what the driver expects, because the driver itself would not report it.
fn pem(name: &str, file: &str) -> Result<()> {
    let text = fs::read_to_string(file).map_err(|why| format!("{name}: cannot read {file}: {why}"))?;
    if text.contains("-----BEGIN CERTIFICATE-----") {
        Ok(())
    } else {
        Err(format!("{name}: there is no certificate in {file}, which must be a PEM file"))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::link::url::testing::refuses;

    fn parsed(url: &str) -> MongoUrl {
        MongoUrl::parse(url).unwrap_or_else(|why| panic!("{url}: {why}"))
    }

    #[test]
    fn a_plain_url_has_defaults() {
        let url = parsed("mongodb://localhost/game");
        assert_eq!((url.hosts.as_str(), url.database.as_str()), ("localhost", "game"));
        assert_eq!((url.collection.as_str(), url.login_database.as_str()), ("assets", "game"));
        assert!(url.linearizable && !url.encrypted);
        assert_eq!((url.connections, url.room_ttl), (64, None));
    }

    #[test]
    fn everything_can_be_said_as_amazon_and_atlas_say_it() {
        let file = tempfile::NamedTempFile::new().unwrap();
        fs::write(file.path(), "-----BEGIN CERTIFICATE-----\n").unwrap();
        let url = parsed(&format!(
            "mongodb://me:p%40ss@a:1,b:2/game?TLS=true&tlsCAFile={}&replicaSet=rs0&readPreference=primary&\
             retryWrites=false&w=majority&authSource=admin&ttl=2h&collection=units&maxPoolSize=7&\
             readConcernLevel=majority&appName=x",
            file.path().display()
        ));
        assert_eq!(url.hosts, "a:1,b:2");
        assert_eq!((url.collection.as_str(), url.login_database.as_str()), ("units", "admin"));
        assert_eq!((url.linearizable, url.encrypted, url.connections), (false, true, 7));
        assert_eq!(url.room_ttl, Some(Duration::from_secs(7200)));
        let login = url.server.credential.unwrap();
        assert_eq!((login.username.as_deref(), login.password.as_deref()), (Some("me"), Some("p@ss")));
        assert_eq!(url.server.replica_set.as_deref(), Some("rs0"));
        assert!(parsed("mongodb+srv://me:pw@cluster.example/game?retryWrites=true&w=majority").encrypted);
    }

    #[test]
    fn what_is_wrong_is_said_without_the_password() {
        let refused = [
            ("mongodb:localhost", "write mongodb://"),
            ("mongodb:///game", "host is missing"),
            ("mongodb://me:hunter2@/game", "host is missing"),
            ("mongodb://me:hunter2@host", "database is missing"),
            ("mongodb://me:hunter2@host/?w=majority", "database is missing"),
            ("mongodb://:hunter2@host/game", "USER:PASSWORD"),
            ("mongodb://me:a/hunter2@host/game", "/ as %2F"),
            ("mongodb://me:hunter2%zz@host/game", "unescaped %"),
            ("mongodb://me:hunter2@host:port/game", "port"),
            ("mongodb://me:hunter2@host/ga$me", "database name"),
            ("mongodb://a/game?weight=1", "collection, ttl, maxPoolSize"),
            ("mongodb://a/game?socketTimeoutMS=5", "there is no option \"socketTimeoutMS\""),
            ("mongodb://a/game?ttl=soon", "ttl: write a duration"),
            ("mongodb://a/game?collection=", "1-64 characters"),
            ("mongodb://a/game?collection=system.users", "system."),
            ("mongodb://a/game?collection=a$b", "1-64 characters"),
            ("mongodb://a/game?maxPoolSize=0", "from 1 to 1000"),
            ("mongodb://a/game?readPreference=secondaryPreferred", "readPreference is primary, not"),
            ("mongodb://a/game?readConcernLevel=local", "linearizable or majority"),
            ("mongodb://a/game?w=1", "w is majority"),
            ("mongodb://a/game?retryWrites=perhaps", "false or true"),
            ("mongodb://a/game?tls=perhaps", "tls"),
            ("mongodb://a/game?tls=true&tlsCAFile=/no/such/file", "tlsCAFile: cannot read /no/such/file"),
            ("mongodb://a/game?tls=true&tlsCAFile=Cargo.toml", "no certificate in Cargo.toml"),
            ("mongodb+srv://a:1/game", "port"),
        ];
        refuses(MongoUrl::parse, &refused);
    }
}
