//! Every decoder of bytes that this process did not make, as a function of bytes. `fuzz/` and `tests/bytes.rs`
//! call them; a panic is a finding. Compiled only with the feature `test-util`.
//!
//! Each function returns whether the bytes are valid. If there is an encoder, the function encodes the decoded
//! value and panics unless it decodes to the same value again.

use std::{
    fmt::Display,
    mem::{Discriminant, discriminant},
};

#[cfg(any(feature = "redis", feature = "nats"))]
pub use crate::bus::fuzzing::envelope;
pub use crate::server::fuzzing::{forwarded, proxy_header, retry_after};
#[cfg(any(
    feature = "dynamodb",
    feature = "momento",
    feature = "mongodb",
    feature = "mysql",
    feature = "redis",
    feature = "sqlite"
))]
pub use crate::store::fuzzing::*;
use crate::{
    bus,
    model::{ClientMessage, TraceParent, without_secrets},
    server::websocket::{Decoder, Violation},
    store::{self, Options},
};

/// The limit of a message for [`websocket`].
const MESSAGE_BYTES: usize = 4096;

/// A decoder.
#[derive(Debug, Clone, Copy)]
pub struct Target {
    /// The function's name, which is also the name of the fuzz target and of the folder with its seeds.
    pub name: &'static str,
    /// The function.
    pub run: fn(&[u8]) -> bool,
}

/// Every decoder compiled into this build.
pub const TARGETS: &[Target] = &[
    Target { name: "client_message", run: client_message },
    Target { name: "url", run: url },
    Target { name: "websocket", run: websocket },
    Target { name: "proxy_header", run: proxy_header },
    Target { name: "forwarded", run: forwarded },
    Target { name: "retry_after", run: retry_after },
    Target { name: "traceparent", run: traceparent },
    #[cfg(any(feature = "redis", feature = "nats"))]
    Target { name: "envelope", run: envelope },
    #[cfg(feature = "sqlite")]
    Target { name: "sqlite_value", run: sqlite_value },
    #[cfg(feature = "redis")]
    Target { name: "redis_reply", run: redis_reply },
    #[cfg(feature = "dynamodb")]
    Target { name: "dynamodb_item", run: dynamodb_item },
    #[cfg(feature = "mongodb")]
    Target { name: "mongodb_document", run: mongodb_document },
    #[cfg(feature = "mysql")]
    Target { name: "mysql_row", run: mysql_row },
    #[cfg(feature = "momento")]
    Target { name: "momento_item", run: momento_item },
];

/// Decodes a text frame of a player.
///
/// # Panics
/// The message does not survive encoding.
pub fn client_message(bytes: &[u8]) -> bool {
    let Ok(text) = std::str::from_utf8(bytes) else { return false };
    let Ok(message) = ClientMessage::decode(text) else { return false };
    let encoded = serde_json::to_string(&message).expect("a message is JSON");
    assert_eq!(ClientMessage::decode(&encoded), Ok(message), "{encoded}");
    true
}

/// Parses the URL of a store and of a bus.
///
/// # Panics
/// An error has more than one line.
pub fn url(bytes: &[u8]) -> bool {
    let Ok(url) = std::str::from_utf8(bytes) else { return false };
    let _ = without_secrets(url);
    let store = is_parsed(store::check(
        url,
        Options { room_ttl: None, max_assets: None, events_backlog: None, history: None },
    ));
    let bus = is_parsed(bus::check(url));
    store || bus
}

/// Decodes a header `traceparent`.
///
/// # Panics
/// An id is 0, or does not stand in the header.
pub fn traceparent(bytes: &[u8]) -> bool {
    let Ok(text) = std::str::from_utf8(bytes) else { return false };
    let Some(TraceParent { trace_id, span_id, .. }) = TraceParent::parse(text) else { return false };
    assert!(trace_id != 0 && span_id != 0, "{text}");
    assert!(text.contains(&format!("-{trace_id:032x}-{span_id:016x}-")), "{text}");
    true
}

/// Decodes a client's frames, as they arrive: the first byte is the size of the pieces, the others are the frames.
///
/// # Panics
/// The size of the pieces changes what is decoded.
pub fn websocket(bytes: &[u8]) -> bool {
    let Some((&size, frames)) = bytes.split_first() else { return false };
    let whole = decode_frames(frames, frames.len());
    assert_eq!(decode_frames(frames, usize::from(size)), whole);
    whole.1.is_none()
}

/// The messages of `frames` that arrive in pieces, and the kind of the violation that ended them.
fn decode_frames(frames: &[u8], size: usize) -> (Vec<String>, Option<Discriminant<Violation>>) {
    let (mut decoder, mut messages) = (Decoder::new(MESSAGE_BYTES), Vec::new());
    for piece in frames.chunks(size.max(1)) {
        let (mut piece, mut used) = (piece.to_vec(), 0);
        while used < piece.len() {
            match decoder.decode(&mut piece[used..]) {
                Ok((taken, incoming)) => {
                    assert!(taken > 0, "no progress at byte {used} of {piece:?}");
                    used += taken;
                    messages.extend(incoming.map(|incoming| format!("{incoming:?}")));
                }
                Err(violation) => return (messages, Some(discriminant(&violation))),
            }
        }
    }
    (messages, None)
}

fn is_parsed<E: Display>(checked: Result<(), E>) -> bool {
    let error = checked.map_err(|error| error.to_string());
    assert!(!error.as_ref().is_err_and(|error| error.contains(['\n', '\r'])), "{error:?}");
    error.is_ok()
}
