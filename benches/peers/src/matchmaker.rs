//! Colyseus' way into a room: a seat is reserved over HTTP, and taken with a WebSocket.

use std::io::{Read, Write};
use std::net::{SocketAddr, TcpStream};

/// Reserves seats on one connection that is kept open.
pub struct Matchmaker {
    address: SocketAddr,
    stream: Option<TcpStream>,
}

impl Matchmaker {
    /// Connects when the first seat is asked for.
    pub fn new(address: SocketAddr) -> Self {
        Self { address, stream: None }
    }

    /// The path of the WebSocket for a player who joins `room`.
    ///
    /// # Errors
    /// The server has no seat.
    pub fn seat(&mut self, room: u32, member: u32) -> Result<String, String> {
        let body = format!(r#"{{"room":"r{room}","player":"p{member}"}}"#);
        let request = format!(
            "POST /matchmake/joinOrCreate/arena HTTP/1.1\r\nHost: {}\r\nContent-Type: application/json\r\n\
             Content-Length: {}\r\n\r\n{body}",
            self.address,
            body.len()
        );
        let answer = self.ask(&request).map_err(|error| format!("no seat: {error}"))?;
        let text = |name: &str| {
            let start = answer.find(&format!("\"{name}\":\""))? + name.len() + 4;
            answer[start..].split('"').next()
        };
        match (text("processId"), text("roomId"), text("sessionId")) {
            (Some(process), Some(room), Some(session)) => Ok(format!("/{process}/{room}?sessionId={session}")),
            _ => Err(format!("no seat: {answer}")),
        }
    }

    /// Sends a request and reads its response, which has a `Content-Length` or is chunked.
    fn ask(&mut self, request: &str) -> std::io::Result<String> {
        let stream = match &mut self.stream {
            Some(stream) => stream,
            empty => {
                let stream = TcpStream::connect(self.address)?;
                stream.set_nodelay(true)?;
                empty.insert(stream)
            }
        };
        stream.write_all(request.as_bytes())?;
        let (mut answer, mut buffer) = (Vec::new(), [0; 4096]);
        loop {
            let count = stream.read(&mut buffer)?;
            answer.extend_from_slice(&buffer[..count]);
            let text = String::from_utf8_lossy(&answer);
            if count == 0 || is_complete(&text) {
                return Ok(text.into_owned());
            }
        }
    }
}

fn is_complete(response: &str) -> bool {
    let Some((head, body)) = response.split_once("\r\n\r\n") else { return false };
    let length = head.lines().find_map(|line| {
        let (name, value) = line.split_once(':')?;
        if name.eq_ignore_ascii_case("content-length") { value.trim().parse::<usize>().ok() } else { None }
    });
    length.map_or(body.ends_with("0\r\n\r\n"), |length| body.len() >= length)
}
