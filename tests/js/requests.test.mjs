import assert from 'node:assert/strict';
import { test } from 'node:test';

import { ArbiterError, join } from './helpers/library.mjs';
import { asset, joined, startPeer } from './helpers/peer.mjs';
import { next, record } from './helpers/wait.mjs';

const refuse = (session, { request_id }, code, temporary = false) =>
  session.send({ type: 'error', code, message: `said ${code}`, request_id, temporary });

test('the answers of a select are results, sold out included', async (t) => {
  const { room, session } = await joined(t);
  const won = room.select('sword');
  await session.answerSelect({ remaining: 2, revision: 5 });
  const { latencyMs, ...rest } = await won;
  assert.deepEqual(rest, {
    asset: 'sword', granted: true, alreadyHeld: false, reason: null, retryAfterMs: null, remaining: 2, revision: 5, expiresAt: null,
  });
  assert.ok(latencyMs > 0 && room.latencyMs > 0);
  const lost = room.select('bow');
  await session.answerSelect({ granted: false, reason: 'sold_out', revision: 6 });
  const { granted: given, reason } = await lost;
  assert.deepEqual([given, reason], [false, 'sold_out']);
  const again = room.select('sword');
  await session.answerSelect({ already_held: true, remaining: 2, revision: 5 });
  assert.equal((await again).alreadyHeld, true);
});

test('answers in another order find their requests', async (t) => {
  const { room, session } = await joined(t);
  const results = Promise.all([room.select('a'), room.select('b')]);
  const [a, b] = [await session.next('select_asset'), await session.next('select_asset')];
  const reply = ({ request_id, asset: name }, given) =>
    ({ type: 'selection', request_id, asset: name, granted: given, remaining: 0, revision: 1, already_held: false });
  session.send(reply(b, true), reply(a, false));
  assert.deepEqual((await results).map((result) => [result.asset, result.granted]), [['a', false], ['b', true]]);
});

test('a refusal rejects with its code; without a request it is an event', async (t) => {
  const { room, session } = await joined(t);
  const refused = room.select('sword');
  refuse(session, await session.next('select_asset'), 'store_unavailable', true);
  await assert.rejects(refused, (error) => error instanceof ArbiterError && error.code === 'store_unavailable'
    && error.temporary === true && error.message === 'said store_unavailable');
  const told = next(room, 'error');
  refuse(session, {}, 'rate_limited', true);
  assert.deepEqual(await told, { code: 'rate_limited', message: 'said rate_limited', temporary: true });
});

test('selects made before the welcome wait for it, in order', async (t) => {
  const peer = await startPeer(t);
  const room = join(t, peer.url, { room: 'lobby', player: 'ada' });
  const results = Promise.all([room.select('a'), room.select('b')]);
  const session = await peer.next();
  session.welcome();
  await session.answerSelect();
  await session.answerSelect();
  assert.deepEqual((await results).map((result) => result.asset), ['a', 'b']);
});

test('what a drop left unanswered is repeated first, once, in order, and then what was asked while down', async (t) => {
  const { peer, room, session } = await joined(t);
  const early = [room.select('a'), room.select('b'), room.release('c')];
  await session.answerSelect();
  await session.next('select_asset');
  await session.next('release_asset');
  const down = next(room, 'state');
  session.cut();
  await down;
  const late = room.select('d');
  const again = await peer.welcome({ recovered: true });
  const b = await again.next('select_asset');
  assert.equal(b.asset, 'b');
  const won = { granted: true, remaining: 0, revision: 1, already_held: true };
  again.send({ type: 'selection', request_id: b.request_id, asset: 'b', ...won });
  const c = await again.next('release_asset');
  again.send({ type: 'release', request_id: c.request_id, asset: 'c', released: true, remaining: 2, revision: 9 });
  await again.answerSelect();
  await Promise.all([...early, late]);
  await again.caughtUp(room);
  assert.equal(again.unread, 0);
});

test('a repeated release that is not held has been released; one that was never repeated has not', async (t) => {
  const { peer, room, session } = await joined(t);
  const never = room.release('sword');
  refuse(session, await session.next('release_asset'), 'not_held');
  await assert.rejects(never, { code: 'not_held' });
  const repeated = room.release('sword');
  await session.next('release_asset');
  session.cut();
  const again = await peer.welcome({ recovered: true });
  refuse(again, await again.next('release_asset'), 'not_held');
  assert.deepEqual(await repeated, { asset: 'sword', released: true, remaining: 3, revision: 0 });
});

test('a request beyond 1024 waiting ones is refused, and the others are not harmed', async (t) => {
  const peer = await startPeer(t);
  const room = join(t, peer.url, { room: 'lobby', player: 'ada' });
  const results = Array.from({ length: 1024 }, (_, n) => room.select(`a${n}`));
  await assert.rejects(room.select('one-too-many'), { name: 'ArbiterError', code: 'limit_reached', temporary: true });
  const session = await peer.welcome();
  for (let n = 0; n < 1024; n += 1) await session.answerSelect();
  assert.equal((await Promise.all(results)).length, 1024);
});

test('a sync resolves when the snapshot has been applied as a whole', async (t) => {
  const { peer, room, session } = await joined(t);
  const first = room.sync();
  const { request_id } = await session.next('sync');
  session.cut();
  const again = await peer.welcome({ recovered: true });
  assert.deepEqual(await again.next('sync'), { type: 'sync', request_id }, 'asked again after a drop');
  const part = { type: 'snapshot', offset: 12, players: 1, present: ['ada'], held: [], parts: 2 };
  again.send({ ...part, part: 1, assets: [asset('a')] });
  let done = false;
  first.then(() => (done = true));
  await again.caughtUp(room);
  assert.equal(done, false);
  again.send({ ...part, part: 2, assets: [asset('b')] });
  await first;
  assert.deepEqual([...room.assets.keys()], ['a', 'b']);
});

test('syncs that are asked for meanwhile share the snapshot of the first', async (t) => {
  const { room, session } = await joined(t);
  const all = [room.sync(), room.sync()];
  const { request_id } = await session.next('sync');
  all.push(room.sync());
  await session.caughtUp(room);
  assert.equal(session.unread, 0);
  session.send({ type: 'snapshot', offset: 12, players: 1, present: ['ada'], assets: [asset('a')], held: [] });
  await Promise.all(all);
  const later = room.sync();
  assert.notEqual((await session.next('sync')).request_id, request_id);
  session.send({ type: 'snapshot', offset: 13, players: 1, present: ['ada'], assets: [asset('a')], held: [] });
  await later;
});

for (const [how, naming] of [['that names it', (sync) => sync], ['of an older server, that names nothing', () => ({})]]) {
  test(`a sync is repeated after a refusal as too many ${how}`, async (t) => {
    const { room, session } = await joined(t);
    const errors = record(room, 'error');
    const done = room.sync();
    const first = await session.next('sync');
    const since = performance.now();
    refuse(session, naming(first), 'rate_limited', true);
    assert.deepEqual(await session.next('sync'), first);
    assert.ok(performance.now() - since >= 1_000, 'not before the server sends another snapshot');
    session.send({ type: 'snapshot', offset: 12, players: 1, present: ['ada'], assets: [asset('a')], held: [] });
    await done;
    assert.deepEqual(errors, []);
  });
}

test('a snapshot that nobody asked for answers a sync that waits to be repeated', async (t) => {
  const { room, session } = await joined(t);
  const done = room.sync();
  refuse(session, await session.next('sync'), 'rate_limited', true);
  session.send({ type: 'snapshot', offset: 12, players: 1, present: ['ada'], assets: [asset('a')], held: [] });
  await done;
});

test('a select, release or ping that is refused as too many is for the caller to repeat', async (t) => {
  const { room, session } = await joined(t);
  for (const [type, call] of [
    ['select_asset', () => room.select('sword')], ['release_asset', () => room.release('sword')], ['ping', () => room.ping()],
  ]) {
    const refused = call();
    refuse(session, await session.next(type), 'rate_limited', true);
    await assert.rejects(refused, { code: 'rate_limited', temporary: true });
  }
});

test('what waits to be repeated is rejected by leaving', async (t) => {
  const { room, session } = await joined(t);
  const [select, sync] = [room.select('sword'), room.sync()];
  refuse(session, await session.next('select_asset'), 'outcome_unknown', true);
  refuse(session, await session.next('sync'), 'rate_limited', true);
  room.leave();
  await assert.rejects(select, { code: 'left' });
  await assert.rejects(sync, { code: 'left' });
  await assert.rejects(room.sync(), { code: 'left' });
});

test('a second answer to a request is not told as an error of nobody\'s', async (t) => {
  const { room, session } = await joined(t);
  const errors = record(room, 'error');
  const result = room.select('sword');
  const select = await session.next('select_asset');
  const won = { granted: true, remaining: 0, revision: 1, already_held: false };
  session.send({ type: 'selection', request_id: select.request_id, asset: 'sword', ...won });
  refuse(session, select, 'outcome_unknown', true);
  await result;
  await session.caughtUp(room);
  assert.deepEqual(errors, []);
  refuse(session, { request_id: '999' }, 'conflict');
  await session.caughtUp(room);
  assert.equal(errors.length, 1, 'one that was never asked is told');
});

test('a ping measures the way and the other clock', async (t) => {
  const { room, session } = await joined(t);
  const done = room.ping();
  const { request_id } = await session.next('ping');
  session.send({ type: 'pong', request_id, server_time: Date.now() + 3_600_000 });
  assert.equal(await done, room.latencyMs);
  assert.ok(Math.abs(room.serverTimeOffsetMs - 3_600_000) < 5_000);
});

test('leaving closes with 1000 and rejects what waits', async (t) => {
  const { peer, room, session } = await joined(t);
  const states = record(room, 'state');
  const waiting = room.select('sword');
  await session.next('select_asset');
  room.leave();
  await assert.rejects(waiting, { code: 'left' });
  assert.equal(await session.closeCode(), 1000);
  assert.deepEqual(states, [['state', { state: 'closed', code: 1000, reason: 'left' }]]);
  assert.equal(peer.count, 1);
});

test('leaving while still connecting is quiet', async (t) => {
  const peer = await startPeer(t);
  const hasty = join(t, peer.url, { room: 'lobby', player: 'hasty' });
  hasty.leave();
  await assert.rejects(hasty.ready, { code: 'left' });
  const room = join(t, peer.url, { room: 'lobby', player: 'ada' });
  let session = await peer.next();
  if (session.query.player === 'hasty') session = await peer.next();
  session.welcome();
  await room.ready;
  assert.equal(hasty.state, 'closed');
});
