// The console stays small and quick however much there is: 10,000 rooms, and a room where 10,000 players hold an asset.
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { asAdmin, asAdminAtOnce, keyFlags, openConsole, REFUSED } from './helpers/console.mjs';
import { suite } from './helpers/suite.mjs';

const MANY = 10_000;
/** A page of 50 rows, and the rest of the page. */
const MOST_ELEMENTS = 2500;
const parts = suite({ args: [...await keyFlags(), '--presence-limit', '3', '--no-demo-assets', '--room-linger', '1h'], except: REFUSED });

const select = (asset, from, count) => Array.from({ length: count }, (_, n) => (
  { method: 'POST', path: `/v1/rooms/crowd/assets/${asset}/select`, body: { player: `p${from + n}` } }));

const elements = (page) => page.evaluate(() => document.querySelectorAll('*').length);

test('10,000 rooms are shown in pages', async (t) => {
  await asAdminAtOnce(parts.server, Array.from({ length: MANY }, (_, n) => (
    { method: 'PUT', path: `/v1/rooms/many-${n}/assets/sword`, body: { units: 1 } })));
  const operator = await openConsole(parts, { role: 'viewer' });
  const pager = operator.page.locator('nav[aria-label="Pages of rooms"]');
  await pager.locator('.hint', { hasText: `1–50 of ${MANY.toLocaleString('en')} rooms` }).waitFor();
  assert.equal((await operator.rows('Rooms')).length, 50);
  const began = performance.now();
  await operator.button('Next').click();
  await pager.locator('.hint', { hasText: '51–100 of' }).waitFor();
  const took = performance.now() - began;
  t.diagnostic(`the next page of ${MANY} rooms took ${Math.round(took)} ms`);
  assert.ok(took < 2000, `${took} ms`);
  const second = await operator.rows('Rooms');
  await operator.button('Previous').click();
  await pager.locator('.hint', { hasText: '1–50 of' }).waitFor();
  const first = await operator.rows('Rooms');
  assert.equal(first.some(([room]) => second.some(([other]) => other === room)), false);
  await operator.page.fill('#prefix', 'many-999');
  await pager.locator('.hint', { hasText: '11 rooms' }).waitFor();
  assert.ok(await elements(operator.page) < MOST_ELEMENTS);
});

test('a player is found in 10,000 rooms', async (t) => {
  await asAdmin(parts.server, 'POST', '/v1/rooms/many-7/assets/sword/select', { player: 'ann' });
  await asAdmin(parts.server, 'POST', '/v1/rooms/many-9998/assets/sword/select', { player: 'ann' });
  const began = performance.now();
  const operator = await openConsole(parts, { role: 'viewer', view: 'player/ann' });
  await operator.row('Rooms and holdings', 'many-9998', 'sword');
  await operator.row('Rooms and holdings', 'many-7', 'sword');
  await operator.page.locator('.hint', { hasText: /\b10,0\d\d rooms searched: here or holding in 2, 2 units held\./ }).waitFor();
  t.diagnostic(`the search took ${Math.round(performance.now() - began)} ms, with opening the page`);
});

test('10,000 holders are shown in pages, while more come', async (t) => {
  await asAdmin(parts.server, 'PUT', '/v1/rooms/crowd/assets/badge', { units: 2 * MANY });
  await asAdminAtOnce(parts.server, select('badge', 0, MANY));
  const operator = await openConsole(parts, { role: 'viewer', view: 'room/crowd' });
  await operator.live();
  await operator.button('badge').click();
  const pager = operator.page.locator('nav[aria-label="Pages of holders"]');
  await pager.locator('.hint', { hasText: '1–25 of 10,000 holders' }).waitFor();
  await pager.getByRole('button', { name: 'Next' }).click();
  await pager.locator('.hint', { hasText: '26–50 of' }).waitFor();
  await asAdminAtOnce(parts.server, select('badge', MANY, 500));
  await operator.row('Assets', 'badge', '10,500');
  const slowest = await operator.page.evaluate(() => new Promise((resolve) => {
    let last = performance.now();
    let worst = 0;
    const end = last + 1500;
    const frame = (now) => {
      worst = Math.max(worst, now - last);
      last = now;
      if (now < end) requestAnimationFrame(frame);
      else resolve(worst);
    };
    requestAnimationFrame(frame);
  }));
  t.diagnostic(`the longest frame took ${Math.round(slowest)} ms`);
  assert.ok(slowest < 1000, `${slowest} ms`);
  assert.ok(await elements(operator.page) < MOST_ELEMENTS);
  assert.equal((await operator.rows('Holders')).length, 25);
});

test('the players of a room that is too large for names in frames come in pages', async () => {
  const { page } = await parts.browser.open(`${parts.server.url}/admin`);
  await page.evaluate((url) => Promise.all(Array.from({ length: 120 }, (_, n) => new Promise((resolve) => {
    const socket = new WebSocket(`${url}?player=p${String(n).padStart(3, '0')}`, 'asset-arbiter.v1');
    socket.addEventListener('message', resolve, { once: true });
  }))), `${parts.server.url.replace('http', 'ws')}/v1/rooms/large/ws`);
  const operator = await openConsole(parts, { role: 'admin', view: 'room/large' });
  const pager = operator.page.locator('nav[aria-label="Pages of players"]');
  await pager.locator('.hint', { hasText: '1–25 of 120 players' }).waitFor();
  await operator.row('Players', 'p000');
  await pager.getByRole('button', { name: 'Next' }).click();
  await operator.row('Players', 'p025');
  await operator.button('Kick p025').click();
  await operator.confirm('p025 is kicked, 1 connection here');
  await operator.noRow('Players', 'p025');
});
