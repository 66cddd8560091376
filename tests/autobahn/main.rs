//! The server's WebSocket, as an echo, plays the cases of the Autobahn testsuite.

#![allow(clippy::unwrap_used, reason = "a panic is how a test fails")]

#[path = "../engines/mod.rs"]
mod engines;

mod echo;
mod verdicts;

use std::time::Instant;

use asset_arbiter::{
    model::{Opcode, append_frame},
    server::websocket::Incoming,
};

use self::{echo::Echo, verdicts::judge};

/// The sections on framing, control frames, fragments, UTF-8, closing and a text of two reads. Section 9 measures speed, and
/// 12 and 13 are about compression, which the server does not offer.
const SECTIONS: [&str; 8] = ["1.*", "2.*", "3.*", "4.*", "5.*", "6.*", "7.*", "10.*"];
/// How many cases they have.
const CASES: usize = 247;

#[tokio::test]
async fn every_case_ends_as_the_rfc_wants_it() {
    let Some(autobahn) = engines::autobahn::autobahn() else { return };
    let (echo, since) = (Echo::start(echo::reply).await, Instant::now());
    let report = autobahn.play(echo.url(), &SECTIONS).await;
    let counts = judge(&report, CASES).unwrap_or_else(|complaints| panic!("\n{complaints}\n"));
    println!("{CASES} cases in {:?}: {counts:?}", since.elapsed());
}

#[tokio::test]
async fn a_wrong_echo_fails_its_cases() {
    let Some(autobahn) = engines::autobahn::autobahn() else { return };
    let echo = Echo::start(|out, incoming| match incoming {
        Incoming::Text(_) => append_frame(out, Opcode::Text, b"something else"),
        incoming => echo::reply(out, incoming),
    });
    let report = autobahn.play(echo.await.url(), &["1.1.1", "1.1.2", "1.2.2"]).await;
    let complaints = judge(&report, 3).unwrap_err();
    assert!(complaints.contains("1.1.2: FAILED") && !complaints.contains("1.2.2"), "{complaints}");
}
