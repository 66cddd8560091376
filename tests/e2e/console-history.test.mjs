// The history of an asset in the console: what happened, in which order, and on every screen.
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { asAdmin, keyFlags, openConsole, REFUSED, SHAPES } from './helpers/console.mjs';
import { newRoom, suite } from './helpers/suite.mjs';

const parts = suite({ args: [...await keyFlags(), '--events', 'on'], browser: { reducedMotion: 'reduce' }, except: REFUSED });
/** Nothing in it invites a line to break. */
const UNBROKEN = 'user|auth0:5f7c8ec7c33c6c004bbafe82@example.com';

/** A room with an asset, and a function that changes the asset. */
async function newAsset(options) {
  const room = newRoom();
  const path = `/v1/rooms/${room}/assets/sword`;
  await asAdmin(parts.server, 'PUT', path, { units: 3, ...options });
  return { room, change: (what, body) => asAdmin(parts.server, 'POST', `${path}/${what}`, body) };
}

/** The console at an asset, with its history. */
async function openHistory(room, { role = 'viewer', options } = {}) {
  const operator = await openConsole(parts, { role, view: `room/${room}`, options });
  await operator.live();
  await operator.button('sword').click();
  await operator.page.getByRole('heading', { name: 'History of sword' }).waitFor();
  await operator.button('Show').click();
  await operator.page.locator('nav[aria-label="Pages of changes"] .hint', { hasText: 'change' }).waitFor();
  return operator;
}

test('the newest change comes first, with what it left and who made it', async () => {
  const { room, change } = await newAsset({ hold_ms: 600_000 });
  await change('select', { player: 'ann' });
  await change('confirm', { player: 'ann' });
  await change('restock', { units: 9997 });
  const operator = await openHistory(room);
  const rows = async () => (await operator.rows('History')).map((row) => row.slice(1));
  const known = [
    ['restocked, by admin', '', '9,999 of 10,000'],
    ['confirmed, by admin', 'ann', '2 of 3'],
    ['granted, hold, by admin', 'ann', '2 of 3'],
    ['created, by admin', '', '3 of 3'],
  ];
  assert.deepEqual(await rows(), known);
  await change('release', { player: 'ann' });
  await operator.button('Read again').click();
  await operator.row('History', 'released');
  assert.deepEqual(await rows(), [['released, by admin', 'ann', '10,000 of 10,000'], ...known]);
  await operator.page.locator('[aria-label=History]').getByRole('link', { name: 'ann' }).first().click();
  await operator.page.getByRole('heading', { name: 'ann', level: 1 }).waitFor();
});

test('a long history comes in pages', async () => {
  const { room, change } = await newAsset();
  for (let n = 0; n < 13; n += 1) {
    await change('select', { player: `p${n}` });
    await change('release', { player: `p${n}` });
  }
  const operator = await openHistory(room);
  const pager = operator.page.locator('nav[aria-label="Pages of changes"]');
  await pager.locator('.hint', { hasText: '1–25 of 27 changes' }).waitFor();
  await pager.getByRole('button', { name: 'Next' }).click();
  await pager.locator('.hint', { hasText: '26–27 of 27 changes' }).waitFor();
  assert.deepEqual((await operator.rows('History')).map((row) => row[1]), ['granted, by admin', 'created, by admin']);
});

for (const [shape, options] of Object.entries(SHAPES)) {
  test(`a history fits a ${shape} and has no violation`, async () => {
    const { room, change } = await newAsset({ units: 1_000_000, hold_ms: 600_000, grant_ms: 86_400_000, leave_ms: 30_000 });
    await change('select', { player: 'ann' });
    await change('select', { player: UNBROKEN });
    await asAdmin(parts.server, 'DELETE', `/v1/rooms/${room}/players/ann?release=true`);
    const operator = await openHistory(room, { role: 'admin', options });
    await operator.row('History', 'released, kicked, by admin', 'ann');
    await operator.row('History', 'granted', UNBROKEN);
    await operator.assertLegible(`a history, ${shape}`);
    await operator.page.clock.setFixedTime(Date.now() + 2 * 86_400_000);
    await operator.button('Read again').click();
    await operator.page.locator('[aria-label=History] td', { hasText: /^\d{4}-\d\d-\d\d / }).first().waitFor();
    await operator.assertLegible(`a history of another day, ${shape}`);
  });
}
