use std::{convert::Infallible, io, sync::Arc, time::Duration};

use futures::future::BoxFuture;
use redis::{
    AsyncConnectionConfig, Pipeline, ProtocolVersion, PushInfo, RedisConnectionInfo, Value,
    aio::MultiplexedConnection,
};
use tokio::{net::TcpStream, time::sleep};
use tokio_rustls::{TlsConnector, rustls::pki_types::ServerName};

use super::{
    Address,
    error::{Away, Reason},
    policy::Policy,
    url::Access,
};

/// Opens the connections of one kind.
pub(crate) struct Connector {
    role: Role,
    tls: Option<TlsConnector>,
    access: Access,
    listener: Option<Listener>,
    /// The interval at which a connected server's role is checked.
    look_every: Duration,
}

/// Receives push messages. It must not block. Push messages need Redis 6 or later, and are independent of the
/// selected database.
pub(crate) type Listener = Arc<dyn Fn(PushInfo) + Send + Sync>;

/// The required role of a server.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Role {
    /// The server that takes writes. A replica would return stale data.
    Primary,
    /// A node of a cluster, which redirects by itself.
    ClusterNode,
    /// A server that knows the primary.
    Sentinel,
}

/// The connection works only while its driver is polled.
pub(crate) type Driver = BoxFuture<'static, ()>;

/// The average interval, with jitter so that nodes do not all check at once.
const LOOK_EVERY: Duration = Duration::from_secs(60);

/// Requests queued in one connection; further ones wait to enter.
const QUEUED_REQUESTS: usize = 1024;

impl Connector {
    pub(crate) fn new(access: &Access, role: Role, tls: Option<TlsConnector>) -> Self {
        let mut access = access.clone();
        if role == Role::Sentinel {
            // The URL's credentials are for the servers that the sentinels watch.
            access = Access { user: None, password: None, database: 0, ..access };
        }
        Self { role, tls, access, listener: None, look_every: LOOK_EVERY }
    }

    /// Changes the interval of role checks.
    #[cfg(test)]
    pub(super) fn looking_every(self, look_every: Duration) -> Self {
        Self { look_every, ..self }
    }

    /// Sets the listener of push messages.
    pub(crate) fn heard_by(self, listener: Option<Listener>) -> Self {
        Self { listener, ..self }
    }

    /// Connects, logs in and checks the server's role.
    ///
    /// # Errors
    /// What is wrong.
    pub(crate) async fn open(
        &self,
        address: &Address,
        policy: &Policy,
    ) -> Result<(MultiplexedConnection, Driver), Away> {
        let (mut connection, mut driver) = self.connect(address).await?;
        let checked = tokio::select! {
            biased;
            checked = self.log_in(&mut connection, policy) => checked,
            () = &mut driver => Err(Away::new("it closed the connection")),
        };
        checked.map(|()| (connection, driver))
    }

    /// Checks the server's role from time to time. Returns what is wrong when the role no longer fits.
    pub(crate) async fn watch(&self, mut connection: MultiplexedConnection, policy: &Policy) -> Away {
        let questions = self.questions();
        loop {
            sleep(self.look_every.mul_f64(0.75 + fastrand::f64() / 2.0)).await;
            let answers = connection.send_packed_commands(&questions, 0, questions.len()).await;
            // The client notices a broken connection, and a busy server is checked again later.
            if let Ok(answers) = answers
                && let Some(wrong) = self.look_at(&answers, policy)
            {
                return wrong;
            }
        }
    }

    async fn connect(&self, address: &Address) -> Result<(MultiplexedConnection, Driver), Away> {
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
        // No response timeout, because callers have their own and pings detect a dead connection.
        let config =
            AsyncConnectionConfig::new().set_response_timeout(None).set_pipeline_buffer_size(QUEUED_REQUESTS);
        let info =
            RedisConnectionInfo::default().set_lib_name(env!("CARGO_PKG_NAME"), env!("CARGO_PKG_VERSION"));
        let Some(listener) = self.listener.clone() else {
            return (info.set_protocol(ProtocolVersion::RESP2), config);
        };
        // RESP3 requires the login in its first command.
        let info = info.set_protocol(ProtocolVersion::RESP3);
        let info = self.access.user.iter().fold(info, RedisConnectionInfo::set_username);
        let info = self.access.password.iter().fold(info, RedisConnectionInfo::set_password);
        let hear = move |push| {
            listener(push);
            Ok::<_, Infallible>(())
        };
        (info, config.set_push_sender(hear))
    }

    /// Logs in and checks the server's role.
    async fn log_in(&self, connection: &mut MultiplexedConnection, policy: &Policy) -> Result<(), Away> {
        let mut words = self.login();
        let introduced = words.len();
        for question in self.questions().cmd_iter() {
            words.add_command(question.clone());
        }
        let answers = connection.send_packed_commands(&words, 0, words.len()).await?;
        let (login, answers) = answers.split_at(introduced.min(answers.len()));
        for answer in login {
            if let Value::ServerError(refused) = answer {
                return Err(refused.clone().into());
            }
        }
        if let Some(Value::ServerError(refused)) = answers.first().filter(|answer| !is_not_allowed(answer)) {
            return Err(refused.clone().into());
        }
        self.look_at(answers, policy).map_or(Ok(()), Err)
    }

    /// Queries the server's role and its eviction policy.
    fn questions(&self) -> Pipeline {
        let mut questions = Pipeline::new();
        questions.cmd(if self.role == Role::Primary { "ROLE" } else { "PING" });
        questions.cmd("CONFIG").arg("GET").arg("maxmemory-policy");
        questions
    }

    /// Returns what is wrong with the server, judging by its answers.
    fn look_at(&self, answers: &[Value], policy: &Policy) -> Option<Away> {
        if self.role != Role::Sentinel && self.listener.is_none() {
            policy.hear(answers.get(1));
        }
        match answers.first() {
            Some(Value::Array(role)) if role.first() == Some(&Value::BulkString(b"slave".to_vec())) => {
                Some(Away { why: "it is a replica; name the primary".to_owned(), reason: Reason::Replica })
            }
            _ => None,
        }
    }

    /// Logs in explicitly, so that the server's error message can be passed on.
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
}

/// Users may lack the permission to query roles; running our scripts suffices.
fn is_not_allowed(answer: &Value) -> bool {
    matches!(answer, Value::ServerError(refused) if matches!(refused.code(), "NOPERM" | "ERR"))
}
