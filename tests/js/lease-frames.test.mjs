// Deadlines as frames tell them, and requests about holds whose answers are lost.
import assert from 'node:assert/strict';
import { test } from 'node:test';

import { withClock } from './helpers/clock.mjs';
import { asset, granted, joined } from './helpers/peer.mjs';
import { next, record } from './helpers/wait.mjs';

const NOW = 1_700_000_000_000;
const seat = (fields) => ({ ...asset('seat', fields), options: { hold_ms: 9_000 } });
const held = (until) => seat({ remaining: 0, revision: 1, holders: [{ player: 'ada', at: NOW, until }] });

for (const [method, type, answer] of [
  ['confirm', 'confirm_asset', { type: 'confirmation', confirmed: true, already_confirmed: true, remaining: 0, revision: 2 }],
  ['extend', 'extend_asset', { type: 'extension', until: NOW, ttl_ms: 5_000 }],
]) {
  test(`a lost answer to ${method} is asked for again, on the next connection`, async (t) => {
    const { peer, room, session } = await joined(t, { assets: [held(NOW)], held: ['seat'] });
    const result = room[method]('seat', method === 'confirm' ? { retake: true } : {});
    const first = await session.next(type);
    session.cut();
    const again = await peer.welcome({ recovered: true });
    assert.deepEqual(await again.next(type), first);
    assert.deepEqual([first.asset, first.retake], ['seat', method === 'confirm' ? true : undefined]);
    again.send({ request_id: first.request_id, asset: 'seat', ...answer });
    const { latencyMs, ...told } = await result;
    assert.ok(latencyMs > 0);
    if (method === 'extend') assert.ok(Math.abs(told.expiresAt - performance.now() - 5_000) < 250);
    else assert.deepEqual(told,
      { asset: 'seat', confirmed: true, alreadyConfirmed: true, reason: null, remaining: 0, revision: 2, expiresAt: null });
  });
}

test('a confirm and an extend are given up like a select', async (t) => {
  const { room } = await joined(t, { assets: [held(NOW)], held: ['seat'] });
  for (const method of ['confirm', 'extend']) {
    await assert.rejects(room[method]('seat', { timeoutMs: 20 }), { code: 'timed_out' });
    await assert.rejects(room[method]('seat', { signal: AbortSignal.abort(new Error('gone')) }), { message: 'gone' });
    await assert.rejects(room[method]('no name'), TypeError);
    await assert.rejects(room[method]('seat', { timeoutMs: 0 }), TypeError);
  }
});

test('a fresh frame counts from now, whatever the dates of the nodes are', () => withClock(({ room, sockets, tick }) => {
  sockets[0].welcome({ server_time: NOW, assets: [seat({ units: 3 })] });
  tick(2_000);
  const now = performance.now();
  const fresh = { ...granted(11, 'seat', 'bob', { units: 3, remaining: 2 }), at: NOW + 9_000, until: NOW + 14_000, ttl_ms: 5_000 };
  sockets[0].hear(fresh);
  sockets[0].hear({ ...fresh, offset: 12, player: 'cyd', at: NOW - 1_000, until: NOW + 4_000, remaining: 1, revision: 2 });
  const [bob, cyd] = room.assets.get('seat').holders;
  assert.deepEqual([bob.expiresAt - now, cyd.expiresAt - now], [5_000, 2_000], 'an older frame counts from the welcome');
}));

test('a page whose clock stopped in a sleep is right again after a resume', () => withClock(({ room, sockets, tick, sleep }) => {
  sockets[0].welcome({ server_time: NOW, assets: [held(NOW + 60_000), asset('sword')], held: ['seat'] });
  const [sword, before] = [room.assets.get('sword'), performance.now()];
  const left = () => room.assets.get('seat').holders[0].expiresAt - performance.now();
  assert.equal(left(), 60_000);
  sleep(30_000, { wall: true });
  assert.equal(performance.now(), before, 'the clock stood still');
  sockets[0].onclose({ code: 1006, reason: '' });
  tick(50);
  sockets[1].welcome({ recovered: true, server_time: NOW + 30_050 });
  assert.equal(left(), 29_950);
  assert.equal(room.assets.get('sword'), sword, 'what has no deadline stays as it is');
  assert.deepEqual(room.assets.get('seat').options, { holdMs: 9_000 });
}));

test('options stay with an asset, and go with it', async (t) => {
  const { room, session } = await joined(t, {});
  const options = () => room.assets.get('seat')?.options;
  session.send({ ...granted(11, 'seat', 'bob', { units: 2, remaining: 1 }), options: { grant_ms: 5, cooldown_ms: 7 } });
  session.send({ type: 'asset_changed', offset: 12, asset: 'seat', units: 3, remaining: 2, revision: 2 });
  await session.caughtUp(room);
  assert.deepEqual(options(), { grantMs: 5, cooldownMs: 7 });
  session.send({ type: 'asset_removed', offset: 13, asset: 'seat', revision: 3 });
  session.send({ type: 'asset_changed', offset: 14, asset: 'seat', units: 3, remaining: 3, revision: 4 });
  await session.caughtUp(room);
  assert.equal(options(), undefined);
});

test('a hold that ended while another node was sought is not lost, one that the store forgot is', async (t) => {
  const { peer, room, session } = await joined(t, { assets: [held(NOW)], held: ['seat'] });
  const log = record(room, 'lost');
  const snapshot = next(room, 'snapshot');
  session.cut();
  const second = await peer.welcome({ epoch: 'E2', assets: [seat({ revision: 2 })] });
  await snapshot;
  assert.deepEqual([log, room.held.size], [[], 0]);
  const told = next(room, 'granted');
  second.send(granted(11, 'seat', 'ada', { revision: 3 }));
  await told;
  const lost = next(room, 'lost');
  second.cut();
  await peer.welcome({ epoch: 'E3', assets: [seat({ revision: 0 })] });
  assert.deepEqual((await lost).assets, ['seat']);
});

test('a confirmation says at once what is held, before its frame', async (t) => {
  const { room, session } = await joined(t, { assets: [seat()] });
  const answer = async (fields) => {
    const { request_id } = await session.next('confirm_asset');
    session.send({ type: 'confirmation', request_id, asset: 'seat', already_confirmed: false, remaining: 0, ...fields });
  };
  await Promise.all([room.confirm('seat', { retake: true }), answer({ confirmed: true, revision: 1 })]);
  assert.ok(room.held.has('seat'));
  await Promise.all([room.confirm('seat'), answer({ confirmed: false, reason: 'hold_expired', revision: 2 })]);
  assert.equal(room.held.has('seat'), false);
});

test('a release without a reason is one by the player: older servers tell none', async (t) => {
  const { room, session } = await joined(t, { assets: [asset('seat', { remaining: 0, revision: 1 })] });
  const told = next(room, 'released');
  session.send({ type: 'asset_released', offset: 11, asset: 'seat', player: 'bob', remaining: 1, revision: 2 });
  assert.equal((await told).reason, 'released');
});
