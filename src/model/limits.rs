//! Every bound that is not a flag, with its reason. Bounds that are flags have their defaults in `cli`.

/// Characters in a name: fits a path segment, a Redis key part and a DynamoDB sort key with room to spare.
pub const NAME_LEN: usize = 64;

/// Characters in a `request_id`: a UUID or a counter; longer ones would only inflate replies.
pub const REQUEST_ID_LEN: usize = 64;

/// Characters in an epoch (random, names one life of one node's room log).
pub const EPOCH_LEN: usize = 32;

/// Holders named in an asset's state: enough to show; `GET .../holders` pages through all of them.
pub const HOLDERS_SHOWN: usize = 32;

/// Holders in one page of `GET .../holders` at most: about 100 KB of JSON.
pub const HOLDERS_PAGE: usize = 1000;

/// Distinct players in one store call: past this the call's own cost outweighs the saved round trip,
/// and DynamoDB takes no more than 99 holder items in one transaction (that driver splits).
pub const BATCH_PLAYERS: usize = 128;

/// Nodes whose last `{node, seq}` an asset remembers: more than any deployment restarts within a call's deadline.
pub const REMEMBERED_NODES: usize = 32;

/// Events of one asset that wait for a missing revision; beyond it the gap is repaired at once.
pub const WAITING_EVENTS: usize = 256;

/// Other nodes whose players a room knows; one more is not heard until another is forgotten. No deployment has that many
/// on one room, and each brings at most [`HEARTBEAT_NAMES`] names: together some megabytes.
pub const NODES_HEARD: usize = 256;

/// Names in a heartbeat at most, hence the largest `--presence-limit`: 17 KB, which every bus carries as one message.
pub const HEARTBEAT_NAMES: usize = 256;

/// Milliseconds between the heartbeats of a node about a room, give or take half, and a second until it is looked after:
/// 5.5 s at most.
pub const HEARTBEAT_MS: u64 = 3000;

/// Milliseconds after which a node that was not heard of is forgotten with its players: one heartbeat may be lost, and the
/// next be late by a second. It shows within another second: after 13 s at most.
pub const SILENT_NODE_MS: u64 = 12_000;

/// Rooms that a node compares with the store at one time. After the bus was lost all of them want to be compared at once,
/// and on a store with few connections selects would wait behind ten thousand reads.
pub const RESYNCS_AT_ONCE: usize = 64;

/// Rooms for which a node remembers that the store lost what was in them: as many as `--max-rooms`, 20 MB at most. Past it
/// the oldest is forgotten.
pub const FROZEN_ROOMS: usize = 100_000;

/// Milliseconds a missing revision is waited for before it is read from the store: a bus is seldom slower.
pub const GAP_WAIT_MS: u64 = 100;

/// Changes of one asset that wait on a node, selects included; beyond it the caller is told
/// `store_unavailable`. 64 in flight for each of 20,000 members of a full room would be 1.3 million; a
/// queue of 131,072 is a thousand full batches, which no healthy store leaves waiting for 5 seconds.
pub const QUEUED_CHANGES: usize = 131_072;

/// Replies that wait in one mailbox. Requests in flight are bounded by `--in-flight`, so this is never
/// reached by a well-behaved server layer; it is the backstop.
pub const MAILBOX_REPLIES: usize = 4096;

/// Frames a connection takes from the room log per turn: one flush for many frames, without holding the
/// room for long.
pub const FRAMES_PER_TURN: usize = 64;

/// Replies and frames for which a connection keeps memory while it has none.
pub const IDLE_CAPACITY: usize = 2;

/// Bytes of one frame at most; a longer snapshot is sent in parts.
pub const FRAME_BYTES: usize = 256 * 1024;

/// Bytes of assets in one part of a snapshot. A connection keeps the memory of its largest frame, so a part is far smaller
/// than a frame may be: a thousand members that read 13 MB take 64 MB at most.
pub const PART_BYTES: usize = 32 * 1024;

/// Names in `held` of one part of a snapshot: at most 9 KB.
pub const PART_HELD: usize = 128;

/// Bytes of assets that a `welcome` carries; of more it carries none, and a snapshot in parts follows.
pub const WELCOME_BYTES: usize = 64 * 1024;

/// Names in `held` of such a `welcome`: at most 35 KB.
pub const WELCOME_HELD: usize = 512;

/// Bytes of parts of a room that changed since and that members still read; beyond it some of them begin again with a
/// snapshot of now. The largest room four times over.
pub const OLD_PARTS_BYTES: usize = 64 * 1024 * 1024;

/// Seconds a member may take for a snapshot before it is among the first to begin again: 13 MB at 440 KB/s.
pub const SNAPSHOT_SECS: u64 = 30;

/// Milliseconds between two snapshots that one member asks for: the largest is 13 MB.
pub const SYNC_PAUSE_MS: u64 = 1000;

/// Seconds that a room's encoded assets stay after the last snapshot was taken of them.
pub const ENCODED_SECS: u8 = 10;

/// Rooms or connections that are looked after before others get their turn: some tens of microseconds.
pub const LOOKED_AFTER_AT_ONCE: usize = 64;

/// Bytes a connection reads at once: a client's message is about 60 bytes, and memory per idle
/// connection matters more than a large message's speed.
pub const READ_BUFFER: usize = 1024;

/// Bytes gathered before a connection writes to its socket without being asked to flush: about 16 frames, past
/// which another system call costs little for each, and the buffer keeps the memory of its largest moment.
pub const WRITE_BUFFER: usize = 2 * 1024;

/// Messages in a row that were no proper request before the connection is closed with 4008.
pub const BAD_MESSAGES: u32 = 1000;

/// By how many more messages may be refused by `--selects-per-second` than are let through before the
/// connection is closed with 4129.
pub const RATE_REFUSALS: u32 = 1000;

/// Bytes of an HTTP request's head: our longest path and a few cookies and headers of a proxy.
pub const HTTP_HEAD_BYTES: usize = 16 * 1024;

/// Seconds that the head of a request may take on a connection beyond `--max-connections`: long enough for a probe from
/// far away, short enough that silent strangers do not keep it out.
pub const SURPLUS_HEAD_SECS: u64 = 1;

/// Seconds a closed connection is still read from, so that a reset does not overtake the close frame.
pub const LINGER_SECS: u64 = 1;
