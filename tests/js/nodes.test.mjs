// Two real nodes on one real Redis, and clients that know both.
import assert from 'node:assert/strict';
import { test } from 'node:test';

import { join, runtime } from './helpers/library.mjs';
import { numbered, players, prize, race } from './helpers/players.mjs';
import { startProxy } from './helpers/proxy.mjs';
import { startRedis } from './helpers/redis.mjs';
import { startServer } from './helpers/server.mjs';
import { eventually, next, reaches, record, settles, within } from './helpers/wait.mjs';

/** What the documentation of a drain promises: from 250 ms to 750 ms and half a millisecond for each connection. */
const retryAfter = (connections) => [250, 750 + connections / 2];
/** What the library adds of its own. */
const CLIENT_JITTER_MS = 100;

/** A WebSocket class that notes which nodes answer selects. */
function noting(answers) {
  const Socket = runtime.WebSocket ?? globalThis.WebSocket;
  return class extends Socket {
    constructor(url) {
      super(url);
      this.addEventListener('message', ({ data }) => {
        if (JSON.parse(data).type === 'selection') answers.push(new URL(url).port);
      });
    }
  };
}

for (const [fate, taken] of [['took effect', true], ['was never read', false]]) {
  test(`a node killed with a select in flight that ${fate}: the other node answers it, once`, async (t) => {
    const redis = await startRedis(t);
    if (!redis) return;
    // The node that dies reaches the store through a proxy, so that it can be kept from the answer.
    const proxy = await startProxy(t, redis.port);
    const dying = await startServer(t, ['--store', `redis://127.0.0.1:${proxy.port}`]);
    const other = await startServer(t, ['--store', redis.url]);
    for (const asset of ['coin', 'gem']) await other.create('r', asset, 1);
    const answers = [];
    const ada = join(t, [dying.url, other.url], { room: 'r', player: 'ada', WebSocket: noting(answers) });
    const bob = join(t, other.url, { room: 'r', player: 'bob' });
    await within(Promise.all([ada.ready, bob.ready]), 'both to be in');
    assert.equal(ada.url, dying.url);
    // From now on the store has the script: a node need not hear that it must be sent.
    await bob.select('gem');
    const log = record(bob, 'granted');
    const told = () => log.filter(([, { asset }]) => asset === 'coin').map(([, { player, revision }]) => [player, revision]);

    if (taken) {
      proxy.hold();
      proxy.swallowReplies();
    } else {
      await dying.pause();
    }
    const result = ada.select('coin');
    if (taken) await eventually(async () => (await other.holders('r', 'coin')).includes('ada'), 'the select to take effect');
    assert.deepEqual(answers, []);
    dying.kill();

    const { granted, alreadyHeld, remaining } = await within(result, 'the answer of the other node');
    assert.deepEqual([granted, alreadyHeld, remaining], [true, taken, 0]);
    assert.equal(ada.url, other.url);
    await settles(bob, () => told().length > 0, 'bob to hear of it');
    await Promise.all([ada.ping(), bob.ping()]);
    assert.deepEqual(answers, [String(other.port)]);
    assert.deepEqual(told(), [['ada', 1]]);
    assert.deepEqual(await other.holders('r', 'coin'), ['ada']);
    assert.equal((await bob.select('coin')).granted, false);
  });
}

test('a node that drains in mid-race: its players move to the other, each in its own time, and every select is answered', async (t) => {
  const COUNT = 30;
  const redis = await startRedis(t);
  if (!redis) return;
  const args = ['--store', redis.url, '--auto-create', '2'];
  const [draining, other] = [await startServer(t, args), await startServer(t, args)];
  const rooms = await players(t, [draining.url, other.url], 'r', numbered(COUNT));
  const [witness] = await players(t, other.url, 'r', ['witness']);
  let racing = true;
  const races = rooms.map((room) => race(room, () => racing));
  await settles(witness, () => witness.assets.has(prize(3)), 'the race to be on');
  const downs = rooms.map((room) => next(room, 'state', ({ state }) => state === 'reconnecting'));
  const ups = rooms.map((room) => next(room, 'state', ({ state }) => state === 'connected'));
  assert.equal(await draining.stop(), 0);

  const [earliest, latest] = retryAfter(COUNT);
  const delays = [];
  for (const { code, retryInMs } of await Promise.all(downs)) {
    assert.equal(code, 4100);
    assert.ok(retryInMs >= earliest && retryInMs <= latest + CLIENT_JITTER_MS, `retryInMs ${retryInMs}`);
    delays.push(retryInMs);
  }
  assert.ok(new Set(delays).size > COUNT / 2, `clients do not reconnect as one: ${delays}`);
  assert.ok(Math.max(...delays) - Math.min(...delays) > (latest - earliest) / 2, `nor nearly: ${delays}`);

  await Promise.all(ups);
  for (const { url } of rooms) assert.equal(url, other.url);
  await settles(witness, () => witness.players.count === COUNT + 1, 'all to be here');
  const before = witness.assets.size;
  await settles(witness, () => witness.assets.size > before + 3, 'the race to go on');
  racing = false;
  const answers = await within(Promise.all(races), 'every answer', 30_000);
  for (let n = 0; answers.some(({ length }) => length > n); n += 1) {
    const asked = answers.filter(({ length }) => length > n).length;
    const winners = rooms.filter((_, at) => answers[at][n]).map(({ player }) => player);
    assert.equal(winners.length, Math.min(2, asked), prize(n));
    assert.deepEqual((await other.holders('r', prize(n))).toSorted(), winners.toSorted(), prize(n));
  }
});
