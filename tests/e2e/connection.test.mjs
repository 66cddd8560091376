import assert from 'node:assert/strict';
import { after, afterEach, before, test } from 'node:test';
import { startBrowser } from './helpers/browser.mjs';
import { startServer } from './helpers/server.mjs';
import { newRoom } from './helpers/suite.mjs';

/** What Chromium itself logs while nobody listens; everything else stays a fault. */
const REFUSED = /net::ERR_CONNECTION_(REFUSED|RESET|CLOSED)/;
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
  await ada.page.waitForSelector('#race:enabled');
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
