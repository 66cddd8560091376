//! The bots' bounds, each with its reason.

use std::time::Duration;

/// Selects of one bot that wait for their reply at the same time: enough to hide a round trip, few enough
/// that a thousand bots do not bury the server under their own queue.
pub(super) const PIPELINE: usize = 4;

/// Connections that are being opened at once: below the listen backlog of common systems (128), so that a
/// storm of joins costs no lost SYN and its one second wait.
pub(super) const OPENING: usize = 64;

/// One TCP connect with its WebSocket upgrade, and then the wait for `welcome`.
pub(super) const CONNECT_TIMEOUT: Duration = Duration::from_secs(10);

/// How long a bot keeps coming back without success, and how long a select is repeated: a node's restart or
/// a store's failover takes seconds, a minute of it is an outage.
pub(super) const PATIENCE: Duration = Duration::from_secs(60);

/// A connection that lived this long was a good one: the next failure starts counting from zero.
pub(super) const STEADY: Duration = Duration::from_secs(5);

/// The first and the longest wait before the next try; doubled in between.
pub(super) const BACKOFF: (Duration, Duration) = (Duration::from_millis(100), Duration::from_secs(5));

/// How long after the last reply every member may take to learn what the store knows: a node that missed a
/// hint learns at its next resync (5 s by default), and one resync may fail.
pub(super) const QUIET: Duration = Duration::from_secs(30);

/// How long the goodbyes may take.
pub(super) const FAREWELL: Duration = Duration::from_secs(3);

/// Bytes read and written at once: frames are about 150 bytes, and the library's default of 128 KiB would be
/// cleared before every read.
pub(super) const SOCKET_BUFFER: usize = 4 * 1024;

/// Bytes of one message that are accepted: four times what the protocol allows.
pub(super) const MESSAGE_BYTES: usize = 4 * crate::model::limits::FRAME_BYTES;

/// Messages a bot handles before it looks after its sends again.
pub(super) const MESSAGES_PER_TURN: usize = 64;

/// Bytes of one HTTP body that are accepted: a room of 4096 assets with 32 holders each is about 12 MB.
pub(super) const BODY_BYTES: usize = 64 * 1024 * 1024;

/// One HTTP request with its answer.
pub(super) const HTTP_TIMEOUT: Duration = Duration::from_secs(15);

/// HTTP requests at once.
pub(super) const HTTP_AT_ONCE: usize = 16;

/// Assets a run leaves in its room at most; longer runs remove their oldest and use the names again. Half of
/// what a room holds by default.
pub(super) const ASSETS_KEPT: usize = 2048;

/// Selects of one round: each takes about 40 bytes of ledger, so this is 2 GB.
pub(super) const SELECTS_PER_ROUND: usize = 50_000_000;

/// Violations that are kept and printed; beyond it they are counted.
pub(super) const VIOLATIONS_SHOWN: usize = 50;

/// Gaps kept per member; a server that leaves more is broken beyond what a longer list could tell.
pub(super) const GAPS_KEPT: usize = 10_000;

/// Revisions that one state may cover and still be timed one by one; far above any race, so that a server's
/// absurd revision does not cost absurd memory.
pub(super) const REVISIONS_TIMED: u64 = 1_000_000;

/// Open files a run needs beside one per player: standard streams, the runtime's own, HTTP connections.
pub(super) const SPARE_FILES: u64 = 64;
