// Player tokens against the real server.
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { inspect } from 'node:util';

import { join, joinRoom, runtime } from './helpers/library.mjs';
import { startProxy } from './helpers/proxy.mjs';
import { startServer } from './helpers/server.mjs';
import { giver, sign, startTokenServer } from './helpers/tokens.mjs';
import { eventually, Inbox, next, reaches, record, within } from './helpers/wait.mjs';

/** Longer than a token of one second and the 25 s that a connection lives on without another. */
const LIVES_MS = 28_000;

/** A WebSocket class that counts, and keeps what it was called with. */
function counting() {
  const Base = runtime.WebSocket ?? globalThis.WebSocket;
  return class Counting extends Base {
    static calls = [];
    constructor(...given) {
      super(...given);
      Counting.calls.push(given);
    }
  };
}

test('tokens of a second are renewed on one connection, life after life', async (t) => {
  const server = await startTokenServer(t, ['--asset', 'sword=1']);
  const given = new Inbox();
  const room = join(t, server.url, { room: 'r', token: () => {
    given.push(performance.now());
    return sign({ life: 1 });
  } });
  const log = record(room, 'state', 'error');
  await within(room.ready, 'a welcome');
  assert.equal(room.player, 'ada', 'as the token says');
  const begin = await given.next('the first token');
  let count = 1;
  for (let at = begin; at - begin < LIVES_MS; count += 1) at = await given.next('another token');
  assert.ok(count >= 20, `${count} tokens`);
  assert.equal((await room.select('sword')).granted, true);
  assert.deepEqual(log.map(([, { state }]) => state), ['connected']);
});

test('a player whose token expired is back with another one, and nothing was missed', async (t) => {
  const server = await startTokenServer(t, ['--asset', 'sword=1']);
  const token = giver((n) => sign(n === 1 ? { age: 120, life: 30 } : {}));
  const room = join(t, server.url, { room: 'r', token });
  const log = record(room, 'state', 'error');
  await within(room.ready, 'a welcome');
  assert.deepEqual(log.map(([, { state, code }]) => [state, code]), [['connecting', 4102], ['connected', undefined]]);
  assert.ok(log[0][1].retryInMs <= 100, 'at once');
  assert.equal(token.calls, 2);
});

test('a function that recovers is enough to join', async (t) => {
  const server = await startTokenServer(t);
  const token = giver(async (n) => {
    if (n <= 2) throw new Error('the backend is away');
    return sign();
  });
  const room = join(t, server.url, { room: 'r', token });
  const errors = record(room, 'error');
  await within(room.ready, 'a welcome');
  assert.deepEqual([token.calls, errors.map(([, { temporary }]) => temporary)], [3, [true]]);
});

test('cut after cut a token that lives on is used again', async (t) => {
  const server = await startTokenServer(t);
  const proxy = await startProxy(t, server.port);
  const token = giver(() => sign());
  const room = join(t, proxy.url, { room: 'r', token });
  await within(room.ready, 'a welcome');
  for (let cuts = 0; cuts < 3; cuts += 1) {
    const down = next(room, 'state', ({ state }) => state === 'reconnecting');
    proxy.cut();
    await down;
    await reaches(room, 'connected');
  }
  assert.equal(token.calls, 1);
});

test('a server that verifies no tokens ignores them', async (t) => {
  const server = await startServer(t, ['--asset', 'sword=1']);
  const room = join(t, server.url, { room: 'r', player: 'ada', token: async () => 'any' });
  await within(room.ready, 'a welcome');
  assert.equal((await room.select('sword')).granted, true);
});

test('a token that may only observe makes an observer', async (t) => {
  const server = await startTokenServer(t);
  const room = join(t, server.url, { room: 'r', token: sign({ can: ['observe'] }) });
  await within(room.ready, 'a welcome');
  assert.equal(room.player, null);
});

const FINAL = [
  ['a static token that expired', () => sign({ age: 120, life: 30 }), 4102, 'token_expired'],
  ['a token for other rooms', () => () => sign({ rooms: ['arena-*'] }), 4003, 'forbidden'],
  ["another player's token", () => () => sign({ player: 'bob' }), 4003, 'forbidden'],
  ['a token that others signed', () => () => sign({ secret: 'somebody-else-has-this-longer-secret' }), 4001, 'unauthorized'],
];

for (const [what, make, code, name] of FINAL) {
  test(`${what} ends the room: once, and for good`, async (t) => {
    const server = await startTokenServer(t);
    const WebSocket = counting();
    const source = make();
    const token = typeof source === 'string' ? source : giver(source);
    const room = join(t, server.url, { room: 'r', player: 'ada', token, WebSocket });
    const log = record(room, 'state', 'error');
    await assert.rejects(within(room.ready, 'an end'), { name: 'ArbiterError', code: name, temporary: false });
    assert.deepEqual(log.map(([event, detail]) => [event, detail.code]), [['error', name], ['state', code]]);
    assert.equal(log[0][1].temporary, false);
    assert.equal(room.state, 'closed');
    await assert.rejects(room.select('sword'), { code: name });
    // A room that is closed has no timer that could connect again.
    assert.equal(WebSocket.calls.length, 1);
    if (typeof token === 'function') assert.equal(token.calls, 1);
  });
}

test('no address, event, error or line of the console shows a token', async (t) => {
  const server = await startTokenServer(t);
  const WebSocket = counting();
  const tokens = [];
  const keep = (token) => {
    tokens.push(token);
    return token;
  };
  const heard = [];
  for (const method of ['log', 'info', 'warn', 'error', 'debug']) {
    t.mock.method(console, method, (...given) => heard.push(given));
  }
  const listen = (room) => {
    heard.push(room);
    room.on('error', (detail) => heard.push(detail));
    room.on('state', (detail) => heard.push(detail));
    room.on('error', () => { throw new Error('a listener that throws'); });
    return room.ready.catch((error) => heard.push(error, error.stack));
  };
  const visit = (options) => within(listen(join(t, server.url, { room: 'r', WebSocket, ...options })), 'an end');
  for (const [, make] of FINAL) {
    const source = make();
    await visit({ token: typeof source === 'string' ? keep(source) : () => keep(source()), player: 'ada' });
  }
  await visit({ token: () => keep('tok en') });
  await visit({ token: giver((n) => {
    const token = keep(sign());
    if (n === 1) throw new Error(token);
    return token;
  }) });
  const brief = join(t, server.url, { room: 'r', WebSocket, token: () => keep(sign({ life: 1 })) });
  await within(listen(brief), 'a welcome');
  await eventually(async () => tokens.length >= FINAL.length + 6, 'renewals');
  class Loud {
    constructor(url, protocols) { throw new Error(`cannot use ${protocols}`); }
  }
  const loud = joinRoom(server.url, { room: 'r', token: keep(sign()), WebSocket: Loud, random: () => 0 });
  t.after(() => loud.leave());
  listen(loud);
  heard.push((await next(loud, 'state')));
  assert.ok(tokens.length >= FINAL.length + 7 && heard.length > 20);
  const urls = WebSocket.calls.map(([url]) => String(url));
  for (const url of urls) assert.doesNotMatch(url, /token|bearer/);
  const all = inspect([heard, urls], { depth: 9, maxArrayLength: null, maxStringLength: null });
  for (const token of tokens) assert.ok(!all.includes(token), token);
});
