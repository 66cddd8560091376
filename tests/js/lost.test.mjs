// What the server had granted and does not know any more.
import assert from 'node:assert/strict';
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join as path } from 'node:path';
import { test } from 'node:test';

import { join } from './helpers/library.mjs';
import { asset, joined } from './helpers/peer.mjs';
import { startServer } from './helpers/server.mjs';
import { next, record, within } from './helpers/wait.mjs';

const ada = [{ player: 'ada', at: 1 }];
const won = (name, revision = 3) => asset(name, { remaining: 0, revision, holders: ada });
const holding = { assets: [won('sword'), won('bow')], held: ['sword', 'bow'] };
const snapshot = (fields) => ({ type: 'snapshot', offset: 12, players: 1, present: ['ada'], held: [], ...fields });

test('a memory server that was restarted has forgotten what was held', async (t) => {
  const args = ['--asset', 'sword=1', '--asset', 'bow=1', '--asset', 'hat=1'];
  const server = await startServer(t, args);
  const room = join(t, server.url, { room: 'r', player: 'ada' });
  await within(room.ready, 'a welcome');
  for (const name of ['sword', 'bow']) await room.select(name);
  const log = record(room, 'snapshot', 'lost');
  const told = next(room, 'lost', undefined, 20_000);
  await server.kill();
  await startServer(t, args, server.port);
  assert.deepEqual(await told, { assets: ['sword', 'bow'] });
  assert.deepEqual(log.map(([event]) => event), ['snapshot', 'lost']);
  assert.deepEqual([room.held.size, room.assets.get('sword').remaining], [0, 1]);
});

test('a server that was restarted without any asset has forgotten, too', async (t) => {
  const server = await startServer(t);
  await server.create('r', 'sword', 1);
  const room = join(t, server.url, { room: 'r', player: 'ada' });
  await within(room.ready, 'a welcome');
  await room.select('sword');
  const told = next(room, 'lost', undefined, 20_000);
  await server.kill();
  await startServer(t, [], server.port);
  assert.deepEqual(await told, { assets: ['sword'] });
});

test('a server that kept its file has lost nothing', async (t) => {
  const folder = await mkdtemp(path(tmpdir(), 'arbiter-lost-'));
  t.after(() => rm(folder, { recursive: true }));
  const args = ['--store', `sqlite:${path(folder, 'game.db')}`, '--asset', 'sword=1'];
  const server = await startServer(t, args);
  const room = join(t, server.url, { room: 'r', player: 'ada' });
  await within(room.ready, 'a welcome');
  await room.select('sword');
  const lost = record(room, 'lost');
  const whole = next(room, 'snapshot', undefined, 20_000);
  await server.kill();
  await startServer(t, args, server.port);
  await whole;
  await room.ping();
  assert.deepEqual([lost, [...room.held]], [[], ['sword']]);
});

test('another epoch that still has some of it names the others', async (t) => {
  const { peer, room, session } = await joined(t, holding);
  const told = next(room, 'lost');
  session.cut();
  await peer.welcome({ epoch: 'E2', assets: [won('sword'), asset('bow')], held: ['sword'] });
  assert.deepEqual(await told, { assets: ['bow'] });
});

test('an empty welcome is in doubt until its snapshot: nothing is lost that comes with it', async (t) => {
  const { peer, room, session } = await joined(t, holding);
  const log = record(room, 'lost');
  session.cut();
  const again = await peer.welcome({ epoch: 'E2' });
  const { request_id } = await again.next('sync');
  again.send(snapshot({ parts: 2, part: 1, assets: [won('sword')], held: ['sword'] }));
  await again.caughtUp(room);
  assert.deepEqual(log, []);
  again.send(snapshot({ parts: 2, part: 2, assets: [asset('bow')] }));
  again.send({ type: 'error', code: 'rate_limited', message: '', request_id, temporary: true });
  await again.caughtUp(room);
  assert.deepEqual(log, [['lost', { assets: ['bow'] }]]);
});

test('a drop before that snapshot keeps the doubt', async (t) => {
  const { peer, room, session } = await joined(t, holding);
  const told = next(room, 'lost');
  session.cut();
  const second = await peer.welcome({ epoch: 'E2' });
  await second.next('sync');
  second.cut();
  const third = await peer.welcome({ epoch: 'E2', assets: [won('bow')], held: ['bow'] });
  await third.next('sync');
  assert.deepEqual(await told, { assets: ['sword'] });
});

test('in the same epoch only a revision that went back is a loss; a release or a removal is none', async (t) => {
  const { room, session } = await joined(t, { assets: [won('sword'), won('bow'), won('hat')], held: ['sword', 'bow', 'hat'] });
  const told = next(room, 'lost');
  session.send(snapshot({ assets: [asset('sword', { revision: 2 }), asset('bow', { revision: 4 })] }));
  assert.deepEqual(await told, { assets: ['sword'] });
});

test('an observer, and a player who holds nothing, lose nothing and ask for nothing', async (t) => {
  const { peer, room, session } = await joined(t);
  const log = record(room, 'lost');
  session.cut();
  const again = await peer.welcome({ epoch: 'E2' });
  await again.caughtUp(room);
  assert.deepEqual([log, again.unread], [[], 0]);
});
