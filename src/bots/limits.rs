//! The limits of the bots, each with its reason.

use std::time::Duration;

/// Unanswered selects of one bot. Enough to hide a round trip, and few enough that a thousand bots do not bury the
/// server under their own queue.
pub(super) const PIPELINE: usize = 4;

/// Connections opened concurrently. Below the listen backlog of common systems (128), so that a storm of joins loses no
/// SYN, which would cost a second.
pub(super) const OPENING: usize = 64;

/// The timeout of a TCP connect with its WebSocket handshake, and then of the `welcome`.
pub(super) const CONNECT_TIMEOUT: Duration = Duration::from_secs(10);

/// How long a bot reconnects without success, and how long it retries a select. A node's restart or a store's failover
/// takes seconds; a minute is an outage.
pub(super) const PATIENCE: Duration = Duration::from_secs(60);

/// A connection that lasted this long resets the failure count.
pub(super) const STEADY: Duration = Duration::from_secs(5);

/// The first and the longest backoff; doubled in between.
pub(super) const BACKOFF: (Duration, Duration) = (Duration::from_millis(100), Duration::from_secs(5));

/// How long after the last reply every member may take to learn the store's state. A node that missed a hint catches up
/// with its next resync (5 s by default), and one resync may fail.
pub(super) const QUIET: Duration = Duration::from_secs(30);

/// The longest hold. A round with holds is over only when the last of them is.
pub(super) const LONGEST_HOLD: Duration = Duration::from_secs(600);

/// How much earlier than its deadline the end of a hold may be told: by how much clocks of nodes may differ, and by how
/// much later than its end a grant may be told.
pub(super) const HOLD_SLACK: Duration = Duration::from_millis(250);

/// How many of the confirmations are sent in the last hundredth of the hold, so that they race its deadline. The others
/// are sent in its first half, and are in time unless the server is slow.
pub(super) const RACING_SHARE: f64 = 0.25;

/// The timeout of the close handshakes.
pub(super) const FAREWELL: Duration = Duration::from_secs(3);

/// Bytes read and written at once. Frames have about 150 bytes, and the library would clear its default of 128 KiB
/// before every read.
pub(super) const SOCKET_BUFFER: usize = 4 * 1024;

/// Maximum bytes of one message: four times what the protocol allows.
pub(super) const MESSAGE_BYTES: usize = 4 * crate::model::limits::FRAME_BYTES;

/// Messages a bot handles before it checks for due selects again.
pub(super) const MESSAGES_PER_TURN: usize = 64;

/// Maximum bytes of one HTTP body. A room of 4096 assets with 32 holders each has about 12 MB.
pub(super) const BODY_BYTES: usize = 64 * 1024 * 1024;

/// The timeout of one HTTP request and its response.
pub(super) const HTTP_TIMEOUT: Duration = Duration::from_secs(15);

/// Concurrent HTTP requests.
pub(super) const HTTP_AT_ONCE: usize = 16;

/// Maximum assets a run leaves in its room: half of what a room holds by default. Longer runs remove the oldest and
/// reuse their names.
pub(super) const ASSETS_KEPT: usize = 2048;

/// Maximum selects of one round. Each takes about 40 bytes of records, so this is 2 GB.
pub(super) const SELECTS_PER_ROUND: usize = 50_000_000;

/// Violations that are kept and printed. Further ones are only counted.
pub(super) const VIOLATIONS_SHOWN: usize = 50;

/// Gaps kept per member. If a server leaves more, a longer list would add nothing.
pub(super) const GAPS_KEPT: usize = 10_000;

/// Revisions that one state may cover and still be timed individually. Far above any race; prevents an absurd revision
/// from using absurd memory.
pub(super) const REVISIONS_TIMED: u64 = 1_000_000;

/// Open files a run needs in addition to one per player: standard streams, the runtime's own, HTTP connections.
pub(super) const SPARE_FILES: u64 = 64;
