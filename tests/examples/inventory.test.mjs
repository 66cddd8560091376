// The receivers of examples/inventory: what the server's events make of their inventory, whatever happens on the way.
import assert from 'node:assert/strict';
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { test } from 'node:test';
import { setTimeout as pause } from 'node:timers/promises';

import { startProxy } from '../js/helpers/proxy.mjs';
import { startServer } from '../js/helpers/server.mjs';
import { batches, held, play, random } from './helpers/play.mjs';
import { RECEIVERS, newSecret, startReceiver } from './helpers/receiver.mjs';

const ROOMS = ['alpha', 'beta', 'gamma'];
const FIVE_MINUTES = 300;
/** More than the pauses between attempts after a few failures. */
const CATCH_UP_MS = 40_000;
const now = () => Math.floor(Date.now() / 1000);
const address = ({ port }) => `http://127.0.0.1:${port}`;

/** Flags of a server whose assets and events outlive it. */
async function onDisk(t) {
  const folder = await mkdtemp(join(tmpdir(), 'asset-arbiter-events-'));
  t.after(() => rm(folder, { recursive: true, force: true, maxRetries: 5 }));
  return ['--store', `sqlite:${join(folder, 'game.db')}`, '--events', 'on'];
}

/** Events of a game with grants to players, and who holds what after them. */
async function game(t, moves, size, seed = 1) {
  const server = await startServer(t, ['--events', 'on']);
  await play(server, ROOMS, moves, random(seed));
  return { server, found: await batches(server, size), expected: await held(server, ROOMS) };
}

/** A batch of `count` grants in a new room, and what they give. */
async function grants(server, room, count) {
  await server.create(room, 'sword', count);
  const players = Array.from({ length: count }, (_, number) => `p-${number}`);
  for (const player of players) await server.http('POST', `/v1/rooms/${room}/assets/sword/select`, { player });
  const [batch] = await batches(server, count + 1);
  return { batch, given: players.map((player) => `${room}/sword/${player}`).sort() };
}

for (const kind of RECEIVERS) {
  const { name, skip } = kind;

  test(`${name}: its inventory is what the server's holders have, however batches come again and rooms overtake`, { skip }, async (t) => {
    const { found, expected } = await game(t, 150, 7);
    const receiver = await startReceiver(t, kind);
    assert.ok(found.length > 15 && expected.length > 0, `${found.length} batches, ${expected}`);
    const draw = random(7);
    const waiting = ROOMS.map((room) => found.filter(([{ room: of }]) => of === room));
    const delivered = [];
    while (waiting.some((ofRoom) => ofRoom.length > 0)) {
      const batch = waiting[draw(waiting.length)].shift();
      if (!batch) continue;
      delivered.push(batch);
      assert.equal(await receiver.deliver(batch), 200);
      for (let again = draw(3); again > 0; again -= 1) {
        assert.equal(await receiver.deliver(delivered[draw(delivered.length)]), 200);
      }
    }
    assert.deepEqual(await receiver.inventory(), expected);
    await Promise.all(delivered.map(async (batch) => assert.equal(await receiver.deliver(batch), 200)));
    assert.deepEqual(await receiver.inventory(), expected, 'all at once, once more');
  });

  test(`${name}: killed before its answer arrives, it counts what comes again once`, { skip }, async (t) => {
    const server = await startServer(t, ['--events', 'on']);
    const { batch, given } = await grants(server, 'arena', 3);
    const receiver = await startReceiver(t, kind);
    receiver.deliverUnread(batch);
    await receiver.comesTo(given);
    await receiver.restart();
    await server.http('POST', '/v1/rooms/arena/assets/sword/release', { player: 'p-0' });
    const [released] = await batches(server, 9);
    assert.deepEqual(await receiver.inventory(), given, 'it was written');
    assert.equal(await receiver.deliver(batch), 200);
    assert.equal(await receiver.deliver(released), 200);
    assert.equal(await receiver.deliver(batch), 200);
    assert.deepEqual(await receiver.inventory(), given.slice(1));
  });

  test(`${name}: killed at any moment, it has all of a batch or nothing`, { skip }, async (t) => {
    const server = await startServer(t, ['--events', 'on', '--selects-per-second', '0']);
    const receiver = await startReceiver(t, kind);
    let before = [];
    for (let lap = 0; lap < 8; lap += 1) {
      const { batch, given } = await grants(server, `room-${lap}`, 60);
      receiver.deliverUnread(batch);
      await pause(2 * lap);
      await receiver.restart();
      const all = [...before, ...given].sort();
      const kept = await receiver.inventory();
      assert.ok([before.length, all.length].includes(kept.length), `lap ${lap}: ${kept.length} of ${all.length}`);
      assert.equal(await receiver.deliver(batch), 200);
      assert.deepEqual(await receiver.inventory(), all, `lap ${lap}`);
      before = all;
    }
  });

  test(`${name}: only what a secret of its own signed in the last five minutes counts`, { skip }, async (t) => {
    const server = await startServer(t, ['--events', 'on']);
    const { batch, given } = await grants(server, 'arena', 2);
    const receiver = await startReceiver(t, kind);
    const body = JSON.stringify({ events: batch });
    const signed = (change) => receiver.signed(body, change);
    const without = (header) => Object.fromEntries(Object.entries(signed()).filter(([key]) => key !== header));
    for (const [what, headers, sent] of [
      ['another secret', signed({ secrets: [newSecret()] })],
      ['another body', signed(), body.replace('p-1', 'p-2')],
      ['the same JSON in other bytes', signed(), `${body} `],
      ['another id', { ...signed(), 'webhook-id': 'msg-2' }],
      ['another time', { ...signed(), 'webhook-timestamp': String(now() - 9) }],
      ['an old time', signed({ at: now() - FIVE_MINUTES - 60 })],
      ['a future time', signed({ at: now() + FIVE_MINUTES + 60 })],
      ['no time', signed({ at: 'now' })],
      ['another version', { ...signed(), 'webhook-signature': signed()['webhook-signature'].replace('v1,', 'v2,') }],
      ['half a signature', { ...signed(), 'webhook-signature': signed()['webhook-signature'].slice(0, 20) }],
      ...['webhook-id', 'webhook-timestamp', 'webhook-signature'].map((header) => [`no ${header}`, without(header)]),
    ]) {
      assert.equal(await receiver.post(sent ?? body, headers), 401, what);
    }
    assert.deepEqual(await receiver.inventory(), []);
    assert.equal(await receiver.post(body, signed({ at: now() - FIVE_MINUTES + 60 })), 200);
    assert.deepEqual(await receiver.inventory(), given);
  });

  test(`${name}: a secret is replaced without a batch that is refused`, { skip }, async (t) => {
    const server = await startServer(t, ['--events', 'on']);
    const [old, next] = [newSecret(), newSecret()];
    const receiver = await startReceiver(t, kind, { secrets: [old] });
    const batch = async (room) => JSON.stringify({ events: (await grants(server, room, 1)).batch });
    const post = (body, secrets) => receiver.post(body, receiver.signed(body, { secrets }));
    const [first, second, third] = [await batch('first'), await batch('second'), await batch('third')];
    assert.equal(await post(first, [next, old]), 200, 'the server has both, the receiver the old one');
    receiver.secrets = [next, old];
    await receiver.restart();
    assert.equal(await post(second, [old]), 200, 'another node has the old one');
    assert.equal(await post(second, [next, old]), 200);
    receiver.secrets = [next];
    await receiver.restart();
    assert.equal(await post(third, [old]), 401, 'the old one is over');
    assert.equal(await post(third, [next, old]), 200);
    assert.deepEqual(await receiver.inventory(), ['first', 'second', 'third'].map((room) => `${room}/sword/p-0`));
  });

  test(`${name}: after events were merged it has what the holders have`, { skip }, async (t) => {
    const server = await startServer(t, ['--events', 'on', '--events-backlog', '5']);
    const receiver = await startReceiver(t, kind, { arbiter: address(server) });
    await play(server, ROOMS, 30, random(3));
    for (const batch of await batches(server, 100)) assert.equal(await receiver.deliver(batch), 200);
    await play(server, ROOMS, 120, random(4));
    const found = await batches(server, 100);
    const merged = found.flat().filter(({ type }) => type === 'compacted');
    assert.equal(merged.length, 6, 'of each asset');
    // Later events are still to come, and holders have what they tell.
    await play(server, ROOMS, 10, random(5));
    for (const batch of found) assert.equal(await receiver.deliver(batch), 200);
    for (const batch of found) assert.equal(await receiver.deliver(batch), 200);
    for (const batch of await batches(server, 100)) assert.equal(await receiver.deliver(batch), 200);
    const expected = await held(server, ROOMS);
    assert.ok(expected.length > 0);
    assert.deepEqual(await receiver.inventory(), expected);
  });

  test(`${name}: while the server is away, a batch with merged events is refused and left whole`, { skip }, async (t) => {
    const server = await startServer(t, ['--events', 'on', '--events-backlog', '2']);
    const { batch } = await grants(server, 'arena', 4);
    assert.deepEqual(batch.map(({ type }) => type), ['compacted', 'granted']);
    const receiver = await startReceiver(t, kind, { arbiter: 'http://127.0.0.1:1' });
    assert.equal(await receiver.deliver(batch), 500);
    assert.deepEqual(await receiver.inventory(), []);
  });

  test(`${name}: in place of merged events it has who holds the asset by then, without holds`, { skip }, async (t) => {
    const server = await startServer(t, ['--events', 'on', '--events-backlog', '2']);
    await server.create('arena', 'seat', 3, { hold_ms: 60_000 });
    const act = (verb, player) => server.http('POST', `/v1/rooms/arena/assets/seat/${verb}`, { player });
    for (const player of ['ann', 'bob', 'cleo']) await act('select', player);
    await act('confirm', 'ann');
    await act('confirm', 'cleo');
    const [[merged, confirmed]] = await batches(server, 9);
    assert.deepEqual([merged.type, merged.revision, confirmed.type], ['compacted', 4, 'confirmed']);
    await act('release', 'cleo');
    await act('select', 'dan');
    await act('confirm', 'dan');
    const receiver = await startReceiver(t, kind, { arbiter: address(server) });
    assert.equal(await receiver.deliver([merged]), 200);
    assert.deepEqual(await receiver.inventory(), ['arena/seat/ann'], 'bob has a hold, and dan comes later');
  });

  test(`${name}: over the webhook it catches up, though it is cut off and killed, and the server is killed`, { skip }, async (t) => {
    const receiver = await startReceiver(t, kind);
    const proxy = await startProxy(t, receiver.port);
    const args = [...await onDisk(t), '--webhook', `http://127.0.0.1:${proxy.port}/webhook`];
    args.push('--webhook-secret-file', receiver.secretFile);
    let server = await startServer(t, args);
    const draw = random(11);
    const catchesUp = async () => receiver.comesTo(await held(server, ROOMS), CATCH_UP_MS);
    await play(server, ROOMS, 40, draw);
    await catchesUp();

    proxy.hold();
    proxy.cut();
    await play(server, ROOMS, 40, draw);
    await receiver.kill();
    await server.kill();
    server = await startServer(t, args, server.port);
    proxy.resume();
    await receiver.start();
    await catchesUp();

    // What it answers comes too late, so it is sent again.
    proxy.delayMs = 400;
    await play(server, ROOMS, 20, draw);
    await catchesUp();
    await receiver.restart();
    proxy.delayMs = 0;
    await play(server, ROOMS, 20, draw);
    await catchesUp();
  });

  test(`${name}: what is no batch is refused`, { skip }, async (t) => {
    const receiver = await startReceiver(t, kind);
    for (const body of ['', '{', '{"events":[{}]}', '{"events":7}', 'x'.repeat(2 * 1024 * 1024)]) {
      const status = await receiver.post(body).catch(() => 'cut');
      assert.ok(status === 'cut' || status >= 400, `${body.slice(0, 20)}: ${status}`);
    }
    assert.deepEqual(await receiver.inventory(), []);
  });
}
