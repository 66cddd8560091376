use std::future::poll_fn;

use futures::poll;
use tokio::io::{AsyncReadExt, AsyncWriteExt, duplex};

use super::*;

/// A client's text frame with an empty mask.
fn text(text: &str) -> Vec<u8> {
    [&[0x81, 0x80 | text.len() as u8, 0, 0, 0, 0], text.as_bytes()].concat()
}

/// Receives once, at most `limit` messages.
async fn receive<S: AsyncRead + AsyncWrite + Unpin>(
    socket: &mut WebSocket<S>,
    limit: usize,
) -> Result<Vec<String>, Ended> {
    let mut received = Vec::new();
    let take = |received: &mut Vec<String>, incoming: Incoming<'_>| {
        let Incoming::Text(text) = incoming else { panic!("a text, not {incoming:?}") };
        received.push(text.into_owned());
        received.len() < limit
    };
    poll_fn(|cx| socket.poll_receive(cx, |incoming| take(&mut received, incoming))).await?;
    Ok(received)
}

#[tokio::test]
async fn messages_beyond_the_limit_wait_for_the_next_call() {
    let (mut client, server) = duplex(1024);
    let mut socket = WebSocket::new(server, text("with the handshake"), 100);
    client.write_all(&[text("a"), text("b"), text("c")].concat()).await.unwrap();
    assert_eq!(receive(&mut socket, 9).await.unwrap(), ["with the handshake"]);
    assert_eq!(receive(&mut socket, 2).await.unwrap(), ["a", "b"]);
    assert_eq!(receive(&mut socket, 9).await.unwrap(), ["c"]);
    assert!(socket.unread.capacity() == 0 && socket.unsent.capacity() == 0, "an idle one keeps no bytes");
}

#[tokio::test]
async fn what_came_before_a_violation_is_passed_on() {
    let (mut client, server) = duplex(1024);
    let mut socket = WebSocket::new(server, Vec::new(), 100);
    client.write_all(&[text("a"), vec![0x81, 0x01, b'x']].concat()).await.unwrap();
    let mut received = 0;
    let count = |received: &mut usize| {
        *received += 1;
        true
    };
    let ended = poll_fn(|cx| socket.poll_receive(cx, |_| count(&mut received))).await.unwrap_err();
    assert!(received == 1 && matches!(ended, Ended::Violation(Violation::Protocol(_))), "{ended:?}");
    drop(client);
}

#[tokio::test]
async fn a_stream_that_ends_without_a_close_frame_is_an_error() {
    let (client, server) = duplex(1024);
    let mut socket = WebSocket::new(server, Vec::new(), 100);
    drop(client);
    assert!(matches!(receive(&mut socket, 1).await, Err(Ended::Io(_))));
}

#[tokio::test]
async fn a_reader_that_takes_little_gets_everything_in_order() {
    let (mut client, server) = duplex(10);
    let mut socket = WebSocket::new(server, Vec::new(), 100);
    let (first, second) = ("first".repeat(20), "second".repeat(20));
    let mut payloads = [&first, &second].into_iter();
    let mut fill = |out: &mut Vec<u8>| {
        let payload = payloads.next();
        append_frame(out, Opcode::Text, payload.map_or(&[][..], |payload| payload.as_bytes()));
        payload.is_some()
    };
    let sent = poll!(std::pin::pin!(poll_fn(|cx| socket.poll_send(cx, &mut fill))));
    assert!(sent.is_pending() && socket.is_full(), "ten bytes are accepted");
    let expected = [&[0x81, 100], first.as_bytes(), &[0x81, 120], second.as_bytes(), &[0x81, 0]].concat();
    let mut read = vec![0; expected.len()];
    let nothing = |_: &mut Vec<u8>| false;
    let (sent, _) = tokio::join!(poll_fn(|cx| socket.poll_send(cx, nothing)), client.read_exact(&mut read));
    sent.unwrap();
    assert!(read == expected && !socket.is_full());
}

#[tokio::test]
async fn a_close_frame_has_its_code_and_reason() {
    let (mut client, server) = duplex(1024);
    let mut socket = WebSocket::new(server, Vec::new(), 100);
    socket.close(Some(4000), "why").await.unwrap();
    socket.close(None, "").await.unwrap();
    drop(socket);
    let mut read = Vec::new();
    client.read_to_end(&mut read).await.unwrap();
    assert_eq!(read, [&[0x88, 5, 0x0F, 0xA0], "why".as_bytes(), &[0x88, 0]].concat());
}
