//! A receiver of deliveries, which answers as a test wants.

use std::{
    collections::BTreeSet,
    net::SocketAddr,
    sync::{
        Arc,
        atomic::{AtomicUsize, Ordering::SeqCst},
    },
    time::Duration,
};

use parking_lot::Mutex;
use serde_json::Value;
use tokio::{
    io::{AsyncBufReadExt, AsyncReadExt, AsyncWriteExt, BufReader},
    net::{TcpListener, TcpStream},
    sync::Notify,
    time::{Instant, sleep},
};

use crate::support::soon;

/// What the receiver does with a request.
#[derive(Debug, Clone)]
pub(crate) enum Reply {
    /// Answers with a status and header lines, each ended by `\r\n`.
    Status(u16, String),
    /// The same after a while.
    Late(Duration, u16),
    /// Never answers.
    Silence,
    /// 200 and a body of so many bytes.
    Large(usize),
}

/// A request as it came.
#[derive(Debug, Clone)]
pub(crate) struct Request {
    pub(crate) at: Instant,
    pub(crate) path: String,
    pub(crate) headers: Vec<(String, String)>,
    pub(crate) body: String,
}

impl Request {
    pub(crate) fn header(&self, name: &str) -> &str {
        let found = self.headers.iter().find(|(key, _)| key.eq_ignore_ascii_case(name));
        found.map(|(_, value)| value.as_str()).unwrap_or_else(|| panic!("no {name} in {:?}", self.headers))
    }

    pub(crate) fn events(&self) -> Vec<Value> {
        let body: Value = serde_json::from_str(&self.body).unwrap();
        assert_eq!(body.as_object().unwrap().len(), 1, "{body}");
        body["events"].as_array().unwrap().clone()
    }

    pub(crate) fn room(&self) -> String {
        let rooms: BTreeSet<_> = self.events().iter().map(|event| event["room"].to_string()).collect();
        assert_eq!(rooms.len(), 1, "events of one room alone");
        self.events()[0]["room"].as_str().unwrap().to_owned()
    }

    /// `(asset, revision)` of each event.
    pub(crate) fn revisions(&self) -> Vec<(String, u64)> {
        let of =
            |event: &Value| (event["asset"].as_str().unwrap().to_owned(), event["revision"].as_u64().unwrap());
        self.events().iter().map(of).collect()
    }
}

type Rule = Box<dyn Fn(&Request, usize) -> Reply + Send + Sync>;

pub(crate) struct Receiver {
    pub(crate) address: SocketAddr,
    inner: Arc<Inner>,
}

struct Inner {
    rule: Mutex<Rule>,
    requests: Mutex<Vec<Request>>,
    arrived: Notify,
    under_way: Mutex<Vec<String>>,
    most_under_way: AtomicUsize,
    connections: AtomicUsize,
}

impl Receiver {
    /// Acknowledges everything.
    pub(crate) async fn start() -> Self {
        Self::replying(|_, _| Reply::Status(204, String::new())).await
    }

    /// Does what `rule` says for each request and its number.
    pub(crate) async fn replying(rule: impl Fn(&Request, usize) -> Reply + Send + Sync + 'static) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let address = listener.local_addr().unwrap();
        let inner = Arc::new(Inner {
            rule: Mutex::new(Box::new(rule)),
            requests: Mutex::default(),
            arrived: Notify::new(),
            under_way: Mutex::default(),
            most_under_way: AtomicUsize::new(0),
            connections: AtomicUsize::new(0),
        });
        let accepting = Arc::clone(&inner);
        tokio::spawn(async move {
            while let Ok((stream, _)) = listener.accept().await {
                accepting.connections.fetch_add(1, SeqCst);
                let inner = Arc::clone(&accepting);
                tokio::spawn(async move { inner.serve(stream).await });
            }
        });
        Self { address, inner }
    }

    pub(crate) fn url(&self) -> String {
        format!("http://{}/hook?token=hunter2", self.address)
    }

    pub(crate) fn reply(&self, rule: impl Fn(&Request, usize) -> Reply + Send + Sync + 'static) {
        *self.inner.rule.lock() = Box::new(rule);
    }

    pub(crate) fn requests(&self) -> Vec<Request> {
        self.inner.requests.lock().clone()
    }

    /// The most requests that were unanswered at a time.
    pub(crate) fn most_under_way(&self) -> usize {
        self.inner.most_under_way.load(SeqCst)
    }

    pub(crate) fn connections(&self) -> usize {
        self.inner.connections.load(SeqCst)
    }

    /// Waits until what came is enough.
    pub(crate) async fn until(&self, what: &str, is_enough: impl Fn(&[Request]) -> bool) -> Vec<Request> {
        let waiting = async {
            loop {
                let arrived = self.inner.arrived.notified();
                tokio::pin!(arrived);
                arrived.as_mut().enable();
                let requests = self.requests();
                if is_enough(&requests) {
                    return requests;
                }
                arrived.await;
            }
        };
        soon(what, waiting).await
    }
}

impl Inner {
    async fn serve(&self, stream: TcpStream) {
        let mut stream = BufReader::new(stream);
        while let Some(request) = read(&mut stream).await {
            let room = request.room();
            let number = {
                let mut requests = self.requests.lock();
                requests.push(request.clone());
                requests.len() - 1
            };
            let reply = (self.rule.lock())(&request, number);
            {
                let mut under_way = self.under_way.lock();
                assert!(!under_way.contains(&room), "two requests of {room} at a time");
                under_way.push(room.clone());
                self.most_under_way.fetch_max(under_way.len(), SeqCst);
            }
            self.arrived.notify_waiters();
            let is_alive = self.answer(&mut stream, reply).await;
            self.under_way.lock().retain(|other| *other != room);
            if !is_alive {
                return;
            }
        }
    }

    /// Returns whether the connection is of use.
    async fn answer(&self, stream: &mut BufReader<TcpStream>, reply: Reply) -> bool {
        let head = match reply {
            Reply::Status(status, headers) => {
                format!("HTTP/1.1 {status} X\r\n{headers}Content-Length: 0\r\n\r\n")
            }
            Reply::Late(pause, status) => {
                sleep(pause).await;
                format!("HTTP/1.1 {status} X\r\nContent-Length: 0\r\n\r\n")
            }
            Reply::Silence => {
                // Until the sender gives up.
                let _ = stream.read(&mut [0; 1]).await;
                return false;
            }
            Reply::Large(bytes) => {
                let head = format!("HTTP/1.1 200 OK\r\nContent-Length: {bytes}\r\n\r\n");
                let mut sent = stream.write_all(head.as_bytes()).await.is_ok();
                for _ in 0..bytes / 1024 {
                    sent = sent && stream.write_all(&[b'x'; 1024]).await.is_ok();
                }
                return sent;
            }
        };
        stream.write_all(head.as_bytes()).await.is_ok()
    }
}

/// `None`: the sender closed the connection.
async fn read(stream: &mut BufReader<TcpStream>) -> Option<Request> {
    let mut lines = Vec::new();
    loop {
        let mut line = String::new();
        if stream.read_line(&mut line).await.ok()? == 0 {
            return None;
        }
        match line.trim_end() {
            "" => break,
            line => lines.push(line.to_owned()),
        }
    }
    let path = lines[0].split(' ').nth(1).unwrap().to_owned();
    assert!(lines[0].starts_with("POST "), "{}", lines[0]);
    let headers = lines[1..].iter().filter_map(|line| line.split_once(": "));
    let headers: Vec<_> = headers.map(|(name, value)| (name.to_owned(), value.to_owned())).collect();
    let length = headers.iter().find(|(name, _)| name.eq_ignore_ascii_case("content-length"));
    let mut body = vec![0; length.unwrap().1.parse().unwrap()];
    stream.read_exact(&mut body).await.ok()?;
    Some(Request { at: Instant::now(), path, headers, body: String::from_utf8(body).unwrap() })
}
