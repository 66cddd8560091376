// @ts-check
// @ts-self-types="./asset-arbiter.d.ts"
/**
 * asset-arbiter, the client library: one ES module without dependencies, for browsers and Node.
 *
 *     import { joinRoom } from '/asset-arbiter.js';
 *     const room = joinRoom(location.origin, { room: 'lobby', player: 'ada' });
 *     room.on('granted', ({ asset, player }) => console.log(`${player} has the ${asset}`));
 *     const { granted, remaining } = await room.select('sword');
 *
 * A room stays connected. After a lost connection it resumes from its last frame and retries every unanswered request.
 * Retries are safe because a player holds at most one unit of an asset. After the machine wakes from sleep or the
 * network returns, the room pings the server and reconnects if no pong arrives. A page that is frozen or enters the
 * back/forward cache closes its connection and resumes when it is shown again.
 *
 * @module asset-arbiter
 */

// Read from the top: the public API, then the parts of a room. `createSession` connects them: `createView` (the room's
// state), `createRequests` (unanswered requests), `createTokens` (the player's token and its renewal), `createLink` (the
// connection and its reconnects) and `listenToPage` (events of the page and the network). Small helpers follow. The parts
// are functions that keep their state in variables, because a minifier shortens the names of variables. `clients/js` makes
// the npm package and the types of this file.

/** The version of this library, which is the server's that it came with. */
export const VERSION = '0.1.0';

/**
 * The states of a room:
 * - `connecting`: there was no connection yet;
 * - `connected`: the server has welcomed the player;
 * - `reconnecting`: the connection was lost, and another one is being made, or will be when the page is shown again;
 * - `closed`: for good, by `leave()`, by the server, or because of `giveUpAfterMs`.
 */
export const STATES = /** @type {const} */ (['connecting', 'connected', 'reconnecting', 'closed']);

/**
 * The codes of `ArbiterError` and of the event `error`. A newer server may send others.
 *
 * Of a request:
 * - `bad_message`, `unknown_type`, `invalid_name`: the server did not understand it;
 * - `unknown_asset`, `unknown_room`: there is none of that name;
 * - `not_held`: the player releases, confirms or extends what it does not hold;
 * - `hold_expired`: the player extends a hold that has ended;
 * - `conflict`: another change came first, or what the player extends is not a hold;
 * - `limit_reached`: the room, the server or this library takes no more of that kind;
 * - `rate_limited`: too many requests in a second;
 * - `outcome_unknown`: nobody knows whether it took effect, after several attempts;
 * - `store_unavailable`: the server cannot reach its store;
 * - `forbidden`: the token does not allow it;
 * - `timed_out`: a select, confirm or extend had no answer in `timeoutMs`.
 *
 * Of the whole room, which is closed for good:
 * - `left`: by `leave()`;
 * - `unreachable`: there was no connection for `giveUpAfterMs`;
 * - `unauthorized`: no token, or a wrong one;
 * - `forbidden`: the origin, the room or the player is not allowed;
 * - `token_expired`: the token has ended, and there is no function that gives another one;
 * - `room_removed`, `kicked`: somebody removed the room, or this player from it;
 * - `replaced`, `refused`: the player has another connection;
 * - `protocol_violation`, `closed`: the server closed the room for another reason.
 *
 * Of the event `error` alone:
 * - `token_unavailable`: the function given as `token` failed; it is called again.
 *
 * Of `asset-arbiter/admin` alone:
 * - `unknown_path`: the address is not that of a server.
 */
export const ERROR_CODES = /** @type {const} */ ([
  'bad_message', 'unknown_type', 'invalid_name', 'unknown_asset', 'unknown_room', 'not_held', 'hold_expired', 'conflict',
  'limit_reached', 'rate_limited', 'outcome_unknown', 'store_unavailable', 'forbidden', 'timed_out', 'left', 'unreachable',
  'unauthorized', 'token_expired', 'room_removed', 'kicked', 'replaced', 'refused', 'protocol_violation', 'closed',
  'token_unavailable', 'unknown_path',
]);

/** The timeout of a select, confirm or extend, unless its caller sets another one. */
const SELECT_TIMEOUT_MS = 10_000;
/** Timers cannot hold more than 24 days. */
const MAX_TIMER_MS = 2 ** 31 - 1;
/** Maximum unanswered requests; the server reads no more than this ahead of its replies. */
const MAX_IN_FLIGHT = 64;
/** Maximum requests that wait for a connection or a free slot in flight. Further ones fail with `limit_reached`. */
const MAX_WAITING = 1024;
/** Maximum retries of a request whose outcome the server does not know, and of a rate limited `sync`. */
const MAX_REPEATS = 5;
/** Delay of retries of a rate limited `sync`. The server sends at most one whole snapshot a second. */
const SYNC_REPEAT_MS = 1_100;
/**
 * Timeout and maximum of retries of an unanswered request on a live connection. The timeout is well above the server's
 * select deadline (5 s by default).
 */
const ANSWER_WAIT_MS = 30_000;
const MAX_ANSWER_REPEATS = 4;
/** The timeout of requests sent before an error without a request id, because the error may have been their answer. */
const UNNAMED_WAIT_MS = 2_000;
/** Removed assets whose last revision is kept, so that a late frame cannot revive them. */
const MAX_REMOVED = 4096;
/** Room frames buffered while the parts of a snapshot arrive; a room log has 512 frames by default. */
const MAX_BETWEEN_PARTS = 1024;
/** An asset lists only its first holders, as on the server. */
const MAX_HOLDERS = 32;

/** Spreads the clients of a lost server, yet feels immediate. */
const AT_ONCE_JITTER_MS = 100;
const BACKOFF_FIRST_MS = 250;
const BACKOFF_CAP_MS = 10_000;
/** Longer delays are a mistake of the server, and timers cannot hold more than 24 days. */
const MAX_RETRY_AFTER_MS = 3_600_000;
/** A connection that lasted this long resets the failure count. */
const STABLE_MS = 1_000;
/** The timeout from dialling to `welcome`. Also recovers from a hanging handshake. */
const WELCOME_WAIT_MS = 10_000;
/**
 * The timeout of a ping. Above the server's select deadline (5 s), because a full server answers pending selects first.
 */
const PONG_WAIT_MS = 10_000;
/** Silence before a ping while requests are pending: a little more than the server's select deadline. */
const BUSY_SILENCE_MS = 6_000;
/** Silence before a ping otherwise, as a multiple of the server's ping interval. */
const IDLE_SILENCE_FACTOR = 1.2;
const DEFAULT_PING_INTERVAL_MS = 25_000;
/** The longest timer of the connection, so that a wake-up is noticed within this time in every state. */
const TICK_MS = 1_000;
/** A timer later than this means that the machine slept. On a busy or hidden page timers are usually less late. */
const LATE_MS = 2_000;
/** The timeout of a probe, a ping after a wake-up or a network change. Longer if connecting took longer. */
const PROBE_WAIT_MS = 1_000;
const MAX_PROBE_WAIT_MS = 3_000;
/** A frame this soon after a probe may have been buffered before the sleep, so only the pong counts. */
const STALE_MS = 250;
/** A wake-up restarts handshakes older than this, and shortens delays at most this often. */
const REDIAL_MS = 1_000;

/** The subprotocol. A token goes beside it as a second one, because a page cannot set headers of a handshake. */
const PROTOCOL = 'asset-arbiter.v1';
/** The close code that asks for another token. */
const TOKEN_EXPIRED = 4102;
/** A token is renewed this long before it ends, or a quarter of its life if that is shorter. */
const RENEW_BEFORE_MS = 60_000;
/** A token that has at least this long to live, or half of its life, is good for another connection. */
const REUSE_MS = 30_000;
/** The timeout of the function that gives the token. */
const TOKEN_WAIT_MS = 30_000;

/** Some runtimes (Node 22.0 to 22.8) report a failed connection by `error` alone, without `close`. */
const CLOSE_AFTER_ERROR_MS = 100;

/**
 * Names of close codes, as the event `state` has them. The range of a code alone determines what to do.
 * @type {Readonly<Record<number, string>>}
 */
export const CLOSE_REASONS = {
  4001: 'unauthorized', 4003: 'forbidden', 4004: 'room_removed', 4005: 'kicked', 4006: 'replaced', 4007: 'refused',
  4008: 'protocol_violation',
  4100: 'draining', 4101: 'store_away', 4102: 'token_expired', 4113: 'full', 4129: 'too_fast', 4200: 'too_slow',
};

/**
 * @typedef {{ until?: number, expiresAt?: number }} Ends  when a grant ends unless the player leaves or releases it: `until`
 *   in the server's Unix milliseconds, `expiresAt` by the clock of `performance.now()`, whatever the page's date is. Absent
 *   if it does not end by itself
 * @typedef {{ player: string, at: number, until?: number, expiresAt?: number }} Holder  `at` in Unix milliseconds; the
 *   others as in `Ends`
 * @typedef {object} AssetOptions  what an asset was created with
 * @property {number} [holdMs]  a grant ends after so long unless it is confirmed
 * @property {number} [grantMs]  a grant ends after so long; with `holdMs`, counted from its confirmation
 * @property {number} [leaveMs]  the grant of a player who left the room ends after so long
 * @property {number} [cooldownMs]  a player whose grant ended gets no other for so long
 * @property {ReadonlyArray<string>} [for]  only these players get a unit
 * @property {number} [forMs]  for so long after the creation
 *
 * @typedef {Readonly<{ asset: string, units: number, remaining: number, revision: number, held: number,
 *   holders: ReadonlyArray<Holder>, options?: AssetOptions }>} Asset  `holders`: the first 32 at most; every change creates a
 *   new object
 * @typedef {Readonly<{ count: number, names: ReadonlyArray<string> }>} Players  `names` is empty in large rooms
 * @typedef {typeof STATES[number]} State
 * @typedef {typeof ERROR_CODES[number]} ErrorCode
 * @typedef {{ asset: string, granted: boolean, alreadyHeld: boolean,
 *   reason: 'sold_out' | 'cooldown' | 'reserved' | (string & {}) | null, retryAfterMs: number | null, remaining: number,
 *   revision: number, expiresAt: number | null, latencyMs: number }} Selection  `reason`: why it is not granted;
 *   `retryAfterMs`: until a `cooldown` or `reserved` is over; `expiresAt`: when the grant ends, as of a holder; `latencyMs`:
 *   from the call to its answer
 * @typedef {{ asset: string, confirmed: boolean, alreadyConfirmed: boolean, reason: 'hold_expired' | (string & {}) | null,
 *   remaining: number, revision: number, expiresAt: number | null, latencyMs: number }} Confirmation  `reason`: why it is
 *   not confirmed; the others as in `Selection`
 * @typedef {{ asset: string, expiresAt: number | null, latencyMs: number }} Extension  the fields are as in `Selection`
 * @typedef {{ asset: string, released: true, remaining: number | null, revision: number | null }} Release
 *
 * @typedef {object} RoomEvents
 * @property {{ asset: string, player: string, units: number, remaining: number, revision: number, at: number,
 *   mine: boolean } & Ends} granted
 * @property {{ asset: string, player: string, remaining: number, revision: number, at: number, mine: boolean } & Ends}
 *   confirmed  a hold, which ends at `expiresAt` from now on, or never by itself
 * @property {{ asset: string, player: string, remaining: number, revision: number, at: number, mine: boolean } & Ends}
 *   extended  a hold, which ends at `expiresAt` from now on
 * @property {{ asset: string, player: string, remaining: number, revision: number,
 *   reason: 'released' | 'expired' | 'respawned' | 'left' | 'kicked' | (string & {}), mine: boolean }} released  `expired`:
 *   a hold was not confirmed in time; `respawned`: the time of a grant was over; `left`: the player left and did not return
 *   in time
 * @property {{ asset: string, units: number, remaining: number, revision: number, removed: boolean }} changed
 *   created, restocked or removed
 * @property {{ count: number, names: ReadonlyArray<string>, joined?: string, left?: string, renamed?: string,
 *   name?: string }} players  `names`: as in `room.players`; `renamed`: a player who stays and has another display name;
 *   `name`: the display name of the player who joined, left or was renamed, if there is one
 * @property {{ recovered: false }} snapshot  assets, held and players were replaced as a whole
 * @property {{ assets: ReadonlyArray<string> }} lost  after a snapshot: assets that this player held and does not hold any
 *   more, though nothing told why. The server lost them (a store in memory that restarted, a failover), or they were
 *   released or removed while this connection was away for so long that the room's log does not say so
 * @property {{ state: State, code?: number, reason?: string, retryInMs?: number, recovered?: boolean }} state
 *   code 1001 with reason `suspended`: the page is frozen or in the back/forward cache, and the room resumes with it
 * @property {{ code: ErrorCode | (string & {}), message: string, temporary: boolean }} error  belongs to no pending request
 *
 * @typedef {string | (() => string | Promise<string>)} TokenSource
 *
 * @typedef {object} SocketLike  the used part of a WebSocket
 * @property {(text: string) => void} send
 * @property {(code?: number, reason?: string) => void} close
 * @property {any} onmessage
 * @property {any} onclose
 * @property {any} onerror
 * @typedef {new (url: string, protocols: string[]) => SocketLike} SocketClass
 *
 * @typedef {object} JoinOptions
 * @property {string} room  1-64 characters of `A-Za-z0-9_.:-`
 * @property {string} [player]  1-128 characters of `A-Za-z0-9_.:|@+=~-`; without a player and a token the room is
 *   joined as an observer. A token names its player
 * @property {string} [name]  how the player is shown: 1-64 characters of any script, without control characters, line
 *   breaks, characters that set the direction of text, and white space at either end. Brought to NFC by the server
 * @property {TokenSource} [token]  proof of the player's identity, if the server requires it. A function is called
 *   before a connection, unless its last token lives long enough, and before that token ends. At most one call is pending
 * @property {number} [giveUpAfterMs]  a room that has no connection for this long is closed for good, with the code
 *   `unreachable`. The count begins again when the machine wakes, the network returns or the page is shown. Without it
 *   the room tries for ever
 * @property {SocketClass} [WebSocket]  required where there is no global one (Node 20)
 * @property {() => number} [random]  0 <= n < 1, for the jitter of every delay
 *
 * @typedef {object} SelectOptions
 * @property {AbortSignal} [signal]  gives up the request: it rejects with the signal's reason
 * @property {number} [timeoutMs]  gives it up after so long, 10 s by default; `Infinity`: never
 * @typedef {SelectOptions & { retake?: boolean }} ConfirmOptions  `retake`: if the hold has ended, take a unit that is left
 *
 * @typedef {Record<string, any>} Frame  one decoded message of the server
 */

/**
 * Joins a room. Connects in the background and stays connected until `leave()`.
 *
 * @param {string | URL | ReadonlyArray<string | URL>} url  `ws:`, `wss:`, `http:` or `https:` address of the server, or
 *   several: the nodes of one deployment, of which the next is tried when one fails
 * @param {JoinOptions} options
 * @returns {Room}
 * @throws {TypeError} if an argument is invalid
 */
export function joinRoom(url, options) {
  // The constructor is private to the types.
  return new (/** @type {any} */ (Room))(url, options);
}

/**
 * The error of a refused request. Every request settles: it is answered or refused, and a select is given up in time. The
 * room itself retries
 * - each request that is unanswered when the connection is lost, or after 30 s on a live one (at most 4 times);
 * - each request that fails with `outcome_unknown` (at most 5 times, with a backoff);
 * - a `sync` that fails with `rate_limited` (at most 5 times, every 1.1 s).
 *
 * Every other refusal rejects, `temporary` or not: the caller retries a `select`, `release` or `ping` that is
 * `rate_limited`.
 *
 * `ERROR_CODES` lists the codes.
 */
export class ArbiterError extends Error {
  /**
   * @param {ErrorCode | (string & {})} code
   * @param {string} message
   * @param {boolean} temporary  whether a retry may succeed
   */
  constructor(code, message, temporary) {
    super(message);
    this.name = 'ArbiterError';
    /** What went wrong, as a word of `ERROR_CODES`. @readonly @type {ErrorCode | (string & {})} */
    this.code = code;
    /** Whether a retry may succeed. @readonly */
    this.temporary = temporary;
  }
}

/** A room as seen by one player or observer. `joinRoom` makes it. */
export class Room {
  #session;

  /**
   * @private
   * @param {string | URL | ReadonlyArray<string | URL>} url
   * @param {JoinOptions} options
   */
  constructor(url, options) {
    this.#session = createSession(this, url, options);
    /** The room's name. @readonly */
    this.name = options.room;
    /**
     * Resolves on the first welcome. Rejects if the room is closed for good before it: the server refused the origin, the
     * token or the player, there was no connection for `giveUpAfterMs`, or the room was left.
     * @readonly
     */
    this.ready = this.#session.ready;
  }

  /** All known assets. @returns {ReadonlyMap<string, Asset>} */
  get assets() { return this.#session.view.assets; }
  /** The assets this player holds. @returns {ReadonlySet<string>} */
  get held() { return this.#session.view.held; }
  /** The players in the room. @returns {Players} */
  get players() { return this.#session.view.players; }
  /**
   * The display names of the players in the room that have one, by player; empty in large rooms.
   * @returns {ReadonlyMap<string, string>}
   */
  get names() { return this.#session.view.names; }
  /** This player's name, as given or as read by the server from the token; null for an observer. */
  get player() { return this.#session.view.player; }
  /** The state of the connection. @returns {State} */
  get state() { return this.#session.state; }
  /** The current server. */
  get url() { return this.#session.link.base(); }
  /** The last measured round trip of a ping or another request, in milliseconds. */
  get latencyMs() { return this.#session.requests.roundTripMs(); }
  /** An estimate of the server's clock minus the local one, in milliseconds; best after a `ping()`. */
  get serverTimeOffsetMs() { return this.#session.serverTimeOffsetMs; }

  /**
   * Requests one unit of an asset. A denial resolves with `granted: false`.
   *
   * A select that is given up, by its `timeoutMs` or its `signal`, is not sent any more. If it was sent before, its outcome
   * may still arrive: the event `granted` with `mine: true` tells, and `release` gives the unit back.
   * @param {string} asset
   * @param {SelectOptions} [options]
   * @returns {Promise<Selection>}
   * @throws {ArbiterError} `timed_out` after `timeoutMs`, and the codes of a refused request
   */
  async select(asset, options) {
    const defaults = { alreadyHeld: false, reason: null, retryAfterMs: null };
    return { ...defaults, ...(await this.#session.change({ type: 'select_asset', asset }, options)) };
  }

  /**
   * Confirms this player's hold of an asset that has holds. A hold that has ended resolves with `confirmed: false`, unless
   * `retake` takes a unit that is left. A confirm may be retried: the second answer is `alreadyConfirmed`.
   * @param {string} asset
   * @param {ConfirmOptions} [options]
   * @returns {Promise<Confirmation>}
   * @throws {ArbiterError} as `select`; `not_held`
   */
  async confirm(asset, options) {
    const message = { type: 'confirm_asset', asset, retake: options?.retake };
    return { reason: null, ...(await this.#session.change(message, options)) };
  }

  /**
   * Lets this player's hold of an asset begin anew, up to a limit of the server.
   * @param {string} asset
   * @param {SelectOptions} [options]
   * @returns {Promise<Extension>}
   * @throws {ArbiterError} as `select`; `not_held`, `hold_expired` or, once it is confirmed, `conflict`
   */
  extend(asset, options) {
    return this.#session.change({ type: 'extend_asset', asset }, options);
  }

  /**
   * Returns a unit. Rejects with `not_held` if the player holds none.
   * @param {string} asset
   * @returns {Promise<Release>}
   */
  async release(asset) {
    checkName('asset', asset);
    const { frame } = await this.#session.ask({ type: 'release_asset', asset });
    // There is no answer to a release that was lost, yet took effect.
    const { remaining = null, revision = null } = { ...this.assets.get(asset), ...frame };
    return { asset, released: true, remaining, revision };
  }

  /**
   * Requests a snapshot and resolves when it is applied. Concurrent calls share one snapshot.
   * @returns {Promise<void>}
   */
  sync() { return this.#session.sync(); }

  /** Measures a round trip, in milliseconds. @returns {Promise<number>} */
  async ping() {
    const { frame, roundTripMs } = await this.#session.ask({ type: 'ping' });
    this.#session.serverTimeOffsetMs = frame.server_time + roundTripMs / 2 - Date.now();
    return roundTripMs;
  }

  /** Closes for good. Pending requests reject with the code `left`. */
  leave() { this.#session.end(new ArbiterError('left', 'the room was left', false), 1000); }

  /**
   * Calls a listener on every event of a kind from now on.
   * @template {keyof RoomEvents} E
   * @param {E} event
   * @param {(detail: RoomEvents[E]) => void} listener
   * @returns {() => void} removes the listener
   */
  on(event, listener) {
    this.#session.listenersOf(event).add(listener);
    return () => this.off(event, listener);
  }

  /**
   * Removes a listener.
   * @template {keyof RoomEvents} E
   * @param {E} event
   * @param {(detail: RoomEvents[E]) => void} listener
   */
  off(event, listener) {
    this.#session.listenersOf(event).delete(listener);
  }
}

/** @type {ReadonlyArray<keyof RoomEvents>} */
const EVENTS = [
  'granted', 'released', 'confirmed', 'extended', 'changed', 'players', 'snapshot', 'lost', 'state', 'error',
];

/**
 * The parts of a room, and what each of them tells the others.
 * @param {Room} self
 * @param {string | URL | ReadonlyArray<string | URL>} url
 * @param {JoinOptions} options
 */
function createSession(self, url, options) {
  const {
    room, player = null, name = null, token = null, giveUpAfterMs = Infinity, random = Math.random,
    WebSocket: Socket = /** @type {SocketClass} */ (/** @type {any} */ (globalThis).WebSocket),
  } = options ?? {};
  checkName('room', room);
  if (player !== null) checkName('player', player);
  if (name !== null) checkDisplayName(name, player);
  if (token !== null && typeof token !== 'function') checkToken(token);
  check(giveUpAfterMs > 0, 'giveUpAfterMs must be above 0');
  check(typeof random === 'function', 'random must be a function');
  check(typeof Socket === 'function', 'no WebSocket here: hand in a class as option WebSocket');
  // Of no server the address is `undefined`, which is refused.
  const [first, ...others] = [url].flat();
  const bases = [first, ...others].map(baseAddress);

  /** @type {Map<string, Set<(detail: any) => void>>} */
  const listeners = new Map(EVENTS.map((event) => [event, new Set()]));
  /** @type {Deferred<Room>} */
  const firstWelcome = deferred();
  // A caller who ignores `ready` gets no unhandled rejection.
  firstWelcome.promise.catch(() => {});
  let wasWelcomed = false;
  /** The pending `sync`. @type {Promise<void> | undefined} */
  let syncing;

  const view = createView(player, {
    emit,
    replaced: () => requests.synced(),
    lost: () => link.lose(1006, 'incomplete snapshot'),
  });
  const requests = createRequests(send, random);
  const tokens = createTokens(token, random, { send, report, over });
  const link = createLink(bases, { Socket, random, giveUpAfterMs }, requests, tokens, { address, receive, down, over });
  const stopListening = listenToPage(link);
  const session = {
    view, requests, link,
    ready: firstWelcome.promise,
    state: /** @type {State} */ ('connecting'),
    serverTimeOffsetMs: /** @type {number | null} */ (null),
    change, ask, sync, end, listenersOf,
  };
  link.dial();
  return session;

  /**
   * Makes a request about a grant. The answer has the names of the API, and what a newer server adds to it.
   * @param {{ type: string, asset: string, retake?: boolean }} message
   * @param {SelectOptions} [options]
   * @returns {Promise<any>}
   */
  async function change(message, { signal, timeoutMs = SELECT_TIMEOUT_MS } = {}) {
    checkName('asset', message.asset);
    checkPatience(signal, timeoutMs);
    const calledAt = now();
    const { frame: { type, request_id, until, ttl_ms, ...answer } } = await ask(message, { signal, timeoutMs });
    const expiresAt = until ? now() + ttl_ms : null;
    return { ...camelCase(answer), expiresAt, latencyMs: now() - calledAt };
  }

  /**
   * @param {Message} message
   * @param {Patience} [patience]
   */
  function ask(message, patience) {
    const answer = requests.make(message, patience);
    // The probe follows the request, because it counts against the rate limit, too.
    link.checkWake();
    return answer;
  }

  function sync() {
    syncing ??= ask({ type: 'sync' }).then(() => {}).finally(() => (syncing = undefined));
    return syncing;
  }

  /** @param {object} message */
  function send(message) {
    link.send(message);
  }

  /** The URL to connect to. @param {string} base */
  function address(base) {
    const given = Object.entries({ player, name, ...view.position() }).filter(([, value]) => value !== null);
    return `${base}/v1/rooms/${room}/ws?${new URLSearchParams(/** @type {any} */ (given))}`.replace(/\?$/, '');
  }

  /** @param {Frame} frame */
  function receive(frame) {
    try {
      route(frame);
    } catch (error) {
      const message = `cannot read a ${frame.type}: ${/** @type {Error} */ (error).message}`;
      report(new ArbiterError('bad_message', message, false));
    }
  }

  /** @param {Frame} frame */
  function route(frame) {
    const { type, request_id, code, message, temporary } = frame;
    if (type === 'welcome') welcome(frame);
    else if (type === 'refreshed') tokens.refreshed(frame);
    else if (type === 'error') {
      const error = new ArbiterError(code, message, temporary === true);
      if (!tokens.refuse(request_id, error) && !requests.refuse(request_id, error)) report(error);
    } else if (request_id) {
      view.foresee(frame);
      requests.answer(frame);
    } else if (frame.offset >= 0) view.apply(frame);
  }

  /** @param {Frame} frame */
  function welcome(frame) {
    const lost = view.welcome(frame);
    wasWelcomed = true;
    session.serverTimeOffsetMs ??= frame.server_time - Date.now();
    requests.up();
    tokens.up(frame.token_ttl_ms);
    become('connected', { recovered: frame.recovered });
    if (!frame.recovered) view.announce(lost);
    // Of an empty welcome nobody knows whether a snapshot follows.
    if (view.isInDoubt()) sync().catch(() => {});
    firstWelcome.resolve(self);
  }

  /** @param {{ code: number, reason: string, retryInMs?: number }} why */
  function down(why) {
    requests.down();
    tokens.down();
    become(wasWelcomed ? 'reconnecting' : 'connecting', why);
  }

  /**
   * The room is closed for good, though nobody left it.
   * @param {ArbiterError} error
   * @param {number} code
   * @param {string} [reason]
   */
  function over(error, code, reason) {
    report(error);
    end(error, code, reason);
  }

  /**
   * @param {ArbiterError} error
   * @param {number} code
   * @param {string} [reason]
   */
  function end(error, code, reason = error.code) {
    if (session.state === 'closed') return;
    link.close();
    stopListening();
    tokens.end();
    requests.end(error);
    firstWelcome.reject(error);
    become('closed', { code, reason });
  }

  /**
   * @param {State} state
   * @param {{ code?: number, reason?: string, retryInMs?: number, recovered?: boolean }} detail
   */
  function become(state, detail) {
    session.state = state;
    emit('state', { state, ...detail });
  }

  /** @param {ArbiterError} error */
  function report({ code, message, temporary }) {
    emit('error', { code, message, temporary });
  }

  /**
   * A listener that throws affects neither the others nor the room.
   * @param {keyof RoomEvents} event
   * @param {any} detail
   */
  function emit(event, detail) {
    for (const listener of [...listenersOf(event)]) {
      try {
        listener(detail);
      } catch (error) {
        console.error(`asset-arbiter: a listener of "${event}" threw`, error);
      }
    }
  }

  /** @param {keyof RoomEvents} event */
  function listenersOf(event) {
    const found = listeners.get(event);
    check(found, `no event "${event}": use one of ${EVENTS.join(', ')}`);
    return found;
  }
}

/**
 * @typedef {{ epoch: string, assets: Map<string, Asset>, held: Set<string> }} Before  a state that was replaced
 * @typedef {object} ViewHooks
 * @property {(event: keyof RoomEvents, detail: any) => void} emit
 * @property {() => void} replaced  a snapshot was applied
 * @property {() => void} lost  only a fresh welcome can help
 */

/**
 * The room's state. Only room frames, `welcome` and `snapshot` change it.
 * @param {string | null} me  the player
 * @param {ViewHooks} hooks
 */
function createView(me, { emit, replaced, lost }) {
  /** @type {Map<string, Asset>} */
  let assets = new Map();
  /** @type {Set<string>} */
  let held = new Set();
  /** @type {Players} */
  let players = { count: 0, names: [] };
  /** Display names by player. @type {Map<string, string>} */
  let names = new Map();
  let epoch = '';
  /** The offset of the last applied room frame; -1 while resuming from it would lose something. */
  let offset = -1;
  /** The server's time at the last welcome, and `performance.now()` minus that. */
  let welcomedAt = 0;
  let clockOffsetMs = 0;
  /** Whether `players.names` is complete. Large rooms report only the count. */
  let isNamed = false;
  /** Last revision of removed assets. @type {Map<string, number>} */
  const removed = new Map();
  /**
   * The parts of a snapshot that are still arriving, and the frames that came between them.
   * @type {{ parts: Frame[], later: Frame[] } | undefined}
   */
  let assembly;
  /** The state before an empty welcome, which may be followed by a snapshot. @type {Before | undefined} */
  let before;

  /** @param {Frame} frame @returns {string[]} the assets that were lost */
  function welcome(frame) {
    me = frame.player ?? null;
    assembly = undefined;
    welcomedAt = frame.server_time;
    clockOffsetMs = now() - welcomedAt;
    if (frame.recovered) {
      // The state and the offset stay as they are. The missed frames follow. The page's clock may have stopped.
      for (const [name, asset] of assets) assets.set(name, timed(asset));
      return [];
    }
    const last = replace([frame]);
    epoch = frame.epoch;
    // A large state follows as snapshot parts. If the connection breaks before they arrive, we must not resume from
    // here.
    const isComplete = assets.size > 0;
    offset = isComplete ? frame.offset : -1;
    before = isComplete || last.held.size === 0 ? undefined : last;
    return isComplete ? lostSince(last) : [];
  }

  /** Tells that the state was replaced. @param {string[]} assets  that were lost */
  function announce(assets) {
    emit('snapshot', { recovered: false });
    if (assets.length > 0) emit('lost', { assets });
  }

  /** Applies a room frame, unless it is already known. @param {Frame} frame */
  function apply(frame) {
    if (frame.type === 'snapshot') return assemble(frame);
    if (assembly) return postpone(assembly.later, frame);
    const isRepeated = frame.offset <= offset;
    if (!isRepeated) offset = frame.offset;
    if (frame.asset ? isNewer(frame) : !isRepeated) change(frame);
  }

  /**
   * Updates `held` from a reply, which arrives before its room frame. The frame then updates the asset. If frames of
   * the same or a newer revision were already applied, they take precedence.
   * @param {Frame} reply
   */
  function foresee(reply) {
    if (!isNewer(reply)) return;
    if (reply.granted || reply.confirmed) held.add(reply.asset);
    if (reply.released || reply.confirmed === false) held.delete(reply.asset);
  }

  /** @param {Frame} frame */
  function isNewer({ asset, revision }) {
    return revision > (assets.get(asset)?.revision ?? removed.get(asset) ?? -1);
  }

  /** @param {Frame} frame */
  function change(frame) {
    switch (frame.type) {
      case 'asset_granted': case 'asset_confirmed': case 'asset_extended': case 'asset_released':
        return changeHolder(frame);
      case 'asset_changed': case 'asset_removed': return changeUnits(frame);
      case 'player_joined': case 'player_left': case 'players': return changePlayers(frame);
    }
  }

  /** A player was granted a unit, or has confirmed, extended or released it. @param {Frame} frame */
  function changeHolder(frame) {
    const { type, asset, player, at, remaining, revision, reason = 'released' } = frame;
    const known = assets.get(asset);
    // Only a grant carries the number of units.
    const units = frame.units ?? known?.units;
    if (units === undefined) return;
    const isGrant = type === 'asset_granted';
    const isRelease = type === 'asset_released';
    const ends = endsOf(frame);
    let holders = known?.holders ?? [];
    if (!isGrant) {
      const changed = (/** @type {Holder} */ { at }) => (isRelease ? [] : { player, at, ...ends });
      holders = holders.flatMap((one) => (one.player === player ? changed(one) : one));
    } else if (holders.length < MAX_HOLDERS && holders.length + 1 === units - remaining) {
      holders = [...holders, { player, at, ...ends }];
    }
    set(frame, units, holders);
    const mine = player === me;
    if (mine) held[isRelease ? 'delete' : 'add'](asset);
    emit(/** @type {keyof RoomEvents} */ (type.slice('asset_'.length)), {
      asset, player, remaining, revision, mine, ...ends, ...(isRelease ? { reason } : { at }), ...(isGrant && { units }),
    });
  }

  /** An asset was created, restocked or removed. @param {Frame} frame */
  function changeUnits(frame) {
    const { asset, units = 0, remaining = 0, revision } = frame;
    const isRemoved = frame.type === 'asset_removed';
    // With all units left nobody holds one: the asset is new, was reset or is removed.
    const isWhole = remaining === units;
    set(frame, units, isWhole ? [] : assets.get(asset)?.holders ?? []);
    if (isWhole) held.delete(asset);
    if (isRemoved) {
      assets.delete(asset);
      removed.set(asset, revision);
      const [oldest] = removed.keys();
      if (removed.size > MAX_REMOVED) removed.delete(oldest);
    }
    emit('changed', { asset, units, remaining, revision, removed: isRemoved });
  }

  /**
   * @param {Frame} frame
   * @param {number} units
   * @param {ReadonlyArray<Holder>} holders
   */
  function set({ asset, remaining, revision, options }, units, holders) {
    const given = options && { options: camelCase(options) };
    removed.delete(asset);
    const count = Math.max(0, units - remaining);
    assets.set(asset, { ...assets.get(asset), asset, units, remaining, revision, held: count, holders, ...given });
  }

  /**
   * When a grant ends. A frame from before the last welcome was on its way while there was no connection, and a state was
   * encoded some time ago: for them only the server's clock tells.
   * @param {Frame} frame  or the holder of a state
   * @returns {Ends}
   */
  function endsOf({ until, ttl_ms, at }) {
    if (!until) return {};
    const isFresh = ttl_ms >= 0 && at >= welcomedAt;
    return { until, expiresAt: isFresh ? now() + ttl_ms : until + clockOffsetMs };
  }

  /** @param {Asset} asset  as the server tells it, or an earlier one @returns {Asset} */
  function timed(asset) {
    const { options, holders } = asset;
    if (!options) return asset;
    return { ...asset, options: camelCase(options), holders: holders.map((one) => ({ ...one, ...endsOf(one) })) };
  }

  /** A player joined, left or has another display name, or a large room has another count. @param {Frame} frame */
  function changePlayers({ type, player, name, players: count }) {
    let present = players.names;
    let event = {};
    if (type === 'players') {
      isNamed = false;
      names.clear();
    } else if (type === 'player_left') {
      event = { left: player };
      present = present.filter((one) => one !== player);
      name = names.get(player);
      names.delete(player);
    } else {
      if (present.includes(player)) event = { renamed: player };
      else {
        event = { joined: player };
        present = [...present, player];
      }
      if (name && isNamed) names.set(player, name);
      else names.delete(player);
    }
    players = { count, names: isNamed ? present : [] };
    emit('players', { ...players, ...event, ...(name && { name }) });
  }

  /** @param {Frame} frame */
  function assemble(frame) {
    const { part = 1, parts = 1 } = frame;
    if (part === 1) assembly = { parts: [], later: assembly?.later ?? [] };
    else if (part - 1 !== assembly?.parts.length) return lose();
    assembly.parts.push(frame);
    if (part < parts) return;
    const { parts: all, later } = assembly;
    assembly = undefined;
    const last = replace(all);
    before = undefined;
    offset = frame.offset;
    announce(lostSince(last));
    later.forEach(apply);
    replaced();
  }

  /**
   * Postpones a frame between the parts of a snapshot, because it is newer than the snapshot.
   * @param {Frame[]} later
   * @param {Frame} frame
   */
  function postpone(later, frame) {
    if (later.length === MAX_BETWEEN_PARTS) lose();
    else later.push(frame);
  }

  function lose() {
    assembly = undefined;
    offset = -1;
    lost();
  }

  /**
   * What was held and is not any more. In the same epoch a newer revision means that it was released, and a missing asset
   * that it was removed. So it does in another epoch if grants of the asset may end by themselves.
   * @param {Before} last
   */
  function lostSince(last) {
    return [...last.held].filter((name) => {
      const asset = assets.get(name);
      const wentBack = (asset?.revision ?? Infinity) < (last.assets.get(name)?.revision ?? 0);
      return !held.has(name) && (wentBack || (last.epoch !== epoch && !asset?.options));
    });
  }

  /** @param {Frame[]} frames  a welcome or the parts of a snapshot @returns {Before} the last state that was not in doubt */
  function replace(frames) {
    const last = before ?? { epoch, assets, held };
    const all = (/** @type {string} */ list) => frames.flatMap((frame) => frame[list]);
    assets = new Map(all('assets').map((/** @type {Asset} */ one) => [one.asset, timed(one)]));
    held = new Set(all('held'));
    // Each part may name the same players.
    players = { count: frames[0].players, names: [...new Set(all('present'))] };
    names = new Map(Object.entries(frames[0].names ?? {}));
    isNamed = players.names.length > 0 || players.count === 0;
    removed.clear();
    return last;
  }

  return {
    get assets() { return assets; },
    get held() { return held; },
    get players() { return players; },
    get names() { return names; },
    get player() { return me; },
    /** Where to resume, for the URL of the next connection. */
    position: () => (offset < 0 ? {} : { epoch, offset }),
    /** True if a snapshot must tell whether what was held is lost. */
    isInDoubt: () => before !== undefined,
    welcome, announce, apply, foresee,
  };
}

/**
 * @typedef {{ frame: Frame, roundTripMs: number }} Answer
 * @typedef {{ type: string, asset?: string, retake?: boolean }} Message
 * @typedef {object} Patience  of the caller
 * @property {AbortSignal} [signal]
 * @property {number} timeoutMs
 * @typedef {object} Attempts
 * @property {string} id
 * @property {Message} message
 * @property {Countdown} leftMs  of `timeoutMs`
 * @property {number} sentAt  0 while it waits
 * @property {number} sends
 * @property {number} refusals  that were retried
 * @property {number} resends  after a timeout
 * @property {ReturnType<typeof setTimeout>} [timer]  until the retry after a refusal
 * @property {boolean} [givenUp]  the caller waits no longer
 * @typedef {Patience & Attempts & Deferred<Answer>} Request
 *
 * @typedef {ReturnType<typeof createRequests>} Requests
 */

/**
 * Pending requests: sent in order, a limited number in flight, retried if an answer may have been lost. One that its
 * caller has given up is not sent any more, and keeps its place in flight until it is answered.
 * @param {(message: object) => void} send
 * @param {() => number} random
 */
function createRequests(send, random) {
  let isConnected = false;
  let lastId = 0;
  /** The unanswered requests in the order of their calls. @type {Map<string, Request>} */
  const pending = new Map();
  /** When the last error without a request id arrived. */
  let unnamedAt = -Infinity;
  /** @type {ArbiterError | undefined} */
  let ended;
  /** Of the last answer. @type {number | null} */
  let roundTripMs = null;

  /**
   * @param {Message} message
   * @param {Patience} [patience]
   * @returns {Promise<Answer>}
   */
  async function make(message, { signal, timeoutMs } = { timeoutMs: Infinity }) {
    if (ended) throw ended;
    if (signal?.aborted) throw signal.reason;
    if (pending.size - inFlight().length >= MAX_WAITING) {
      throw new ArbiterError('limit_reached', `${MAX_WAITING} requests are waiting`, true);
    }
    /** @type {Request} */
    const request = {
      ...deferred(), id: `${++lastId}`, message, signal, timeoutMs, leftMs: countdown(timeoutMs), sentAt: 0, sends: 0,
      refusals: 0, resends: 0,
    };
    const abort = () => giveUp(request, signal?.reason);
    const timer = timeoutMs < Infinity ? setTimeout(() => giveUp(request, timedOut(request)), timeoutMs) : undefined;
    signal?.addEventListener('abort', abort);
    pending.set(request.id, request);
    pump();
    try {
      return await request.promise;
    } finally {
      clearTimeout(timer);
      signal?.removeEventListener('abort', abort);
    }
  }

  const inFlight = () => [...pending.values()].filter(({ sentAt }) => sentAt > 0);

  /**
   * What is in flight keeps its place until it is answered.
   * @param {Request} request
   * @param {Error} error
   */
  function giveUp(request, error) {
    request.givenUp = true;
    if (request.timer) take(request);
    else if (request.sentAt === 0) pending.delete(request.id);
    request.reject(error);
  }

  /** Sends what waits, as far as there is room. */
  function pump() {
    for (const request of pending.values()) {
      if (request.sentAt > 0) continue;
      if (!isConnected || inFlight().length >= MAX_IN_FLIGHT) return;
      // This may run before the listener of the signal, and after a sleep before the timer.
      if (request.signal?.aborted) giveUp(request, request.signal.reason);
      else if (request.leftMs() <= 0) giveUp(request, timedOut(request));
      else transmit(request);
    }
  }

  /** @param {Request} request */
  function transmit(request) {
    cancelRepeat(request);
    request.sentAt = now();
    request.sends += 1;
    send({ ...request.message, request_id: request.id });
  }

  /** @param {Request} request */
  function cancelRepeat(request) {
    clearTimeout(request.timer);
    request.timer = undefined;
  }

  /** Frees the place of a request. @param {Request} request */
  function take(request) {
    cancelRepeat(request);
    pending.delete(request.id);
    pump();
    return request;
  }

  /**
   * @param {Request} request
   * @param {Frame} frame
   */
  function settle(request, frame) {
    roundTripMs = now() - request.sentAt;
    take(request).resolve({ frame, roundTripMs });
  }

  function up() {
    isConnected = true;
    pump();
  }

  /** What has no answer is sent again on the next connection. */
  function down() {
    isConnected = false;
    for (const request of inFlight()) {
      cancelRepeat(request);
      request.sentAt = 0;
      if (request.givenUp) pending.delete(request.id);
    }
  }

  /** @param {ArbiterError} error */
  function end(error) {
    down();
    ended = error;
    for (const request of pending.values()) take(request).reject(error);
  }

  /** @param {Frame} frame */
  function answer(frame) {
    const request = pending.get(frame.request_id);
    if (request) settle(request, frame);
  }

  /** A snapshot has no request id. It answers every `sync` that was sent. */
  function synced() {
    for (const request of inFlight()) if (request.message.type === 'sync') settle(request, {});
  }

  /**
   * @param {any} id  of the refused request, if the error has one
   * @param {ArbiterError} error
   * @returns {boolean} true if the error is about one of our requests
   */
  function refuse(id, error) {
    const request = id ? pending.get(id) : refusedWithoutId();
    // A request sent twice may be answered twice.
    if (!request) return id > 0 && id <= lastId;
    // The request was sent twice, and this is the second refusal.
    if (request.timer) return true;
    const delay = repeatsAfter(request, error);
    if (delay > 0) {
      request.refusals += 1;
      request.timer = setTimeout(() => transmit(request), delay);
    } else if (error.code === 'not_held' && request.sends > 1) {
      // An earlier copy of this release took effect.
      settle(request, {});
    } else take(request).reject(error);
    return true;
  }

  /**
   * Older servers refuse a `sync` without its id. Any other error without an id may mean that some request is never
   * answered, so all of them are retried sooner.
   */
  function refusedWithoutId() {
    const sync = inFlight().find(({ message, timer }) => message.type === 'sync' && !timer);
    if (!sync) unnamedAt = now();
    return sync;
  }

  /**
   * Milliseconds until the retry of a refused request; 0 if it rejects.
   * @param {Request} request
   * @param {ArbiterError} error
   */
  function repeatsAfter({ message, refusals, givenUp }, { code, temporary }) {
    if (givenUp || refusals >= MAX_REPEATS) return 0;
    if (code === 'outcome_unknown') return backoff(refusals, random);
    return code === 'rate_limited' && temporary && message.type === 'sync' ? SYNC_REPEAT_MS : 0;
  }

  /** Retries requests whose answer is overdue on a live connection; finally rejects them. */
  function resendOverdue() {
    for (const request of inFlight()) {
      const patienceMs = request.sentAt <= unnamedAt ? UNNAMED_WAIT_MS : ANSWER_WAIT_MS;
      if (request.timer || now() - request.sentAt < patienceMs) continue;
      request.resends += 1;
      if (!request.givenUp && request.resends <= MAX_ANSWER_REPEATS) transmit(request);
      else take(request).reject(new ArbiterError('outcome_unknown', `no answer to ${request.sends} attempts`, true));
    }
  }

  return {
    make, up, down, end, answer, synced, refuse, resendOverdue, inFlight, roundTripMs: () => roundTripMs,
  };
}

/** @param {Request} request */
function timedOut({ timeoutMs, sends }) {
  const within = `within ${timeoutMs} ms`;
  const message = sends === 0 ? `not sent ${within}` : `no answer ${within}; the outcome may still arrive`;
  return new ArbiterError('timed_out', message, true);
}

/**
 * @typedef {object} TokenHooks
 * @property {(message: object) => void} send
 * @property {(error: ArbiterError) => void} report
 * @property {(error: ArbiterError, code: number) => void} over  the function gave what is no token
 *
 * @typedef {{ token: string, lifeMs: number, leftMs: Countdown }} LastToken  both times are NaN if unknown
 * @typedef {Deferred<string> & { leftMs: Countdown }} Call  a pending call of the function
 *
 * @typedef {object} Renewal  the next one of a connection
 * @property {string} token  the last one that the server accepted
 * @property {Countdown} lifeLeftMs  of that token
 * @property {Countdown} leftMs  until the renewal is due, or repeated if it was sent
 * @property {string} id  of the message that was sent and is not answered; or ''
 *
 * @typedef {ReturnType<typeof createTokens>} Tokens
 */

/**
 * The player's token, given once or by a function. A function's token is renewed on the connection before it ends. No
 * error contains a token, or the message of what the function threw, because that may contain one.
 * @param {TokenSource | null} source
 * @param {() => number} random
 * @param {TokenHooks} hooks
 */
function createTokens(source, random, { send, report, over }) {
  /** The last one that the function gave. @type {LastToken | undefined} */
  let last;
  /** @type {Call | undefined} */
  let pending;
  let failureIsReported = false;
  /** The last one that was sent. */
  let shown = '';
  /** Undefined without a connection, and if the server asks for no token. @type {Renewal | undefined} */
  let renewal;
  /** Renewals in a row that failed or gained little. */
  let failures = 0;
  let lastId = 0;
  /** Runs for a second at most. @type {ReturnType<typeof setTimeout> | undefined} */
  let timer;

  /** The subprotocols of the next connection; a promise if the function is called first. */
  function protocols() {
    if (source === null) return [];
    if (typeof source === 'string') return show(source);
    return isReusable(last) ? show(last.token) : ask().then(show);
  }

  /** @param {string} token */
  function show(token) {
    shown = token;
    return [PROTOCOL, `bearer.${token}`];
  }

  /**
   * @param {number | undefined} ttlMs  what the token that opened the connection has to live; undefined if the server needs
   *   none
   */
  function up(ttlMs) {
    if (ttlMs === undefined || typeof source !== 'function') return;
    failures = 0;
    accepted(shown, ttlMs);
  }

  function down() {
    clearTimeout(timer);
    renewal = undefined;
  }

  function end() {
    down();
    pending = undefined;
  }

  /** Forgets the token that was sent last. Returns true if there may be another. */
  function expired() {
    if (last?.token === shown) last = undefined;
    return typeof source === 'function';
  }

  /** Gives up what takes too long, and renews the token if that is due. */
  function check() {
    if (pending && pending.leftMs() <= 0) gaveNone(pending);
    if (!renewal) return;
    const leftMs = renewal.leftMs();
    // The link checks again within a second.
    if (leftMs >= TICK_MS) return;
    if (leftMs > 0) checkIn(leftMs);
    else if (renewal.id) repeat(renewal);
    else renew(renewal);
  }

  /** @param {number} ms */
  function checkIn(ms) {
    clearTimeout(timer);
    timer = setTimeout(check, Math.min(ms, TICK_MS));
  }

  /**
   * Schedules the next renewal.
   * @param {string} token
   * @param {number} ttlMs
   */
  function accepted(token, ttlMs) {
    const lifeLeftMs = countdown(ttlMs);
    // Of a token without claims the first time to live counts as its life.
    if (last?.token === token) last = { token, lifeMs: last.lifeMs > ttlMs ? last.lifeMs : ttlMs, leftMs: lifeLeftMs };
    const marginMs = Math.min(RENEW_BEFORE_MS, ttlMs / 4) * (1 + random() / 2);
    const waitMs = Math.max(ttlMs - marginMs, backoff(failures, random));
    renewal = { token, lifeLeftMs, leftMs: countdown(waitMs), id: '' };
    checkIn(waitMs);
  }

  /** @param {Renewal} current */
  async function renew(current) {
    // The call has a timeout of its own.
    current.leftMs = countdown(Infinity);
    try {
      const token = last?.token !== current.token && isReusable(last) ? last.token : await ask();
      if (renewal !== current) return;
      current.leftMs = countdown(ANSWER_WAIT_MS);
      current.id = `token-${++lastId}`;
      shown = token;
      send({ type: 'refresh', token, request_id: current.id });
    } catch {
      if (renewal === current) repeat(current);
    }
  }

  /** @param {Renewal} current */
  function repeat(current) {
    const waitMs = backoff(failures++, random);
    current.leftMs = countdown(waitMs);
    current.id = '';
    checkIn(waitMs);
  }

  /** @param {Frame} frame */
  function refreshed({ request_id, token_ttl_ms }) {
    if (!renewal || renewal.id !== request_id) return;
    const gainMs = token_ttl_ms - Math.max(0, renewal.lifeLeftMs());
    // A function that gives the same token again is called with a backoff.
    failures = gainMs > token_ttl_ms / 2 ? 0 : failures + 1;
    accepted(shown, token_ttl_ms);
  }

  /**
   * @param {string} id
   * @param {ArbiterError} error
   * @returns {boolean} true if the error is about a renewal
   */
  function refuse(id, error) {
    const isOurs = /^token-/.test(id);
    if (isOurs && renewal?.id === id) {
      if (error.temporary) repeat(renewal);
      else {
        down();
        report(error);
      }
    }
    return isOurs;
  }

  /** Calls the function, unless a call is pending. It runs after the caller of `joinRoom` has its room. */
  function ask() {
    if (!pending) {
      const call = (pending = { ...deferred(), leftMs: countdown(TOKEN_WAIT_MS) });
      Promise.resolve().then(/** @type {() => string | Promise<string>} */ (source))
        .then((token) => gave(call, token), () => gaveNone(call));
    }
    return pending.promise;
  }

  /**
   * @param {Call} call
   * @param {unknown} token
   */
  function gave(call, token) {
    if (pending !== call) return;
    pending = undefined;
    try {
      checkToken(token);
    } catch (error) {
      return over(new ArbiterError('unauthorized', /** @type {Error} */ (error).message, false), 4001);
    }
    failureIsReported = false;
    const lifeMs = lifeOf(token);
    // It may have been made when the call began.
    last = { token, lifeMs, leftMs: countdown(lifeMs - TOKEN_WAIT_MS + call.leftMs()) };
    call.resolve(token);
  }

  /** @param {Call} call */
  function gaveNone(call) {
    if (pending !== call) return;
    pending = undefined;
    const error = new ArbiterError('token_unavailable', 'the token function failed or took too long', true);
    if (!failureIsReported) report(error);
    failureIsReported = true;
    call.reject(error);
  }

  /** @param {string} text */
  const redact = (text) => (shown ? text.replaceAll(shown, '***') : text);

  return { protocols, up, down, end, expired, check, refreshed, refuse, redact };
}

/**
 * True if a token lives long enough for another connection. False if its life is unknown.
 * @param {LastToken | undefined} token
 * @returns {token is LastToken}
 */
function isReusable(token) {
  return token !== undefined && token.leftMs() > Math.min(REUSE_MS, token.lifeMs / 2);
}

/**
 * @typedef {{ code: number, reason: string, retryInMs?: number }} Why  no `retryInMs` while suspended
 * @typedef {object} LinkHooks
 * @property {(base: string) => string} address  the URL to connect to, for the given server
 * @property {(frame: Frame) => void} receive
 * @property {(why: Why) => void} down  the connection was lost and will be retried
 * @property {(error: ArbiterError, code: number, reason?: string) => void} over  the room is closed for good: by the server,
 *   or because there was no connection for `giveUpAfterMs`
 *
 * @typedef {ReturnType<typeof createLink>} Link
 */

/**
 * Maintains one connection. Decides from the close code when to reconnect, and detects a dead network. Its state is
 * waiting (`retry`), dialling, connected (`sinceWelcome`) or stopped (`stopped`), and ends at the latest after `leftMs()`.
 * @param {string[]} bases
 * @param {{ Socket: SocketClass, random: () => number, giveUpAfterMs: number }} options
 * @param {Requests} requests
 * @param {Tokens} tokens
 * @param {LinkHooks} hooks
 */
function createLink(bases, { Socket, random, giveUpAfterMs }, requests, tokens, { address, receive, down, over }) {
  /** The index of the current server. */
  let node = 0;
  /** Attempts since the last stable connection. */
  let failures = 0;
  /** @type {'suspended' | 'closed' | undefined} */
  let stopped;
  /** Why the link waits for the next attempt. @type {Why | undefined} */
  let retry;
  /** Whether the last stable connection was followed by one whose token had expired. */
  let tokenHasExpired = false;
  /** The subprotocols that the current attempt waits for. @type {Promise<string[]> | undefined} */
  let protocols;
  /** @type {SocketLike | undefined} */
  let socket;
  let sinceDial = stopwatch();
  /** Until a delay may be shortened again. */
  let redialLeftMs = countdown(0);
  /** @type {(() => number) | undefined} */
  let sinceWelcome;
  /** Since when there is no connection, for `giveUpAfterMs`. */
  let sinceDown = stopwatch();
  let sinceHeard = stopwatch();
  /** The last ping of the link itself; '' once there was a sign of life. */
  let pingId = '';
  let sincePing = stopwatch();
  /** 1 if that ping is a probe, 2 if it is the second one because the machine slept during the first. */
  let probes = 0;
  let lastPing = 0;
  let idleSilenceMs = 0;
  let probeWaitMs = 0;
  /** Until the state ends: the wait, the handshake, or a connection whose ping has no answer. */
  let leftMs = countdown(Infinity);
  /** The only timer, and until when it is due. @type {ReturnType<typeof setTimeout> | undefined} */
  let timer;
  let dueInMs = leftMs;

  function dial() {
    retry = undefined;
    const ready = tokens.protocols();
    if (Array.isArray(ready)) return open(ready);
    protocols = ready;
    endStateIn(Infinity);
    ready.then(
      (known) => protocols === ready && open(known),
      () => protocols === ready && wait(backoff(failures++, random), { code: 1006, reason: 'no token' }),
    );
  }

  /** @param {string[]} known */
  function open(known) {
    sinceDial = stopwatch();
    try {
      const opened = (socket = new Socket(address(bases[node]), known));
      endStateIn(WELCOME_WAIT_MS);
      opened.onmessage = (/** @type {{ data: unknown }} */ { data }) => hear(data);
      opened.onclose = (/** @type {{ code: number, reason: string }} */ { code, reason }) => lose(code, reason);
      opened.onerror = () => setTimeout(() => socket === opened && lose(1006, ''), CLOSE_AFTER_ERROR_MS);
    } catch (error) {
      lose(1006, `cannot connect: ${tokens.redact(/** @type {Error} */ (error).message)}`);
    }
  }

  /** @param {object} message */
  function send(message) {
    socket?.send(JSON.stringify(message));
  }

  /** Closes for good. */
  function close() {
    stopped = 'closed';
    drop('left');
  }

  /**
   * Closes until `resume()`. An open connection keeps a page out of the back/forward cache, and breaks if it freezes.
   */
  function suspend() {
    if (stopped) return;
    stopped = 'suspended';
    drop('suspended');
    down({ code: 1001, reason: 'suspended' });
  }

  function resume() {
    if (stopped !== 'suspended') return wake();
    stopped = undefined;
    sinceDown = stopwatch();
    if (retry && isBusy(retry.code) && leftMs() > 0) wait(leftMs(), retry);
    else dial();
  }

  /**
   * Called when the machine may have slept, the network changed or the page is shown again. Probes a connection,
   * restarts a handshake that may hang, and shortens a delay, unless the server has set it.
   */
  function wake() {
    if (stopped) return;
    sinceDown = stopwatch();
    if (sinceWelcome) {
      probe();
      tokens.check();
    } else if (retry) {
      const soonMs = Math.max(0, redialLeftMs());
      if (isBusy(retry.code) || soonMs >= leftMs()) return;
      redialLeftMs = countdown(soonMs + REDIAL_MS);
      wait(soonMs, retry);
    } else if (sinceDial() >= REDIAL_MS) {
      drop('');
      dial();
    }
  }

  /** Called with each request, because after a sleep it may run before any timer. */
  function checkWake() {
    if (dueInMs() < -LATE_MS) wake();
  }

  /**
   * @param {number} ms
   * @param {Why} why
   */
  function wait(ms, { code, reason }) {
    const retryInMs = Math.round(ms);
    retry = { code, reason };
    endStateIn(retryInMs);
    down({ code, reason, retryInMs });
  }

  /** @param {number} ms */
  function endStateIn(ms) {
    leftMs = countdown(ms);
    schedule();
  }

  /** Schedules the next tick, within a second. */
  function schedule() {
    clearTimeout(timer);
    const ms = Math.max(0, Math.min(leftMs(), patienceMs(), TICK_MS));
    dueInMs = countdown(ms);
    timer = setTimeout(tick, ms);
  }

  /** Milliseconds until the room is given up. */
  function patienceMs() {
    return sinceWelcome ? Infinity : giveUpAfterMs - sinceDown();
  }

  function tick() {
    checkWake();
    // A listener of `state` may have stopped the link.
    if (stopped) return;
    if (patienceMs() <= 0) {
      return over(new ArbiterError('unreachable', `no connection for ${giveUpAfterMs} ms`, true), 1006);
    }
    if (leftMs() > 0) schedule();
    else if (retry) dial();
    else lose(1006, sinceWelcome ? 'no sign of life' : 'no welcome in time');
    if (sinceWelcome) watch();
    tokens.check();
  }

  /** Pings after a silence, to detect half-open connections. */
  function watch() {
    const patienceMs = Math.min(idleSilenceMs, requests.inFlight().length > 0 ? BUSY_SILENCE_MS : Infinity);
    if (!pingId && sinceHeard() >= patienceMs) ping(PONG_WAIT_MS);
    requests.resendOverdue();
  }

  /** Sends a ping with a short timeout. A pending probe keeps its deadline, unless the machine slept through it. */
  function probe() {
    if (probes > 1 || (probes > 0 && leftMs() > 0)) return schedule();
    probes += 1;
    ping(probeWaitMs);
  }

  /** @param {number} waitMs */
  function ping(waitMs) {
    pingId = `alive-${++lastPing}`;
    sincePing = stopwatch();
    send({ type: 'ping', request_id: pingId });
    endStateIn(waitMs);
  }

  /** Any frame is a sign of life, unless it may have been buffered before a sleep. @param {unknown} data */
  function hear(data) {
    sinceHeard = stopwatch();
    const frame = decode(data);
    if (frame.type === 'welcome') welcomed(frame.ping_interval_ms);
    else if (pingId && (frame.request_id === pingId || sincePing() > STALE_MS)) isAlive();
    // The rest is the answer to a ping of the link.
    if (sinceWelcome && !/^alive-/.test(frame.request_id)) receive(frame);
  }

  /** @param {number} pingIntervalMs */
  function welcomed(pingIntervalMs) {
    sinceWelcome = sinceHeard;
    idleSilenceMs = IDLE_SILENCE_FACTOR * (pingIntervalMs > 0 ? pingIntervalMs : DEFAULT_PING_INTERVAL_MS);
    probeWaitMs = Math.min(MAX_PROBE_WAIT_MS, Math.max(PROBE_WAIT_MS, sinceDial()));
    isAlive();
  }

  function isAlive() {
    pingId = '';
    probes = 0;
    endStateIn(Infinity);
  }

  /**
   * @param {number} code
   * @param {string} text
   */
  function lose(code, text) {
    const { reason, message, retryAfterMs } = decodeReason(code, text);
    const lastedMs = sinceWelcome ? sinceWelcome() : -1;
    if (sinceWelcome) sinceDown = stopwatch();
    drop('');
    if ((code >= 4000 && code < 4100) || (code === TOKEN_EXPIRED && !tokens.expired())) {
      return over(new ArbiterError(CLOSE_REASONS[code] ?? 'closed', message, false), code, reason);
    }
    if (lastedMs >= STABLE_MS) {
      failures = 0;
      tokenHasExpired = false;
    }
    const ms = delay(code, retryAfterMs);
    if (code === TOKEN_EXPIRED) tokenHasExpired = true;
    else if (lastedMs < 0 || isBusy(code)) node = (node + 1) % bases.length;
    failures += 1;
    wait(ms, { code, reason });
  }

  /**
   * @param {number} code
   * @param {number | undefined} retryAfterMs
   */
  function delay(code, retryAfterMs) {
    const jitter = random() * AT_ONCE_JITTER_MS;
    if (isBusy(code) && retryAfterMs !== undefined) return Math.min(retryAfterMs, MAX_RETRY_AFTER_MS) + jitter;
    if (code === TOKEN_EXPIRED && !tokenHasExpired) return jitter;
    const atOnce = code === 1006 || (code >= 4200 && code < 4300);
    // Every node is tried once before the backoff begins.
    return atOnce && failures < bases.length ? jitter : backoff(failures, random);
  }

  /** @param {string} reason */
  function drop(reason) {
    clearTimeout(timer);
    dueInMs = countdown(Infinity);
    const dropped = socket;
    socket = protocols = sinceWelcome = undefined;
    pingId = '';
    probes = 0;
    if (!dropped) return;
    // `onerror` stays, because some socket classes throw an error that has no listener.
    dropped.onmessage = dropped.onclose = null;
    dropped.close(1000, reason);
  }

  return { base: () => bases[node], dial, send, lose, close, suspend, resume, wake, checkWake };
}

/**
 * Listens to the events of the page and the network. Node, Deno and Bun have none of them, and workers only those of the
 * network; there, only a late timer reveals a sleep.
 * @param {Link} link
 * @returns {() => void} removes the listeners
 */
function listenToPage({ wake, suspend, resume }) {
  const { window = globalThis, document } = /** @type {any} */ (globalThis);
  /** `persisted`: the page enters or leaves the back/forward cache. @param {() => void} act */
  const ifPersisted = (act) => (/** @type {{ persisted: boolean }} */ { persisted }) => persisted && act();
  const listeners = [
    [window, 'online', wake],
    // Connections within the machine or the local network may survive, so they are probed, not closed.
    [window, 'offline', wake],
    [window, 'pagehide', ifPersisted(suspend)],
    [window, 'pageshow', ifPersisted(resume)],
    [document, 'visibilitychange', () => document.visibilityState !== 'hidden' && wake()],
    [document, 'freeze', suspend],
    [document, 'resume', resume],
  ];
  for (const [target, event, listener] of listeners) target?.addEventListener?.(event, listener);
  return () => {
    for (const [target, event, listener] of listeners) target?.removeEventListener?.(event, listener);
  };
}

/**
 * @template T
 * @typedef {{ promise: Promise<T>, resolve: (value: T) => void, reject: (error: Error) => void }} Deferred
 */

/** A promise and what settles it. */
function deferred() {
  const parts = /** @type {Deferred<any>} */ ({});
  parts.promise = new Promise((resolve, reject) => Object.assign(parts, { resolve, reject }));
  return parts;
}

const now = () => performance.now();

/** @typedef {ReturnType<typeof countdown>} Countdown */

/**
 * Returns a function that tells how many milliseconds have passed, a sleep of the machine included. `performance.now` stops
 * during sleep on some platforms, and `Date.now` can be set back. The larger age counts, because a needless probe is
 * harmless.
 */
function stopwatch() {
  const steady = now();
  const wall = Date.now();
  return () => Math.max(now() - steady, Date.now() - wall);
}

/**
 * Returns a function that tells how many of `ms` milliseconds are left; negative once they have passed.
 * @param {number} ms
 */
function countdown(ms) {
  const ageMs = stopwatch();
  return () => ms - ageMs();
}

/**
 * Codes that ask to reconnect later: draining, store away, full, too fast. With another token it need not be later.
 * @param {number} code
 */
function isBusy(code) {
  return code >= 4100 && code < 4200 && code !== TOKEN_EXPIRED;
}

/**
 * Exponential backoff up to a cap. Half of it is jitter, so that clients do not reconnect in one wave.
 * @param {number} failures
 * @param {() => number} random
 */
function backoff(failures, random) {
  return Math.min(BACKOFF_CAP_MS, BACKOFF_FIRST_MS * 2 ** failures) * (0.5 + random() / 2);
}

/** An object whose keys are not `snake_case`. @param {object} given @returns {any} */
function camelCase(given) {
  const name = (/** @type {string} */ key) => key.replace(/_./g, (pair) => pair[1].toUpperCase());
  return Object.fromEntries(Object.entries(given).map(([key, value]) => [name(key), value]));
}

/** A newer server may send what this version cannot decode: that is empty. @param {unknown} data @returns {Frame} */
function decode(data) {
  try {
    return JSON.parse(/** @type {string} */ (data)) ?? {};
  } catch {
    return {};
  }
}

/**
 * @param {number} code
 * @param {string} text  JSON if the server itself closed, otherwise arbitrary
 * @returns {{ reason: string, message: string, retryAfterMs?: number }}
 */
function decodeReason(code, text) {
  let reason = CLOSE_REASONS[code] ?? text;
  let details = '';
  let retryAfterMs;
  try {
    const { retry_after_ms, message } = JSON.parse(text);
    reason = CLOSE_REASONS[code] ?? '';
    if (message) details = `: ${message}`;
    if (retry_after_ms >= 0) retryAfterMs = retry_after_ms;
  } catch { /* the text is the reason */ }
  return { reason, retryAfterMs, message: `the server closed the room for good: ${code} ${reason}${details}` };
}

/** @param {string | URL} url  with `http:` or `https:`, too @returns {string} without a slash at the end */
function baseAddress(url) {
  try {
    const [, rest] = /** @type {RegExpExecArray} */ (/^(?:ws|http)(s?:[^?#]*?)\/*$/.exec(new URL(url).href));
    return `ws${rest}`;
  } catch {
    throw new TypeError(
      `"${url}" is not the address of a server: use ws, wss, http or https and no query, like ws://127.0.0.1:8080`,
    );
  }
}

/**
 * @param {unknown} fits
 * @param {string} message
 * @returns {asserts fits}
 */
function check(fits, message) {
  if (!fits) throw new TypeError(message);
}

/**
 * @param {boolean} fits
 * @param {string} what
 * @param {unknown} name
 * @param {string} rule  how many characters at most, and which
 */
function checkFits(fits, what, name, rule) {
  check(fits, `${what} ${JSON.stringify(name)} is not a name: use 1-${rule}`);
}

/**
 * Checks the name of a room, an asset or a player.
 * @param {string} what
 * @param {unknown} name
 */
function checkName(what, name) {
  const [most, more] = what === 'player' ? [128, '|@+=~'] : [64, ''];
  const characters = `A-Za-z0-9_.:${more}-`;
  const fits = typeof name === 'string' && new RegExp(`^(?!\\.\\.?$)[${characters}]{1,${most}}$`).test(name);
  checkFits(fits, what, name, `${most} characters of ${characters}, not "." or ".."`);
}

/**
 * @param {AbortSignal | undefined} signal
 * @param {unknown} timeoutMs
 */
function checkPatience(signal, timeoutMs) {
  check(signal === undefined || signal?.addEventListener, 'signal must be an AbortSignal');
  const fits = typeof timeoutMs === 'number' && timeoutMs > 0 && (timeoutMs <= MAX_TIMER_MS || timeoutMs === Infinity);
  check(fits, `timeoutMs must be above 0 and at most ${MAX_TIMER_MS}, or Infinity`);
}

/** What a subprotocol may consist of, beside letters and digits. */
const TOKEN_SYMBOLS = "!#$%&'*+.^_`|~-";

/** The error does not show the token. @param {unknown} token @returns {asserts token is string} */
function checkToken(token) {
  check(typeof token === 'string' && new RegExp(`^[A-Za-z0-9${TOKEN_SYMBOLS}]+$`).test(token),
    `token must be a string of letters, digits and ${TOKEN_SYMBOLS}, like a JWT; this is ${typeof token}`);
}

/**
 * The life of a JWT in milliseconds, by its claims; NaN for another token. Only their difference counts, because the
 * page's clock may be wrong.
 * @param {string} token
 */
function lifeOf(token) {
  try {
    const { iat, exp } = JSON.parse(atob(token.split('.')[1].replaceAll('-', '+').replaceAll('_', '/')));
    return (exp - iat) * 1000;
  } catch {
    return NaN;
  }
}

/** Without controls, and what breaks a line or sets the direction of text. */
const DISPLAY_NAME = /^[^\p{Cc}\p{Zl}\p{Zp}\p{Bidi_C}]{1,64}$/u;

/**
 * @param {unknown} name
 * @param {unknown} player
 */
function checkDisplayName(name, player) {
  check(player !== null, 'name needs a player: give player, too');
  const fits = typeof name === 'string' && name.trim() === name && DISPLAY_NAME.test(name.normalize('NFC'));
  checkFits(fits, 'name', name, '64 characters, printable and without outer spaces');
}
