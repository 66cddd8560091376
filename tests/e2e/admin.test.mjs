import assert from 'node:assert/strict';
import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, test } from 'node:test';
import { newRoom, suite } from './helpers/suite.mjs';

const KEY = 'the-key-of-this-test-and-no-other';
const folder = await mkdtemp(join(tmpdir(), 'asset-arbiter-e2e-'));
await writeFile(join(folder, 'key'), KEY);
after(() => rm(folder, { recursive: true }));

/** Chromium logs every refused request. */
const REFUSED = /status of 40[13]/;
const parts = suite({ args: ['--admin-key-file', join(folder, 'key')], except: REFUSED });

test('where creating assets needs the admin key, the race button says so and takes it', async () => {
  const ada = await parts.browser.join(parts.server, newRoom(), 'ada');
  await ada.page.click('#race');
  await ada.page.waitForSelector('#admin-key:focus');
  assert.match(await ada.text('#race-error'), /needs the admin key of this server/);
  await ada.page.keyboard.type('wrong');
  await ada.page.keyboard.press('Enter');
  await ada.page.locator('#race-error', { hasText: 'That key was refused' }).waitFor();
  await ada.page.fill('#admin-key', KEY);
  await ada.page.keyboard.press('Enter');
  await ada.phase('countdown');
  assert.equal(await ada.page.isVisible('#admin'), false);
  await ada.raceCards.nth(5).waitFor();
});

test('Escape leaves the question for the admin key', async () => {
  const ada = await parts.browser.join(parts.server, newRoom(), 'ada');
  await ada.page.click('#race');
  await ada.page.waitForSelector('#admin-key:focus');
  await ada.page.keyboard.type('half a k');
  await ada.page.keyboard.press('Escape');
  await ada.page.waitForSelector('#race:focus');
  assert.equal(await ada.page.isVisible('#admin'), false);
  assert.equal(await ada.text('#race-error'), '');
  await ada.page.keyboard.press('Enter');
  await ada.page.waitForSelector('#admin-key:focus');
  assert.equal(await ada.page.inputValue('#admin-key'), '');
});

test('the admin key is kept in memory only', async () => {
  const ada = await parts.browser.join(parts.server, newRoom(), 'ada');
  await ada.page.click('#race');
  await ada.page.fill('#admin-key', KEY);
  await ada.page.keyboard.press('Enter');
  await ada.phase('countdown');
  const kept = await ada.page.evaluate(() =>
    JSON.stringify([location.href, document.cookie, { ...localStorage }, { ...sessionStorage }]));
  assert.equal(kept.includes(KEY), false);
  await ada.page.reload();
  await ada.connected();
  await ada.page.waitForSelector('#race[aria-disabled=false]');
  await ada.page.click('#race');
  await ada.page.waitForSelector('#admin-key:focus');
});
