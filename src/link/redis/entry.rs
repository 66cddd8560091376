use std::{
    convert::Infallible,
    io,
    sync::{
        Arc,
        atomic::{AtomicBool, Ordering::Relaxed},
    },
};

use futures::future::BoxFuture;
use redis::{
    AsyncConnectionConfig, ErrorKind, Pipeline, ProtocolVersion, PushInfo, RedisConnectionInfo, RedisError,
    RedisResult, ServerError, Value, aio::MultiplexedConnection,
};
use tokio::net::TcpStream;
use tokio_rustls::{TlsConnector, rustls::pki_types::ServerName};

use super::{Address, target::Access, trouble::in_words};

/// How every connection of one kind is opened.
pub(crate) struct Entry {
    role: Role,
    tls: Option<TlsConnector>,
    access: Access,
    listener: Option<Listener>,
    warned: AtomicBool,
}

/// Hears what a server says unasked, and must not block. It takes Redis 6 or later, and databases do not matter.
pub(crate) type Listener = Arc<dyn Fn(PushInfo) + Send + Sync>;

/// What a server must be.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Role {
    /// The one that takes writes; another would answer reads with what is old.
    Primary,
    /// A cluster's nodes say by themselves when another one must be asked.
    ClusterNode,
    /// Knows which server is the primary.
    Sentinel,
}

/// A connection lives as long as its driver is polled.
pub(crate) type Driver = BoxFuture<'static, ()>;

/// Requests on their way into one connection; more wait at the door.
const QUEUED_REQUESTS: usize = 1024;

impl Entry {
    pub(crate) fn new(access: &Access, role: Role, tls: Option<TlsConnector>) -> Self {
        let mut access = access.clone();
        if role == Role::Sentinel {
            // What the URL says is for the servers they watch over.
            access = Access { user: None, password: None, database: 0, ..access };
        }
        Self { role, tls, access, listener: None, warned: AtomicBool::new(false) }
    }

    /// The same for connections on which somebody listens.
    pub(crate) fn heard_by(self, listener: Option<Listener>) -> Self {
        Self { listener, ..self }
    }

    /// Connects, logs in and looks whether it is the right kind of server.
    ///
    /// # Errors
    /// One line that says what is wrong.
    pub(crate) async fn open(&self, address: &Address) -> Result<(MultiplexedConnection, Driver), String> {
        let (mut connection, mut driver) = self.connect(address).await.map_err(|error| in_one_line(&error))?;
        let checked = tokio::select! {
            biased;
            checked = self.log_in(&mut connection) => checked,
            () = &mut driver => Err("it closed the connection".to_owned()),
        };
        checked.map(|()| (connection, driver))
    }

    async fn connect(&self, address: &Address) -> RedisResult<(MultiplexedConnection, Driver)> {
        let tcp = TcpStream::connect((address.host.as_str(), address.port)).await?;
        tcp.set_nodelay(true)?;
        let (info, config) = self.settings();
        let Some(tls) = &self.tls else {
            let (connection, driver) = MultiplexedConnection::new_with_config(&info, tcp, config).await?;
            return Ok((connection, Box::pin(driver)));
        };
        let host = ServerName::try_from(address.host.clone()).map_err(io::Error::other)?;
        let stream = tls.connect(host, tcp).await?;
        let (connection, driver) = MultiplexedConnection::new_with_config(&info, stream, config).await?;
        Ok((connection, Box::pin(driver)))
    }

    fn settings(&self) -> (RedisConnectionInfo, AsyncConnectionConfig) {
        // Whoever waits for an answer knows how long; a connection that is dead is noticed by its heartbeat.
        let config =
            AsyncConnectionConfig::new().set_response_timeout(None).set_pipeline_buffer_size(QUEUED_REQUESTS);
        let info =
            RedisConnectionInfo::default().set_lib_name(env!("CARGO_PKG_NAME"), env!("CARGO_PKG_VERSION"));
        let Some(listener) = self.listener.clone() else {
            return (info.set_protocol(ProtocolVersion::RESP2), config);
        };
        // In this protocol a login cannot come later.
        let info = info.set_protocol(ProtocolVersion::RESP3);
        let info = self.access.user.iter().fold(info, RedisConnectionInfo::set_username);
        let info = self.access.password.iter().fold(info, RedisConnectionInfo::set_password);
        let hear = move |push| {
            listener(push);
            Ok::<_, Infallible>(())
        };
        (info, config.set_push_sender(hear))
    }

    /// Says who we are, and asks who the server is.
    async fn log_in(&self, connection: &mut MultiplexedConnection) -> Result<(), String> {
        let mut words = self.login();
        let introduced = words.len();
        words.cmd(if self.role == Role::Primary { "ROLE" } else { "PING" });
        words.cmd("CONFIG").arg("GET").arg("maxmemory-policy");
        let answers = connection.send_packed_commands(&words, 0, words.len()).await;
        let answers = answers.map_err(|error| in_one_line(&error))?;
        let (login, answers) = answers.split_at(introduced.min(answers.len()));
        for answer in login {
            if let Value::ServerError(refused) = answer {
                return Err(in_words(refused));
            }
        }
        match answers.first() {
            Some(Value::ServerError(refused)) if !is_not_allowed(refused) => return Err(in_words(refused)),
            Some(Value::Array(role)) if role.first() == Some(&Value::BulkString(b"slave".to_vec())) => {
                return Err("it is a replica; name the primary".to_owned());
            }
            _ => {}
        }
        if self.role != Role::Sentinel && self.listener.is_none() {
            self.warn_of_eviction(answers.get(1));
        }
        Ok(())
    }

    /// Done by ourselves, to pass on what the server says about it.
    fn login(&self) -> Pipeline {
        let mut login = Pipeline::new();
        if self.listener.is_some() {
            return login;
        }
        if let Some(password) = &self.access.password {
            login.cmd("AUTH").arg(&self.access.user).arg(password);
        }
        if self.access.database > 0 {
            login.cmd("SELECT").arg(self.access.database);
        }
        login
    }

    fn warn_of_eviction(&self, policy: Option<&Value>) {
        let Some(Value::Array(policy)) = policy else { return };
        let Some(Value::BulkString(policy)) = policy.get(1) else { return };
        if policy != b"noeviction" && !self.warned.swap(true, Relaxed) {
            tracing::warn!(
                maxmemory_policy = %String::from_utf8_lossy(policy),
                "redis may drop counters and holders when its memory is full: set maxmemory-policy to noeviction"
            );
        }
    }
}

/// Whoever may run our scripts need not be allowed to ask who is who.
fn is_not_allowed(refused: &ServerError) -> bool {
    matches!(refused.code(), "NOPERM" | "ERR")
}

fn in_one_line(error: &RedisError) -> String {
    let said = match (error.kind(), error.code()) {
        (ErrorKind::Parse, _) => "it is not a Redis server".to_owned(),
        (_, Some(code)) => format!("{code} {}", error.detail().unwrap_or_default()),
        _ => error.to_string(),
    };
    said.split_whitespace().collect::<Vec<_>>().join(" ")
}
