import assert from 'node:assert/strict';
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, afterEach, before, test } from 'node:test';
import { startProxy } from '../js/helpers/proxy.mjs';
import { startBrowser } from './helpers/browser.mjs';
import { startServer } from './helpers/server.mjs';
import { newRoom } from './helpers/suite.mjs';

/** What Chromium itself logs of a stream that breaks; everything else stays a fault. */
const BROKEN = /net::ERR_(CONNECTION_(REFUSED|RESET|CLOSED)|INCOMPLETE_CHUNKED_ENCODING|EMPTY_RESPONSE|SOCKET_NOT_CONNECTED)/;
let browser;

before(async () => { browser = await startBrowser(); });
after(() => browser.close());
afterEach(async () => {
  await browser.closeTabs();
  browser.assertClean({ except: BROKEN });
});

/** A page with an EventSource of its own, which notes every frame with its id, and every `close`. */
async function listen(port, room, player) {
  const { page } = await browser.open(`http://127.0.0.1:${port}/`);
  await page.evaluate((path) => {
    globalThis.frames_ = [];
    globalThis.closes = [];
    globalThis.source = new EventSource(path);
    source.onmessage = ({ data, lastEventId }) => frames_.push({ id: lastEventId, ...JSON.parse(data) });
    source.addEventListener('close', ({ data }) => closes.push(JSON.parse(data)));
  }, `/v1/rooms/${room}/events?player=${player}`);
  await heard(page, 'welcome', 1);
  return page;
}

/** Waits until so many frames of a type have come; all frames. */
async function heard(page, type, count) {
  const hasCome = ([kind, least]) => frames_.filter((frame) => frame.type === kind).length >= least;
  await page.waitForFunction(hasCome, [type, count], { timeout: 30_000, polling: 20 });
  return page.evaluate(() => frames_);
}

const select = (server, room, player) => server.http('POST', `/v1/rooms/${room}/assets/gem/select`, { player });

const of = (frames, type) => frames.filter((frame) => frame.type === type);

test('an EventSource whose connection was cut gets what it missed, once', async (t) => {
  const server = await startServer();
  t.after(() => server.kill());
  const proxy = await startProxy(t, server.port);
  const room = newRoom();
  await server.create(room, 'gem', 100);
  const page = await listen(proxy.port, room, 'ada');
  const count = 30;
  for (let n = 0; n < count; n += 1) {
    await select(server, room, `p${n}`);
    if (n % 10 === 4) proxy.cut();
  }
  const frames = await heard(page, 'asset_granted', count);
  assert.deepEqual(of(frames, 'asset_granted').map(({ player }) => player), Array.from({ length: count }, (_, n) => `p${n}`));
  const [first, ...again] = of(frames, 'welcome');
  assert.ok(again.length > 0 && again.every(({ recovered }) => recovered), JSON.stringify(again));
  const offsets = frames.filter(({ type }) => type !== 'welcome').map(({ offset }) => offset);
  assert.deepEqual(offsets, offsets.map((_, n) => first.offset + 1 + n), 'every frame of the room, once and in order');
  assert.ok(frames.every(({ id, offset }) => id === `${first.epoch}.${offset}`));
});

test('an EventSource goes on when its node is killed and started again', async (t) => {
  const folder = await mkdtemp(join(tmpdir(), 'asset-arbiter-e2e-'));
  t.after(() => rm(folder, { recursive: true, force: true }));
  const args = ['--store', `sqlite:${join(folder, 'game.db')}`];
  const killed = await startServer({ args });
  t.after(() => killed.kill());
  const room = newRoom();
  await killed.create(room, 'gem', 100);
  const page = await listen(killed.port, room, 'ada');
  for (const player of ['p0', 'p1', 'p2']) await select(killed, room, player);
  await heard(page, 'asset_granted', 3);
  await killed.kill();

  const server = await startServer({ args, port: killed.port });
  t.after(() => server.kill());
  await select(server, room, 'p3');
  await heard(page, 'welcome', 2);
  await select(server, room, 'p4');
  const frames = await page.waitForFunction(() => frames_.some(({ player }) => player === 'p4') && frames_, null, { timeout: 30_000 });
  const all = await frames.jsonValue();
  const at = all.findLastIndex(({ type }) => type === 'welcome');
  const { recovered, present, assets } = all[at];
  assert.deepEqual([recovered, present], [false, ['ada']]);
  const players = (grants) => grants.map(({ player }) => player);
  assert.deepEqual(players(of(all.slice(0, at), 'asset_granted')), ['p0', 'p1', 'p2']);
  const known = players(assets.find(({ asset }) => asset === 'gem').holders);
  const told = players(of(all.slice(at), 'asset_granted'));
  assert.deepEqual([...known, ...told], ['p0', 'p1', 'p2', 'p3', 'p4'], 'what it missed is in the state, once');
});

test('an EventSource comes back to a node that drained, and stays away when its player was kicked', async (t) => {
  const drained = await startServer();
  t.after(() => drained.kill());
  const room = newRoom();
  await drained.create(room, 'gem', 1);
  const page = await listen(drained.port, room, 'ada');
  await drained.stop();
  const server = await startServer({ port: drained.port });
  t.after(() => server.kill());
  await heard(page, 'welcome', 2);
  assert.deepEqual((await page.evaluate(() => closes)).map(({ code }) => code), [4100]);

  await server.http('DELETE', `/v1/rooms/${room}/players/ada`);
  await page.waitForFunction(() => source.readyState === EventSource.CLOSED, null, { timeout: 30_000 });
  assert.deepEqual((await page.evaluate(() => closes)).map(({ code }) => code), [4100, 4005]);
  assert.equal(of(await page.evaluate(() => frames_), 'welcome').length, 2, 'it did not join again');
});
