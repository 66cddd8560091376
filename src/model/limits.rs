//! Every limit that is not a flag, with its reason. The defaults of flags are in `cli`.

/// Characters in a room's or an asset's name. Fits a path segment, part of a Redis key and a DynamoDB sort key with room
/// to spare.
pub const NAME_LEN: usize = 64;

/// Characters in a player's name: an account id of an identity provider, with the provider's own prefixes, or a mail
/// address. Every holder's record and every presence has one, so it is not longer.
pub const PLAYER_NAME_LEN: usize = 128;

/// Characters (Unicode scalar values, in NFC) in a display name: 256 bytes at most. Longer ones would not fit beside a
/// player's avatar.
pub const DISPLAY_NAME_LEN: usize = 64;

/// Characters in a `request_id`: a UUID or a counter. Longer ones would only inflate replies.
pub const REQUEST_ID_LEN: usize = 64;

/// Characters in an epoch (random; identifies one lifetime of one node's room log).
pub const EPOCH_LEN: usize = 32;

/// Bytes of a close frame's reason (RFC 6455, 5.5): a control frame of 125 bytes without the code.
pub const CLOSE_REASON_BYTES: usize = 123;

/// Holders in an asset's state. Enough to display; `GET .../holders` pages through all of them.
pub const HOLDERS_SHOWN: usize = 32;

/// Maximum holders in one page of `GET .../holders`: 163 KB of JSON at most.
pub const HOLDERS_PAGE: usize = 1000;

/// Maximum number of events in one answer, and of ids in one acknowledgement.
pub const EVENTS_PAGE: usize = HOLDERS_PAGE;

/// Maximum number of events of one asset that are kept after they were acknowledged: some 2 MB at most, and more changes than
/// anybody looks through for a dispute.
pub const HISTORY_EVENTS: usize = 10_000;

/// Maximum rooms, or players of a room, in one page: 190 KB and 530 KB of JSON at most, if all names are as long as they
/// may be.
pub const OVERVIEW_PAGE: usize = 1000;

/// Maximum rooms that one search for a player's holdings visits. Each may cost a store call, and a room of DynamoDB more.
pub const ROOMS_SEARCHED: usize = 1000;

/// Holdings that end such a search early. The last room may add as many as it has assets.
pub const HOLDINGS_PAGE: usize = 1000;

/// Distinct players in one store call. Beyond this the call's own cost outweighs the saved round trip, and DynamoDB
/// takes at most 99 holder items in one transaction (its driver splits the call).
pub const BATCH_PLAYERS: usize = 128;

/// Milliseconds of the longest deadline of a grant: 30 days. Text of 16 digits sorts like the times up to then.
pub const LEASE_MS: u64 = 30 * 24 * 60 * 60 * 1000;

/// Players for whom an asset can be reserved: a raid, with room to spare. Each record of the asset lists them.
pub const RESERVED_PLAYERS: usize = 64;

/// Ended grants that an asset with options remembers, so that a late confirmation is told what happened: 4 KB, 13 KB if
/// all names are as long as they may be.
pub const ENDS_KEPT: usize = 64;

/// Ended grants that such an asset remembers while their players wait for a cooldown to pass: 60 KB. Beyond this the oldest
/// may get another grant early.
pub const ENDS_KEPT_IN_COOLDOWN: usize = 1024;

/// Players of a node whose grants one store call prolongs. With the grants that end in the same step they fit into one
/// DynamoDB transaction.
pub const PROLONGED_PLAYERS: usize = 64;

/// Nodes whose last `{node, seq}` an asset remembers: more than any deployment restarts within a call's deadline.
pub const REMEMBERED_NODES: usize = 32;

/// Events of one asset that wait for a missing revision. Beyond this the gap is repaired at once.
pub const WAITING_EVENTS: usize = 256;

/// Frames a second with nothing but the number of players, over the members of one room on a node: some percent of a
/// core. While 12,000 members come back, each is told the number every 2.4 s.
pub const COUNT_FRAMES_PER_SEC: u64 = 5000;

/// Other nodes whose players a room tracks. Further nodes are ignored until one is forgotten. No deployment has that
/// many nodes serving one room, and each adds at most [`HEARTBEAT_NAMES`] names: some megabytes in total, 40 if every name
/// and display name is as long as it may be.
pub const NODES_HEARD: usize = 256;

/// Maximum names in a heartbeat, hence the largest `--presence-limit`: 34 KB, and 142 KB if each player has the longest
/// display name. Every bus carries that as one message.
pub const HEARTBEAT_NAMES: usize = 256;

/// Milliseconds between a node's heartbeats for a room, plus or minus half as jitter. The upkeep round adds up to a
/// second: 5.5 s at most.
pub const HEARTBEAT_MS: u64 = 3000;

/// Milliseconds without a heartbeat until a node and its players are forgotten: one heartbeat may be lost and the next
/// one a second late. The upkeep round adds up to a second: 13 s at most.
pub const SILENT_NODE_MS: u64 = 12_000;

/// Concurrent resyncs of a node. After a bus outage all rooms need one, and on a store with few connections selects
/// would wait behind ten thousand reads.
pub const RESYNCS_AT_ONCE: usize = 64;

/// Rooms for which a node remembers that the store lost data: as many as `--max-rooms`, 20 MB at most. Beyond this the
/// oldest is forgotten.
pub const REGRESSED_ROOMS: usize = 100_000;

/// Milliseconds to wait for a missing revision before reading it from the store. A bus is seldom slower.
pub const GAP_WAIT_MS: u64 = 100;

/// Queued changes of one asset on a node, including selects. Beyond this the caller gets `store_unavailable`. 64 in
/// flight for each of 20,000 members of a full room would be 1.3 million. A queue of 131,072 is a thousand full
/// batches, which a healthy store never leaves waiting for 5 seconds.
pub const QUEUED_CHANGES: usize = 131_072;

/// Queued replies in one mailbox. A backstop: `--in-flight` limits unanswered requests, so a correct server layer never
/// reaches it.
pub const MAILBOX_REPLIES: usize = 4096;

/// Frames a connection takes from the room log per turn. One flush sends many frames without holding the room for long.
pub const FRAMES_PER_TURN: usize = 64;

/// Maximum bytes of one frame. A longer snapshot is sent in parts.
pub const FRAME_BYTES: usize = 256 * 1024;

/// Bytes of assets in one part of a snapshot. A connection keeps what its socket does not accept, so a part is far smaller
/// than a frame may be: a thousand members that read 22 MB slowly take 64 MB at most.
pub const PART_BYTES: usize = 32 * 1024;

/// Names in `held` of one part of a snapshot: at most 9 KB.
pub const PART_HELD: usize = 128;

/// Maximum bytes of assets in a `welcome`. A larger room's `welcome` has none, and a snapshot in parts follows.
pub const WELCOME_BYTES: usize = 64 * 1024;

/// Names in `held` of such a `welcome`: at most 35 KB.
pub const WELCOME_HELD: usize = 512;

/// Bytes of outdated parts that members still read. Beyond this some members start over with a current snapshot. Three
/// times the size of the largest room.
pub const OLD_PARTS_BYTES: usize = 64 * 1024 * 1024;

/// Seconds a member may take for a snapshot before it is among the first to start over: 22 MB at 440 KB/s.
pub const SNAPSHOT_SECS: u64 = 50;

/// Milliseconds between two snapshots requested by one member, because the largest is 22 MB.
pub const SYNC_PAUSE_MS: u64 = 1000;

/// Answers over HTTP that show a large room and are being sent: some 64 KB of buffers each. Beyond it the answer is 503.
pub const LARGE_ANSWERS: usize = 64;

/// Bytes a second of all these answers together: a part a millisecond, some percent of a core. The largest room takes
/// 0.7 s.
pub const LARGE_ANSWERS_BYTES_PER_SEC: u32 = 32 * 1024 * 1024;

/// Milliseconds by which these answers may be late and catch up, because a timer has steps of a millisecond.
pub const LARGE_ANSWERS_LAG_MS: u64 = 4;

/// Seconds a room's encoded assets are cached after their last use.
pub const ENCODED_SECS: u8 = 10;

/// Rooms or connections processed before other tasks get a turn: some tens of microseconds.
pub const LOOKED_AFTER_AT_ONCE: usize = 64;

/// Bytes a connection reads at once, into a buffer of its thread: some hundred messages.
pub const READ_BUFFER: usize = 16 * 1024;

/// Bytes after which a connection writes to its socket before it takes more: some hundred frames. Beyond this another
/// system call costs little per frame.
pub const WRITE_BUFFER: usize = 16 * 1024;

/// Consecutive invalid messages until the connection is closed with 4008.
pub const BAD_MESSAGES: u32 = 1000;

/// Messages refused by `--selects-per-second`, minus messages accepted, until the connection is closed with 4129.
pub const RATE_REFUSALS: u32 = 1000;

/// Bytes of an HTTP request's head: our longest path, a few cookies, and a proxy's headers.
pub const HTTP_HEAD_BYTES: usize = 16 * 1024;

/// The timeout in seconds of a request's head on a connection beyond `--max-connections`. Long enough for a distant
/// probe, short enough that silent strangers do not block it.
pub const SURPLUS_HEAD_SECS: u64 = 1;

/// Seconds a closed connection is still read, so that a reset does not overtake the close frame.
pub const LINGER_SECS: u64 = 1;

/// Bytes of a player token. A token with all its lists full has 4 KB, and a request's head, which carries it, at most
/// [`HTTP_HEAD_BYTES`].
pub const TOKEN_BYTES: usize = 8 * 1024;

/// Objects and lists inside each other in a player token. Tokens of identity providers have 4.
pub const TOKEN_DEPTH: usize = 16;

/// Names and prefixes in each list of a player token.
pub const TOKEN_PATTERNS: usize = 64;

/// Bytes of a player token's `jti`: a UUID, or a hash in hexadecimal digits.
pub const TOKEN_ID_LEN: usize = 128;

/// Seconds by which the clocks of a node and of the token's signer may differ.
pub const TOKEN_LEEWAY_SECS: u64 = 60;

/// Seconds that an event stream is silent at most. Proxies cut an answer that is silent for half a minute.
pub const EVENT_STREAM_PING_SECS: u64 = 15;

/// Milliseconds after which a browser reconnects an event stream that broke, at least and at most. Each stream is told
/// another time, so that the clients of a node that died do not all come back at once.
pub const EVENT_STREAM_RETRY_MS: std::ops::Range<u64> = 1000..3000;

/// Bytes of an HTTP answer that a connection keeps while its socket takes none, beside the part that is being sent.
pub const HTTP_UNSENT_BYTES: usize = 64 * 1024;

/// Seconds that a connection lives on after its token expired, so that a late renewal does not end it.
pub const TOKEN_GRACE_SECS: u64 = 25;

/// Bytes of the shortest secret that signs player tokens: what HS256 needs (RFC 7518, 3.2).
pub const TOKEN_SECRET_LEN: usize = 32;

/// The maximum number of revocations that have not ended.
pub const REVOCATIONS: usize = 10_000;

/// Characters in the id of a token key, which stands in logs and in `iss`.
pub const KEY_ID_LEN: usize = 64;

/// Characters in a `kid` of a key set; identity providers use hashes and URLs.
pub const KID_LEN: usize = 256;

/// Bytes of a key set: some hundred keys with their certificates.
pub const KEY_SET_BYTES: usize = 256 * 1024;

/// Seconds that one fetch of the key set may take. Players whose `kid` is unknown wait for it.
pub const KEY_SET_TIMEOUT_SECS: u64 = 5;

/// Seconds between two fetches because of an unknown `kid`, which anybody can make up.
pub const KEY_SET_REFETCH_SECS: u64 = 10;

/// Seconds between two fetches without a reason. A removed key verifies that much longer.
pub const KEY_SET_REFRESH_SECS: u64 = 300;

/// Connections to `--metrics-listen`: some Prometheus servers and probes.
pub const MONITORS: usize = 64;

/// Bytes of an answer of `/healthz` that are read. The server's own have a hundred.
pub const HEALTH_BYTES: usize = 4096;

/// Bytes of a certificate chain or a key in PEM. A chain of ten certificates has 20 KB.
pub const CERTIFICATE_BYTES: u64 = 1 << 20;

/// Seconds between two looks at the certificate's files. A change is read at the second look, within ten seconds.
pub const CERTIFICATE_POLL_SECS: u64 = 5;

/// Days before a certificate expires at which the daily warnings begin. Certificates of 90 days are renewed 30 days
/// before, so by then two weeks of renewals have failed.
pub const CERTIFICATE_WARNING_DAYS: i64 = 14;

/// Connections of one address beyond `--connections-per-address` that are told so. Further ones are closed without a
/// response, so that a flood from one address costs an accept and a close each.
pub const ADDRESS_SURPLUS: u32 = 4;

/// Addresses that are counted at a time: those with connections, and those that joined within the last minute. More than
/// the default of `--max-connections`; 13 MB at most. Beyond it a new address is not counted, because whoever has that
/// many addresses is not held by a limit on each.
pub const COUNTED_ADDRESSES: usize = 1 << 17;

/// Players whose selects are counted at a time: those who selected or released within the last second, 50 MB at most.
/// Beyond it a new player is not counted; the limits on connections still hold.
pub const COUNTED_PLAYERS: usize = 1 << 18;

/// Seconds between two rounds that forget addresses and players whose counts say nothing any more.
pub const FORGET_SECS: u64 = 10;

/// Bytes of a header of the PROXY protocol. Addresses take 36; the rest is for what proxies add to them.
pub const PROXY_HEADER_BYTES: usize = 1024;

/// Rooms that changed on a node and whose events nobody looked for yet. Beyond it the next look at the store finds them.
pub const CHANGED_ROOMS: usize = 4096;

/// News of other nodes' deliveries that wait for this node. Each takes microseconds. Lost ones cost an attempt too many.
pub const WEBHOOK_NEWS: usize = 1024;

/// Events in one request to the webhook: 40 KB, and little is repeated if the request fails.
pub const WEBHOOK_EVENTS: usize = 100;

/// Requests to the webhook at a time, each for another room: 32 that never answer still leave the endpoint two a second.
pub const WEBHOOK_REQUESTS: usize = 32;

/// Rooms with events whose turns a node keeps: 20 MB at most. Beyond it the others wait until some of these have none left.
pub const WEBHOOK_ROOMS: usize = 100_000;

/// Bytes of the webhook's answer that are read. Nothing in it matters but its status.
pub const WEBHOOK_ANSWER_BYTES: usize = 64 * 1024;

/// Failed attempts in a row, over all rooms, after which a node sends one request at a time until one succeeds.
pub const WEBHOOK_FAILURES_IN_ROW: u32 = 8;

/// Secrets that sign at a time: the new one and the old one of a rotation.
pub const WEBHOOK_SECRETS: usize = 2;

/// Traced selects that wait to be sent to the collector of spans. A select has about three spans and 2 KB, so these are 8 MB.
/// Beyond that the newest are dropped, because play never waits for the collector.
pub const WAITING_TRACES: usize = 4096;

/// The most selects of one request to the collector: about a megabyte, of the 20 that collectors take by default.
pub const TRACES_IN_A_BATCH: usize = 512;

/// Bytes of a collector's answer that are read. It says next to nothing.
pub const COLLECTOR_ANSWER_BYTES: usize = 64 * 1024;
