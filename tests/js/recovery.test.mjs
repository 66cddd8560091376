import assert from 'node:assert/strict';
import { test } from 'node:test';

import { join } from './helpers/library.mjs';
import { startProxy } from './helpers/proxy.mjs';
import { startServer } from './helpers/server.mjs';
import { next, record, settles, within } from './helpers/wait.mjs';

/** A server with an asset, a player behind a proxy and one with a line of its own. */
async function scene(t, { units = 100, args = [] } = {}) {
  const server = await startServer(t, args);
  await server.create('r', 'coin', units);
  const proxy = await startProxy(t, server.port);
  const ada = join(t, proxy.url, { room: 'r', player: 'ada' });
  const bob = join(t, server.url, { room: 'r', player: 'bob' });
  await within(Promise.all([ada.ready, bob.ready]), 'both to be in');
  await settles(ada, () => ada.players.count === 2, 'ada to see bob');
  return { server, proxy, ada, bob };
}

/** `count` grants and releases of bob's, so many frames for the room. */
async function flips(bob, count) {
  for (let n = 0; n < count; n += 1) await (n % 2 === 0 ? bob.select('coin') : bob.release('coin'));
}

const revisionOf = (room) => room.assets.get('coin').revision;

/** Cuts ada's line, lets bob act meanwhile, and waits until she is back and knows what he did. */
async function missing({ proxy, ada, bob }, frames) {
  const down = next(ada, 'state', ({ state }) => state === 'reconnecting');
  const back = next(ada, 'state', ({ state }) => state === 'connected');
  proxy.hold();
  proxy.cut();
  assert.equal((await down).code, 1006);
  await flips(bob, frames);
  await settles(bob, () => revisionOf(bob) % 2 === 0, 'his own frames');
  proxy.resume();
  const { recovered } = await back;
  await settles(ada, () => revisionOf(ada) === revisionOf(bob), 'the missed frames');
  return recovered;
}

test('after a cut exactly the missed frames follow: some, none, and after a second cut', async (t) => {
  const all = await scene(t);
  const told = [all.ada, all.bob].map((room) => record(room, 'granted', 'released'));
  const snapshots = record(all.ada, 'snapshot');
  await flips(all.bob, 2);
  for (const frames of [10, 0, 6]) assert.equal(await missing(all, frames), true);
  await flips(all.bob, 2);
  await settles(all.ada, () => revisionOf(all.ada) === revisionOf(all.bob), 'the last frames');
  const [seen, truth] = told.map((log) => log.map(([event, { revision }]) => `${event} ${revision}`));
  assert.equal(truth.length, 20);
  assert.deepEqual(seen, truth, 'each event once, in order, none missing');
  assert.equal(snapshots.length, 0);
});

test('beyond the room log the whole state comes instead', async (t) => {
  const all = await scene(t, { args: ['--room-log', '16'] });
  const snapshot = next(all.ada, 'snapshot');
  assert.equal(await missing(all, 60), false);
  assert.deepEqual(await snapshot, { recovered: false });
  const log = record(all.ada, 'granted');
  await all.bob.select('coin');
  await settles(all.ada, () => log.length === 1, 'a new frame after the snapshot');
});

test('a select whose reply was lost is answered once, after the reconnect', async (t) => {
  const { server, proxy, ada, bob } = await scene(t, { units: 1 });
  const log = record(ada, 'granted');
  const decided = next(bob, 'granted');
  proxy.swallowReplies();
  let answers = 0;
  const result = ada.select('coin').finally(() => (answers += 1));
  assert.equal((await decided).player, 'ada');
  assert.equal(answers, 0);
  proxy.cut();
  const { granted, alreadyHeld, remaining } = await within(result, 'the answer');
  assert.deepEqual([granted, alreadyHeld, remaining], [true, true, 0]);
  await settles(ada, () => log.length > 0, 'the grant');
  await ada.ping();
  assert.deepEqual(log.map(([, { player, mine }]) => [player, mine]), [['ada', true]]);
  assert.deepEqual(await server.holders('r', 'coin'), ['ada']);
});

test('a release whose reply was lost has released, once', async (t) => {
  const { proxy, ada, bob } = await scene(t, { units: 1 });
  await ada.select('coin');
  const freed = next(bob, 'released');
  proxy.swallowReplies();
  const result = ada.release('coin');
  await freed;
  proxy.cut();
  assert.equal((await within(result, 'the answer')).released, true);
  await settles(ada, () => !ada.held.has('coin'), 'her hands to be empty');
  assert.equal((await bob.select('coin')).granted, true);
});

test('what is asked while down waits and is answered', async (t) => {
  const { proxy, ada } = await scene(t);
  const down = next(ada, 'state', ({ state }) => state === 'reconnecting');
  proxy.hold();
  proxy.cut();
  await down;
  const [first, second] = [ada.select('coin'), ada.release('coin')];
  proxy.resume();
  assert.equal((await within(first, 'the select')).granted, true);
  assert.equal((await within(second, 'the release')).released, true);
});

test('a slow network delays answers and nothing else', async (t) => {
  const { proxy, ada } = await scene(t);
  proxy.delayMs = 60;
  const { granted, latencyMs } = await ada.select('coin');
  assert.equal(granted, true);
  assert.ok(latencyMs >= 55, `took ${latencyMs} ms`);
  assert.ok((await ada.ping()) >= 55);
});

test('a half-open network is noticed: the connection is left and a new one resumes', async (t) => {
  const { proxy, ada, bob } = await scene(t, { args: ['--ping-interval', '1s', '--ping-timeout', '60s'] });
  const log = record(ada, 'granted');
  const down = next(ada, 'state', ({ state }) => state === 'reconnecting', 30_000);
  const back = next(ada, 'state', ({ state }) => state === 'connected', 30_000);
  proxy.blackHole();
  const asked = ada.select('coin', { timeoutMs: Infinity });
  await bob.select('coin');
  assert.equal((await down).reason, 'no sign of life');
  assert.equal((await back).recovered, true);
  assert.equal((await within(asked, 'the select')).granted, true);
  await settles(ada, () => log.length === 2, 'both grants');
  assert.deepEqual(log.map(([, { player }]) => player), ['bob', 'ada']);
});

test('through cut after cut every select is answered and every grant is told once, in order', async (t) => {
  const server = await startServer(t, ['--auto-create', '3']);
  const proxy = await startProxy(t, server.port);
  const rooms = Array.from({ length: 6 }, (_, n) => join(t, proxy.url, { room: 'r', player: `p${n}` }));
  await within(Promise.all(rooms.map(({ ready }) => ready)), 'all to be in');
  const logs = rooms.map((room) => record(room, 'granted'));
  const snapshots = rooms.map((room) => record(room, 'snapshot'));
  const names = Array.from({ length: 40 }, (_, n) => `a${n}`);
  const cutsLeft = [10, 30, 60];
  rooms[0].on('granted', () => {
    if (logs[0].length < cutsLeft[0]) return;
    cutsLeft.shift();
    proxy.cut();
  });
  const selects = rooms.flatMap((room) => names.map((name) => room.select(name)));
  const results = await within(Promise.all(selects), 'every answer', 30_000);
  assert.equal(results.filter(({ granted }) => granted).length, 3 * names.length);
  const all = (room) => names.every((name) => room.assets.get(name)?.remaining === 0);
  await Promise.all(rooms.map((room) => settles(room, () => all(room), 'all grants', 30_000)));
  assert.deepEqual(cutsLeft, []);
  for (const name of names) {
    for (const log of logs) {
      const told = log.filter(([, { asset }]) => asset === name).map(([, { revision }]) => revision);
      assert.deepEqual(told, [1, 2, 3], name);
    }
  }
  assert.ok(snapshots.every((log) => log.length === 0));
});
