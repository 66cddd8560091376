//! Tests how role changes of a connected server are noticed, with a scripted server.

use std::{
    io,
    sync::{
        Arc,
        atomic::{AtomicUsize, Ordering::Relaxed},
    },
    time::Duration,
};

use parking_lot::Mutex;
use tokio::{
    io::{AsyncBufReadExt, AsyncReadExt, AsyncWriteExt, BufReader},
    net::{TcpListener, TcpStream},
    time::timeout,
};

use super::{
    Address, Away,
    client::silence,
    connector::{Connector, Role},
    policy::Policy,
    url::Access,
};

/// What the server reports about itself.
#[derive(Default)]
struct Says {
    role: Mutex<&'static str>,
    policy: Mutex<&'static str>,
}

/// A server that answers the queries of a [`Connector`], on one connection.
async fn server(says: Arc<Says>) -> Address {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let port = listener.local_addr().unwrap().port();
    tokio::spawn(async move {
        let (stream, _) = listener.accept().await.unwrap();
        let mut stream = BufReader::new(stream);
        while let Ok(words) = command(&mut stream).await {
            let bulk = |text: &str| format!("${}\r\n{text}\r\n", text.len());
            let answer = match &*words[0] {
                "ROLE" => format!("*1\r\n{}", bulk(&says.role.lock())),
                "CONFIG" => format!("*2\r\n{}{}", bulk("maxmemory-policy"), bulk(&says.policy.lock())),
                _ => "+OK\r\n".to_owned(),
            };
            stream.get_mut().write_all(answer.as_bytes()).await.unwrap();
        }
    });
    Address { host: "127.0.0.1".to_owned(), port }
}

/// Reads the words of one command.
async fn command(stream: &mut BufReader<TcpStream>) -> io::Result<Vec<String>> {
    let mut words = Vec::new();
    for _ in 0..number(stream).await? {
        let mut word = vec![0; number(stream).await? + 2];
        stream.read_exact(&mut word).await?;
        words.push(String::from_utf8_lossy(&word).trim().to_owned());
    }
    Ok(words)
}

/// Reads the number after a type byte.
async fn number(stream: &mut BufReader<TcpStream>) -> io::Result<usize> {
    let mut line = String::new();
    stream.read_line(&mut line).await?;
    line.get(1..).and_then(|number| number.trim().parse().ok()).ok_or_else(|| io::ErrorKind::InvalidData.into())
}

#[tokio::test]
async fn a_policy_or_a_role_that_changes_is_seen_while_connected() {
    let says = Arc::new(Says { role: Mutex::new("master"), policy: Mutex::new("noeviction") });
    let address = server(Arc::clone(&says)).await;
    let access = Access { tls: false, user: None, password: None, database: 0 };
    let connector = Connector::new(&access, Role::Primary, None).looking_every(Duration::from_millis(2));
    let policy = Policy::of(address.clone());
    let (connection, driver) = connector.open(&address, &policy).await.unwrap();
    let changes = async {
        for changed in ["allkeys-lru", "noeviction"] {
            *says.policy.lock() = changed;
            while policy.last().as_deref() != Some(changed) {
                tokio::task::yield_now().await;
            }
        }
        *says.role.lock() = "slave";
        std::future::pending::<Away>().await
    };
    let seen = async {
        tokio::select! {
            wrong = connector.watch(connection, &policy) => wrong,
            never = changes => never,
            () = driver => panic!("the connection broke"),
        }
    };
    let wrong = timeout(Duration::from_secs(10), seen).await.unwrap();
    assert_eq!(wrong.why, "it is a replica; name the primary");
}

#[tokio::test]
async fn a_server_that_does_not_answer_is_silent() {
    let silent = silence(std::future::pending::<()>, Duration::from_millis(50));
    timeout(Duration::from_secs(10), silent).await.unwrap();
}

#[tokio::test]
async fn a_busy_process_does_not_call_its_server_silent() {
    let answered = AtomicUsize::new(0);
    let ping = || {
        let first = answered.fetch_add(1, Relaxed) == 0;
        async move {
            if first {
                // Nothing reads the answer, because this thread has something else to do.
                tokio::spawn(async { std::thread::sleep(Duration::from_millis(300)) });
                std::future::pending::<()>().await;
            }
        }
    };
    let silent = timeout(Duration::from_secs(2), silence(ping, Duration::from_millis(100))).await;
    assert!(silent.is_err() && answered.load(Relaxed) > 1, "the server answered");
}
