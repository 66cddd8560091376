//! What the tests of the wire share: a server of one's own on a free port, a client that can also misbehave,
//! and the room as a client understands it.

#![allow(dead_code, unused_imports, reason = "every test target uses its own part")]

#[cfg(feature = "bots")]
mod bots;
mod client;
mod events;
mod http;
mod process;
mod server;
pub(crate) mod spec;
pub(crate) mod tokens;
mod view;

use std::{future::Future, time::Duration};

#[cfg(feature = "bots")]
pub(crate) use bots::one_race;
pub(crate) use client::{Client, Closed, Socket, frame, handshake, select, text};
pub(crate) use events::{Event, EventStream};
pub(crate) use http::{WEB, ask, call, get, metric, metrics, other_server};
pub(crate) use process::{Ended, Process, exit_code, send_signal};
pub(crate) use server::{Server, Setup, eventually};
use tokio::time::timeout;
pub(crate) use view::{RoomView, holders};

/// Nothing here takes that long, not even bots that wait for a room to settle; a test that would hang fails instead.
pub(crate) const PATIENCE: Duration = Duration::from_secs(90);

/// What `work` comes to, which must not take for ever.
pub(crate) async fn soon<T>(what: &str, work: impl Future<Output = T>) -> T {
    timeout(PATIENCE, work).await.unwrap_or_else(|_| panic!("waited in vain for {what}"))
}
