// The library under test, joined the way this runtime needs it. ARBITER_TEST_LIBRARY names another file of it, as the
// minified one of the package.
import { require } from './deps.mjs';
import { checking } from './spec.mjs';

const library = process.env.ARBITER_TEST_LIBRARY ?? '../../../static/asset-arbiter.js';

export const { ArbiterError, CLOSE_REASONS, ERROR_CODES, STATES, joinRoom } = await import(library);

/** Node 22 brings a WebSocket and then nothing is handed in; Node 20 gets the class of `ws`. */
export const runtime = globalThis.WebSocket ? {} : { WebSocket: checking(require('ws').WebSocket) };
if (globalThis.WebSocket) globalThis.WebSocket = checking(globalThis.WebSocket);

/** Joins for the length of a test. */
export function join(t, url, options) {
  const room = joinRoom(url, { ...runtime, ...options });
  t.after(() => room.leave());
  return room;
}
