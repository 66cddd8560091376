import assert from 'node:assert/strict';
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, afterEach, before, test } from 'node:test';
import { startProxy } from '../js/helpers/proxy.mjs';
import { eventually } from '../js/helpers/wait.mjs';
import { startBrowser } from './helpers/browser.mjs';
import { startServer } from './helpers/server.mjs';
import { newRoom } from './helpers/suite.mjs';

/** What Chromium itself logs while nobody listens; everything else stays a fault. */
const REFUSED = /net::ERR_(CONNECTION_(REFUSED|RESET|CLOSED)|SOCKET_NOT_CONNECTED)|closed before receiving a handshake/;
let browser;

/** A server that ends with its test. */
async function serverOf(t, options) {
  const server = await startServer(options);
  t.after(() => server.kill());
  return server;
}

/** Every page must be clean at the end of a test, and gone before the next. */
async function finish() {
  await browser.closeTabs();
  browser.assertClean({ except: REFUSED });
}

before(async () => { browser = await startBrowser(); });
after(() => browser.close());
afterEach(finish);

test('a crash shows at once, with the seconds to the next try, and heals when the server is back', async (t) => {
  const crashed = await serverOf(t);
  const ada = await browser.join(crashed, newRoom(), 'ada');
  await crashed.kill();
  await ada.connection('reconnecting');
  await ada.page.locator('#connection-detail', { hasText: /^in \d+ s$/ }).waitFor();
  await ada.page.locator('#banner-text', { hasText: /^The connection was lost\. Trying again in \d+ s\.$/ }).waitFor();
  assert.match(await ada.text('#connection-spoken'), /^Reconnecting/);
  assert.equal(await ada.page.isDisabled('#race'), true);
  await ada.grab('sword');
  await ada.cardIs('sword', 'pending');

  const server = await serverOf(t, { port: crashed.port });
  await ada.connection('connected');
  assert.equal(await ada.page.isVisible('#banner'), false);
  assert.equal(await ada.outcome('sword'), 'won', 'what was asked for meanwhile is asked again');
  await ada.page.waitForSelector('#race[aria-disabled=false]');
});

test('a drained server says that it goes, and the page comes back to the next one', async (t) => {
  const drained = await serverOf(t);
  const ada = await browser.join(drained, newRoom(), 'ada');
  const gone = drained.stop();
  await ada.page.locator('#banner-text', { hasText: 'The server is shutting down' }).waitFor();
  await gone;
  const server = await serverOf(t, { port: drained.port });
  await ada.connection('connected');
});

test('a removed room closes for good, says why, and can be entered again', async (t) => {
  const server = await serverOf(t);
  const room = newRoom();
  const ada = await browser.join(server, room, 'ada');
  await server.http('DELETE', `/v1/rooms/${room}`);
  await ada.connection('closed');
  assert.match(await ada.text('#banner-text'), /The room was removed/);
  await ada.page.click('#banner-again');
  await ada.connected();
});

test('a full room is said to be full, with the seconds to the next try', async (t) => {
  const server = await serverOf(t, { args: ['--max-members', '1'] });
  const room = newRoom();
  await browser.join(server, room, 'ada');
  const bob = await browser.open(server.link(room, 'bob'));
  await bob.page.locator('#banner-text', { hasText: /is full\. Trying again in \d+ s/ }).waitFor();
  assert.equal(await bob.page.getAttribute('#connection', 'data-state'), 'connecting');
});

test('an outage is one line of the feed, however often the page tries', async (t) => {
  const crashed = await serverOf(t);
  const ada = await browser.join(crashed, newRoom(), 'ada');
  await crashed.kill();
  await ada.connection('reconnecting');
  let tries = 0;
  ada.page.on('websocket', () => { tries += 1; });
  await eventually(() => tries >= 3, 'three attempts');
  await serverOf(t, { port: crashed.port });
  await ada.connection('connected');
  await ada.fed('Connected');
  assert.equal(await ada.page.locator('#feed .line', { hasText: 'Connection lost' }).count(), 1);
});

test('a grab that waits for the server can be taken back, and is then not made', async (t) => {
  const crashed = await serverOf(t);
  const room = newRoom();
  const ada = await browser.join(crashed, room, 'ada');
  await crashed.kill();
  await ada.connection('reconnecting');
  await ada.grab('sword');
  await ada.grab('potion');
  const takeBack = ada.card('sword').getByRole('button', { name: 'Take back sword' });
  await takeBack.click();
  await ada.page.locator('.card[data-asset=sword]', { hasText: 'taken back' }).waitFor();
  const server = await serverOf(t, { port: crashed.port });
  await ada.cardIs('potion', 'mine');
  await ada.cardIs('sword', 'open');
  assert.deepEqual(await server.holders(room, 'potion'), ['ada']);
  const { assets } = await server.http('GET', `/v1/rooms/${room}`);
  assert.equal(assets.find(({ asset }) => asset === 'sword').revision, 0, 'the server never heard of it');
});

test('a grab that was sent before the outage and is taken back in it is given back', async (t) => {
  const server = await serverOf(t);
  const proxy = await startProxy(t, server.port);
  const room = newRoom();
  const ada = await browser.open(`http://127.0.0.1:${proxy.port}/?room=${room}&player=ada`);
  await ada.connected();
  proxy.swallowReplies();
  await ada.grab('sword');
  await eventually(async () => (await server.holders(room, 'sword').catch(() => [])).includes('ada'), 'ada to hold the sword');
  proxy.hold();
  proxy.cut();
  await ada.connection('reconnecting');
  await ada.card('sword').getByRole('button', { name: 'Take back sword' }).click();
  await ada.page.locator('.card[data-asset=sword]', { hasText: 'taken back' }).waitFor();
  proxy.resume();
  await ada.connection('connected');
  await eventually(async () => (await server.holders(room, 'sword')).length === 0, 'the sword to be given back');
  await ada.cardIs('sword', 'open');
});

test('what a server in memory forgot when it restarted is said plainly', async (t) => {
  const crashed = await serverOf(t);
  const ada = await browser.join(crashed, newRoom(), 'ada');
  await ada.grab('sword');
  await ada.cardIs('sword', 'mine');
  await ada.grab('potion');
  await ada.cardIs('potion', 'mine');
  await ada.page.click('#race');
  await ada.raceCards.nth(5).waitFor();
  assert.equal(await ada.page.isVisible('#notice'), false);
  await crashed.kill();
  await serverOf(t, { port: crashed.port });
  await ada.page.locator('#notice-text', { hasText: 'You no longer hold' }).waitFor();
  const said = (await ada.text('#notice .notice-body')).replace(/\s+/g, ' ');
  const [begin, end] = ['The server came back without its memory. You no longer hold the ',
    '. It forgot 1 race and the holders of 2 assets. One with --store sqlite:FILE remembers.'];
  assert.ok(said.startsWith(begin) && said.endsWith(end), said);
  const held = said.slice(begin.length, -end.length).split(' and the ');
  assert.deepEqual(held.sort(), ['potion', 'sword']);
  await ada.cardIs('sword', 'open');
  await ada.page.click('#notice-close');
  assert.equal(await ada.page.isVisible('#notice'), false);
});

test('a server that remembers has forgotten nothing, and the page says nothing', async (t) => {
  const folder = await mkdtemp(join(tmpdir(), 'asset-arbiter-e2e-'));
  t.after(() => rm(folder, { recursive: true }));
  const args = ['--store', `sqlite:${join(folder, 'game.db')}`];
  const crashed = await serverOf(t, { args });
  const room = newRoom();
  const ada = await browser.join(crashed, room, 'ada');
  await ada.grab('sword');
  await ada.cardIs('sword', 'mine');
  await crashed.kill();
  await ada.connection('reconnecting');
  await serverOf(t, { port: crashed.port, args });
  await ada.connection('connected');
  await ada.cardIs('sword', 'mine');
  assert.equal(await ada.page.isVisible('#notice'), false);
});
