import assert from 'node:assert/strict';
import { test } from 'node:test';

import { asset, granted, joined } from './helpers/peer.mjs';
import { record } from './helpers/wait.mjs';

const part = (number, assets, held = [], offset = 40) => ({
  type: 'snapshot', offset, players: 2, present: ['ada', 'bob'], assets, held, part: number, parts: 3,
});

test('a snapshot in parts is applied when it is complete, and not before', async (t) => {
  const { peer, room, session } = await joined(t, { assets: [asset('old')] });
  const log = record(room, 'snapshot');
  session.send(part(1, [asset('a')]), part(2, [asset('b')], ['b']));
  await session.caughtUp(room);
  assert.deepEqual([[...room.assets.keys()], log.length], [['old'], 0]);
  session.send(part(3, [asset('c')]));
  await session.caughtUp(room);
  assert.deepEqual([...room.assets.keys()], ['a', 'b', 'c']);
  assert.deepEqual([[...room.held], room.players, log.length], [['b'], { count: 2, names: ['ada', 'bob'] }, 1]);
  session.cut();
  assert.equal((await peer.next()).query.offset, '40');
});

test('a room frame between the parts is not lost under the snapshot', async (t) => {
  const { room, session } = await joined(t, { assets: [asset('a')] });
  const log = record(room, 'snapshot', 'granted');
  session.send(part(1, [asset('a'), asset('b')]), part(2, []));
  session.send(granted(41, 'a', 'ada'), { type: 'asset_removed', offset: 42, asset: 'b', revision: 1 });
  session.send(part(3, [asset('c')]));
  await session.caughtUp(room);
  assert.deepEqual([...room.assets.keys()], ['a', 'c']);
  assert.deepEqual([...room.held], ['a']);
  assert.deepEqual(log.map(([event]) => event), ['snapshot', 'granted']);
});

test('a snapshot cut short is not applied and not resumed from', async (t) => {
  const { peer, room, session } = await joined(t, { assets: [asset('old')] });
  session.send(part(1, [asset('a')]), part(2, [asset('b')]));
  await session.caughtUp(room);
  session.cut();
  const again = await peer.next();
  assert.equal(again.query.offset, '10');
  again.welcome({ recovered: true, offset: 10 });
  again.send(part(3, [asset('c')]));
  const fresh = await peer.next();
  assert.equal(fresh.query.offset, undefined, 'a part without its beginning: only the whole state helps');
  assert.deepEqual([...room.assets.keys()], ['old']);
});

test('more frames between parts than can be kept: the whole state is asked for', async (t) => {
  const { peer, session } = await joined(t, { assets: [asset('old')] });
  session.send(part(1, []));
  for (let n = 0; n <= 1024; n += 1) session.send({ type: 'players', offset: 41 + n, players: 2 });
  const again = await peer.next();
  assert.deepEqual(again.query, { player: 'ada' });
});

test('a welcome without assets may precede a large snapshot: cut off before it, everything is asked for', async (t) => {
  const { peer, room, session } = await joined(t, { assets: [] });
  session.cut();
  const second = await peer.next();
  assert.deepEqual(second.query, { player: 'ada' });
  second.welcome({ epoch: 'E2', offset: 40, assets: [] });
  second.send(part(1, [asset('a')]), part(2, [asset('b')]), part(3, []));
  await second.caughtUp(room);
  second.cut();
  assert.deepEqual((await peer.next()).query, { player: 'ada', epoch: 'E2', offset: '40' });
});
