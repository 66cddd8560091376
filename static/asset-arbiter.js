// @ts-check
/**
 * asset-arbiter, the client library: one ES module without dependencies, for browsers and Node.
 *
 *     import { joinRoom } from '/asset-arbiter.js';
 *     const room = joinRoom(location.origin, { room: 'lobby', player: 'ada' });
 *     room.on('granted', ({ asset, player }) => console.log(`${player} has the ${asset}`));
 *     const { granted, remaining } = await room.select('sword');
 *
 * A room keeps itself connected. After a drop it resumes where it was and repeats every request that
 * has no answer yet, which is safe because a player holds at most one unit of an asset. After the machine
 * slept, or the network came back, it asks the server for a sign of life and connects anew without one. A page
 * that is frozen, or kept to go back to, closes its connection and resumes when it is shown again.
 *
 * Read from the top: what a caller uses, then `View` (what is known of the room), `Requests` (what waits
 * for an answer), `Link` (the connection and when to come back), `Surroundings` (what page and machine tell),
 * then small helpers.
 *
 * @module asset-arbiter
 */

/** Requests sent and not answered; the server reads no more than this ahead of its own answers. */
const MAX_IN_FLIGHT = 64;
/** Requests that wait for a connection or a free place; a caller beyond that hears `limit_reached`. */
const MAX_WAITING = 1024;
/** How often a request is repeated whose outcome the server does not know, before the caller hears of it. */
const MAX_OUTCOME_REPEATS = 5;
/** A server sends a whole snapshot once a second at most: a refused `sync` is repeated after this, so often. */
const SYNC_REPEAT_MS = 1_100;
const MAX_SYNC_REPEATS = 5;
/**
 * An answer that has not come by then on a connection that lives is lost: the request is repeated, so often. The server
 * answers within its select deadline, 5 s unless set otherwise.
 */
const ANSWER_WAIT_MS = 30_000;
const MAX_ANSWER_REPEATS = 4;
/** The same after an error that names no request, because it may have been the answer. */
const UNNAMED_WAIT_MS = 2_000;
/** Removed assets whose last revision is remembered, so that a late frame cannot revive them. */
const MAX_REMOVED = 4096;
/** Room frames kept while the parts of a snapshot arrive; one room log is 512 frames by default. */
const MAX_BETWEEN_PARTS = 1024;
/** An asset lists its first holders only, as the server does. */
const MAX_HOLDERS = 32;

/** Spreads the clients that lost the same server, yet feels immediate. */
const AT_ONCE_JITTER_MS = 100;
const BACKOFF_FIRST_MS = 250;
const BACKOFF_CAP_MS = 10_000;
/** A longer wait than this is a mistake of the server, and timers cannot hold more than 24 days. */
const MAX_RETRY_AFTER_MS = 3_600_000;
/** A connection that lived this long was a success: the next drop is a first failure again. */
const STABLE_MS = 1_000;
/** From dialling to `welcome`; also heals a handshake that hangs. */
const WELCOME_WAIT_MS = 10_000;
/** From our ping to any sign of life. Above the server's select deadline (5 s): a full server answers that first. */
const PONG_WAIT_MS = 10_000;
/** Silence that is suspicious while requests wait: a little more than the server's select deadline. */
const BUSY_SILENCE_MS = 6_000;
/** Silence that is suspicious otherwise, as a multiple of the server's ping interval. */
const IDLE_SILENCE_FACTOR = 1.2;
const DEFAULT_PING_INTERVAL_MS = 25_000;
/** No timer of a connection is set for longer, so that each state of it notices within that time that the machine slept. */
const TICK_MS = 1_000;
/** A timer that is later than this is taken for a wake-up from sleep. Busy pages and hidden ones are late by less. */
const LATE_MS = 2_000;
/**
 * From our ping to its pong after a wake-up, or a change of the network. It is longer where connecting took longer,
 * which is several round trips, and never longer than the second.
 */
const PROBE_WAIT_MS = 1_000;
const MAX_PROBE_WAIT_MS = 3_000;
/** What arrives this soon after such a ping may have waited in the machine since before its sleep. */
const STALE_MS = 250;
/** A wake-up leaves a handshake alone that is younger, and dials no sooner after the last one that did. */
const REDIAL_MS = 1_000;
/** Some runtimes (Node 22.0 to 22.8) report a failed connection by `error` alone, without a `close`. */
const CLOSE_AFTER_ERROR_MS = 100;

/** Words for people; what to do follows from the code's range alone. @type {Record<number, string>} */
const CLOSE_REASONS = {
  4001: 'unauthorized', 4003: 'forbidden', 4004: 'room_removed', 4008: 'protocol_violation',
  4100: 'draining', 4101: 'store_away', 4113: 'full', 4129: 'too_fast', 4200: 'too_slow',
};

/**
 * @typedef {{ player: string, at: number }} Holder  `at` in Unix milliseconds
 * @typedef {Readonly<{ asset: string, units: number, remaining: number, revision: number, held: number,
 *   holders: ReadonlyArray<Holder> }>} Asset  `holders`: the first 32 at most; every change makes a new object
 * @typedef {Readonly<{ count: number, names: ReadonlyArray<string> }>} Players  `names` is empty in large rooms
 * @typedef {'connecting' | 'connected' | 'reconnecting' | 'closed'} State
 * @typedef {{ asset: string, granted: boolean, alreadyHeld: boolean, reason: string | null, remaining: number,
 *   revision: number, latencyMs: number }} Selection  `latencyMs`: from the call to its answer
 * @typedef {{ asset: string, released: true, remaining: number | null, revision: number | null }} Release
 *
 * @typedef {object} RoomEvents
 * @property {{ asset: string, player: string, units: number, remaining: number, revision: number, at: number,
 *   mine: boolean }} granted
 * @property {{ asset: string, player: string, remaining: number, revision: number, mine: boolean }} released
 * @property {{ asset: string, units: number, remaining: number, revision: number, removed: boolean }} changed
 *   created, restocked or removed
 * @property {{ count: number, names: ReadonlyArray<string>, joined?: string, left?: string }} players
 * @property {{ recovered: false }} snapshot  assets, held and players were replaced as a whole
 * @property {{ state: State, code?: number, reason?: string, retryInMs?: number, recovered?: boolean }} state
 *   with code 1001 and reason `suspended` the page sleeps, and the room comes back with it
 * @property {{ code: string, message: string, temporary: boolean }} error  belongs to no pending request
 *
 * @typedef {object} SocketLike  what is used of a WebSocket
 * @property {(text: string) => void} send
 * @property {(code?: number, reason?: string) => void} close
 * @property {any} onmessage
 * @property {any} onclose
 * @property {any} onerror
 * @typedef {new (url: string) => SocketLike} SocketClass
 *
 * @typedef {object} JoinOptions
 * @property {string} room  1-64 characters of `A-Za-z0-9_.:-`
 * @property {string} [player]  a name of the same form; without one you are an observer
 * @property {string} [token]  proves who the player is, where the server asks for it
 * @property {SocketClass} [WebSocket]  needed where there is no global one (Node 20)
 * @property {() => number} [random]  0 <= n < 1, for the jitter of every delay
 *
 * @typedef {Record<string, any>} Frame  one decoded message of the server
 */

/**
 * Joins a room; the connection is made in the background and kept until `leave()`.
 *
 * @param {string | URL | ReadonlyArray<string | URL>} url  `ws:`, `wss:`, `http:` or `https:` address of the server, or
 *   several: the nodes of one deployment, of which the next is tried when one fails
 * @param {JoinOptions} options
 * @returns {Room}
 * @throws {TypeError} when an argument is not usable
 */
export function joinRoom(url, options) {
  const { room, player, token, random = Math.random } = options ?? {};
  checkName('room', room);
  if (player !== undefined && player !== null) checkName('player', player);
  if (token !== undefined && token !== null && typeof token !== 'string') throw new TypeError('token must be a string');
  if (typeof random !== 'function') throw new TypeError('random must be a function that returns 0 <= n < 1');
  const bases = (Array.isArray(url) ? url : [url]).map(baseAddress);
  if (bases.length === 0) throw new TypeError('url must name at least one server, for example ws://127.0.0.1:8080');
  const Socket = options.WebSocket ?? /** @type {any} */ (globalThis).WebSocket;
  if (typeof Socket !== 'function') {
    throw new Error('there is no WebSocket here: hand in a class, as in joinRoom(url, { room, WebSocket })');
  }
  return new Room(bases, { room, player: player ?? null, token: token ?? null, Socket, random });
}

/**
 * What a request is refused with. Every request is answered or refused in the end. By itself the room repeats:
 * - everything that has no answer when a connection is lost, or no answer for 30 s on one that lives;
 * - `outcome_unknown`, five times within about 8 s;
 * - a `sync` that is `rate_limited`, five times, every 1.1 s.
 *
 * Everything else is for the caller to decide, also a `select`, `release` or `ping` that is `rate_limited`.
 *
 * `code` is one of the protocol's, `left` after `leave()`, or why the server closed the
 * room for good: `unauthorized`, `forbidden`, `room_removed`, `protocol_violation`, `closed`.
 */
export class ArbiterError extends Error {
  /**
   * @param {string} code
   * @param {string} message
   * @param {boolean} temporary  whether the same request may succeed later
   */
  constructor(code, message, temporary) {
    super(message);
    this.name = 'ArbiterError';
    this.code = code;
    this.temporary = temporary;
  }
}

/** A room as one player or observer sees it. Made by `joinRoom`. */
class Room {
  #emitter = new Emitter();
  #view;
  #requests;
  #link;
  #surroundings;
  /** The `sync` under way. @type {Promise<void> | null} */
  #syncing = null;
  /** @type {State} */
  #state = 'connecting';
  #welcomed = false;
  /** @type {number | null} */
  #serverTimeOffsetMs = null;
  #firstWelcome = /** @type {ReturnType<typeof deferred<Room>>} */ (deferred());

  /**
   * @param {string[]} bases
   * @param {{ room: string, player: string | null, token: string | null, Socket: SocketClass,
   *   random: () => number }} given
   */
  constructor(bases, { room, player, token, Socket, random }) {
    /** The room's name. */
    this.name = room;
    /** Resolves on the first welcome; rejects when the room is closed for good before. */
    this.ready = this.#firstWelcome.promise;
    this.ready.catch(() => {}); // whoever does not look at it shall not hear of an unhandled rejection
    this.#view = new View(player, (event, detail) => this.#emitter.emit(event, detail));
    this.#requests = new Requests((message) => this.#link.send(message), random);
    this.#link = new Link(bases, Socket, random, {
      address: (base) => roomAddress(base, room, { player, token, ...this.#view.position() }),
      frame: (frame) => this.#receive(frame),
      busy: () => this.#requests.inFlight > 0,
      alive: () => this.#requests.chase(),
      down: (why) => this.#down(why),
      over: (why) => this.#end(errorOf(why), why),
    });
    this.#surroundings = new Surroundings({
      wake: () => this.#link.wake(),
      suspend: () => this.#link.suspend(),
      resume: () => this.#link.resume(),
    });
    this.#link.dial();
  }

  /** All assets as now known. @returns {ReadonlyMap<string, Asset>} */
  get assets() { return this.#view.assets; }
  /** The assets this player holds. @returns {ReadonlySet<string>} */
  get held() { return this.#view.held; }
  /** Who is here. @returns {Players} */
  get players() { return this.#view.players; }
  /** Who we are: the name given, or the one the server read from the token; null for an observer. */
  get player() { return this.#view.player; }
  /** @returns {State} */
  get state() { return this.#state; }
  /** The server in use. */
  get url() { return this.#link.base; }
  /** The last measured round trip of a ping or another request, in milliseconds. */
  get latencyMs() { return this.#requests.roundTripMs; }
  /** An estimate of the server's clock minus ours, in milliseconds; best after a `ping()`. */
  get serverTimeOffsetMs() { return this.#serverTimeOffsetMs; }

  /**
   * Asks for one unit of an asset. A denial resolves with `granted: false`.
   * @param {string} asset
   * @returns {Promise<Selection>}
   */
  async select(asset) {
    checkName('asset', asset);
    const { frame, waitedMs } = await this.#ask('select_asset', asset);
    const { granted, already_held, reason, remaining, revision } = frame;
    const alreadyHeld = already_held === true;
    return { asset, granted, alreadyHeld, reason: reason ?? null, remaining, revision, latencyMs: waitedMs };
  }

  /**
   * Gives a unit back. Rejects with `not_held` when there was none.
   * @param {string} asset
   * @returns {Promise<Release>}
   */
  async release(asset) {
    checkName('asset', asset);
    const { frame } = await this.#ask('release_asset', asset);
    const known = this.assets.get(asset);
    const { remaining = known?.remaining ?? null, revision = known?.revision ?? null } = frame;
    return { asset, released: true, remaining, revision };
  }

  /**
   * Asks for the whole state once more; resolves when it has been applied. Calls made meanwhile share that snapshot.
   * @returns {Promise<void>}
   */
  sync() {
    this.#syncing ??= this.#ask('sync').then(() => {}).finally(() => (this.#syncing = null));
    return this.#syncing;
  }

  /** Measures a round trip, in milliseconds. @returns {Promise<number>} */
  async ping() {
    const { frame, roundTripMs } = await this.#ask('ping');
    this.#serverTimeOffsetMs = frame.server_time + roundTripMs / 2 - Date.now();
    return roundTripMs;
  }

  /** Closes for good; whatever still waits is rejected with the code `left`. */
  leave() {
    this.#link.close();
    this.#end(new ArbiterError('left', 'this room was left', false), { code: 1000, reason: 'left' });
  }

  /**
   * @template {keyof RoomEvents} E
   * @param {E} event
   * @param {(detail: RoomEvents[E]) => void} listener
   * @returns {() => void} takes the listener off again
   */
  on(event, listener) {
    this.#emitter.of(event).add(listener);
    return () => this.off(event, listener);
  }

  /**
   * @template {keyof RoomEvents} E
   * @param {E} event
   * @param {(detail: RoomEvents[E]) => void} listener
   */
  off(event, listener) {
    this.#emitter.of(event).delete(listener);
  }

  /**
   * @param {string} type
   * @param {string} [asset]
   */
  #ask(type, asset) {
    const answer = this.#requests.make(type, asset);
    this.#link.look(); // afterwards: of the messages a server allows, the request is to get the first
    return answer;
  }

  /** @param {Frame} frame */
  #receive(frame) {
    try {
      this.#route(frame);
    } catch (error) {
      const message = `cannot make sense of a ${frame.type}: ${/** @type {Error} */ (error).message}`;
      this.#emitter.emit('error', { code: 'bad_message', message, temporary: false });
    }
  }

  /** @param {Frame} frame */
  #route(frame) {
    switch (frame.type) {
      case 'welcome': return this.#welcome(frame);
      case 'selection': case 'release': this.#view.foresee(frame); return this.#requests.answer(frame);
      case 'pong': return this.#requests.answer(frame);
      case 'error': return this.#refusal(frame);
      default: if (typeof frame.offset === 'number') this.#apply(frame);
    }
  }

  /** @param {Frame} frame */
  #welcome(frame) {
    this.#view.welcome(frame);
    this.#state = 'connected';
    this.#welcomed = true;
    this.#serverTimeOffsetMs ??= frame.server_time - Date.now();
    this.#requests.up();
    this.#emitter.emit('state', { state: 'connected', recovered: frame.recovered });
    if (!frame.recovered) this.#emitter.emit('snapshot', { recovered: false });
    this.#firstWelcome.resolve(this);
  }

  /** @param {Frame} frame */
  #apply(frame) {
    const outcome = this.#view.apply(frame);
    if (outcome === 'replaced') this.#requests.synced();
    if (outcome === 'lost') this.#link.reset('lost track of a snapshot');
  }

  /** @param {Frame} frame */
  #refusal({ request_id, code, message, temporary }) {
    const error = { code, message, temporary: temporary === true };
    if (!this.#requests.refuse(request_id, error)) this.#emitter.emit('error', error);
  }

  /** @param {{ code: number, reason: string, retryInMs?: number }} why */
  #down(why) {
    this.#requests.down();
    this.#state = this.#welcomed ? 'reconnecting' : 'connecting';
    this.#emitter.emit('state', { state: this.#state, ...why });
  }

  /**
   * @param {ArbiterError} error
   * @param {{ code: number, reason: string }} why
   */
  #end(error, why) {
    if (this.#state === 'closed') return;
    this.#state = 'closed';
    this.#surroundings.stop();
    this.#requests.end(error);
    this.#firstWelcome.reject(error);
    this.#emitter.emit('state', { state: 'closed', ...why });
  }
}

/** What is known of a room: only room frames, `welcome` and `snapshot` change it. */
class View {
  /** @type {Map<string, Asset>} */
  assets = new Map();
  /** @type {Set<string>} */
  held = new Set();
  /** @type {Players} */
  players = { count: 0, names: [] };
  #emit;
  /** @type {string | null} */
  #epoch = null;
  /** The last room frame applied; null while resuming from it would leave something out. @type {number | null} */
  #offset = null;
  /** Whether `players.names` is complete; large rooms tell the count alone. */
  #named = false;
  /** Last revision of removed assets. @type {Map<string, number>} */
  #removed = new Map();
  /** A snapshot of several parts on its way. @type {{ parts: Frame[], later: Frame[] } | null} */
  #assembly = null;

  /**
   * @param {string | null} player
   * @param {(event: keyof RoomEvents, detail: any) => void} emit
   */
  constructor(player, emit) {
    this.player = player;
    this.#emit = emit;
  }

  /** Where to resume, for the address of the next connection. @returns {Record<string, string | number>} */
  position() {
    return this.#epoch === null || this.#offset === null ? {} : { epoch: this.#epoch, offset: this.#offset };
  }

  /** @param {Frame} frame */
  welcome(frame) {
    this.player = frame.player ?? this.player;
    this.#assembly = null;
    if (frame.recovered) return; // all stays, our own offset too: the missed frames follow
    this.#replace(frame);
    this.#epoch = frame.epoch;
    // A large state follows as snapshot parts. Cut off before them, we must not resume as if we had them.
    this.#offset = frame.assets.length > 0 ? frame.offset : null;
  }

  /**
   * Takes a frame of the room, unless it is known already.
   * @param {Frame} frame
   * @returns {'applied' | 'replaced' | 'lost'} `lost`: only a fresh welcome can help
   */
  apply(frame) {
    if (frame.type === 'snapshot') return this.#assemble(frame);
    if (this.#assembly) return this.#postpone(this.#assembly, frame);
    const repeated = this.#offset !== null && frame.offset <= this.#offset;
    if (!repeated) this.#offset = frame.offset;
    if (typeof frame.asset === 'string' ? this.#isNewer(frame) : !repeated) this.#change(frame);
    return 'applied';
  }

  /**
   * A reply comes before its room frame: the frame sets the asset, but what you hold is known at once. Where
   * the frames are as new as the reply, they know better.
   * @param {Frame} reply
   */
  foresee({ asset, revision, granted, released }) {
    if (!this.#isNewer({ asset, revision })) return;
    if (granted) this.held.add(asset);
    if (released) this.held.delete(asset);
  }

  /** @param {Frame} frame */
  #isNewer({ asset, revision }) {
    return revision > (this.assets.get(asset)?.revision ?? this.#removed.get(asset) ?? -1);
  }

  /** @param {Frame} frame */
  #change(frame) {
    switch (frame.type) {
      case 'asset_granted': return this.#granted(frame);
      case 'asset_released': return this.#released(frame);
      case 'asset_changed': return this.#changed(frame);
      case 'asset_removed': return this.#forget(frame);
      case 'player_joined': return this.#present(frame.players, { joined: frame.player });
      case 'player_left': return this.#present(frame.players, { left: frame.player });
      case 'players': this.#named = false; return this.#present(frame.players, {});
    }
  }

  /** @param {Frame} frame */
  #granted({ asset, player, units, remaining, revision, at }) {
    const known = this.assets.get(asset);
    const before = known?.holders ?? [];
    const complete = before.length === (known?.held ?? 0) && before.length < MAX_HOLDERS;
    this.#set({ asset, units, remaining, revision }, complete ? [...before, { player, at }] : before);
    const mine = player === this.player;
    if (mine) this.held.add(asset);
    this.#emit('granted', { asset, player, units, remaining, revision, at, mine });
  }

  /** @param {Frame} frame */
  #released({ asset, player, remaining, revision }) {
    const known = this.assets.get(asset);
    if (!known) return; // a release alone does not say how many units there are
    this.#set({ asset, units: known.units, remaining, revision }, known.holders.filter((one) => one.player !== player));
    const mine = player === this.player;
    if (mine) this.held.delete(asset);
    this.#emit('released', { asset, player, remaining, revision, mine });
  }

  /** @param {Frame} frame */
  #changed({ asset, units, remaining, revision }) {
    this.#set({ asset, units, remaining, revision }, this.assets.get(asset)?.holders ?? []);
    this.#emit('changed', { asset, units, remaining, revision, removed: false });
  }

  /** @param {Frame} frame */
  #forget({ asset, revision }) {
    this.assets.delete(asset);
    this.held.delete(asset);
    this.#removed.delete(asset); // so that it becomes the youngest entry
    this.#removed.set(asset, revision);
    const [oldest] = this.#removed.keys();
    if (this.#removed.size > MAX_REMOVED) this.#removed.delete(oldest);
    this.#emit('changed', { asset, units: 0, remaining: 0, revision, removed: true });
  }

  /**
   * @param {{ asset: string, units: number, remaining: number, revision: number }} state
   * @param {ReadonlyArray<Holder>} holders
   */
  #set(state, holders) {
    this.#removed.delete(state.asset);
    this.assets.set(state.asset, { ...state, held: Math.max(0, state.units - state.remaining), holders });
  }

  /**
   * @param {number} count
   * @param {{ joined?: string, left?: string }} who
   */
  #present(count, who) {
    const names = this.players.names.filter((name) => name !== who.joined && name !== who.left);
    if (who.joined !== undefined) names.push(who.joined);
    this.players = { count, names: this.#named ? names : [] };
    this.#emit('players', { ...this.players, ...who });
  }

  /** @param {Frame} frame */
  #assemble(frame) {
    const { part = 1, parts = 1 } = frame;
    if (part === 1) this.#assembly = { parts: [], later: this.#assembly?.later ?? [] };
    const assembly = this.#assembly;
    if (!assembly || part !== assembly.parts.length + 1) return this.#lose();
    assembly.parts.push(frame);
    if (part < parts) return 'applied';
    this.#assembly = null;
    this.#replace(joinParts(assembly.parts));
    this.#offset = frame.offset;
    this.#emit('snapshot', { recovered: false });
    for (const later of assembly.later) this.apply(later);
    return 'replaced';
  }

  /**
   * Frames between the parts of a snapshot are newer than it and must not be lost under it.
   * @param {{ later: Frame[] }} assembly
   * @param {Frame} frame
   */
  #postpone({ later }, frame) {
    if (later.length === MAX_BETWEEN_PARTS) return this.#lose();
    later.push(frame);
    return 'applied';
  }

  #lose() {
    this.#assembly = null;
    this.#offset = null;
    return /** @type {const} */ ('lost');
  }

  /** @param {Frame} whole  a welcome or a complete snapshot */
  #replace({ assets, held, players, present }) {
    this.assets = new Map(assets.map((/** @type {Asset} */ one) => [one.asset, one]));
    this.held = new Set(held);
    this.players = { count: players, names: present ?? [] };
    this.#named = this.players.names.length > 0 || players === 0;
    this.#removed.clear();
  }
}

/**
 * @typedef {{ frame: Frame, waitedMs: number, roundTripMs: number }} Answer
 * @typedef {object} Request
 * @property {string} id
 * @property {string} type
 * @property {string} [asset]
 * @property {number} calledAt
 * @property {number} sentAt
 * @property {number} sends
 * @property {number} refusals  how often it was refused and is repeated for it
 * @property {number} chases  how often it was repeated because no answer came
 * @property {ReturnType<typeof setTimeout>} [timer]  until it is repeated after a refusal
 * @property {(answer: Answer) => void} resolve
 * @property {(error: Error) => void} reject
 */

/** Requests until they are answered: in order, few at a time, repeated when an answer may have been lost. */
class Requests {
  /** Round trip of the last answer, in milliseconds. @type {number | null} */
  roundTripMs = null;
  #send;
  #random;
  #connected = false;
  #lastId = 0;
  /** @type {Map<string, Request>} */
  #sent = new Map();
  /** @type {Request[]} */
  #waiting = [];
  /** When an error came that names no request. */
  #unnamedAt = -Infinity;
  /** @type {ArbiterError | null} */
  #ended = null;

  /**
   * @param {(message: object) => void} send
   * @param {() => number} random
   */
  constructor(send, random) {
    this.#send = send;
    this.#random = random;
  }

  get inFlight() { return this.#sent.size; }

  /**
   * @param {string} type
   * @param {string} [asset]
   * @returns {Promise<Answer>}
   */
  make(type, asset) {
    if (this.#ended) return Promise.reject(this.#ended);
    if (this.#waiting.length >= MAX_WAITING) {
      return Promise.reject(new ArbiterError('limit_reached', `${MAX_WAITING} requests are waiting already`, true));
    }
    return new Promise((resolve, reject) => {
      const id = String(++this.#lastId);
      const calledAt = performance.now();
      this.#waiting.push({ id, type, asset, calledAt, sentAt: 0, sends: 0, refusals: 0, chases: 0, resolve, reject });
      this.#pump();
    });
  }

  up() {
    this.#connected = true;
    this.#pump();
  }

  /** What was sent and not answered goes first on the next connection. */
  down() {
    this.#connected = false;
    for (const request of this.#sent.values()) this.#stay(request);
    this.#waiting.unshift(...this.#sent.values());
    this.#sent.clear();
  }

  /** @param {ArbiterError} error */
  end(error) {
    this.down();
    this.#ended = error;
    for (const request of this.#waiting.splice(0)) request.reject(error);
  }

  /** @param {Frame} frame */
  answer(frame) {
    const request = this.#sent.get(frame.request_id);
    if (request) this.#settle(request, frame);
  }

  /** A snapshot names no request: it answers every `sync` that was sent. */
  synced() {
    for (const request of [...this.#sent.values()]) if (request.type === 'sync') this.#settle(request, {});
  }

  /**
   * @param {string | undefined} id
   * @param {{ code: string, message: string, temporary: boolean }} error
   * @returns {boolean} whether a request of ours was meant
   */
  refuse(id, error) {
    const request = this.#refused(id);
    if (!request) return this.#isSettled(id);
    if (request.timer !== undefined) return true; // it was sent twice and is refused twice
    const delay = this.#repeatsAfter(request, error);
    if (delay !== null) {
      request.refusals += 1;
      request.timer = setTimeout(() => this.#transmit(request), delay);
    } else if (error.code === 'not_held' && request.sends > 1) {
      this.#settle(request, {}); // an earlier sending of this release took effect
    } else {
      this.#take(request).reject(new ArbiterError(error.code, error.message, error.temporary));
    }
    return true;
  }

  /** Repeats what has no answer though the connection lives; in the end the caller hears of it. */
  chase() {
    const now = performance.now();
    for (const request of [...this.#sent.values()]) {
      const patience = request.sentAt <= this.#unnamedAt ? UNNAMED_WAIT_MS : ANSWER_WAIT_MS;
      if (request.timer !== undefined || now - request.sentAt < patience) continue;
      request.chases += 1;
      if (request.chases <= MAX_ANSWER_REPEATS) this.#transmit(request);
      else this.#take(request).reject(new ArbiterError('outcome_unknown', `no answer to ${request.sends} sendings`, true));
    }
  }

  /**
   * Which request an error is about. Servers before request ids of a `sync` refuse it without naming it. No other request
   * is refused so; should that happen, an answer will not come, and what waits for one is to ask again soon.
   * @param {string | undefined} id
   */
  #refused(id) {
    if (id !== undefined) return this.#sent.get(id);
    const sync = [...this.#sent.values()].find(({ type, timer }) => type === 'sync' && timer === undefined);
    if (!sync) this.#unnamedAt = performance.now();
    return sync;
  }

  /** Whether this was an id of ours: of a request that was sent twice, its second answer may still come. @param {unknown} id */
  #isSettled(id) {
    return typeof id === 'string' && /^[1-9][0-9]*$/.test(id) && Number(id) <= this.#lastId;
  }

  /**
   * How long to wait before this refused request is repeated; null when its caller is to hear of the refusal.
   * @param {Request} request
   * @param {{ code: string, temporary: boolean }} error
   */
  #repeatsAfter({ type, refusals }, { code, temporary }) {
    if (code === 'outcome_unknown' && refusals < MAX_OUTCOME_REPEATS) return backoff(refusals, this.#random);
    const repeats = code === 'rate_limited' && temporary && type === 'sync' && refusals < MAX_SYNC_REPEATS;
    return repeats ? SYNC_REPEAT_MS : null;
  }

  #pump() {
    while (this.#connected && this.#sent.size < MAX_IN_FLIGHT && this.#waiting.length > 0) {
      const request = /** @type {Request} */ (this.#waiting.shift());
      this.#sent.set(request.id, request);
      this.#transmit(request);
    }
  }

  /** @param {Request} request */
  #transmit(request) {
    this.#stay(request);
    request.sentAt = performance.now();
    request.sends += 1;
    const { type, asset, id } = request;
    this.#send({ type, asset, request_id: id });
  }

  /**
   * @param {Request} request
   * @param {Frame} frame
   */
  #settle(request, frame) {
    const now = performance.now();
    this.roundTripMs = now - request.sentAt;
    this.#take(request).resolve({ frame, waitedMs: now - request.calledAt, roundTripMs: this.roundTripMs });
  }

  /** @param {Request} request */
  #take(request) {
    this.#stay(request);
    this.#sent.delete(request.id);
    this.#pump();
    return request;
  }

  /** No repeat is due any more. @param {Request} request */
  #stay(request) {
    clearTimeout(request.timer);
    request.timer = undefined;
  }
}

/**
 * @typedef {{ code: number, reason: string, retryInMs?: number }} Why  no `retryInMs`: when the page is shown again
 * @typedef {object} LinkHooks
 * @property {(base: string) => string} address  where to connect to, of the given server
 * @property {(frame: Frame) => void} frame
 * @property {() => boolean} busy  whether an answer is being waited for
 * @property {() => void} alive  called every second while connected
 * @property {(why: Why) => void} down  lost; comes back by itself
 * @property {(why: { code: number, reason: string }) => void} over  closed for good by the server
 *
 * @typedef {{ ms: number, ordered: boolean, hurried: boolean, why: Why }} Wait  `ordered` by the server: nothing cuts it
 *   short; `hurried`: was cut short
 * @typedef {Wait & { since: Moment }} Pause
 *
 * @typedef {object} Question  a ping of our own that has no answer
 * @property {string} id
 * @property {Moment} at
 * @property {number} waitMs
 * @property {boolean} probe  asked at a hint, and only its own pong is an answer that comes at once
 * @property {boolean} again  a repeat, because the machine slept while the first was out
 */

/**
 * One connection at a time, kept: decides from the close code when to come back, and notices a dead network. It is
 * waiting (`#pause`), dialling (`#socket`), connected (`#welcomedAt`), or at rest.
 */
class Link {
  #bases;
  #Socket;
  #random;
  #hooks;
  #node = 0;
  /** Connections made or tried since the last one that lasted. */
  #failures = 0;
  /** @type {'suspended' | 'closed' | null} */
  #rest = null;
  /** Until the next dial. @type {Pause | null} */
  #pause = null;
  /** @type {SocketLike | null} */
  #socket = null;
  #dialledAt = new Moment();
  /** When a wait that was cut short ended. @type {Moment | null} */
  #hurriedAt = null;
  /** @type {Moment | null} */
  #welcomedAt = null;
  #heardAt = new Moment();
  /** @type {Question | null} */
  #asked = null;
  #lastQuestion = 0;
  #idleSilenceMs = 0;
  #probeWaitMs = PROBE_WAIT_MS;
  /** The one timer, and when it was set for how long. @type {ReturnType<typeof setTimeout> | undefined} */
  #timer;
  #timerSetAt = new Moment();
  #timerMs = Infinity;

  /**
   * @param {string[]} bases
   * @param {SocketClass} Socket
   * @param {() => number} random
   * @param {LinkHooks} hooks
   */
  constructor(bases, Socket, random, hooks) {
    this.#bases = bases;
    this.#Socket = Socket;
    this.#random = random;
    this.#hooks = hooks;
  }

  get base() { return this.#bases[this.#node]; }

  dial() {
    if (this.#pause?.hurried) this.#hurriedAt = new Moment();
    this.#pause = null;
    this.#dialledAt = new Moment();
    try {
      const socket = (this.#socket = new this.#Socket(this.#hooks.address(this.base)));
      this.#tickIn(WELCOME_WAIT_MS);
      socket.onmessage = (/** @type {{ data: unknown }} */ event) => this.#hear(event.data);
      socket.onclose = (/** @type {{ code: number, reason: string }} */ event) => this.#lost(event.code, event.reason);
      socket.onerror = () => setTimeout(() => this.#socket === socket && this.#lost(1006, ''), CLOSE_AFTER_ERROR_MS);
    } catch (error) {
      this.#lost(1006, `cannot connect: ${/** @type {Error} */ (error).message}`);
    }
  }

  /** @param {object} message */
  send(message) {
    this.#socket?.send(JSON.stringify(message));
  }

  /** Comes back at once with a new connection. @param {string} reason */
  reset(reason) {
    this.#lost(1006, reason);
  }

  /** Closes for good. */
  close() {
    this.#rest = 'closed';
    this.#drop('left');
  }

  /** The page sleeps from now on: an open connection would keep it from that, or die of it. */
  suspend() {
    if (this.#rest !== null) return;
    this.#rest = 'suspended';
    this.#drop('suspended');
    this.#hooks.down({ code: 1001, reason: 'suspended' });
  }

  /** The page is back. */
  resume() {
    if (this.#rest !== 'suspended') return this.wake();
    this.#rest = null;
    const pause = this.#pause;
    const leftMs = pause?.ordered ? pause.ms - pause.since.ageMs : 0;
    if (pause && leftMs > 0) this.#wait({ ...pause, ms: leftMs });
    else this.dial();
  }

  /**
   * Something may have changed: the machine slept, the network came or went, the page is shown again. A connection
   * has to give a sign of life soon, a handshake that hangs is begun anew, and a wait is cut short.
   */
  wake() {
    if (this.#rest !== null) return;
    if (this.#welcomedAt !== null) this.#probe();
    else if (this.#pause) this.#hurry(this.#pause);
    else if (this.#dialledAt.ageMs >= REDIAL_MS) {
      this.#drop('');
      this.dial();
    }
  }

  /** Called at a request: its answer is not to wait for a timer to tell that the machine slept. */
  look() {
    if (this.#isLate()) this.wake();
  }

  /** @param {Pause} pause */
  #hurry({ ms, ordered, since, why }) {
    const leftMs = ms - since.ageMs;
    const soonMs = Math.max(0, REDIAL_MS - (this.#hurriedAt?.ageMs ?? Infinity));
    if (ordered || soonMs >= leftMs) this.#tickIn(leftMs);
    else this.#wait({ ms: soonMs, ordered, hurried: true, why });
  }

  /** @param {Wait} how */
  #wait(how) {
    const retryInMs = Math.round(how.ms);
    this.#pause = { ...how, ms: retryInMs, since: new Moment() };
    this.#tickIn(retryInMs);
    this.#hooks.down({ ...how.why, retryInMs });
  }

  /** Looks again after that time, or in a second if that is sooner. @param {number} ms */
  #tickIn(ms) {
    clearTimeout(this.#timer);
    this.#timerMs = Math.min(Math.max(0, ms), TICK_MS);
    this.#timerSetAt = new Moment();
    this.#timer = setTimeout(() => this.#tick(), this.#timerMs);
  }

  #isLate() {
    return this.#timerSetAt.ageMs - this.#timerMs > LATE_MS;
  }

  #tick() {
    this.look();
    if (this.#rest !== null) return; // a listener left
    if (this.#welcomedAt !== null) this.#watch();
    else if (this.#pause) this.#tickOfPause(this.#pause);
    else this.#tickOfDial();
  }

  /** @param {Pause} pause */
  #tickOfPause({ since, ms }) {
    const leftMs = ms - since.ageMs;
    if (leftMs <= 0) this.dial();
    else this.#tickIn(leftMs);
  }

  #tickOfDial() {
    const leftMs = WELCOME_WAIT_MS - this.#dialledAt.ageMs;
    if (leftMs <= 0) this.#lost(1006, 'no welcome in time');
    else this.#tickIn(leftMs);
  }

  /** @param {unknown} data */
  #hear(data) {
    this.#heardAt = new Moment();
    const frame = decode(data);
    const asked = this.#asked;
    if (asked && (!asked.probe || frame?.request_id === asked.id || asked.at.ageMs > STALE_MS)) this.#asked = null;
    if (frame === null) return; // not ours to judge: a later server may say more than we understand
    if (frame.type === 'welcome') this.#welcomed(frame.ping_interval_ms);
    if (this.#welcomedAt !== null && !isOurs(frame)) this.#hooks.frame(frame);
  }

  /** @param {number} pingIntervalMs */
  #welcomed(pingIntervalMs) {
    this.#welcomedAt = this.#heardAt;
    this.#idleSilenceMs = IDLE_SILENCE_FACTOR * (pingIntervalMs > 0 ? pingIntervalMs : DEFAULT_PING_INTERVAL_MS);
    this.#probeWaitMs = Math.min(MAX_PROBE_WAIT_MS, Math.max(PROBE_WAIT_MS, this.#dialledAt.ageMs));
    this.#tickIn(TICK_MS);
  }

  /** A half-open network says nothing for ever: ask after a silence, and give up when there is no sign of life. */
  #watch() {
    if (this.#asked && this.#asked.at.ageMs >= this.#asked.waitMs) return this.#lost(1006, 'no sign of life');
    const patience = Math.min(this.#idleSilenceMs, this.#hooks.busy() ? BUSY_SILENCE_MS : Infinity);
    if (!this.#asked && this.#heardAt.ageMs >= patience) this.#question({ waitMs: PONG_WAIT_MS, probe: false, again: false });
    this.#tickIn(this.#asked ? this.#asked.waitMs - this.#asked.at.ageMs : TICK_MS);
    this.#hooks.alive();
  }

  /** Asks for a sign of life soon. The deadline of one that is out stands, unless the machine slept through it. */
  #probe() {
    const out = this.#asked?.probe ? this.#asked : null;
    const stands = out && (out.again || out.at.ageMs < out.waitMs);
    if (!stands) this.#question({ waitMs: this.#probeWaitMs, probe: true, again: out !== null });
    this.#tickIn(/** @type {Question} */ (this.#asked).waitMs - /** @type {Question} */ (this.#asked).at.ageMs);
  }

  /** @param {{ waitMs: number, probe: boolean, again: boolean }} how */
  #question(how) {
    const id = `${OUR_PINGS}${(this.#lastQuestion += 1)}`;
    this.#asked = { id, at: new Moment(), ...how };
    this.send({ type: 'ping', request_id: id });
  }

  /**
   * @param {number} code
   * @param {string} text
   */
  #lost(code, text) {
    const { reason, retryAfterMs } = decodeReason(code, text);
    const welcomedAt = this.#welcomedAt;
    this.#drop('');
    if (code >= 4000 && code < 4100) {
      this.#rest = 'closed';
      return this.#hooks.over({ code, reason });
    }
    if (welcomedAt !== null && welcomedAt.ageMs >= STABLE_MS) this.#failures = 0;
    const ms = this.#delay(code, retryAfterMs);
    if (welcomedAt === null || isBusy(code)) this.#node = (this.#node + 1) % this.#bases.length;
    this.#failures += 1;
    this.#wait({ ms, ordered: isBusy(code), hurried: false, why: { code, reason } });
  }

  /**
   * @param {number} code
   * @param {number | null} retryAfterMs
   */
  #delay(code, retryAfterMs) {
    const jitter = this.#random() * AT_ONCE_JITTER_MS;
    if (isBusy(code) && retryAfterMs !== null) return Math.min(retryAfterMs, MAX_RETRY_AFTER_MS) + jitter;
    const atOnce = code === 1006 || (code >= 4200 && code < 4300);
    if (atOnce && this.#failures < this.#bases.length) return jitter; // each node deserves one try before we slow down
    return backoff(this.#failures, this.#random);
  }

  /** @param {string} reason */
  #drop(reason) {
    clearTimeout(this.#timer);
    this.#timerMs = Infinity;
    const socket = this.#socket;
    this.#socket = null;
    this.#welcomedAt = null;
    this.#asked = null;
    if (!socket) return;
    socket.onmessage = socket.onclose = null; // but `onerror` stays: some classes throw what nobody listens to
    socket.close(1000, reason);
  }
}

/** The ids of pings that are not the caller's. */
const OUR_PINGS = 'alive-';

/** An answer to a ping of our own, be it that there were too many. @param {Frame} frame */
function isOurs({ request_id }) {
  return typeof request_id === 'string' && request_id.startsWith(OUR_PINGS);
}

/**
 * What page and machine tell, from the first moment until `stop()`. Node, Deno and Bun tell nothing, a worker tells of the
 * network alone; there a late timer has to do.
 */
class Surroundings {
  /** @type {Array<() => void>} */
  #offs = [];

  /** @param {{ wake: () => void, suspend: () => void, resume: () => void }} hooks */
  constructor({ wake, suspend, resume }) {
    const { window = globalThis, document } = /** @type {any} */ (globalThis);
    this.#on(window, 'online', () => wake());
    // No reason to close: the way to this machine or its own network may still be there.
    this.#on(window, 'offline', () => wake());
    this.#on(document, 'visibilitychange', () => document.visibilityState !== 'hidden' && wake());
    this.#on(document, 'freeze', () => suspend());
    this.#on(document, 'resume', () => resume());
    // `persisted`: the page is kept as it is, to be gone back to.
    this.#on(window, 'pagehide', ({ persisted }) => persisted && suspend());
    this.#on(window, 'pageshow', ({ persisted }) => persisted && resume());
  }

  stop() {
    for (const off of this.#offs.splice(0)) off();
  }

  /**
   * @param {any} target
   * @param {string} event
   * @param {(event: { persisted?: boolean }) => void} listener
   */
  #on(target, event, listener) {
    if (typeof target?.addEventListener !== 'function') return;
    target.addEventListener(event, listener);
    this.#offs.push(() => target.removeEventListener(event, listener));
  }
}

/** Listeners by event; one that throws harms neither the others nor the room. */
class Emitter {
  /** @type {Record<keyof RoomEvents, Set<(detail: any) => void>>} */
  #listeners = {
    granted: new Set(), released: new Set(), changed: new Set(), players: new Set(),
    snapshot: new Set(), state: new Set(), error: new Set(),
  };

  /** @param {keyof RoomEvents} event */
  of(event) {
    if (!Object.hasOwn(this.#listeners, event)) {
      throw new TypeError(`there is no event "${event}": use one of ${Object.keys(this.#listeners).join(', ')}`);
    }
    return this.#listeners[event];
  }

  /**
   * @template {keyof RoomEvents} E
   * @param {E} event
   * @param {RoomEvents[E]} detail
   */
  emit(event, detail) {
    for (const listener of [...this.#listeners[event]]) {
      try {
        listener(detail);
      } catch (error) {
        console.error(`asset-arbiter: a listener of "${event}" threw`, error);
      }
    }
  }
}

/**
 * @template T
 * @returns {{ promise: Promise<T>, resolve: (value: T) => void, reject: (error: Error) => void }}
 */
function deferred() {
  const parts = /** @type {any} */ ({});
  parts.promise = new Promise((resolve, reject) => Object.assign(parts, { resolve, reject }));
  return parts;
}

/** Closes that ask to come back later: draining, store away, full, too fast. @param {number} code */
function isBusy(code) {
  return code >= 4100 && code < 4200;
}

/**
 * A moment that knows its age, also across a sleep of the machine: `performance.now` stops meanwhile on some platforms, and
 * `Date.now` can be set. The one that says more is believed, because asking once more does no harm.
 */
class Moment {
  #steady = performance.now();
  #wall = Date.now();
  get ageMs() { return Math.max(performance.now() - this.#steady, Date.now() - this.#wall); }
}

/**
 * Doubles from try to try up to a cap; half of it is random, so that clients do not come back as one wave.
 * @param {number} failures
 * @param {() => number} random
 */
function backoff(failures, random) {
  return Math.min(BACKOFF_CAP_MS, BACKOFF_FIRST_MS * 2 ** failures) * (0.5 + random() / 2);
}

/** @param {Frame[]} parts  of one snapshot; a list is the same whether a part repeats it or carries its share */
function joinParts(parts) {
  const all = (/** @type {string} */ list) => parts.flatMap((part) => part[list]);
  return { assets: all('assets'), held: all('held'), players: parts[0].players, present: [...new Set(all('present'))] };
}

/** @param {unknown} data @returns {Frame | null} */
function decode(data) {
  try {
    const frame = JSON.parse(/** @type {string} */ (data));
    return typeof frame?.type === 'string' ? frame : null;
  } catch {
    return null;
  }
}

/**
 * @param {number} code
 * @param {string} text  JSON when the server itself closed, anything else from elsewhere
 */
function decodeReason(code, text) {
  const known = CLOSE_REASONS[code];
  try {
    const wait = JSON.parse(text).retry_after_ms;
    return { reason: known ?? '', retryAfterMs: typeof wait === 'number' && wait >= 0 ? wait : null };
  } catch {
    return { reason: known ?? text, retryAfterMs: null };
  }
}

/** @param {{ code: number, reason: string }} why */
function errorOf({ code, reason }) {
  const message = `the server closed the room for good: ${code} ${reason}`;
  return new ArbiterError(CLOSE_REASONS[code] ?? 'closed', message, false);
}

/**
 * @param {string} base
 * @param {string} room
 * @param {Record<string, string | number | null>} given
 */
function roomAddress(base, room, given) {
  const query = new URLSearchParams();
  for (const [key, value] of Object.entries(given)) if (value !== null) query.set(key, String(value));
  return `${base}/v1/rooms/${room}/ws?${query}`.replace(/\?$/, '');
}

/** @param {string | URL} url */
function baseAddress(url) {
  try {
    const { protocol, search, hash, href } = new URL(url);
    if (/^(ws|http)s?:$/.test(protocol) && !search && !hash) return href.replace(/^http/, 'ws').replace(/\/+$/, '');
  } catch { /* said below */ }
  throw new TypeError(`"${url}" is not the address of a server: use ws://, wss://, http:// or https:// and no query, ` +
    'for example ws://127.0.0.1:8080');
}

/**
 * @param {string} what
 * @param {unknown} name
 */
function checkName(what, name) {
  if (typeof name === 'string' && /^[A-Za-z0-9_.:-]{1,64}$/.test(name) && name !== '.' && name !== '..') return;
  throw new TypeError(`${what} ${JSON.stringify(name)} is not a name: ` +
    'a name is 1-64 characters of A-Z a-z 0-9 _ . : - and not "." or ".."');
}
