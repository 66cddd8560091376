use std::{fs, time::Duration};

use mysql_async::{Conn, Opts, OptsBuilder, SslOpts};
use rustls::pki_types::{CertificateDer, pem::PemObject};
use tokio::time::timeout;

use super::{
    error::{Asked, MysqlError},
    packet::{ask, close},
    schema::Tables,
    url::{MysqlUrl, Tls},
};

/// Opens connections.
pub(super) struct Connector {
    pub(super) address: String,
    database: String,
    opts: Opts,
    session: String,
    tables: Tables,
}

/// How long the server keeps a silent connection and its locks, which bounds the effect of a client that
/// vanished.
const SERVER_WAITS: Duration = Duration::from_secs(10);

/// The timeout of name resolution, handshake and login.
const CONNECT_WITHIN: Duration = Duration::from_secs(2);

/// The time an answer needs after the lock wait is over.
const ANSWERING: Duration = Duration::from_millis(500);

/// Larger than any packet of ours. It is configured so that the driver does not query the server for it each
/// time.
const LARGEST_PACKET: usize = 64 * 1024 * 1024;

impl Connector {
    /// # Errors
    /// What is wrong with the certificate file.
    pub(super) fn new(url: &MysqlUrl) -> Result<Self, String> {
        let opts = OptsBuilder::default()
            .ip_or_hostname(&url.address.host)
            .tcp_port(url.address.port)
            .user(Some(&url.user))
            .pass(url.password.as_ref())
            .db_name(Some(&url.database))
            .ssl_opts(tls(&url.options.tls)?)
            // A different server might answer on the local socket file.
            .prefer_socket(false)
            .stmt_cache_size(0)
            .max_allowed_packet(Some(LARGEST_PACKET))
            .wait_timeout(Some(SERVER_WAITS.as_secs() as usize));
        let address = url.address.to_string();
        let session = session(url.options.statement_timeout);
        Ok(Self {
            address,
            database: url.database.clone(),
            opts: opts.into(),
            session,
            tables: Tables::default(),
        })
    }

    /// Connects, logs in, migrates the database and configures the session.
    pub(super) async fn connect(&self) -> Asked<Conn> {
        let opened = timeout(CONNECT_WITHIN, Conn::new(self.opts.clone())).await;
        let late = |_| {
            MysqlError::away(format!("cannot connect to {}: no answer within {CONNECT_WITHIN:?}", self.address))
        };
        let door = |failed| MysqlError::at_the_door(&self.address, &self.database, &failed);
        let mut conn = opened.map_err(late)?.map_err(door)?;
        match self.prepare(&mut conn).await {
            Ok(()) => Ok(conn),
            Err(error) => {
                close(conn);
                Err(error.before_the_call(&self.address))
            }
        }
    }

    async fn prepare(&self, conn: &mut Conn) -> Asked<()> {
        self.tables.bring_up(conn).await?;
        ask(conn, &self.session, CONNECT_WITHIN).await.map(|_| ())
    }
}

/// The session settings. The server must give up waiting for a lock before we give up waiting for the server;
/// its timeout is in seconds.
fn session(statement: Duration) -> String {
    let lock = statement.saturating_sub(ANSWERING).as_secs().max(1);
    include_str!("session.sql")
        .replace("{milliseconds}", &statement.as_millis().to_string())
        .replace("{lock}", &lock.to_string())
        .replace("{idle}", &SERVER_WAITS.as_secs().to_string())
}

/// Reads the certificate file at the start, so that an invalid one is reported at once.
fn tls(tls: &Tls) -> Result<Option<SslOpts>, String> {
    let file = match tls {
        Tls::Off => return Ok(None),
        Tls::Public => return Ok(Some(SslOpts::default())),
        Tls::File(file) => file,
    };
    let wrong = |why: String| format!("tls_ca: {}: {why}", file.display());
    let text = fs::read(file).map_err(|error| wrong(error.to_string()))?;
    let mut certificates = CertificateDer::pem_slice_iter(&text);
    if certificates.next().is_none_or(|first| first.is_err()) {
        return Err(wrong("it has no certificate in PEM format".to_owned()));
    }
    Ok(Some(SslOpts::default().with_root_certs(vec![text.into()]).with_disable_built_in_roots(true)))
}
