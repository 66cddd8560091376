// A room in virtual time, over a WebSocket class that does only what the test says. It cannot show that real
// sockets behave so; the tests against the server and the scripted peer do.
import { mock } from 'node:test';

import { joinRoom } from './library.mjs';
import { record } from './wait.mjs';

const STEP_MS = 50;

/** A close without a word. */
export const cut = { code: 1006, reason: '' };

/** The types of what was sent on a socket. */
export const types = ({ sent }) => sent.map(({ type }) => type);

/** Answers what was sent last on a socket. */
export const pong = (socket) =>
  socket.hear({ type: 'pong', request_id: socket.sent.at(-1).request_id, server_time: 0 });

/** The lower end of a random number's range gives no jitter at all, the upper end all of it. */
export const MOST = 0.999999;

/** Resolves when every promise that can settle without a timer has settled. */
export const settled = () => new Promise(setImmediate);

/**
 * Runs `body`, which may be async, with a room whose timers and clocks only move by `tick`. `sleep` moves the clocks alone, as a sleep of the
 * machine does: the `steady` one, the `wall` clock, or both.
 */
export function withClock(body, options = {}) {
  const sockets = [];
  class Puppet {
    sent = [];
    closed = null;
    constructor(url, protocols) { Object.assign(this, { url, protocols }); sockets.push(this); }
    send(text) { this.sent.push(JSON.parse(text)); }
    close(code) { this.closed = code; }
    hear(frame) { this.onmessage({ data: JSON.stringify(frame) }); }
    welcome(fields) {
      this.hear({
        type: 'welcome', player: 'ada', epoch: 'E1', offset: 10, recovered: false, server_time: 0, ping_interval_ms: 25_000,
        players: 1, present: ['ada'], assets: [{ asset: 'sword', units: 1, remaining: 1, revision: 0, held: 0, holders: [] }],
        held: [], ...fields,
      });
    }
  }
  let [steady, wall] = [1_000_000, 1_700_000_000_000];
  const mocks = [mock.method(performance, 'now', () => steady), mock.method(Date, 'now', () => wall)];
  mock.timers.enable({ apis: ['setTimeout'] });
  const tick = (ms) => {
    for (let left = ms; left > 0; left -= STEP_MS) {
      const step = Math.min(left, STEP_MS);
      steady += step;
      wall += step;
      mock.timers.tick(step);
    }
  };
  const sleep = (ms, clocks = { steady: true, wall: true }) => {
    if (clocks.steady) steady += ms;
    if (clocks.wall) wall += ms;
  };
  let room, pending;
  const restore = () => {
    room?.leave();
    mock.timers.reset();
    for (const { mock: mocked } of mocks) mocked.restore();
  };
  try {
    room = joinRoom('ws://h', { room: 'lobby', player: 'ada', WebSocket: Puppet, random: () => 0, ...options });
    const states = record(room, 'state');
    pending = body({ room, sockets, tick, sleep, states, latest: () => states.at(-1)?.[1] })?.finally(restore);
    return pending;
  } finally {
    if (!pending) restore();
  }
}
