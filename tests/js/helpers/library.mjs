// The library under test, joined the way this runtime needs it.
import { joinRoom } from '../../../static/asset-arbiter.js';
import { require } from './deps.mjs';
import { checking } from './spec.mjs';

export { ArbiterError, CLOSE_REASONS, ERROR_CODES, STATES, joinRoom } from '../../../static/asset-arbiter.js';

/** Node 22 brings a WebSocket and then nothing is handed in; Node 20 gets the class of `ws`. */
export const runtime = globalThis.WebSocket ? {} : { WebSocket: checking(require('ws').WebSocket) };
if (globalThis.WebSocket) globalThis.WebSocket = checking(globalThis.WebSocket);

/** Joins for the length of a test. */
export function join(t, url, options) {
  const room = joinRoom(url, { ...runtime, ...options });
  t.after(() => room.leave());
  return room;
}
