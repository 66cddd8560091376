import assert from 'node:assert/strict';
import { mock, test } from 'node:test';

import { asset, granted, joined } from './helpers/peer.mjs';
import { next, record } from './helpers/wait.mjs';

const holder = (player) => ({ player, at: 1_700_000_000_000 });

test('a welcome is the whole state', async (t) => {
  const sword = asset('sword', { units: 2, remaining: 1, revision: 4, holders: [holder('ada')] });
  const state = { assets: [sword, asset('bow')], held: ['sword'], players: 2, present: ['ada', 'bob'] };
  const { room, peer } = await joined(t, state);
  assert.deepEqual([...room.assets], [['sword', sword], ['bow', asset('bow')]]);
  assert.deepEqual([...room.held], ['sword']);
  assert.deepEqual(room.players, { count: 2, names: ['ada', 'bob'] });
  assert.deepEqual([room.name, room.player, room.state, room.url], ['lobby', 'ada', 'connected', peer.url]);
  assert.ok(Math.abs(room.serverTimeOffsetMs) < 5_000);
});

test('who the token says we are is who we are', async (t) => {
  const { room } = await joined(t, { player: 'ada-from-token' }, { player: undefined, token: 'x' });
  assert.equal(room.player, 'ada-from-token');
});

test('an asset from a template has revision 0 and its first grant is news', async (t) => {
  const { room, session } = await joined(t, { assets: [asset('sword', { units: 2 })] });
  const before = room.assets.get('sword');
  const told = next(room, 'granted');
  session.send(granted(11, 'sword', 'bob', { units: 2, remaining: 1 }));
  assert.deepEqual(await told,
    { asset: 'sword', player: 'bob', units: 2, remaining: 1, revision: 1, at: 1_700_000_000_000, mine: false });
  const after = asset('sword', { units: 2, remaining: 1, revision: 1, holders: [holder('bob')] });
  assert.deepEqual(room.assets.get('sword'), after);
  assert.notEqual(room.assets.get('sword'), before, 'a change makes a new object');
  assert.equal(before.remaining, 2, 'and leaves the old one as it was');
});

test('a grant of an unknown asset creates it', async (t) => {
  const { room, session } = await joined(t, {});
  session.send(granted(11, 'found', 'bob', { units: 3, remaining: 2 }));
  await session.caughtUp(room);
  const found = asset('found', { units: 3, remaining: 2, revision: 1, holders: [holder('bob')] });
  assert.deepEqual(room.assets.get('found'), found);
});

test('an asset that has all units left is held by nobody', async (t) => {
  const sword = asset('sword', { units: 4, remaining: 2, revision: 5, holders: [holder('ada'), holder('bob')] });
  const { room, session } = await joined(t, { assets: [sword], held: ['sword'] });
  session.send({ type: 'asset_changed', offset: 11, asset: 'sword', units: 5, remaining: 3, revision: 6 });
  await session.caughtUp(room);
  assert.deepEqual([room.assets.get('sword').holders.length, [...room.held]], [2, ['sword']], 'a restock');
  const told = next(room, 'changed');
  session.send({ type: 'asset_changed', offset: 12, asset: 'sword', units: 3, remaining: 3, revision: 7 });
  assert.deepEqual(await told, { asset: 'sword', units: 3, remaining: 3, revision: 7, removed: false });
  assert.deepEqual(room.assets.get('sword'), asset('sword', { units: 3, remaining: 3, revision: 7 }), 'a reset');
  assert.deepEqual([...room.held], []);
});

test('a frame that comes twice or late is dropped, asset by asset', async (t) => {
  const { room, session } = await joined(t, { assets: [asset('sword', { units: 5 }), asset('bow', { units: 5 })] });
  const log = record(room, 'granted', 'released', 'changed');
  const first = granted(11, 'sword', 'bob', { units: 5, remaining: 4, revision: 1 });
  const second = granted(12, 'sword', 'cyd', { units: 5, remaining: 3, revision: 2 });
  const other = granted(13, 'bow', 'bob', { units: 5, remaining: 4, revision: 1 });
  session.send(second, first, first, second, other, other, { ...first, offset: 99 });
  session.send({ type: 'asset_released', offset: 14, asset: 'sword', player: 'bob', remaining: 4, revision: 2 });
  session.send({ type: 'asset_changed', offset: 15, asset: 'sword', units: 9, remaining: 9, revision: 1 });
  session.send({ type: 'asset_removed', offset: 16, asset: 'sword', revision: 0 });
  await session.caughtUp(room);
  assert.deepEqual(log.map(([event, { asset: name, revision }]) => [event, name, revision]),
    [['granted', 'sword', 2], ['granted', 'bow', 1]]);
  assert.equal(room.assets.get('sword').remaining, 3);
});

test('no event is told twice when missed frames overlap with known ones', async (t) => {
  const { peer, room, session } = await joined(t, { assets: [asset('sword', { units: 5 })] });
  const log = record(room, 'granted', 'players', 'snapshot');
  const frames = [
    granted(11, 'sword', 'bob', { units: 5, remaining: 4, revision: 1 }),
    { type: 'player_joined', offset: 12, player: 'cyd', players: 2 },
  ];
  session.send(...frames);
  await session.caughtUp(room);
  session.cut();
  const again = await peer.welcome({ recovered: true, offset: 12 });
  again.send(...frames, granted(13, 'sword', 'cyd', { units: 5, remaining: 3, revision: 2 }));
  await again.caughtUp(room);
  assert.deepEqual(log.map(([event, { player, joined: who }]) => [event, player ?? who]),
    [['granted', 'bob'], ['players', 'cyd'], ['granted', 'cyd']]);
});

test('recovered keeps what is known, not recovered replaces it', async (t) => {
  const { peer, room, session } = await joined(t, { assets: [asset('sword', { revision: 7 })], held: [], present: ['ada'] });
  const { assets } = room;
  session.cut();
  const second = await peer.welcome({ recovered: true, offset: 10, players: 1 });
  await second.caughtUp(room);
  assert.equal(room.assets, assets);
  assert.deepEqual(room.players.names, ['ada']);
  const snapshot = next(room, 'snapshot');
  second.cut();
  const third = await peer.welcome({ epoch: 'E2', offset: 3, assets: [asset('sword', { revision: 2 })], held: ['sword'] });
  assert.deepEqual(await snapshot, { recovered: false });
  assert.equal(room.assets.get('sword').revision, 2, 'a lower revision, too: the server lost what it had');
  assert.deepEqual([...room.held], ['sword']);
  third.send(granted(4, 'sword', 'bob', { revision: 3 }));
  await third.caughtUp(room);
  assert.equal(room.assets.get('sword').revision, 3);
  third.cut();
  assert.deepEqual((await peer.next()).query, { player: 'ada', epoch: 'E2', offset: '4' });
});

test('our own grant and release are what we hold', async (t) => {
  const { room, session } = await joined(t, { assets: [asset('sword')] });
  const log = record(room, 'granted', 'released');
  session.send(granted(11, 'sword', 'ada'));
  await session.caughtUp(room);
  assert.deepEqual([...room.held], ['sword']);
  session.send({ type: 'asset_released', offset: 12, asset: 'sword', player: 'ada', remaining: 1, revision: 2, at: 1 });
  await session.caughtUp(room);
  assert.deepEqual([...room.held], []);
  assert.deepEqual(room.assets.get('sword'), asset('sword', { revision: 2 }));
  assert.deepEqual(log.map(([event, { mine }]) => [event, mine]), [['granted', true], ['released', true]]);
});

test('a grant that names us overrides an earlier denial', async (t) => {
  const { room, session } = await joined(t, { assets: [asset('sword')] });
  const denied = room.select('sword');
  await session.answerSelect({ granted: false, reason: 'sold_out', revision: 1 });
  assert.equal((await denied).granted, false);
  const told = next(room, 'granted');
  session.send(granted(11, 'sword', 'ada'));
  assert.equal((await told).mine, true);
  assert.ok(room.held.has('sword'));
});

test('a reply says what we hold at once, but only its frame sets the asset', async (t) => {
  const { room, session } = await joined(t, { assets: [asset('sword')] });
  await Promise.all([room.select('sword'), session.answerSelect({ revision: 1 })]);
  assert.ok(room.held.has('sword'));
  assert.equal(room.assets.get('sword').revision, 0);
  const told = next(room, 'granted');
  session.send(granted(11, 'sword', 'ada'));
  assert.equal((await told).revision, 1, 'the frame is not taken for known');
});

test('a reply older than the frames does not bring back what was released since', async (t) => {
  const { room, session } = await joined(t, { assets: [asset('sword')] });
  session.send(granted(11, 'sword', 'ada'));
  session.send({ type: 'asset_released', offset: 12, asset: 'sword', player: 'ada', remaining: 1, revision: 2, at: 1 });
  await Promise.all([room.select('sword'), session.answerSelect({ already_held: true, revision: 1 })]);
  assert.deepEqual([...room.held], []);
});

test('created, restocked and removed assets are changes; a removed one is not revived by a late frame', async (t) => {
  const { room, session } = await joined(t, {});
  const log = record(room, 'changed');
  const changed = (offset, revision, units) =>
    ({ type: 'asset_changed', offset, asset: 'bow', units, remaining: units, revision });
  session.send(changed(11, 0, 2), changed(12, 1, 5));
  await session.caughtUp(room);
  assert.deepEqual(room.assets.get('bow'), asset('bow', { units: 5, revision: 1 }));
  session.send({ type: 'asset_removed', offset: 13, asset: 'bow', revision: 2 });
  session.send(changed(12, 1, 5), granted(14, 'bow', 'bob', { revision: 2 }));
  await session.caughtUp(room);
  assert.equal(room.assets.has('bow'), false);
  session.send(changed(15, 3, 1));
  await session.caughtUp(room);
  assert.deepEqual(log.map(([, { units, revision, removed }]) => [units, revision, removed]),
    [[2, 0, false], [5, 1, false], [0, 2, true], [1, 3, false]]);
});

test('what was removed in an earlier life of the room does not count in the next', async (t) => {
  const { peer, room, session } = await joined(t, { assets: [asset('sword'), asset('bow', { revision: 6 })] });
  session.send({ type: 'asset_removed', offset: 11, asset: 'bow', revision: 7 });
  await session.caughtUp(room);
  session.cut();
  const again = await peer.welcome({ epoch: 'E2', offset: 0, assets: [asset('sword')] });
  again.send({ type: 'asset_changed', offset: 1, asset: 'bow', units: 2, remaining: 2, revision: 0 });
  await again.caughtUp(room);
  assert.deepEqual(room.assets.get('bow'), asset('bow', { units: 2 }));
});

test('holders are the first 32, and stay right when more hold', async (t) => {
  const holders = Array.from({ length: 31 }, (_, n) => holder(`p${n}`));
  const { room, session } = await joined(t, { assets: [asset('coin', { units: 40, remaining: 9, revision: 31, holders })] });
  session.send(granted(11, 'coin', 'p31', { units: 40, remaining: 8, revision: 32 }));
  session.send(granted(12, 'coin', 'p32', { units: 40, remaining: 7, revision: 33 }));
  session.send({ type: 'asset_released', offset: 13, asset: 'coin', player: 'p0', remaining: 8, revision: 34, at: 1 });
  session.send(granted(14, 'coin', 'p33', { units: 40, remaining: 7, revision: 35 }));
  await session.caughtUp(room);
  const { held, holders: shown } = room.assets.get('coin');
  assert.equal(held, 33);
  assert.deepEqual(shown.map(({ player }) => player), Array.from({ length: 31 }, (_, n) => `p${n + 1}`));
});

test('who is here is told by name in small rooms and by count in large ones', async (t) => {
  const { room, session } = await joined(t, { players: 1, present: ['ada'] });
  const log = record(room, 'players');
  session.send({ type: 'player_joined', offset: 11, player: 'bob', players: 2 });
  session.send({ type: 'player_left', offset: 12, player: 'ada', players: 1 });
  session.send({ type: 'players', offset: 13, players: 900 });
  session.send({ type: 'player_joined', offset: 14, player: 'cyd', players: 901 });
  await session.caughtUp(room);
  assert.deepEqual(log.map(([, players]) => players), [
    { count: 2, names: ['ada', 'bob'], joined: 'bob' }, { count: 1, names: ['bob'], left: 'ada' },
    { count: 900, names: [] }, { count: 901, names: [], joined: 'cyd' },
  ]);
});

test('display names are told beside the players and follow them', async (t) => {
  const state = { players: 2, present: ['ada', 'auth0|1'], names: { ada: 'Ada L.', 'auth0|1': 'Zoë "B."' } };
  const { room, session } = await joined(t, state);
  assert.deepEqual([...room.names], [['ada', 'Ada L.'], ['auth0|1', 'Zoë "B."']]);
  const log = record(room, 'players');
  session.send({ type: 'player_joined', offset: 11, player: 'bob', name: 'Bob', players: 3 });
  session.send({ type: 'player_joined', offset: 12, player: 'ada', name: 'Countess', players: 3 });
  session.send({ type: 'player_joined', offset: 13, player: 'bob', players: 3 });
  session.send({ type: 'player_left', offset: 14, player: 'auth0|1', players: 2 });
  await session.caughtUp(room);
  const names = ['ada', 'auth0|1', 'bob'];
  assert.deepEqual(log.map(([, players]) => players), [
    { count: 3, names, joined: 'bob', name: 'Bob' }, { count: 3, names, renamed: 'ada', name: 'Countess' },
    { count: 3, names, renamed: 'bob' }, { count: 2, names: ['ada', 'bob'], left: 'auth0|1', name: 'Zoë "B."' },
  ]);
  assert.deepEqual([...room.names], [['ada', 'Countess']]);
  const snapshot = { type: 'snapshot', offset: 15, players: 2, assets: [], held: [], parts: 2 };
  session.send({ ...snapshot, part: 1, present: ['ada', 'cyd'], names: { cyd: 'Cyd', __proto__: null } });
  session.send({ ...snapshot, part: 2, present: [] });
  await session.caughtUp(room);
  assert.deepEqual([...room.names], [['cyd', 'Cyd']]);
  session.send({ type: 'players', offset: 16, players: 900 });
  await session.caughtUp(room);
  assert.equal(room.names.size, 0, 'a large room tells none');
});

test('what makes no sense harms nothing', async (t) => {
  const { room, session } = await joined(t, { assets: [asset('sword')] });
  const errors = record(room, 'error');
  session.send('', 'null', '7', '[]', '{', '\u0001', '{"type":7}', '{"type":"of_tomorrow","offset":11}');
  session.send({ type: 'selection', request_id: 'none' }, { type: 'snapshot', offset: 12, players: 1 });
  session.send(granted(13, 'sword', 'bob'));
  await session.caughtUp(room);
  assert.equal(room.assets.get('sword').revision, 1);
  assert.deepEqual(errors.map(([, { code }]) => code), ['bad_message']);
});

test('a listener that throws harms nobody else, and one taken off hears nothing', async (t) => {
  const { room, session } = await joined(t, { assets: [asset('sword', { units: 3 })] });
  const complaint = mock.method(console, 'error', () => {});
  t.after(() => complaint.mock.restore());
  const off = room.on('granted', () => assert.fail('taken off'));
  const once = () => assert.fail('taken off');
  room.on('granted', () => { throw new Error('not ours'); });
  room.on('granted', once);
  off();
  room.off('granted', once);
  const log = record(room, 'granted');
  session.send(granted(11, 'sword', 'bob', { units: 3, remaining: 2 }));
  await session.caughtUp(room);
  assert.equal(log.length, 1);
  assert.equal(complaint.mock.callCount(), 1);
});
