// Callers who wait no longer: for a select, and for a connection.
import assert from 'node:assert/strict';
import { test } from 'node:test';

import { cut, types, withClock } from './helpers/clock.mjs';
import { ArbiterError, join, joinRoom } from './helpers/library.mjs';
import { granted, joined, startPeer } from './helpers/peer.mjs';
import { startProxy } from './helpers/proxy.mjs';
import { startServer } from './helpers/server.mjs';
import { next, record, within } from './helpers/wait.mjs';

const timedOut = (message) => (error) =>
  error instanceof ArbiterError && error.code === 'timed_out' && error.temporary && message.test(error.message);

/** A promise whose rejection is looked at later. */
const later = (promise) => {
  promise.catch(() => {});
  return promise;
};

test('a select without an answer times out after 10 s', async () => {
  let refused, settled = false;
  withClock(({ room, sockets, tick }) => {
    sockets[0].welcome();
    refused = later(room.select('sword').finally(() => (settled = true)));
    tick(9_950);
  });
  await assert.rejects(refused, { code: 'left' }, 'not before');
  withClock(({ room, sockets, tick }) => {
    sockets[0].welcome();
    refused = later(room.select('sword'));
    tick(10_000);
  });
  await assert.rejects(refused, timedOut(/no answer within 10000 ms; the outcome may still arrive/));
  assert.ok(settled);
});

test('a select that timed out during an outage is never sent', async () => {
  let refused;
  withClock(({ room, sockets, tick }) => {
    sockets[0].welcome();
    sockets[0].onclose(cut);
    refused = later(room.select('sword', { timeoutMs: 2_000 }));
    room.select('bow').catch(() => {});
    tick(3_000);
    sockets.at(-1).welcome({ recovered: true });
    assert.deepEqual(sockets.at(-1).sent.map(({ asset }) => asset), ['bow']);
  });
  await assert.rejects(refused, timedOut(/not sent within 2000 ms/));
});

test('a select whose time passed while the machine slept is not sent at the wake-up', async () => {
  let refused;
  withClock(({ room, sockets, sleep }) => {
    refused = later(room.select('sword'));
    sleep(60_000);
    sockets[0].welcome();
    assert.deepEqual(types(sockets[0]), []);
  });
  await assert.rejects(refused, timedOut(/not sent/));
});

test('a thousand selects whose time passed while the machine slept are given up at once', async () => {
  const refused = [];
  withClock(({ room, sockets, sleep }) => {
    for (let n = 0; n < 1_000; n += 1) refused.push(later(room.select(`a${n}`)));
    sleep(60_000);
    sockets[0].welcome();
    assert.deepEqual(types(sockets[0]), []);
  });
  for (const one of refused) await assert.rejects(one, timedOut(/not sent/));
});

test('a signal takes back a select that waits, and what was asked beside it is answered', async (t) => {
  const peer = await startPeer(t);
  const room = join(t, peer.url, { room: 'lobby', player: 'ada' });
  const [one, reason] = [new AbortController(), new Error('changed my mind')];
  const taken = room.select('sword', { signal: one.signal });
  const kept = room.select('bow');
  one.abort(reason);
  await assert.rejects(taken, reason);
  const session = await peer.welcome();
  await session.answerSelect();
  assert.equal((await kept).asset, 'bow');
  await session.caughtUp(room);
  assert.equal(session.unread, 0);
  await assert.rejects(room.select('sword', { signal: one.signal }), reason, 'aborted before the call');
  await session.caughtUp(room);
  assert.equal(session.unread, 0);
});

test('of a select that was given up after it was sent the granted event still tells', async (t) => {
  const { room, session } = await joined(t);
  const told = next(room, 'granted');
  const given = room.select('sword', { timeoutMs: 20 });
  const { request_id } = await session.next('select_asset');
  await assert.rejects(given, timedOut(/may still arrive/));
  session.send({ type: 'selection', request_id, asset: 'sword', granted: true, remaining: 2, revision: 1 });
  session.send(granted(11, 'sword', 'ada', { units: 3, remaining: 2 }));
  assert.equal((await told).mine, true);
  const back = room.release('sword');
  const release = await session.next('release_asset');
  session.send({ type: 'release', request_id: release.request_id, asset: 'sword', released: true, remaining: 3, revision: 2 });
  assert.equal((await back).released, true);
});

test('a select that was given up is repeated neither after a drop nor after an unknown outcome', async (t) => {
  const { peer, room, session } = await joined(t);
  const errors = record(room, 'error');
  const abort = new AbortController();
  const [dropped, unknown] = ['sword', 'bow'].map((asset) => later(room.select(asset, { signal: abort.signal })));
  await session.next('select_asset');
  const { request_id } = await session.next('select_asset');
  abort.abort();
  session.send({ type: 'error', code: 'outcome_unknown', message: '', request_id, temporary: true });
  await session.caughtUp(room);
  for (const given of [dropped, unknown]) await assert.rejects(given, { name: 'AbortError' });
  session.cut();
  const again = await peer.welcome({ recovered: true });
  await again.caughtUp(room);
  assert.equal(again.unread, 0);
  assert.deepEqual(errors, []);
});

test('a select given up between two attempts frees its place at once', () => withClock(({ room, sockets, tick }) => {
  sockets[0].welcome();
  const abort = new AbortController();
  for (let n = 0; n < 65; n += 1) later(room.select(`a${n}`, { signal: abort.signal }));
  const { sent } = sockets[0];
  assert.equal(sent.length, 64);
  sockets[0].hear({ type: 'error', code: 'outcome_unknown', message: '', request_id: sent[0].request_id, temporary: true });
  abort.abort();
  later(room.select('last'));
  assert.deepEqual(sent.slice(64).map(({ asset }) => asset), ['last']);
  tick(10_000);
  assert.equal(types(sockets[0]).filter((type) => type === 'select_asset').length, 65, 'nothing is repeated');
}));

test('a settled select listens to its signal no longer', async (t) => {
  const { room, session } = await joined(t);
  const abort = new AbortController();
  let listeners = 0;
  for (const [method, step] of [['addEventListener', 1], ['removeEventListener', -1]]) {
    const real = abort.signal[method].bind(abort.signal);
    abort.signal[method] = (...args) => { listeners += step; real(...args); };
  }
  const select = room.select('sword', { signal: abort.signal });
  assert.equal(listeners, 1);
  await session.answerSelect();
  await select;
  assert.equal(listeners, 0);
});

test('a signal or a time that is none is refused', async (t) => {
  const { room } = await joined(t);
  await assert.rejects(room.select('sword', { signal: {} }), { name: 'TypeError', message: /^signal must be/ });
  for (const timeoutMs of [0, -1, NaN, '5', null, 2 ** 31]) {
    await assert.rejects(room.select('sword', { timeoutMs }), { name: 'TypeError', message: /^timeoutMs must be above 0/ });
  }
  for (const giveUpAfterMs of [0, -1, NaN, 'never']) {
    assert.throws(() => joinRoom('ws://h', { room: 'r', giveUpAfterMs }), { name: 'TypeError', message: /^giveUpAfterMs/ });
  }
});

test('an outage that outlasts a caller costs nobody a unit', async (t) => {
  const server = await startServer(t, ['--asset', 'coin=1']);
  const proxy = await startProxy(t, server.port);
  const ada = join(t, proxy.url, { room: 'r', player: 'ada' });
  const bob = join(t, server.url, { room: 'r', player: 'bob' });
  await within(Promise.all([ada.ready, bob.ready]), 'both to be in');
  const down = next(ada, 'state', ({ state }) => state === 'reconnecting');
  proxy.hold();
  proxy.cut();
  await down;
  await assert.rejects(ada.select('coin', { timeoutMs: 300 }), timedOut(/not sent/));
  const back = next(ada, 'state', ({ state }) => state === 'connected');
  proxy.resume();
  await back;
  await ada.ping();
  assert.equal((await bob.select('coin')).granted, true);
});

test('a reply lost on the way: the caller gave up, and gives back what the granted event tells of', async (t) => {
  const server = await startServer(t, ['--asset', 'coin=1']);
  const proxy = await startProxy(t, server.port);
  const ada = join(t, proxy.url, { room: 'r', player: 'ada' });
  const bob = join(t, server.url, { room: 'r', player: 'bob' });
  await within(Promise.all([ada.ready, bob.ready]), 'both to be in');
  const decided = next(bob, 'granted');
  proxy.swallowReplies();
  const given = later(ada.select('coin', { timeoutMs: 500 }));
  await decided;
  await assert.rejects(given, timedOut(/may still arrive/));
  const told = next(ada, 'granted', ({ mine }) => mine);
  proxy.cut();
  await ada.release((await told).asset);
  assert.deepEqual(await server.holders('r', 'coin'), []);
});

test('a room without a connection is given up when it was told to, and says so', async () => {
  let ready;
  await withClock(async ({ room, sockets, tick, latest }) => {
    ready = later(room.ready);
    const errors = record(room, 'error');
    sockets[0].onclose(cut);
    for (let ms = 0; ms < 4_900; ms += 100) {
      tick(100);
      sockets.at(-1).onclose?.(cut);
    }
    assert.equal(latest().state, 'connecting');
    tick(150);
    assert.deepEqual(latest(), { state: 'closed', code: 1006, reason: 'unreachable' });
    const [[, { code, temporary }]] = errors;
    assert.deepEqual([errors.length, code, temporary], [1, 'unreachable', true]);
    const dials = sockets.length;
    tick(60_000);
    assert.equal(sockets.length, dials);
  }, { giveUpAfterMs: 5_000 });
  await assert.rejects(ready, { name: 'ArbiterError', code: 'unreachable', message: /no connection for 5000 ms/ });
});

test('a connection begins the count anew, and so does a wake-up', () => withClock(({ sockets, tick, sleep, latest }) => {
  tick(4_000);
  sockets[0].welcome();
  tick(20_000);
  sockets[0].onclose(cut);
  tick(4_000);
  assert.equal(latest().state, 'reconnecting');
  sleep(3_600_000);
  tick(4_000);
  assert.equal(latest().state, 'reconnecting');
  tick(1_100);
  assert.equal(latest().reason, 'unreachable');
}, { giveUpAfterMs: 5_000 }));
