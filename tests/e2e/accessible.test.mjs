// axe-core finds no violation in any view of the page: in both sets of colours, and in both layouts.
import assert from 'node:assert/strict';
import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, afterEach, before, test } from 'node:test';
import { assertAccessible } from './helpers/axe.mjs';
import { startBrowser } from './helpers/browser.mjs';
import { startServer } from './helpers/server.mjs';
import { newRoom } from './helpers/suite.mjs';

const SHAPES = {
  light: { viewport: { width: 1280, height: 800 }, colorScheme: 'light' },
  'dark phone': { viewport: { width: 390, height: 844 }, isMobile: true, hasTouch: true, colorScheme: 'dark' },
};
const folder = await mkdtemp(join(tmpdir(), 'asset-arbiter-e2e-'));
await writeFile(join(folder, 'key'), 'a-key-of-this-test');
let browser;
before(async () => { browser = await startBrowser({ reducedMotion: 'reduce' }); });
afterEach(() => browser.closeTabs());
after(async () => {
  await browser.close();
  await rm(folder, { recursive: true });
});

async function serverOf(t, options) {
  const server = await startServer(options);
  t.after(() => server.kill());
  return server;
}

test('no view has a violation: a light desktop and a dark phone', async (t) => {
  await Promise.all(Object.entries(SHAPES).map(([shape, options]) => playThrough(t, shape, options)));
});

/** Goes through the views of a visit: the door, the room, a race, an outage, a server that forgot. */
async function playThrough(t, shape, options) {
  const look = (tab, view) => assertAccessible(tab, `${view}, ${shape}`);
  const args = ['--asset', 'tent=100'];
  const server = await serverOf(t, { args });
  const ada = await browser.open(server.url, { options });
  await look(ada, 'the door');
  await ada.page.fill('#player', 'Zoë the 1st');
  await ada.page.click('#use summary');
  await look(ada, 'the door with a wrong name and the use of the library');
  await ada.page.goto(server.link(newRoom(), 'ada'));
  await ada.connected();
  await look(ada, 'the room');
  await ada.grab('sword');
  await ada.cardIs('sword', 'mine');
  await ada.page.click('#cut');
  await ada.page.locator('#cut-steps li:nth-child(4)').waitFor();
  await ada.race();
  await look(ada, 'an open race');
  await ada.page.selectOption('#bots-level', 'hard');
  await ada.page.click('#bots-five');
  await ada.peopleAre(6);
  // On a phone the button is away while a race is open.
  await ada.page.$eval('#race', (button) => button.click());
  await ada.phase('countdown');
  await ada.raceCards.nth(5).locator('.grab').click();
  await ada.page.click('#history-title');
  await look(ada, 'a countdown, after a false start, and earlier races');
  await ada.phase('over');
  await look(ada, 'a race that is over, with its proof');
  await server.kill();
  await ada.connection('reconnecting');
  await ada.grab('tent');
  await look(ada, 'a lost connection, with a grab that waits');
  await serverOf(t, { port: server.port, args });
  await ada.connection('connected');
  await ada.page.waitForSelector('#notice:not([hidden])');
  await look(ada, 'a server that forgot');
}

test('no view has a violation: full, removed and locked rooms', async (t) => {
  const server = await serverOf(t, { args: ['--max-members', '1', '--admin-key-file', join(folder, 'key')] });
  const room = newRoom();
  const ada = await browser.join(server, room, 'ada');
  const bob = await browser.open(server.link(room, 'bob'));
  await bob.page.locator('#banner-text', { hasText: 'is full' }).waitFor();
  await assertAccessible(bob, 'a full room');
  await ada.page.click('#race');
  await ada.page.waitForSelector('#admin-key:focus');
  await assertAccessible(ada, 'the question for the admin key');
  const headers = { authorization: 'Bearer a-key-of-this-test' };
  const removal = await fetch(`${server.url}/v1/rooms/${room}`, { method: 'DELETE', headers });
  assert.ok(removal.ok);
  await ada.connection('closed');
  await assertAccessible(ada, 'a removed room');
});
