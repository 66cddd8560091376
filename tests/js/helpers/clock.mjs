// A room in virtual time, over a WebSocket class that does only what the test says. It cannot show that real
// sockets behave so; the tests against the server and the scripted peer do.
import { mock } from 'node:test';

import { joinRoom } from './library.mjs';
import { record } from './wait.mjs';

const STEP_MS = 50;

/** The lower end of a random number's range gives no jitter at all, the upper end all of it. */
export const MOST = 0.999999;

/** Runs `body` with a room whose timers and clock only move by `tick`. */
export function withClock(body, options = {}) {
  const sockets = [];
  class Puppet {
    sent = [];
    constructor(url) { this.url = url; sockets.push(this); }
    send(text) { this.sent.push(JSON.parse(text)); }
    close() {}
    hear(frame) { this.onmessage({ data: JSON.stringify(frame) }); }
    welcome(fields) {
      this.hear({
        type: 'welcome', player: 'ada', epoch: 'E1', offset: 10, recovered: false, server_time: 0, ping_interval_ms: 25_000,
        players: 1, present: ['ada'], assets: [{ asset: 'sword', units: 1, remaining: 1, revision: 0, held: 0, holders: [] }],
        held: [], ...fields,
      });
    }
  }
  let now = 1_000_000;
  const clock = mock.method(performance, 'now', () => now);
  mock.timers.enable({ apis: ['setTimeout'] });
  const tick = (ms) => {
    for (let left = ms; left > 0; left -= STEP_MS) {
      now += Math.min(left, STEP_MS);
      mock.timers.tick(Math.min(left, STEP_MS));
    }
  };
  let room;
  try {
    room = joinRoom('ws://h', { room: 'lobby', player: 'ada', WebSocket: Puppet, random: () => 0, ...options });
    const states = record(room, 'state');
    body({ room, sockets, tick, latest: () => states.at(-1)?.[1] });
  } finally {
    room?.leave();
    mock.timers.reset();
    clock.mock.restore();
  }
}
