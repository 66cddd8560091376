// Grants that end, on the real server: holds, confirmations, cooldowns, reservations, and players who leave.
import assert from 'node:assert/strict';
import { once } from 'node:events';
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join as path } from 'node:path';
import { test } from 'node:test';
import { setTimeout as pause } from 'node:timers/promises';
import { Worker } from 'node:worker_threads';

import { join } from './helpers/library.mjs';
import { players } from './helpers/players.mjs';
import { startProxy } from './helpers/proxy.mjs';
import { startServer } from './helpers/server.mjs';
import { next, record, settles, within } from './helpers/wait.mjs';

/** How late an end may be told, on a machine that does much else. */
const LATE_MS = 1_500;
/** How exact a deadline is that was read from the server's clock. */
const EXACT_MS = 250;

const until = (deadline) => pause(Math.max(0, deadline - performance.now()) + 1);
const holderIn = (room, asset, player) => room.assets.get(asset).holders.find((one) => one.player === player);

/** A server with one asset, and players in its room. */
async function scene(t, options, names = ['ada', 'bob'], units = 1) {
  const server = await startServer(t);
  await server.create('r', 'seat', units, options);
  return { server, rooms: await players(t, server.url, 'r', names) };
}

test('a hold that nobody confirms expires for everyone, after its time', async (t) => {
  const { rooms: [ada, bob] } = await scene(t, { hold_ms: 500 });
  assert.deepEqual(ada.assets.get('seat').options, { holdMs: 500 });
  const seen = next(bob, 'granted');
  const ends = [ada, bob].map((room) => next(room, 'released'));
  const from = performance.now();
  const { granted, expiresAt } = await ada.select('seat');
  assert.equal(granted, true);
  assert.ok(expiresAt >= from + 500 && expiresAt <= performance.now() + 500, `${expiresAt - from}`);
  const told = await seen;
  assert.ok(Math.abs(told.expiresAt - expiresAt) < EXACT_MS, `${told.expiresAt} ${expiresAt}`);
  assert.equal(holderIn(bob, 'seat', 'ada').expiresAt, told.expiresAt);
  for (const end of await Promise.all(ends)) assert.deepEqual([end.player, end.reason], ['ada', 'expired']);
  const late = performance.now() - told.expiresAt;
  assert.ok(late > -EXACT_MS && late < LATE_MS, `told ${late} ms after its end`);
  assert.deepEqual([[...ada.held], ada.assets.get('seat').remaining], [[], 1]);
});

test('a hold that is confirmed in time stays, also when it is confirmed again', async (t) => {
  const { rooms: [ada, bob] } = await scene(t, { hold_ms: 600 });
  const log = record(bob, 'confirmed', 'released');
  const { expiresAt } = await ada.select('seat');
  const first = await ada.confirm('seat');
  assert.ok(first.latencyMs > 0);
  assert.deepEqual([first.confirmed, first.alreadyConfirmed, first.reason, first.remaining, first.expiresAt],
    [true, false, null, 0, null]);
  const again = await ada.confirm('seat');
  assert.deepEqual([again.confirmed, again.alreadyConfirmed, again.revision], [true, true, first.revision]);
  await until(expiresAt + 300);
  await bob.sync();
  assert.deepEqual(log.map(([event, { player, mine, expiresAt: end }]) => [event, player, mine, end]),
    [['confirmed', 'ada', false, undefined]]);
  assert.equal(holderIn(bob, 'seat', 'ada').expiresAt, undefined);
  assert.ok(ada.held.has('seat'));
});

test('a confirmed hold ends after the time of a grant, and says so', async (t) => {
  const { rooms: [ada] } = await scene(t, { hold_ms: 5_000, grant_ms: 400 }, ['ada']);
  await ada.select('seat');
  const end = next(ada, 'released');
  const { expiresAt } = await ada.confirm('seat');
  assert.ok(expiresAt <= performance.now() + 400);
  assert.deepEqual([(await end).reason, (await ada.confirm('seat')).reason], ['respawned', 'hold_expired']);
});

test('a confirm that is too late says so, and takes a free unit only if it is asked to', async (t) => {
  const { rooms: [ada, bob] } = await scene(t, { hold_ms: 300 });
  const ended = () => next(ada, 'released', ({ reason }) => reason === 'expired');
  await Promise.all([ended(), ada.select('seat')]);
  const late = await ada.confirm('seat');
  assert.deepEqual([late.confirmed, late.reason, late.remaining, ada.held.has('seat')], [false, 'hold_expired', 1, false]);
  const granted = next(bob, 'granted');
  const retaken = await ada.confirm('seat', { retake: true });
  assert.deepEqual([retaken.confirmed, retaken.alreadyConfirmed, retaken.remaining], [true, false, 0]);
  assert.ok(ada.held.has('seat'));
  assert.deepEqual([(await granted).player, (await granted).expiresAt], ['ada', undefined], 'a grant that is confirmed');
  await ada.release('seat');
  await Promise.all([ended(), ada.select('seat')]);
  assert.equal((await bob.select('seat')).granted, true);
  const lost = await ada.confirm('seat', { retake: true });
  assert.deepEqual([lost.confirmed, lost.reason, lost.remaining], [false, 'hold_expired', 0]);
});

test('a hold is extended, until it is confirmed or has ended', async (t) => {
  const { rooms: [ada, bob] } = await scene(t, { hold_ms: 700 });
  await assert.rejects(ada.extend('seat'), { code: 'not_held' });
  await assert.rejects(ada.confirm('seat'), { code: 'not_held' });
  const { expiresAt } = await ada.select('seat');
  await pause(300);
  const told = next(bob, 'extended');
  const extended = await ada.extend('seat');
  assert.ok(extended.expiresAt > expiresAt + 200, `${extended.expiresAt - expiresAt}`);
  assert.ok(Math.abs((await told).expiresAt - extended.expiresAt) < EXACT_MS);
  assert.equal(holderIn(bob, 'seat', 'ada').expiresAt, (await told).expiresAt);
  const [{ reason }] = await Promise.all([next(ada, 'released')]);
  assert.equal(reason, 'expired');
  assert.ok(performance.now() > extended.expiresAt - EXACT_MS);
  await assert.rejects(ada.extend('seat'), { code: 'hold_expired' });
  await ada.select('seat');
  await ada.confirm('seat');
  await assert.rejects(ada.extend('seat'), { code: 'conflict' });
});

test('after the end of a turn its player waits for the cooldown, and nobody else does', async (t) => {
  const { rooms: [ada, bob] } = await scene(t, { grant_ms: 300, cooldown_ms: 900 });
  const over = next(ada, 'released');
  await ada.select('seat');
  assert.equal((await over).reason, 'respawned');
  const denied = await ada.select('seat');
  assert.deepEqual([denied.granted, denied.reason, denied.remaining], [false, 'cooldown', 1]);
  assert.ok(denied.retryAfterMs > 0 && denied.retryAfterMs <= 900, `${denied.retryAfterMs}`);
  assert.equal(denied.expiresAt, null);
  assert.equal((await bob.select('seat')).granted, true);
  assert.deepEqual([(await ada.select('seat')).reason, (await ada.select('seat')).retryAfterMs !== null], ['cooldown', true]);
  await bob.release('seat');
  await until(performance.now() + denied.retryAfterMs);
  assert.equal((await ada.select('seat')).granted, true);
});

test('what is reserved goes to those it is reserved for, and to others when that is over', async (t) => {
  const { rooms: [ann, bob] } = await scene(t, { for: ['ann'], for_ms: 800 }, ['ann', 'bob'], 2);
  assert.deepEqual(bob.assets.get('seat').options, { for: ['ann'], forMs: 800 });
  const denied = await bob.select('seat');
  assert.deepEqual([denied.granted, denied.reason, denied.remaining], [false, 'reserved', 2]);
  assert.ok(denied.retryAfterMs > 0 && denied.retryAfterMs <= 800, `${denied.retryAfterMs}`);
  assert.equal((await ann.select('seat')).granted, true);
  await until(performance.now() + denied.retryAfterMs);
  assert.equal((await bob.select('seat')).granted, true);
});

test('who leaves and comes back in time keeps what it holds, who does not loses it', async (t) => {
  const { server, rooms: [ada, bob, eve] } = await scene(t, { leave_ms: 1_500 }, ['ada', 'bob', 'eve'], 2);
  const log = record(eve, 'released');
  for (const room of [ada, bob]) assert.equal((await room.select('seat')).granted, true);
  const gone = next(eve, 'released', undefined, 10_000);
  for (const room of [ada, bob]) room.leave();
  const [again] = await players(t, server.url, 'r', ['ada']);
  assert.deepEqual([...again.held], ['seat']);
  assert.deepEqual([(await gone).player, (await gone).reason], ['bob', 'left']);
  await pause(1_500);
  await again.sync();
  assert.deepEqual([log.length, [...again.held]], [1, ['seat']]);
});

test('two pages whose dates differ by an hour show the same countdown', async (t) => {
  const { server, rooms: [ada] } = await scene(t, { hold_ms: 30_000 }, ['ada'], 2);
  const pages = [0, 3_600_000].map((aheadMs, n) => {
    const workerData = { aheadMs, url: server.url, player: `p${n}` };
    return new Worker(new URL('./helpers/other-clock.mjs', import.meta.url), { workerData });
  });
  t.after(() => Promise.all(pages.map((page) => page.terminate())));
  const hear = () => Promise.all(pages.map(async (page) => (await within(once(page, 'message'), 'a page', 20_000))[0]));
  assert.deepEqual(await hear(), [{ joined: [] }, { joined: [] }]);
  const heard = hear();
  const end = performance.timeOrigin + (await ada.select('seat')).expiresAt;
  const [right, ahead] = await heard;
  assert.ok(ahead.date - right.date > 3_500_000, 'the dates differ');
  for (const { granted } of [right, ahead]) assert.ok(Math.abs(granted - end) < EXACT_MS, `${granted - end}`);
});

test('who joins later, or gets a snapshot, sees the same deadline', async (t) => {
  const { server, rooms: [ada] } = await scene(t, { hold_ms: 20_000 }, ['ada']);
  const { expiresAt } = await ada.select('seat');
  await pause(600);
  const [bob] = await players(t, server.url, 'r', ['bob']);
  const differs = () => Math.abs(holderIn(bob, 'seat', 'ada').expiresAt - expiresAt);
  assert.ok(differs() < EXACT_MS, `${differs()}`);
  await pause(600);
  await bob.sync();
  assert.ok(differs() < EXACT_MS, `${differs()}`);
});

test('a grant that was missed and is told after a resume ends when it ends', async (t) => {
  const { server, rooms: [bob] } = await scene(t, { hold_ms: 20_000 }, ['bob'], 2);
  const proxy = await startProxy(t, server.port);
  const ada = join(t, proxy.url, { room: 'r', player: 'ada' });
  await within(ada.ready, 'a welcome');
  const mine = (await ada.select('seat')).expiresAt;
  const down = next(ada, 'state', ({ state }) => state === 'reconnecting');
  const back = next(ada, 'state', ({ state }) => state === 'connected');
  proxy.hold();
  proxy.cut();
  await down;
  const { expiresAt } = await bob.select('seat');
  await pause(1_000);
  const told = next(ada, 'granted');
  proxy.resume();
  assert.equal((await back).recovered, true);
  assert.ok(Math.abs((await told).expiresAt - expiresAt) < EXACT_MS, `${(await told).expiresAt - expiresAt}`);
  assert.ok(Math.abs(holderIn(ada, 'seat', 'ada').expiresAt - mine) < EXACT_MS);
});

test('a hold survives a reconnect to another node, and is confirmed there', async (t) => {
  const folder = await mkdtemp(path(tmpdir(), 'arbiter-leases-'));
  t.after(() => rm(folder, { recursive: true }));
  const args = ['--store', `sqlite:${path(folder, 'game.db')}`];
  const first = await startServer(t, args);
  await first.create('r', 'seat', 1, { hold_ms: 30_000 });
  const spare = await startServer(t);
  const { port } = spare;
  await spare.kill();
  const ada = join(t, [first.url, spare.url], { room: 'r', player: 'ada' });
  await within(ada.ready, 'a welcome');
  const { expiresAt } = await ada.select('seat');
  const lost = record(ada, 'lost', 'released');
  const back = next(ada, 'snapshot', undefined, 20_000);
  await first.kill();
  const confirmed = ada.confirm('seat', { timeoutMs: 30_000 });
  await startServer(t, args, port);
  await back;
  assert.equal(ada.url, spare.url);
  assert.deepEqual([...ada.held], ['seat']);
  const { confirmed: kept, alreadyConfirmed } = await within(confirmed, 'the other node to confirm', 20_000);
  assert.deepEqual([kept, alreadyConfirmed], [true, false]);
  await settles(ada, () => holderIn(ada, 'seat', 'ada').expiresAt === undefined, 'the confirmation to be told');
  assert.deepEqual([lost, expiresAt > performance.now()], [[], true]);
});
