import assert from 'node:assert/strict';
import { test } from 'node:test';
import { keyArgs, sign } from '../js/helpers/tokens.mjs';
import { startServer } from './helpers/server.mjs';
import { newRoom, suite } from './helpers/suite.mjs';

const parts = suite({ browser: { permissions: ['clipboard-read', 'clipboard-write'] } });

test('a link with room and player goes straight in', async () => {
  const room = newRoom();
  const tab = await parts.browser.join(parts.server, room, 'ada');
  assert.equal(await tab.text('#room-name'), room);
  assert.deepEqual(await tab.people(), ['ada']);
  assert.equal(await tab.page.isVisible('#join'), false);
});

test('the share button copies a link with the room, and whoever follows it is another player there', async () => {
  const room = newRoom();
  const ada = await parts.browser.join(parts.server, room, 'ada');
  await ada.page.click('#share');
  await ada.page.locator('.toast', { hasText: 'Link copied' }).waitFor();
  const link = await ada.page.evaluate(() => navigator.clipboard.readText());
  assert.equal(link, parts.server.link(room));
  const guest = await parts.browser.open(link, { beside: ada });
  assert.equal(await guest.text('#join-title'), `Join ${room}`);
  assert.equal(await guest.page.inputValue('#room'), room);
  const name = await guest.page.inputValue('#player');
  assert.match(name, /^[\w-]+$/);
  await guest.page.click('#join-form [type=submit]');
  await guest.connected();
  await ada.peopleAre(2);
  assert.deepEqual((await ada.people()).sort(), ['ada', name].sort());
  await ada.fed(`${name} came in`);
});

test('a reload comes back as the same player', async () => {
  const tab = await parts.browser.open(parts.server.link(newRoom()));
  await tab.page.fill('#player', 'grace');
  await tab.page.click('#join-form [type=submit]');
  await tab.connected();
  assert.equal(new URL(tab.page.url()).searchParams.has('player'), false);
  await tab.page.reload();
  await tab.connected();
  assert.equal(await tab.text('#player-name'), 'grace');
});

test('a name the server would refuse is refused at the door, with a better one', async () => {
  const tab = await parts.browser.open(parts.server.url);
  await tab.page.fill('#player', 'Zoë the 1st');
  assert.match(await tab.text('#player-error'), /Only letters/);
  await tab.page.click('#join-form [type=submit]');
  assert.equal(await tab.page.isVisible('#game'), false);
  await tab.page.click('#player-fix');
  assert.equal(await tab.page.inputValue('#player'), 'Zoe-the-1st');
  await tab.page.click('#join-form [type=submit]');
  await tab.connected();
  assert.equal(await tab.text('#player-name'), 'Zoe-the-1st');
});

test('a link with a bad name ends at the door and says why', async () => {
  const tab = await parts.browser.open(`${parts.server.url}/?room=no%20spaces&player=ada`);
  await tab.page.waitForSelector('#room[aria-invalid=true]');
  assert.match(await tab.text('#room-error'), /without spaces/);
});

test('the second player opens in a tab of its own', async () => {
  const ada = await parts.browser.join(parts.server, newRoom(), 'ada');
  const opened = ada.page.waitForEvent('popup');
  await ada.page.click('#another');
  const second = await opened;
  await second.waitForSelector('#connection[data-state=connected]');
  await ada.peopleAre(2);
});

test('leaving leads back to the door, and the room hears of it', async () => {
  const room = newRoom();
  const [ada, bob] = await Promise.all(['ada', 'bob'].map((player) => parts.browser.join(parts.server, room, player)));
  await ada.peopleAre(2);
  await bob.page.click('#leave');
  await bob.page.waitForSelector('#join-form');
  await ada.peopleAre(1);
  await ada.fed('bob left');
});

test('a token in the link names the player and leaves the address bar', async (t) => {
  const server = await startServer({ args: await keyArgs(t) });
  t.after(() => server.kill());
  const token = sign({ player: 'ada', rooms: ['*'] });
  const tab = await parts.browser.open(`${server.link('arena')}&token=${token}`);
  await tab.connected();
  assert.equal(await tab.text('#player-name'), 'ada');
  assert.equal(tab.page.url(), server.link('arena'));
  const stored = await tab.page.evaluate(() => JSON.stringify([{ ...sessionStorage }, { ...localStorage }, history.state]));
  assert.ok(stored.includes('ada') && !stored.includes(token), stored);
  await tab.page.click('#leave');
  await tab.page.waitForSelector('#join-form');
  assert.equal(await tab.page.inputValue('#player'), 'ada');
  await tab.page.fill('#room', 'other');
  await tab.page.click('#join-form [type=submit]');
  await tab.connected();
  assert.equal(await tab.text('#player-name'), 'ada');
});

test('where players need tokens, the bots of the page say that they have none', async (t) => {
  const server = await startServer({ args: await keyArgs(t) });
  t.after(() => server.kill());
  const token = sign({ player: 'ada', rooms: ['*'] });
  const tab = await parts.browser.open(`${server.link('arena')}&token=${token}`);
  await tab.connected();
  await tab.page.click('#bots-one');
  await tab.page.locator('.toast', { hasText: /^bot-\w+ has no player token, .* asset-arbiter bots --token-key$/ }).waitFor();
  await tab.page.locator('#bots-count', { hasText: '0 / 20' }).waitFor();
});

test('without its token a server lets nobody in, and the page says what to do', async (t) => {
  const server = await startServer({ args: await keyArgs(t) });
  t.after(() => server.kill());
  const tab = await parts.browser.open(server.link('arena', 'ada'));
  await tab.connection('closed');
  assert.match(await tab.text('#banner-text'), /open the page with \?token=/);
});
