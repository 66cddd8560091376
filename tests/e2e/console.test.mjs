// The console: who gets in, what each role sees, and that it is live.
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { asAdmin, keyFlags, KEYS, openConsole, REFUSED } from './helpers/console.mjs';
import { startGate } from './helpers/gate.mjs';
import { startServer } from './helpers/server.mjs';
import { newRoom, suite } from './helpers/suite.mjs';

const parts = suite({ args: await keyFlags(), except: REFUSED });
const member = (room, player) => parts.browser.join(parts.server, room, player);

test('a wrong key is refused with the server’s words, and the right one lets in', async () => {
  const { page } = await openConsole(parts);
  await page.waitForSelector('#key:focus');
  assert.equal(await page.textContent('#key-error'), '', 'nothing is wrong yet');
  await page.keyboard.type('wrong');
  await page.keyboard.press('Enter');
  await page.locator('#key-error', { hasText: 'That key was refused: this is neither the admin key nor the viewer key' }).waitFor();
  assert.equal(await page.isVisible('#views'), false);
  await page.fill('#key', KEYS.viewer);
  await page.keyboard.press('Enter');
  await page.locator('#role', { hasText: 'viewer' }).waitFor();
  assert.equal(await page.isVisible('#sign-in'), false);
});

test('the key is in no address and no storage, and is forgotten on signing out and on a reload', async () => {
  const room = newRoom();
  await asAdmin(parts.server, 'PUT', `/v1/rooms/${room}/assets/sword`, { units: 1 });
  const operator = await openConsole(parts, { view: `room/${room}` });
  const addresses = [];
  operator.page.on('request', (request) => addresses.push(request.url()));
  operator.page.on('websocket', (socket) => addresses.push(socket.url()));
  await operator.signIn(KEYS.admin);
  await operator.live();
  const kept = await operator.page.evaluate(async () => JSON.stringify([location.href, document.cookie, { ...localStorage },
    { ...sessionStorage }, await indexedDB.databases(), history.state, document.documentElement.outerHTML, document.querySelector('#key').value]));
  const part = KEYS.admin.slice(0, 9);
  for (const text of [kept, ...addresses]) assert.equal(text.includes(part) || text.includes(encodeURIComponent(part)), false, text);
  assert.ok(addresses.some((address) => address.startsWith('ws:')), 'the room was joined');
  await operator.button('Sign out').click();
  await operator.page.waitForSelector('#key:focus');
  assert.equal(await operator.page.inputValue('#key'), '');
  await operator.signIn(KEYS.viewer);
  await operator.page.reload();
  await operator.page.waitForSelector('#key:focus');
});

test('a viewer sees what an admin sees, and no actions', async () => {
  const room = newRoom();
  await asAdmin(parts.server, 'PUT', `/v1/rooms/${room}/assets/sword`, { units: 2 });
  await asAdmin(parts.server, 'POST', `/v1/rooms/${room}/assets/sword/select`, { player: 'ann' });
  const seen = {};
  for (const role of ['viewer', 'admin']) {
    const operator = await openConsole(parts, { role, view: `room/${room}` });
    await operator.live();
    await operator.row('Assets', 'sword', '1 of 2');
    await operator.button('sword').click();
    await operator.row('Holders', 'ann');
    seen[role] = await operator.page.getByRole('button').allTextContents();
    assert.equal(await operator.page.textContent('#role'), role);
    await operator.page.evaluate(() => { location.hash = '#player/ann'; });
    await operator.row('Rooms and holdings', room, 'sword');
    seen[role].push(...await operator.page.getByRole('button').allTextContents());
  }
  const actions = ['Create asset', 'Reset', 'Remove room', 'Restock', 'Remove', 'Release', 'Kick'];
  assert.deepEqual(actions.filter((action) => !seen.admin.includes(action)), []);
  assert.deepEqual(actions.filter((action) => seen.viewer.includes(action)), []);
});

test('rooms are sorted, filtered and kept up to date', async () => {
  const [busy, full] = [`busy-${newRoom()}`, `full-${newRoom()}`];
  const operator = await openConsole(parts, { role: 'viewer' });
  const [ada, ...others] = [await member(busy, 'ada'), await member(full, 'bob'), await member(full, 'cat')];
  await operator.row('Rooms', full, '2', '2');
  await operator.row('Rooms', busy, '1', '1');
  const place = async (room) => (await operator.rows('Rooms')).findIndex(([name]) => name === room);
  assert.ok(await place(full) < await place(busy), 'the most players first');
  await operator.button('Selects/s').click();
  await ada.grab('sword');
  await operator.page.waitForFunction((room) => document.querySelector('tbody tr')?.innerText.startsWith(room), busy);
  assert.equal(await operator.page.getAttribute('th:has-text("Selects/s")', 'aria-sort'), 'descending');
  await operator.page.fill('#prefix', 'full-');
  await operator.noRow('Rooms', busy);
  await operator.row('Rooms', full);
  await Promise.all(others.map(({ page }) => page.close()));
  await operator.row('Rooms', full, '0', '0');
  await operator.page.fill('#prefix', 'nothing-begins-so');
  await operator.page.getByRole('link', { name: 'Open the room nothing-begins-so' }).waitFor();
});

test('a room is live: grants, releases and players come as they happen', async () => {
  const room = newRoom();
  const operator = await openConsole(parts, { role: 'viewer', view: `room/${room}` });
  await operator.live();
  await operator.row('Assets', 'sword', '1 of 1');
  const ada = await member(room, 'ada');
  await operator.row('Players', 'ada');
  await operator.button('sword').click();
  await operator.page.locator('.empty', { hasText: 'Nobody holds it' }).waitFor();
  const began = Date.now();
  await ada.grab('sword');
  await operator.row('Holders', 'ada', 'never');
  assert.ok(Date.now() - began < 2000, 'by a frame, not by a poll');
  await operator.row('Assets', 'sword', '0 of 1');
  await ada.release('sword');
  await operator.noRow('Holders', 'ada');
  await ada.page.close();
  await operator.noRow('Players', 'ada');
});

test('a hold is shown with its deadline, which runs down', async () => {
  const room = newRoom();
  await asAdmin(parts.server, 'PUT', `/v1/rooms/${room}/assets/seat`, { units: 1, hold_ms: 90_000 });
  await asAdmin(parts.server, 'POST', `/v1/rooms/${room}/assets/seat/select`, { player: 'ann' });
  const operator = await openConsole(parts, { role: 'viewer', view: `room/${room}` });
  await operator.row('Assets', 'seat', 'hold 1 min 30 s');
  await operator.button('seat').click();
  await operator.row('Holders', 'ann', '1 min');
  const left = async () => (await operator.rows('Holders'))[0][2];
  const before = await left();
  await operator.page.waitForFunction((text) => document.querySelector('[aria-label=Holders] tbody td.number').innerText !== text, before);
});

test('the console says why a room ended', async (t) => {
  const server = await startServer();
  t.after(() => server.kill());
  const { page } = await parts.browser.open(`${server.url}/admin#room/arena`);
  await page.waitForSelector('.pill[data-state=connected]');
  assert.equal(await page.textContent('#role'), 'admin', 'a server without keys lets everybody in');
  await fetch(`${server.url}/v1/rooms/arena/assets/sword`, { method: 'PUT', body: '{"units":1}' });
  await fetch(`${server.url}/v1/rooms/arena`, { method: 'DELETE' });
  await page.waitForSelector('.pill[data-state=closed]');
  await page.locator('.problem', { hasText: 'removed' }).waitFor();
});

test('health shows the node, its store and what players are answered', async () => {
  const room = newRoom();
  const operator = await openConsole(parts, { role: 'viewer', view: 'health' });
  await operator.page.locator('.pill', { hasText: 'Ready' }).waitFor();
  const ada = await member(room, 'ada');
  await operator.page.locator('figure', { hasText: 'Selects per second' }).waitFor();
  await ada.grab('sword');
  const plot = operator.page.locator('figure', { hasText: 'Selects per second' }).locator('svg.plot');
  await operator.page.waitForFunction(() => /granted 0\.\d/.test(document.querySelector('svg.plot').getAttribute('aria-label')), null, { timeout: 10_000 });
  assert.ok(await plot.locator('polyline').count() >= 1);
  const connections = operator.page.locator('.figures div', { hasText: 'Connections' }).locator('dd');
  await connections.filter({ hasText: /^[1-9]/ }).waitFor();
});

test('while the server does not answer, health claims nothing', async (t) => {
  const server = await startServer();
  t.after(() => server.kill());
  const { page } = await parts.browser.open(`${server.url}/admin#health`);
  await page.locator('.pill', { hasText: 'Ready' }).waitFor();
  await server.kill();
  await page.locator('.view > .view-head .pill[data-state=reconnecting]', { hasText: 'Unknown' }).waitFor();
  await page.locator('.problem', { hasText: 'The server does not answer.' }).first().waitFor();
  parts.browser.assertClean({ except: /status of 401|ERR_/ });
});

test('below a path of a proxy the console works, too', async (t) => {
  const url = await startGate(t, { port: parts.server.port, path: '/game/' });
  const room = newRoom();
  await asAdmin(parts.server, 'PUT', `/v1/rooms/${room}/assets/bow`, { units: 1 });
  const operator = await openConsole({ browser: parts.browser, server: { url: url.replace(/\/$/, '') } }, { role: 'viewer', view: `room/${room}` });
  await operator.live();
  await operator.row('Assets', 'bow', '1 of 1');
  await operator.page.getByRole('link', { name: '← Rooms' }).click();
  await operator.row('Rooms', room);
});

test('where the metrics are elsewhere the page says so, and asks no more', async (t) => {
  const server = await startServer({ args: ['--metrics-listen', '127.0.0.1:0'] });
  t.after(() => server.kill());
  const { page } = await parts.browser.open(`${server.url}/admin`);
  let asked = 0;
  page.on('request', (request) => { asked += Number(request.url().endsWith('/metrics')); });
  await page.waitForSelector('#session:not([hidden])');
  await page.evaluate(() => { location.hash = '#health'; });
  await page.locator('.empty', { hasText: '--metrics-listen' }).waitFor();
  await page.locator('.pill', { hasText: 'Ready' }).waitFor();
  assert.equal(await page.isVisible('.plot'), false);
  await page.waitForTimeout(4500);
  assert.equal(asked, 1);
  // Chromium logs what is not found.
  parts.browser.assertClean({ except: /status of 40[14]/ });
});
