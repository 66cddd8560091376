import assert from 'node:assert/strict';
import { test } from 'node:test';

import { ArbiterError, join } from './helpers/library.mjs';
import { numbered, players, race } from './helpers/players.mjs';
import { startServer } from './helpers/server.mjs';
import { next, reaches, record, settles, within } from './helpers/wait.mjs';

test('select, select again, sold out, release, and what is not held or known', async (t) => {
  const server = await startServer(t);
  await server.create('r', 'sword', 1);
  const [ada, bob] = await players(t, server.url, 'r', ['ada', 'bob']);
  const won = await ada.select('sword');
  assert.deepEqual([won.granted, won.alreadyHeld, won.reason, won.remaining], [true, false, null, 0]);
  assert.ok(won.latencyMs > 0 && won.revision >= 1);
  assert.ok(ada.held.has('sword'));
  const again = await ada.select('sword');
  assert.deepEqual([again.granted, again.alreadyHeld, again.remaining], [true, true, 0]);
  const lost = await bob.select('sword');
  assert.deepEqual([lost.granted, lost.reason, lost.remaining], [false, 'sold_out', 0]);
  await assert.rejects(bob.release('sword'), { name: 'ArbiterError', code: 'not_held', temporary: false });
  await assert.rejects(bob.select('nothing'), { code: 'unknown_asset' });
  const free = next(bob, 'released');
  const released = await ada.release('sword');
  assert.deepEqual([released.released, released.remaining], [true, 1]);
  assert.deepEqual(await free, {
    asset: 'sword', player: 'ada', remaining: 1, revision: released.revision, reason: 'released', mine: false,
  });
  assert.equal((await bob.select('sword')).granted, true);
});

test('a player with an account id and a display name is known by both', async (t) => {
  const server = await startServer(t);
  await server.create('r', 'sword', 1);
  const [bob] = await players(t, server.url, 'r', ['bob']);
  const joined = next(bob, 'players');
  const ann = join(t, server.url, { room: 'r', player: 'auth0|5f+a=~@b', name: 'Zoe\u0308 "A." & co' });
  await within(ann.ready, 'a welcome');
  assert.equal((await joined).joined, 'auth0|5f+a=~@b');
  for (const room of [ann, bob]) assert.deepEqual([...room.names], [['auth0|5f+a=~@b', 'Zoë "A." & co']]);
  const granted = next(bob, 'granted');
  assert.equal((await ann.select('sword')).granted, true);
  assert.equal((await granted).player, 'auth0|5f+a=~@b');
});

test('an asset of a template is there before anyone asked, and its first select creates it', async (t) => {
  const server = await startServer(t, ['--asset', 'gem=2']);
  const [ada] = await players(t, server.url, 'r', ['ada']);
  assert.deepEqual(ada.assets.get('gem'), { asset: 'gem', units: 2, remaining: 2, revision: 0, held: 0, holders: [] });
  const told = next(ada, 'granted');
  assert.equal((await ada.select('gem')).remaining, 1);
  assert.deepEqual([(await told).units, (await told).mine], [2, true]);
});

test('players and observers see the same events of an asset in the same order', async (t) => {
  const server = await startServer(t);
  await server.create('r', 'coin', 5);
  const [ada, bob] = await players(t, server.url, 'r', ['ada', 'bob']);
  const watching = join(t, server.url, { room: 'r' });
  await within(watching.ready, 'a welcome');
  const logs = [ada, bob, watching].map((room) => record(room, 'granted', 'released', 'changed'));
  await Promise.all([ada.select('coin'), bob.select('coin')]);
  await ada.release('coin');
  await server.http('POST', '/v1/rooms/r/assets/coin/restock', { units: 2 });
  await server.create('r', 'late', 1);
  await server.http('DELETE', '/v1/rooms/r/assets/coin');
  const all = [ada, bob, watching];
  const done = ({ assets }) => assets.has('late') && !assets.has('coin');
  await Promise.all(all.map((room) => settles(room, () => done(room), 'the last change')));
  const ofCoin = (log) => log.filter(([, { asset }]) => asset === 'coin');
  const coin = logs.map((log) => ofCoin(log).map(([event, { revision, player }]) => [event, revision, player]));
  assert.deepEqual(coin[0].map(([event]) => event), ['granted', 'granted', 'released', 'changed', 'changed']);
  assert.deepEqual(coin[1], coin[0]);
  assert.deepEqual(coin[2], coin[0]);
  assert.equal(watching.player, null);
  assert.deepEqual([...bob.held], []);
});

test('of 30 players after 4 units exactly 4 hold, and everyone agrees who', async (t) => {
  const server = await startServer(t);
  await server.create('r', 'coin', 4);
  const rooms = await players(t, server.url, 'r', numbered(30));
  const results = await Promise.all(rooms.map((room) => room.select('coin')));
  const winners = rooms.filter((_, n) => results[n].granted).map(({ player }) => player);
  assert.equal(winners.length, 4);
  await Promise.all(rooms.map((room) => settles(room, () => room.assets.get('coin').remaining === 0, 'all four grants')));
  for (const room of rooms) {
    const { held, holders } = room.assets.get('coin');
    assert.equal(held, 4);
    assert.deepEqual(holders.map(({ player }) => player).sort(), winners.toSorted());
    assert.deepEqual([...room.held], winners.includes(room.player) ? ['coin'] : []);
  }
});

test('one connection may ask for 300 assets at once', async (t) => {
  const server = await startServer(t, ['--auto-create', '1']);
  const [ada] = await players(t, server.url, 'r', ['ada']);
  const results = await Promise.all(Array.from({ length: 300 }, (_, n) => ada.select(`a${n}`)));
  assert.ok(results.every(({ granted }) => granted));
  await settles(ada, () => ada.assets.get('a299')?.remaining === 0, 'all grants to be told');
  assert.equal(ada.held.size, 300);
});

test('a sync brings the whole state, a ping the way and the clock', async (t) => {
  const server = await startServer(t);
  await server.create('r', 'sword', 1);
  const [ada] = await players(t, server.url, 'r', ['ada']);
  await ada.select('sword');
  const replaced = next(ada, 'snapshot');
  await within(ada.sync(), 'a snapshot');
  await replaced;
  assert.equal(ada.assets.get('sword').remaining, 0);
  assert.deepEqual([...ada.held], ['sword']);
  assert.ok((await ada.ping()) > 0);
  assert.ok(Math.abs(ada.serverTimeOffsetMs) < 5_000);
});

test('syncs beyond what the server allows are answered a little later', async (t) => {
  const server = await startServer(t, ['--selects-per-second', '1', '--asset', 'sword=1']);
  const [ada] = await players(t, server.url, 'r', ['ada']);
  const errors = record(ada, 'error');
  const pings = Promise.allSettled(Array.from({ length: 6 }, () => ada.ping()));
  await within(Promise.all([ada.sync(), ada.sync()]), 'a snapshot, for both');
  const codes = (await pings).filter(({ status }) => status === 'rejected').map(({ reason }) => reason.code);
  assert.ok(codes.length >= 4, 'the pings have used up what a second allows');
  assert.deepEqual(new Set(codes), new Set(['rate_limited']));
  assert.deepEqual(errors, []);
});

test('a state longer than a frame arrives whole, at joining and by sync', async (t) => {
  const server = await startServer(t, ['--auto-create', '1']);
  const [ada] = await players(t, server.url, 'r', ['ada']);
  const names = Array.from({ length: 1_800 }, (_, n) => `asset-${n}-`.padEnd(64, 'x')); // about 300 KB
  for (let n = 0; n < names.length; n += 600) await Promise.all(names.slice(n, n + 600).map((name) => ada.select(name)));
  const [bob] = await players(t, server.url, 'r', ['bob']);
  const knowsAll = (room) => names.every((name) => room.assets.get(name)?.remaining === 0);
  await settles(bob, () => knowsAll(bob), 'all assets');
  const replaced = next(ada, 'snapshot');
  await within(ada.sync(), 'a snapshot in parts');
  await replaced;
  assert.ok(knowsAll(ada));
  assert.deepEqual([...ada.held].toSorted(), names.toSorted());
  assert.equal(bob.held.size, 0);
});

test('a removed room is closed for good', async (t) => {
  const server = await startServer(t);
  await server.create('r', 'sword', 1);
  const [ada] = await players(t, server.url, 'r', ['ada']);
  const closed = next(ada, 'state');
  await server.http('DELETE', '/v1/rooms/r');
  assert.deepEqual([(await closed).state, (await closed).code], ['closed', 4004]);
  await assert.rejects(ada.select('sword'), (error) => error instanceof ArbiterError && error.code === 'room_removed');
});

for (const [how, stop, code] of [
  ['stopped', async (server) => assert.equal(await server.stop(), 0), 4100],
  ['killed', (server) => server.kill(), 1006],
]) {
  test(`a server ${how} in mid-race and started again: all are back and every select is answered`, async (t) => {
    const args = ['--auto-create', '2'];
    const server = await startServer(t, args);
    const rooms = await players(t, server.url, 'r', numbered(8));
    let racing = true;
    const races = rooms.map((room) => race(room, () => racing));
    await settles(rooms[0], () => rooms[0].assets.has('prize-3'), 'the race to be on');
    const downs = rooms.map((room) => next(room, 'state', ({ state }) => state === 'reconnecting'));
    await stop(server);
    for (const down of await Promise.all(downs)) assert.equal(down.code, code);
    const waiting = rooms.map((room) => room.select('asked-while-down'));
    await startServer(t, args, server.port);
    await Promise.all(rooms.map((room) => reaches(room, 'connected', 30_000)));
    const results = await within(Promise.all(waiting), 'what was asked while down', 30_000);
    assert.equal(results.filter(({ granted }) => granted).length, 2);
    racing = false;
    for (const answers of await Promise.all(races)) assert.ok(answers.length > 0);
  });
}
