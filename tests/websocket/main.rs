//! The WebSocket protocol, over real sockets: each test has its own server.

#![allow(clippy::unwrap_used, reason = "a test that cannot go on fails")]

#[path = "../support/mod.rs"]
mod support;

mod contention;
mod rooms;

#[cfg(feature = "sqlite")]
mod big_room;
mod presence;
mod resume;
mod slow_reader;

mod disconnect;
mod drain;
mod endings;
mod liveness;
mod process;
mod refusals;
mod tokens;

mod abuse;
mod broken_frames;
mod handshake;
mod limits;
mod logged;
mod names;
