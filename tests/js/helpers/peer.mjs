// A scripted peer: speaks the real wire, but cannot show how the server decides, orders, stores, heals or recovers.
//
// It lets a test say what the server would only say under rare faults. Every wait is bounded.
import { require } from './deps.mjs';
import { join } from './library.mjs';
import { Inbox, within } from './wait.mjs';

const { WebSocketServer } = require('ws');

/** Starts a peer for the length of a test. */
export async function startPeer(t) {
  const peer = new Peer();
  await peer.listen();
  t.after(() => peer.stop());
  return peer;
}

/** A peer and a room it has welcomed into the given state; without jitter. */
export async function joined(t, welcome = { assets: [asset('sword', { units: 3 })] }, options = {}) {
  const peer = await startPeer(t);
  const room = join(t, peer.url, { room: 'lobby', player: 'ada', random: () => 0, ...options });
  const session = await peer.welcome(welcome);
  await room.ready;
  return { peer, room, session };
}

class Peer {
  #server = new WebSocketServer({ host: '127.0.0.1', port: 0 });
  #arrivals = new Inbox();
  /** Connections accepted so far. */
  count = 0;

  constructor() {
    this.#server.on('connection', (socket, request) => {
      this.count += 1;
      this.#arrivals.push(new Session(socket, request));
    });
  }

  async listen() {
    await new Promise((resolve) => this.#server.once('listening', resolve));
    this.url = `ws://127.0.0.1:${this.#server.address().port}`;
  }

  /** The next connection. */
  next(ms) { return this.#arrivals.next('a connection', ms); }

  /** The next connection, welcomed. */
  async welcome(fields) {
    const session = await this.next();
    session.welcome(fields);
    return session;
  }

  stop() {
    for (const socket of this.#server.clients) socket.terminate();
    this.#server.close();
  }
}

class Session {
  #socket;
  #inbox = new Inbox();
  #closed;

  constructor(socket, request) {
    this.#socket = socket;
    const { pathname, searchParams } = new URL(request.url, 'ws://peer');
    this.path = pathname;
    this.query = Object.fromEntries(searchParams);
    this.protocols = request.headers['sec-websocket-protocol']?.split(/, ?/) ?? [];
    socket.on('message', (data) => this.#inbox.push(JSON.parse(data)));
    socket.on('error', () => {});
    this.#closed = new Promise((resolve) => socket.on('close', resolve));
  }

  /** Messages that came and were not looked at. */
  get unread() { return this.#inbox.size; }

  welcome(fields = {}) {
    const state = { players: 1, present: [this.query.player ?? 'ada'], assets: [], held: [] };
    this.send({
      type: 'welcome', protocol: 'asset-arbiter.v1', room: 'lobby', player: this.query.player ?? null, session: 's',
      epoch: 'E1', offset: 10, recovered: false, server_time: Date.now(), ping_interval_ms: 25_000,
      ...(fields.recovered ? {} : state), ...fields,
    });
  }

  send(...frames) {
    for (const frame of frames) this.#socket.send(typeof frame === 'string' ? frame : JSON.stringify(frame));
  }

  /** The next message of the client, which must be of that type. */
  async next(type) {
    const message = await this.#inbox.next(`a ${type}`);
    if (message.type !== type) throw new Error(`expected a ${type}, got ${JSON.stringify(message)}`);
    return message;
  }

  /** The code with which the client closes. */
  closeCode() { return within(this.#closed, 'a close'); }

  /** Answers the next select. */
  async answerSelect(fields) {
    const { request_id, asset } = await this.next('select_asset');
    const won = { granted: true, remaining: 0, revision: 1, already_held: false };
    this.send({ type: 'selection', request_id, asset, ...won, ...fields });
  }

  /** Resolves when the client has dealt with everything sent so far and we have read all it said before. */
  async caughtUp(room) {
    const done = room.ping();
    const { request_id } = await this.next('ping');
    this.send({ type: 'pong', request_id, server_time: Date.now() });
    return done;
  }

  /** Closes as the server does: a code, and JSON as the reason. */
  close(code, retryAfterMs = 0) {
    this.#socket.close(code, JSON.stringify({ code, retry_after_ms: retryAfterMs }));
  }

  /** Closes with a code alone, as anything between us may do. */
  closeBare(code) { this.#socket.close(code); }

  /** Cuts the connection without a word: 1006 for the client. */
  cut() { this.#socket.terminate(); }
}

/** An asset's state as it stands in a welcome or snapshot. */
export function asset(name, { units = 1, remaining = units, revision = 0, holders = [] } = {}) {
  return { asset: name, units, remaining, revision, held: units - remaining, holders };
}

/** A grant as the room hears it. */
export function granted(offset, name, player, { units = 1, remaining = 0, revision = 1 } = {}) {
  return { type: 'asset_granted', offset, asset: name, player, units, remaining, revision, at: 1_700_000_000_000 };
}
