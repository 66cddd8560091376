// What the real server refuses for good, before the first welcome: `ready` says so.
import assert from 'node:assert/strict';
import { readFile } from 'node:fs/promises';
import { test } from 'node:test';

import { require } from './helpers/deps.mjs';
import { CLOSE_REASONS, ERROR_CODES, STATES, join } from './helpers/library.mjs';
import { startServer } from './helpers/server.mjs';
import { sign, startTokenServer } from './helpers/tokens.mjs';
import { next, record, within } from './helpers/wait.mjs';

const { WebSocket } = require('ws');

/** A page of another site. */
class Foreign extends WebSocket {
  constructor(url, protocols) { super(url, protocols, { origin: 'https://evil.example' }); }
}

for (const [what, start, options, code, message] of [
  ['an origin', startServer, { player: 'ada', WebSocket: Foreign }, 'forbidden', /4003 forbidden: .*origin/i],
  ['a wrong token', startTokenServer, { token: sign({ secret: 'of somebody else, and as long as that' }) }, 'unauthorized', /4001/],
  ['no token', startTokenServer, { player: 'ada' }, 'unauthorized', /4001 unauthorized: /],
  ['a name that is not the token\'s', startTokenServer, { player: 'eve', token: sign() }, 'forbidden', /4003/],
  ['an expired token', startTokenServer, { token: sign({ life: 10, age: 600 }) }, 'token_expired', /4102/],
]) {
  test(`${what} that the server refuses is final`, async (t) => {
    const server = await start(t);
    const room = join(t, server.url, { room: 'r', ...options });
    const [states, errors] = [record(room, 'state'), record(room, 'error')];
    await assert.rejects(within(room.ready, 'an end'), (error) => error.code === code && message.test(error.message));
    assert.deepEqual(states.map(([, { state }]) => state), ['closed']);
    assert.deepEqual(errors.map(([, error]) => error.code), [code]);
  });
}

test('of a server that is not there ready says so after giveUpAfterMs', async (t) => {
  const server = await startServer(t);
  await server.kill();
  const room = join(t, server.url, { room: 'r', player: 'ada', giveUpAfterMs: 600 });
  const since = performance.now();
  const closed = next(room, 'state', ({ state }) => state === 'closed');
  await assert.rejects(within(room.ready, 'an end'), { code: 'unreachable', temporary: true });
  assert.ok(performance.now() - since >= 550);
  assert.equal((await closed).reason, 'unreachable');
});

test('the names that are exported are those of the protocol', async () => {
  const { components } = JSON.parse(await readFile(new URL('../../docs/spec/asyncapi.json', import.meta.url)));
  const { ErrorCode } = components.schemas;
  const codes = ErrorCode.enum ?? ErrorCode.oneOf.map((one) => one.const);
  // Denials are answers, not errors.
  for (const code of codes.filter((code) => code !== 'sold_out')) assert.ok(ERROR_CODES.includes(code), code);
  const closing = Object.entries(CLOSE_REASONS).filter(([code]) => code < 4100).map(([, reason]) => reason);
  for (const reason of closing) assert.ok(ERROR_CODES.includes(reason), reason);
  assert.equal(new Set(ERROR_CODES).size, ERROR_CODES.length);
  assert.deepEqual([...STATES], ['connecting', 'connected', 'reconnecting', 'closed']);
});
