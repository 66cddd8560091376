use std::{convert::Infallible, io, sync::Arc, time::Duration};

use futures::future::BoxFuture;
use redis::{
    AsyncConnectionConfig, ErrorKind, Pipeline, ProtocolVersion, PushInfo, RedisConnectionInfo, RedisResult,
    Value, aio::MultiplexedConnection,
};
use tokio::{net::TcpStream, time::sleep};
use tokio_rustls::{TlsConnector, rustls::pki_types::ServerName};

use super::{Address, error::in_words, policy::Policy, url::Access};

/// How every connection of one kind is opened.
pub(crate) struct Connector {
    role: Role,
    tls: Option<TlsConnector>,
    access: Access,
    listener: Option<Listener>,
    /// How often a server is asked who it is, while connected.
    look_every: Duration,
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

/// Each time about so long after the one before, so that not all nodes ask at once.
const LOOK_EVERY: Duration = Duration::from_secs(60);

/// Requests on their way into one connection; more wait at the door.
const QUEUED_REQUESTS: usize = 1024;

impl Connector {
    pub(crate) fn new(access: &Access, role: Role, tls: Option<TlsConnector>) -> Self {
        let mut access = access.clone();
        if role == Role::Sentinel {
            // What the URL says is for the servers they watch over.
            access = Access { user: None, password: None, database: 0, ..access };
        }
        Self { role, tls, access, listener: None, look_every: LOOK_EVERY }
    }

    /// The same for servers that are asked more often who they are.
    #[cfg(test)]
    pub(super) fn looking_every(self, look_every: Duration) -> Self {
        Self { look_every, ..self }
    }

    /// The same for connections on which somebody listens.
    pub(crate) fn heard_by(self, listener: Option<Listener>) -> Self {
        Self { listener, ..self }
    }

    /// Connects, logs in and looks whether it is the right kind of server.
    ///
    /// # Errors
    /// One line that says what is wrong.
    pub(crate) async fn open(
        &self,
        address: &Address,
        policy: &Policy,
    ) -> Result<(MultiplexedConnection, Driver), String> {
        let (mut connection, mut driver) = self.connect(address).await.map_err(|error| in_one_line(&error))?;
        let checked = tokio::select! {
            biased;
            checked = self.log_in(&mut connection, policy) => checked,
            () = &mut driver => Err("it closed the connection".to_owned()),
        };
        checked.map(|()| (connection, driver))
    }

    /// Asks the server from time to time who it is, and ends with what is wrong when it is not the right one any more.
    pub(crate) async fn watch(&self, mut connection: MultiplexedConnection, policy: &Policy) -> String {
        let questions = self.questions();
        loop {
            sleep(self.look_every.mul_f64(0.75 + fastrand::f64() / 2.0)).await;
            let answers = connection.send_packed_commands(&questions, 0, questions.len()).await;
            // A connection that broke is seen elsewhere, and a server that is busy is asked again.
            if let Ok(answers) = answers
                && let Some(wrong) = self.look_at(&answers, policy)
            {
                return wrong;
            }
        }
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
    async fn log_in(&self, connection: &mut MultiplexedConnection, policy: &Policy) -> Result<(), String> {
        let mut words = self.login();
        let introduced = words.len();
        for question in self.questions().cmd_iter() {
            words.add_command(question.clone());
        }
        let answers = connection.send_packed_commands(&words, 0, words.len()).await;
        let answers = answers.map_err(|error| in_one_line(&error))?;
        let (login, answers) = answers.split_at(introduced.min(answers.len()));
        for answer in login {
            if let Value::ServerError(refused) = answer {
                return Err(in_words(refused));
            }
        }
        if let Some(Value::ServerError(refused)) = answers.first().filter(|answer| !is_not_allowed(answer)) {
            return Err(in_words(refused));
        }
        self.look_at(answers, policy).map_or(Ok(()), Err)
    }

    /// Who the server is, and whether it keeps everything.
    fn questions(&self) -> Pipeline {
        let mut questions = Pipeline::new();
        questions.cmd(if self.role == Role::Primary { "ROLE" } else { "PING" });
        questions.cmd("CONFIG").arg("GET").arg("maxmemory-policy");
        questions
    }

    /// What the answers say is wrong with the server, if it is not one for us.
    fn look_at(&self, answers: &[Value], policy: &Policy) -> Option<String> {
        if self.role != Role::Sentinel && self.listener.is_none() {
            policy.hear(answers.get(1));
        }
        match answers.first() {
            Some(Value::Array(role)) if role.first() == Some(&Value::BulkString(b"slave".to_vec())) => {
                Some("it is a replica; name the primary".to_owned())
            }
            _ => None,
        }
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
}

/// Whoever may run our scripts need not be allowed to ask who is who.
fn is_not_allowed(answer: &Value) -> bool {
    matches!(answer, Value::ServerError(refused) if matches!(refused.code(), "NOPERM" | "ERR"))
}

fn in_one_line(error: &redis::RedisError) -> String {
    let said = match (error.kind(), error.code()) {
        (ErrorKind::Parse, _) => "it is not a Redis server".to_owned(),
        (_, Some(code)) => format!("{code} {}", error.detail().unwrap_or_default()),
        _ => error.to_string(),
    };
    said.split_whitespace().collect::<Vec<_>>().join(" ")
}
