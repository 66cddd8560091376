import assert from 'node:assert/strict';
import { test } from 'node:test';
import { setTimeout as pause } from 'node:timers/promises';

import { ArbiterError, join } from './helpers/library.mjs';
import { asset, granted, joined, startPeer } from './helpers/peer.mjs';
import { next, reaches } from './helpers/wait.mjs';

const lobby = { room: 'lobby', player: 'ada' };
const state = { assets: [asset('sword')] };
const jitter = { random: Math.random };

/** Longer than every delay of a first reconnect; only ever used to see that nothing happens. */
const LONGER_THAN_A_FIRST_RETRY_MS = 400;

for (const [code, reason] of [[4001, 'unauthorized'], [4003, 'forbidden'], [4004, 'room_removed'], [4077, 'closed']]) {
  test(`after ${code} a room stays closed and says why`, async (t) => {
    const { peer, room, session } = await joined(t, state, jitter);
    const waiting = room.select('sword');
    await session.next('select_asset');
    const closed = next(room, 'state');
    session.close(code);
    await assert.rejects(waiting, (error) => error instanceof ArbiterError && error.code === reason && !error.temporary);
    assert.equal((await closed).state, 'closed');
    assert.equal((await closed).code, code);
    await assert.rejects(room.select('sword'), { code: reason });
    await pause(LONGER_THAN_A_FIRST_RETRY_MS);
    assert.equal(peer.count, 1);
  });
}

test('refused before the first welcome, ready rejects', async (t) => {
  const peer = await startPeer(t);
  const room = join(t, peer.url, { ...lobby, token: 'stale' });
  const session = await peer.next();
  assert.deepEqual(session.protocols, ['asset-arbiter.v1', 'bearer.stale']);
  session.close(4001);
  await assert.rejects(room.ready, { name: 'ArbiterError', code: 'unauthorized' });
});

for (const code of [4100, 4113, 4199]) {
  test(`after ${code} a room comes back when it was told to, not before`, async (t) => {
    const { peer, room, session } = await joined(t, state, jitter);
    const down = next(room, 'state');
    session.close(code, 350);
    const { state: now, code: told, retryInMs } = await down;
    const since = performance.now();
    assert.deepEqual([now, told], ['reconnecting', code]);
    assert.ok(retryInMs >= 350 && retryInMs <= 450, `retryInMs ${retryInMs}`);
    await peer.next();
    assert.ok(performance.now() - since >= 345, 'came back too early');
  });
}

for (const [name, drop] of [['4200', (s) => s.close(4200)], ['a cut (1006)', (s) => s.cut()]]) {
  test(`after ${name} a room is back at once and resumes after the last frame seen`, async (t) => {
    const { peer, room, session } = await joined(t, state, jitter);
    session.send(granted(11, 'sword', 'bob'));
    await session.caughtUp(room);
    const down = next(room, 'state');
    drop(session);
    assert.ok((await down).retryInMs <= 100);
    const again = await peer.next();
    assert.deepEqual(again.query, { player: 'ada', epoch: 'E1', offset: '11' });
    const up = next(room, 'state');
    again.welcome({ recovered: true, offset: 11 });
    assert.deepEqual(await up, { state: 'connected', recovered: true });
  });
}

test('a second drop in the middle of the missed frames resumes after the last one that came', async (t) => {
  const { peer, room, session } = await joined(t, { assets: [asset('sword', { units: 9 })] });
  session.cut();
  const second = await peer.welcome({ recovered: true, offset: 14 });
  assert.equal(second.query.offset, '10');
  second.send(granted(11, 'sword', 'bob', { units: 9, remaining: 8, revision: 1 }));
  await second.caughtUp(room);
  second.cut();
  assert.equal((await peer.next()).query.offset, '11');
});

for (const [name, code, reason] of [
  ['every other close', 1011, ''], ['a close that says "later" without saying when', 4129, 'too_fast'],
]) {
  test(`${name} backs off, also the first time`, async (t) => {
    const { peer, room, session } = await joined(t, state);
    const down = next(room, 'state');
    session.closeBare(code);
    assert.deepEqual(await down, { state: 'reconnecting', code, reason, retryInMs: 125 });
    await peer.next();
  });
}

test('of several nodes the next is tried when one cannot be reached or drains', async (t) => {
  const [drained, other] = [await startPeer(t), await startPeer(t)];
  const dead = await startPeer(t);
  dead.stop();
  const room = join(t, [dead.url, drained.url, other.url], lobby);
  const session = await drained.welcome(state);
  await room.ready;
  assert.equal(room.url, drained.url);
  session.close(4100, 1);
  await other.welcome(state);
  await reaches(room, 'connected');
  assert.equal(room.url, other.url);
});

test('a cut keeps its node, whose log still has what was missed', async (t) => {
  const [one, other] = [await startPeer(t), await startPeer(t)];
  const room = join(t, [one.url, other.url], lobby);
  const session = await one.welcome(state);
  await room.ready;
  session.cut();
  await one.next();
  assert.equal(other.count, 0);
});
