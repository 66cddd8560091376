// The cards of assets whose grants end: a hold that is to be kept, a pickup that comes back, and a turn.
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { assertAccessible } from './helpers/axe.mjs';
import { newRoom, suite } from './helpers/suite.mjs';

const ASSETS = ['seat=1,hold=3s', 'apple=1,grant=2s', 'turn=1,grant=2s,cooldown=5s', 'table=1,hold=60s'];
const parts = suite({ args: ASSETS.flatMap((asset) => ['--asset', asset]) });

const ring = (tab, asset) => tab.card(asset).locator('.ring-left');
const secondsOn = async (tab, asset) => Number.parseInt(await tab.card(asset).locator('.ends').textContent(), 10);
/** How much of the ring is left, as it is drawn. */
const shareOf = (tab, asset) => ring(tab, asset).evaluate((circle) => 1 - parseFloat(getComputedStyle(circle).strokeDashoffset));

async function couple() {
  const room = newRoom();
  return [await parts.browser.join(parts.server, room, 'ada'), await parts.browser.join(parts.server, room, 'bob')];
}

test('a hold shows a ring that runs out, for both, and is free again unless it is kept', async () => {
  const [ada, bob] = await couple();
  assert.equal(await ada.card('seat').locator('.nobody').textContent(), 'keep it within 3 s');
  await ada.grab('seat');
  await ada.cardIs('seat', 'hold');
  await bob.cardIs('seat', 'gone');
  assert.equal(await ada.card('seat').locator('.label').textContent(), 'Keep it');
  for (const tab of [ada, bob]) {
    const [seconds, share] = [await secondsOn(tab, 'seat'), await shareOf(tab, 'seat')];
    assert.ok(seconds >= 1 && seconds <= 3 && share > 0 && share < 1, `${seconds} s, ${share}`);
  }
  const before = await shareOf(ada, 'seat');
  await ada.page.waitForFunction(() => document.querySelector('[data-asset=seat] .ends').textContent === '1 s');
  assert.ok(await shareOf(ada, 'seat') < before);
  for (const tab of [ada, bob]) await tab.cardIs('seat', 'open');
  assert.equal(await ring(ada, 'seat').count(), 0);
  await bob.fed('ada did not keep seat');
});

test('a hold that is kept stays: by a click, and by the key of its card', async () => {
  const [ada, bob] = await couple();
  await ada.grab('seat');
  await ada.cardIs('seat', 'hold');
  await ada.grab('seat');
  await ada.cardIs('seat', 'mine');
  assert.equal(await ada.saying('seat'), 'kept');
  assert.equal(await ada.card('seat').locator('.ends').isVisible(), false);
  const key = (await ada.card('table').locator('kbd').textContent()).toLowerCase();
  for (const state of ['hold', 'mine']) {
    await ada.page.keyboard.press(key);
    await ada.cardIs('table', state);
  }
  await bob.fed('ada keeps table');
  await ada.page.waitForTimeout(3_200);
  assert.deepEqual(await bob.holders('seat'), ['ada']);
  await ada.release('seat');
  await bob.cardIs('seat', 'open');
});

test('a pickup comes back to everyone, and a turn passes on: its player waits, the next one does not', async () => {
  const [ada, bob] = await couple();
  await ada.grab('apple');
  await ada.cardIs('apple', 'mine');
  assert.ok(await shareOf(ada, 'apple') > 0 && await shareOf(bob, 'apple') > 0);
  await ada.grab('turn');
  await ada.cardIs('turn', 'mine');
  for (const tab of [ada, bob]) for (const asset of ['apple', 'turn']) await tab.cardIs(asset, 'open');
  await bob.fed('ada had apple: it is free again');
  await ada.grab('turn');
  await ada.page.waitForSelector('.card[data-asset=turn][data-outcome=denied]');
  assert.match(await ada.saying('turn'), /^again in [1-5] s$/);
  await bob.grab('turn');
  await bob.cardIs('turn', 'mine');
  await bob.release('turn');
  await ada.cardIs('turn', 'open');
  await ada.grab('turn');
  await ada.cardIs('turn', 'mine');
});

for (const [width, colorScheme] of [[390, 'dark'], [768, 'light'], [1280, 'dark']]) {
  test(`at ${width} px, ${colorScheme}, with less motion: nothing moves, is cut or has a violation`, async () => {
    const options = { viewport: { width, height: 900 }, colorScheme, reducedMotion: 'reduce' };
    const ada = await parts.browser.open(parts.server.link(newRoom(), 'ada'), { options });
    await ada.connected();
    await ada.grab('table');
    await ada.cardIs('table', 'hold');
    const first = await shareOf(ada, 'table');
    await ada.page.waitForFunction((share) => {
      const { strokeDashoffset } = getComputedStyle(document.querySelector('[data-asset=table] .ring-left'));
      return 1 - parseFloat(strokeDashoffset) < share;
    }, first);
    assert.equal(await ada.page.evaluate(() => document.getAnimations().length), 0);
    assert.equal(await ada.overflow(), 0);
    const cut = await ada.page.$$eval('.card-units, .grab', (all) =>
      all.filter((one) => one.scrollWidth > one.clientWidth).map((one) => one.textContent));
    assert.deepEqual(cut, []);
    await ada.grab('turn');
    await ada.cardIs('turn', 'mine');
    await assertAccessible(ada, `a hold and a turn at ${width} px`);
    await ada.cardIs('turn', 'open');
    await ada.grab('turn');
    await ada.cardIs('turn', 'locked');
    await assertAccessible(ada, `a turn that has to wait, at ${width} px`);
  });
}
